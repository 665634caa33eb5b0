//! The norm of all gradients together.

use autograd::{compiled_once, vectorised};

use crate::gradients::{BLOCK, each_block};
use crate::{MatrixRef, Module, ParamGradients, Path, Real};

/// ‖g‖ = √Σ g², over all entries of all trained parameters of the model, in double precision.
///
/// It is NaN or infinite only if an entry is, and 0 only if all are 0: numbers that are too large or too small to be squared are scaled first.
///
/// ```
/// use nn::{Matrix, Param, Tape, gradient_norm};
/// let (a, b) = (Param::new(Matrix::from([[2.0]])), Param::new(Matrix::from([[5.0]])));
/// let tape = Tape::new();
/// let grads = (tape.param(&a) * 3.0 - tape.param(&b) * 4.0).backward();
/// assert_eq!(gradient_norm(&vec![a, b], &grads), 5.0);
/// ```
#[compiled_once]
pub fn gradient_norm<T: Real>(model: &dyn Module<T>, grads: &dyn ParamGradients<T>) -> f64 {
    let sum = |scale: f64| {
        let mut sum = 0.0;
        model.params(&Path::Root, &mut |_, param| {
            if let Some((g, h)) = param.is_trained().then(|| grads.summands(param)).flatten() {
                // In blocks also where nothing is added, so that a sum and its summands have a norm with the same bits.
                each_block(g.as_slice(), h.map(MatrixRef::as_slice), |_, g| {
                    g.chunks(BLOCK).for_each(|g| sum += square_sum(g, scale));
                });
            }
        });
        sum
    };
    let squared = sum(1.0);
    match squared {
        _ if !squared.is_finite() => sum(TINY).sqrt() / TINY,
        _ if squared < 1e-250 => sum(HUGE).sqrt() / HUGE,
        _ => squared.sqrt(),
    }
}

/// 2⁻⁵⁴⁰: the squares of 2⁵⁰ numbers, each at most `f64::MAX` times this, have a finite sum.
const TINY: f64 = f64::from_bits((1023 - 540) << 52);

/// 2⁶⁰⁰. The square of any number times this does not underflow. If the square of the number itself is below 10⁻²⁵⁰, it does not overflow
/// either.
const HUGE: f64 = f64::from_bits((1023 + 600) << 52);

/// Σ (c g)², in lanes that are added up at the end.
fn square_sum<T: Real>(g: &[T], scale: f64) -> f64 {
    const LANES: usize = 16;
    let (chunks, rest) = g.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    vectorised(
        #[inline(always)]
        || {
            let mut local = lanes;
            for chunk in chunks {
                for (lane, g) in local.iter_mut().zip(chunk) {
                    let g = scale * g.to_f64();
                    *lane += g * g;
                }
            }
            lanes = local;
        },
    );
    let square = |g: &T| (scale * g.to_f64()).powi(2);
    lanes.iter().sum::<f64>() + rest.iter().map(square).sum::<f64>()
}
