//! The factor by which an activation needs larger weights.

use autograd::{Matrix, Tape};

use crate::Layer;

/// 1 / √E(h(z)²) of a standard normal z: the factor that makes a layer W h(a) as large as W a.
///
/// It is √2 for relu (He et al. 2015, eq. 7), 1 for selu and the identity, and 1.59 for tanh, where PyTorch's
/// `calculate_gain` has 5/3. It works for any elementwise activation, by the trapezoidal rule on [−12, 12].
///
/// ```
/// use nn::{Activation, init::gain};
/// assert!((gain(&Activation::Relu) - 2f64.sqrt()).abs() < 1e-12);
/// ```
pub fn gain(h: &impl Layer<f64>) -> f64 {
    gain_of(h)
}

fn gain_of(h: &dyn Layer<f64>) -> f64 {
    const STEPS: i32 = 256; // per unit length, so that kinks at integers coincide with a point
    let z = Matrix::column(&(-12 * STEPS..=12 * STEPS).map(|k| f64::from(k) / f64::from(STEPS)).collect::<Vec<_>>());
    let tape = Tape::new();
    let density = tape.constant(&z).square().scale(-0.5).exp();
    let mean = (h.forward(tape.constant(&z)).square() * density).sum() / density.sum();
    1.0 / mean.item().sqrt()
}
