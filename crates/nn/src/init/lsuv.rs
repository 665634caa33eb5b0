//! Layer-sequential unit variance.

use autograd::{Matrix, Op, Real, Tape, compiled_once};
use rand::Rng;

use super::draw;
use crate::setting::NOT_NEGATIVE;
use crate::{Init, Layer, Path};

/// Initialises by measuring (Mishkin & Matas 2016, "All you need is a good init", algorithm 1): every weight becomes
/// [orthonormal](Init::Orthogonal); then, from the first to the last, W ← W / √Var(a) until the variance of its
/// a = W z + b, over all units and the samples `x`, is 1 within `tolerance`.
///
/// The layers are found on the tape: whatever trained parameter is a factor of a matrix product counts as a weight, in
/// the order in which they are used; one that is used several times goes by the first. Biases and all else stay. Returns the name of every weight with the variance that it came to.
///
/// A few hundred samples, standardized, will do.
///
/// ```
/// use nn::{Activation, Init, Mlp, init::lsuv};
/// # use rand::SeedableRng;
/// let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let mut net: Mlp<f32> = Mlp::new(&[20, 50, 50, 3], Activation::Sigmoid, rng);
/// let x = Init::Normal(1.0).sample(20, 200, rng);
/// for (name, variance) in lsuv(&mut net, &x, 0.01, rng)? {
///     println!("{name}: {variance}"); // layers.0.weight: 1.0000…
/// #   assert!((variance - 1.0).abs() < 0.01);
/// }
/// # Ok::<(), nn::init::LsuvError>(())
/// ```
///
/// # Errors
/// If a layer gives the same number for all samples or one that is not finite, or does not come to variance 1 in ten
/// steps, as where its bias varies more than that from unit to unit. Weights up to there have changed.
///
/// # Panics
/// If the samples do not fit the model, or `tolerance` is negative or not finite.
#[track_caller]
pub fn lsuv<T: Real, L: Layer<T>>(
    model: &mut L,
    x: &Matrix<T>,
    tolerance: f64,
    rng: &mut impl Rng,
) -> Result<Vec<(String, f64)>, LsuvError> {
    scale(model, x, tolerance, rng)
}

#[compiled_once]
#[track_caller]
fn scale<T: Real>(
    model: &mut dyn Layer<T>,
    x: &Matrix<T>,
    tolerance: f64,
    rng: &mut dyn Rng,
) -> Result<Vec<(String, f64)>, LsuvError> {
    NOT_NEGATIVE.expect("lsuv: tolerance", tolerance);
    let names: Vec<_> = variances(model, x).into_iter().map(|(name, _)| name).collect();
    for name in &names {
        change(model, name, |w| *w = draw(Init::Orthogonal(1.0), w.rows(), w.cols(), &mut *rng));
    }
    for name in &names {
        let mut steps = 0;
        loop {
            let variance =
                variances(model, x).into_iter().find(|(found, _)| found == name).map_or(0.0, |found| found.1);
            if (variance - 1.0).abs() <= tolerance {
                break;
            }
            if steps == STEPS || !(variance > 0.0 && variance.is_finite()) {
                return Err(LsuvError { weight: name.clone(), variance, steps });
            }
            let scale = T::from_f64(1.0 / variance.sqrt());
            change(model, name, |w| *w = w.map(|w| scale * w));
            steps += 1;
        }
    }
    Ok(variances(model, x))
}

/// How often a weight is scaled at most, as in the paper.
const STEPS: usize = 10;

/// Of every weight, in the order of use: its name, and the variance of the first product it is in.
#[track_caller]
fn variances<T: Real>(model: &dyn Layer<T>, x: &Matrix<T>) -> Vec<(String, f64)> {
    let params = model.named_params();
    let tape = Tape::new();
    model.forward(tape.constant(x));
    let mut found: Vec<(String, f64)> = Vec::new();
    for a in tape.nodes() {
        let factors = a.terms().into_iter().flat_map(|term| match term {
            Op::Matmul(_, w, _, z) => vec![w, z],
            _ => Vec::new(),
        });
        for id in factors.filter_map(|factor| factor.param_id()) {
            let weight = params.iter().find(|(_, param)| param.id() == id && param.is_trained());
            let new = weight.filter(|(name, _)| found.iter().all(|(known, _)| known != name));
            if let Some((name, _)) = new {
                found.push((name.clone(), variance(&a.value())));
            }
        }
    }
    found
}

/// The mean of (a − mean)², in double precision.
fn variance<T: Real>(a: &Matrix<T>) -> f64 {
    let mean =
        |f: &dyn Fn(f64) -> f64| a.as_slice().iter().map(|a| f(a.to_f64())).sum::<f64>() / a.as_slice().len() as f64;
    let center = mean(&|a| a);
    mean(&|a| (a - center).powi(2))
}

fn change<T: Real>(model: &mut dyn Layer<T>, name: &str, mut f: impl FnMut(&mut Matrix<T>)) {
    model.params_mut(&Path::Root, &mut |path, param| {
        if path.is(name) {
            f(param.value_mut());
        }
    });
}

/// A weight whose outputs cannot be scaled to variance 1.
#[derive(thiserror::Error, Clone, PartialEq)]
#[error(
    "lsuv: the outputs of `{weight}` have variance {variance} after {steps} steps: they {}",
    match *.variance {
        0.0 => "are the same for all units and samples: the samples are all alike, or the layer before is dead",
        v if !v.is_finite() => "are not finite: look at the samples, and standardize them",
        _ => "do not come closer: biases that differ more than that from unit to unit? Set them to 0 first",
    }
)]
pub struct LsuvError {
    /// Its name.
    pub weight: String,
    /// The variance of its outputs.
    pub variance: f64,
    /// The number of scalings.
    pub steps: usize,
}

autograd::debug_as_display!(LsuvError);
