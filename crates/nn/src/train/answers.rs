//! Losses and metrics of models that are a [`Layer`], on batches `(x, t)` of a [`Dataset`](crate::data::Dataset).

use crate::loss::Target;
use crate::metrics::{self, answers};
use crate::{Layer, Matrix, Real, Tape};

/// What the samples of a batch are to be answered with: classes, or columns of numbers.
pub trait Targets<T: Real> {
    /// As a loss takes them.
    fn on<'t>(&'t self, tape: &'t Tape<'t, T>) -> Target<'t, 't, T>;
}

impl<T: Real> Targets<T> for Vec<usize> {
    fn on<'t>(&'t self, _: &'t Tape<'t, T>) -> Target<'t, 't, T> {
        Target::Classes(self)
    }
}

impl<T: Real> Targets<T> for Matrix<T> {
    #[track_caller]
    fn on<'t>(&'t self, tape: &'t Tape<'t, T>) -> Target<'t, 't, T> {
        Target::Values(tape.constant(self))
    }
}

/// What a model answers, as it is used and not as it is trained: inputs × samples → outputs × samples.
///
/// ```
/// use nn::{Linear, Matrix, Param, train::predict};
/// let double = Linear { weight: Param::new(Matrix::from([[2.0]])), bias: None };
/// assert_eq!(predict(&double, &Matrix::row(&[1.0, 3.0])), Matrix::row(&[2.0, 6.0]));
/// ```
///
/// # Panics
/// As the model does.
#[track_caller]
pub fn predict<T: Real>(model: &impl Layer<T>, x: &Matrix<T>) -> Matrix<T> {
    let tape = Tape::new();
    model.forward(tape.constant(x)).value()
}

/// The share of samples whose largest output is that of their class: [`metrics::accuracy`] of its [answers],
/// as a metric of a [`Trainer`](super::Trainer). A model of one output gives the logit of two classes, as
/// [`BinaryCrossEntropy`](crate::loss::BinaryCrossEntropy) takes it: it answers 1 where that is above 0.
///
/// ```
/// use nn::{Linear, Matrix, Param, train::accuracy};
/// let above_0 = Linear { weight: Param::new(Matrix::from([[1.0]])), bias: None };
/// assert_eq!(accuracy(&above_0, &(Matrix::row(&[-2.0, 3.0, 0.5]), vec![0, 1, 1])), 1.0);
/// ```
///
/// # Panics
/// As the model does.
#[track_caller]
pub fn accuracy<T: Real, M: Layer<T>>(model: &M, (x, t): &(Matrix<T>, Vec<usize>)) -> f64 {
    metrics::accuracy(&answers(&predict(model, x)), t)
}
