//! Initial weights.
//!
//! The sum a = Σ wᵢ zᵢ over n inputs has the variance n σ² E(z²), where σ² is the variance of the weights. So with σ² = 1 / n a
//! linear layer keeps the size of its inputs. An activation h needs another factor 1 / E(h(a)²) (its
//! [`gain`] squared). For the gradient, which passes through Wᵀ, n is the number of outputs.
//! [`lsuv`] measures instead.
//!
//! # Zero does not train
//!
//! Units that start equal stay equal. If two units of a hidden layer have the same incoming and the same outgoing
//! weights, then h is the same in both, and so is δ, and so is the update of all these weights. A layer of M such units remains
//! equivalent to one unit. [`symmetric`] detects this.
//!
//! ```
//! use nn::{Activation, Adam, Init, Layer, Linear, Matrix, Mlp, Optimizer, Reduction, Tape, init, loss};
//! # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
//! let x = Matrix::from([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]);
//! let t = Matrix::row(&[0.0, 1.0, 1.0, 0.0]);
//! let mut stuck = Mlp::<f64>::new(&[2, 8, 1], Activation::Tanh, rng);
//! stuck.layers = vec![Linear::new(2, 8, Init::Zeros, rng), Linear::new(8, 1, Init::Zeros, rng)];
//!
//! let adam = Adam::new(0.05);
//! let mut state = adam.init(&stuck);
//! for _ in 0..50 {
//!     let tape = Tape::new();
//!     let loss = loss::mse(stuck.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
//!     let grads = loss.backward();
//!     assert!(init::symmetric(&stuck, &grads).contains(&"layers.0.weight".to_string()));
//!     adam.step(&mut stuck, &grads, &mut state);
//! }
//! assert_eq!(stuck.layers[0].weight.value(), &Matrix::zeros(8, 2)); // only the last bias has learnt
//! ```

mod gain;
mod lsuv;
mod symmetry;

use autograd::{Matrix, Real, Tape, compiled_once};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};
use serde::{Deserialize, Serialize};

use crate::Layer;
use crate::setting::{FINITE, NOT_NEGATIVE};

pub use gain::gain;
pub use lsuv::{LsuvError, lsuv};
pub use symmetry::symmetric;

/// How the weights of a layer are drawn. W is outputs × inputs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// 0: for biases. [Not for weights](self#zero-does-not-train) of hidden layers.
    Zeros,
    /// The same value for all.
    Constant(f64),
    /// Uniform on [−a, a].
    #[doc(alias("rand", "uniform", "uniform_"))]
    Uniform(f64),
    /// Normal with mean 0 and this deviation.
    #[doc(alias("randn", "normal", "normal_", "gaussian"))]
    Normal(f64),
    /// Normal with deviation σ, truncated to [−2σ, 2σ]: the resulting deviation is
    /// 0.880 σ. `trunc_normal_(std, a=-2*std, b=2*std)` in PyTorch.
    TruncatedNormal(f64),
    /// Uniform with variance 2 / (inputs + outputs), on ±√(6 / (inputs + outputs)), for tanh: a compromise between
    /// the variance of activations and that of gradients (Glorot & Bengio 2010, eq. 16).
    Xavier,
    /// Normal with variance 2 / (inputs + outputs) (Glorot & Bengio 2010, eq. 12).
    XavierNormal,
    /// Normal with variance 2 / inputs, for relu (He, Zhang, Ren, Sun 2015, eq. 10).
    He,
    /// Uniform with variance 2 / inputs, on ±√(6 / inputs).
    HeUniform,
    /// Normal with variance 1 / inputs (LeCun, Bottou, Orr, Müller 1998, eq. 16), for selu (Klambauer et al. 2017).
    LeCun,
    /// Uniform with variance 1 / inputs, on ±√(3 / inputs).
    LeCunUniform,
    /// Uniform on ±1/√inputs, variance 1 / (3 inputs): the default of `torch.nn.Linear`, which calls it
    /// `kaiming_uniform_(a=√5)`. It draws its bias in the same way: `Init::Uniform(1/√inputs)`.
    TorchLinear,
    /// `gain` times a random matrix with orthonormal columns, or rows if it has fewer rows, uniformly distributed: Q of a
    /// Gaussian matrix = Q R with a positive diagonal of R (Saxe, McClelland, Ganguli 2014; Mezzadri 2007).
    Orthogonal(f64),
    /// Variance `scale` / fan, which includes all named rules: `variance_scaling` in JAX and Keras.
    Scaled {
        /// The square of the gain.
        scale: f64,
        /// The divisor.
        fan: Fan,
        /// The distribution of the numbers.
        law: Law,
    },
}

/// The number of connections by which the variance of a weight is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fan {
    /// Inputs: this keeps the size of activations.
    In,
    /// Outputs: this keeps the size of gradients.
    Out,
    /// (inputs + outputs) / 2.
    Mean,
}

/// A distribution with mean 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// Uniform on ±√3 σ.
    Uniform,
    /// Normal.
    Normal,
    /// Normal truncated to ±2 deviations and widened so that the result has deviation σ: it extends to ±2.27 σ.
    TruncatedNormal,
}

/// The deviation of the standard normal distribution truncated to ±2: √(1 − 4 φ(2) / (2 Φ(2) − 1)).
const TRUNCATED: f64 = 0.879_625_661_034_239_8;

impl Init {
    /// Normal with variance gain(h)² / inputs, which is [`Init::He`] for relu and [`Init::LeCun`] for selu.
    ///
    /// ```
    /// use nn::{Activation, Init, Matrix};
    /// # use rand::SeedableRng;
    /// # let rng = || rand::rngs::ChaCha8Rng::seed_from_u64(0);
    /// let (a, b): (Matrix<f32>, Matrix<f32>) =
    ///     (Init::he(&Activation::Relu).sample(3, 4, &mut rng()), Init::He.sample(3, 4, &mut rng()));
    /// assert!(a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| (a - b).abs() < 1e-6));
    /// ```
    pub fn he(h: &impl Layer<f64>) -> Init {
        Init::Scaled { scale: gain(h).powi(2), fan: Fan::In, law: Law::Normal }
    }

    /// Draws an outputs × inputs matrix. It need not be of weights: `Init::Normal(1.0).sample(m, n, rng)` is `randn(m, n)`.
    ///
    /// # Panics
    /// If a width, deviation or scale is negative, or a number is not finite.
    ///
    /// ```
    /// use nn::Init;
    /// # use rand::SeedableRng;
    /// let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(7);
    /// let w = Init::Uniform(0.5).sample::<f32>(3, 2, rng);
    /// assert!(w.as_slice().iter().all(|w| w.abs() <= 0.5));
    /// ```
    #[track_caller]
    #[doc(alias("rand", "randn", "random", "normal", "uniform"))]
    pub fn sample<T: Real>(self, outputs: usize, inputs: usize, rng: &mut impl Rng) -> Matrix<T> {
        draw(self, outputs, inputs, rng)
    }

    /// # Panics
    /// If its number is out of its range.
    #[track_caller]
    fn expect(self) {
        match self {
            Init::Constant(c) => FINITE.expect("Init::Constant", c),
            Init::Orthogonal(gain) => FINITE.expect("Init::Orthogonal", gain),
            Init::Uniform(a) => NOT_NEGATIVE.expect("Init::Uniform", a),
            Init::Normal(deviation) => NOT_NEGATIVE.expect("Init::Normal", deviation),
            Init::TruncatedNormal(deviation) => NOT_NEGATIVE.expect("Init::TruncatedNormal", deviation),
            Init::Scaled { scale, .. } => NOT_NEGATIVE.expect("Init::Scaled: scale", scale),
            _ => 0.0,
        };
    }
}

/// An outputs × inputs matrix.
#[compiled_once]
#[track_caller]
pub(crate) fn draw<T: Real>(init: Init, outputs: usize, inputs: usize, rng: &mut dyn Rng) -> Matrix<T> {
    if outputs * inputs > 0 {
        init.expect();
    }
    let scaled = |scale, fan, law| Init::Scaled { scale, fan, law };
    let mut each =
        |draw: &dyn Fn(&mut dyn Rng) -> f64| Matrix::from_fn(outputs, inputs, |_, _| T::from_f64(draw(&mut *rng)));
    match init {
        Init::Zeros => each(&|_| 0.0),
        Init::Constant(c) => each(&|_| c),
        Init::Uniform(a) => each(&|rng| a * (2.0 * uniform(rng) - 1.0)),
        Init::Normal(deviation) => each(&|rng| deviation * normal(rng)),
        Init::TruncatedNormal(deviation) => each(&|rng| deviation * truncated_normal(rng)),
        Init::Xavier => draw(scaled(1.0, Fan::Mean, Law::Uniform), outputs, inputs, rng),
        Init::XavierNormal => draw(scaled(1.0, Fan::Mean, Law::Normal), outputs, inputs, rng),
        Init::He => draw(scaled(2.0, Fan::In, Law::Normal), outputs, inputs, rng),
        Init::HeUniform => draw(scaled(2.0, Fan::In, Law::Uniform), outputs, inputs, rng),
        Init::LeCun => draw(scaled(1.0, Fan::In, Law::Normal), outputs, inputs, rng),
        Init::LeCunUniform => draw(scaled(1.0, Fan::In, Law::Uniform), outputs, inputs, rng),
        Init::TorchLinear => draw(scaled(1.0 / 3.0, Fan::In, Law::Uniform), outputs, inputs, rng),
        Init::Orthogonal(gain) => orthogonal(outputs, inputs, rng).map(|q| T::from_f64(gain * q)),
        Init::Scaled { scale, fan, law } => {
            let fan = match fan {
                Fan::In => inputs as f64,
                Fan::Out => outputs as f64,
                Fan::Mean => (inputs + outputs) as f64 / 2.0,
            };
            let scaled = match law {
                Law::Uniform => Init::Uniform((3.0 * scale / fan).sqrt()),
                Law::Normal => Init::Normal((scale / fan).sqrt()),
                Law::TruncatedNormal => Init::TruncatedNormal((scale / fan).sqrt() / TRUNCATED),
            };
            draw(scaled, outputs, inputs, rng)
        }
    }
}

fn uniform(rng: &mut dyn Rng) -> f64 {
    StandardUniform.sample(rng)
}

fn normal(rng: &mut dyn Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Drawn again until it is within ±2, which happens 19 times out of 20.
fn truncated_normal(rng: &mut dyn Rng) -> f64 {
    loop {
        let z = normal(rng);
        if z.abs() <= 2.0 {
            return z;
        }
    }
}

/// A matrix with orthonormal columns, or rows if it is wide.
fn orthogonal(rows: usize, cols: usize, rng: &mut dyn Rng) -> Matrix<f64> {
    if rows < cols {
        return orthogonal(cols, rows, rng).transpose();
    }
    if cols == 0 {
        return Matrix::zeros(rows, cols);
    }
    loop {
        let tape = Tape::new();
        let gaussian = tape.constant(draw::<f64>(Init::Normal(1.0), rows, cols, rng));
        // Its columns are independent with probability 1.
        if let Ok((q, _)) = gaussian.qr() {
            return q.value();
        }
    }
}
