//! Normalisations: by the statistics of a sample, or of a batch.
//!
//! All end in y = c ⊙ s + b with a scale s that includes the weight, so the matrix is multiplied only once. √(σ² + ε) is computed as
//! the length of (σ, √ε), so that no square overflows.

use autograd::compiled_once;
use serde::{Deserialize, Deserializer, Serialize};

use super::expect_features;
use crate::setting::{NOT_NEGATIVE, SHARE, read};
use crate::{Axis, Layer, Matrix, Module, Param, Real, Var};

/// Normalises each sample to mean 0 and variance 1 over its features, then scales and shifts it:
///
/// y = w ⊙ (x − μ) / √(σ² + ε) + b, where μ and σ² are the mean and the mean squared deviation of the features of a
/// sample (Ba, Kiros, Hinton, "Layer normalization", 2016).
///
/// ```
/// use nn::{Layer, LayerNorm, Matrix, Tape};
/// let (norm, tape) = (LayerNorm::new(2), Tape::new());
/// let y = norm.forward(tape.constant(Matrix::from([[1.0, 5.0], [3.0, -5.0]]))).value();
/// assert!(y.as_slice().iter().zip([-1.0, 1.0, 1.0, -1.0]).all(|(y, t): (&f64, _)| (y - t).abs() < 1e-5));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct LayerNorm<T> {
    /// w, features × 1.
    #[module(norm_scale)]
    pub weight: Param<T>,
    /// b, features × 1.
    #[module(norm_shift)]
    pub bias: Param<T>,
    /// ε ≥ 0.
    #[module(skip)]
    #[serde(deserialize_with = "epsilon")]
    pub eps: f64,
}

#[compiled_once]
impl<T: Real> LayerNorm<T> {
    /// w = 1, b = 0, ε = 10⁻⁵.
    pub fn new(features: usize) -> Self {
        LayerNorm { weight: ones(features), bias: zeros(features), eps: 1e-5 }
    }
}

#[compiled_once]
impl<T: Real> Layer<T> for LayerNorm<T> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        expect_features("LayerNorm", self.weight.value().rows(), x);
        let tape = x.tape();
        let (_, c) = x.centred_over(Axis::Rows);
        let scale = with_epsilon("LayerNorm: eps", root_mean_square(c, Axis::Rows), self.eps).recip();
        c * tape.param(&self.weight).matmul(scale) + tape.param(&self.bias)
    }
}

/// y = w ⊙ x / √(mean of x² + ε) over the features of each sample (Zhang, Sennrich, "Root mean square layer
/// normalization", 2019).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct RmsNorm<T> {
    /// w, features × 1.
    #[module(norm_scale)]
    pub weight: Param<T>,
    /// ε ≥ 0.
    #[module(skip)]
    #[serde(deserialize_with = "epsilon")]
    pub eps: f64,
}

#[compiled_once]
impl<T: Real> RmsNorm<T> {
    /// w = 1, ε = 10⁻⁶.
    pub fn new(features: usize) -> Self {
        RmsNorm { weight: ones(features), eps: 1e-6 }
    }
}

#[compiled_once]
impl<T: Real> Layer<T> for RmsNorm<T> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        expect_features("RmsNorm", self.weight.value().rows(), x);
        let scale = with_epsilon("RmsNorm: eps", root_mean_square(x, Axis::Rows), self.eps).recip();
        x * x.tape().param(&self.weight).matmul(scale)
    }
}

/// Normalises each feature to mean 0 and variance 1 over the batch, then scales and shifts it:
///
/// y = w ⊙ (x − μ) / √(σ² + ε) + b (Ioffe, Szegedy, "Batch normalization", 2015).
///
/// In training μ and σ² are the mean and the mean squared deviation over the batch. A step updates the running
/// statistics with the momentum m: μ̄ ← (1 − m) μ̄ + m μ, and σ̄² likewise with the unbiased estimate
/// n / (n − 1) σ². In evaluation μ̄ and σ̄² are used instead. Momentum and estimate are PyTorch's.
///
/// For a batch of one sample the output is b. It says nothing about the variance, so σ̄² does not change.
///
/// ```
/// use nn::{BatchNorm, Layer, Matrix, Tape};
/// let (norm, x) = (BatchNorm::new(1), Matrix::row(&[1.0, 3.0]));
/// let tape = Tape::training(0);
/// let y = norm.forward(tape.variable(&x)).sum();
/// let grads = y.backward();
/// assert_eq!(grads.updated(&norm.running_mean).unwrap()[(0, 0)], 0.1 * 2.0);
/// assert_eq!(grads.updated(&norm.running_var).unwrap()[(0, 0)], 0.9 + 0.1 * 2.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct BatchNorm<T> {
    /// w, features × 1.
    #[module(norm_scale)]
    pub weight: Param<T>,
    /// b, features × 1.
    #[module(norm_shift)]
    pub bias: Param<T>,
    /// μ̄, features × 1: a buffer.
    pub running_mean: Param<T>,
    /// σ̄², features × 1: a buffer.
    pub running_var: Param<T>,
    /// m, from 0 to 1.
    #[module(skip)]
    #[serde(deserialize_with = "momentum")]
    pub momentum: f64,
    /// ε ≥ 0.
    #[module(skip)]
    #[serde(deserialize_with = "epsilon")]
    pub eps: f64,
}

#[compiled_once]
impl<T: Real> BatchNorm<T> {
    /// w = 1, b = 0, μ̄ = 0, σ̄² = 1, m = 0.1, ε = 10⁻⁵.
    pub fn new(features: usize) -> Self {
        BatchNorm {
            weight: ones(features),
            bias: zeros(features),
            running_mean: Param::buffer(Matrix::zeros(features, 1)),
            running_var: Param::buffer(Matrix::full(features, 1, T::from_f64(1.0))),
            momentum: 0.1,
            eps: 1e-5,
        }
    }

    /// Requests the update of the running statistics: old (1 − m) + new m.
    fn track<'t>(&'t self, mean: Var<'t, T>, deviation: Var<'t, T>, batch: usize) {
        let towards = |buffer: &'t Param<T>, share: f64, value: Var<'t, T>| {
            let tape = value.tape();
            tape.update_to(buffer, tape.pending(buffer) * (1.0 - self.momentum) + value * (self.momentum * share));
        };
        if batch > 0 {
            towards(&self.running_mean, 1.0, mean.stop_gradient());
        }
        if batch > 1 {
            let variance = deviation.stop_gradient().square();
            towards(&self.running_var, batch as f64 / (batch - 1) as f64, variance);
        }
    }
}

#[compiled_once]
impl<T: Real> Layer<T> for BatchNorm<T> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        expect_features("BatchNorm", self.weight.value().rows(), x);
        SHARE.expect("BatchNorm: momentum", self.momentum);
        let tape = x.tape();
        let (c, deviation) = if tape.is_training() {
            let (mean, c) = x.centred_over(Axis::Cols);
            let deviation = root_mean_square(c, Axis::Cols);
            self.track(mean, deviation, x.cols());
            (c, with_epsilon("BatchNorm: eps", deviation, self.eps))
        } else {
            let epsilon = NOT_NEGATIVE.expect("BatchNorm: eps", self.eps);
            (x - tape.param(&self.running_mean), (tape.param(&self.running_var) + epsilon).sqrt())
        };
        c * (tape.param(&self.weight) * deviation.recip()) + tape.param(&self.bias)
    }
}

/// √(1/n Σ x²) along an axis.
#[track_caller]
fn root_mean_square<'t, T: Real>(x: Var<'t, T>, axis: Axis) -> Var<'t, T> {
    x.norm_over(axis) * (axis.group_len(x.shape()) as f64).sqrt().recip()
}

/// √(σ² + ε).
#[track_caller]
fn with_epsilon<'t, T: Real>(what: &str, deviation: Var<'t, T>, epsilon: f64) -> Var<'t, T> {
    NOT_NEGATIVE.expect(what, epsilon);
    deviation.hypot(deviation.tape().constant(Matrix::full(1, 1, T::from_f64(epsilon.sqrt()))))
}

fn epsilon<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    read(NOT_NEGATIVE, d)
}

fn momentum<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    read(SHARE, d)
}

fn ones<T: Real>(features: usize) -> Param<T> {
    Param::new(Matrix::full(features, 1, T::from_f64(1.0)))
}

fn zeros<T: Real>(features: usize) -> Param<T> {
    Param::new(Matrix::zeros(features, 1))
}
