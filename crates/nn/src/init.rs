//! Initial weights.

use autograd::{Matrix, Real};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

/// How the weights of a layer are drawn: W is outputs × inputs.
///
/// A network that starts at zero does not train: its hidden units are all alike and stay so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// 0.
    Zeros,
    /// Uniform on [−a, a).
    Uniform(f64),
    /// Uniform on [−a, a) with a = √(6 / (inputs + outputs)), for tanh: keeps the variance of
    /// activations and gradients (Glorot & Bengio 2010, eq. 16).
    Xavier,
    /// Normal with variance 2 / inputs, for relu (He et al. 2015, eq. 10).
    He,
}

impl Init {
    /// Draws an outputs × inputs matrix.
    ///
    /// ```
    /// use nn::Init;
    /// # use rand::SeedableRng;
    /// let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(7);
    /// let w = Init::Uniform(0.5).sample::<f32>(3, 2, rng);
    /// assert!(w.as_slice().iter().all(|w| w.abs() <= 0.5));
    /// ```
    pub fn sample<T: Real>(self, outputs: usize, inputs: usize, rng: &mut impl Rng) -> Matrix<T> {
        let mut uniform = |a: f64| {
            let draw = |_, _| {
                let u: f64 = StandardUniform.sample(rng);
                T::from_f64(a * (2.0 * u - 1.0))
            };
            Matrix::from_fn(outputs, inputs, draw)
        };
        match self {
            Init::Zeros => Matrix::zeros(outputs, inputs),
            Init::Uniform(a) => uniform(a),
            Init::Xavier => uniform((6.0 / (inputs + outputs) as f64).sqrt()),
            Init::He => {
                let deviation = (2.0 / inputs as f64).sqrt();
                let draw = |_, _| {
                    let z: f64 = StandardNormal.sample(rng);
                    T::from_f64(deviation * z)
                };
                Matrix::from_fn(outputs, inputs, draw)
            }
        }
    }
}
