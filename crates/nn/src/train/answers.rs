//! Losses and metrics of a [`Model`] on batches `(x, t)`.

use crate::loss::Target;
use crate::metrics::{self, answers};
use crate::parallel::InputsAndTargets;
use crate::{Matrix, MatrixRef, Model, Real, Tape};

/// The targets of the samples of a batch: classes, or columns of numbers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the targets of a loss",
    note = "targets are classes `Vec<usize>`, or a `Matrix<{T}>` with a column for each sample, of the numbers of the model"
)]
pub trait AsTarget<T: Real> {
    /// The targets in the form that a loss takes.
    fn as_target<'t>(&'t self, tape: &'t Tape<'t, T>) -> Target<'t, 't, T>;

    /// The numbers or the classes, if these are what [`as_target`](AsTarget::as_target) records and nothing else. A trainer can then run
    /// its steps from a [`Plan`](autograd::Plan).
    fn given(&self) -> Option<Given<'_, T>> {
        None
    }
}

/// The targets of a batch as they are stored.
#[derive(Clone, Copy, Debug)]
pub enum Given<'b, T> {
    /// A class for each sample.
    Classes(&'b [usize]),
    /// A column of numbers for each sample.
    Values(MatrixRef<'b, T>),
}

impl<T: Real> AsTarget<T> for Vec<usize> {
    fn as_target<'t>(&'t self, _: &'t Tape<'t, T>) -> Target<'t, 't, T> {
        Target::Classes(self)
    }
    fn given(&self) -> Option<Given<'_, T>> {
        Some(Given::Classes(self))
    }
}

impl<T: Real> AsTarget<T> for Matrix<T> {
    #[track_caller]
    fn as_target<'t>(&'t self, tape: &'t Tape<'t, T>) -> Target<'t, 't, T> {
        Target::Values(tape.constant(self))
    }
    fn given(&self) -> Option<Given<'_, T>> {
        Some(Given::Values(self.view()))
    }
}

/// What a plan needs of a batch.
pub(super) fn data_of<T: Real, X, Y: AsTarget<T>, M: Model<T, X>>((x, t): &(X, Y)) -> Option<InputsAndTargets<'_, T>> {
    let x = M::given(x)?;
    Some(match t.given()? {
        Given::Classes(classes) => InputsAndTargets::classes(x, classes),
        Given::Values(t) => InputsAndTargets::numbers(x, t),
    })
}

/// The predictions of a [`Model`] in evaluation mode, outputs × samples. For a [`Layer`](crate::Layer) x is a matrix, features × samples.
///
/// ```
/// use nn::{Linear, Matrix, Param, train::predict};
/// let double = Linear { weight: Param::new(Matrix::from([[2.0]])), bias: None };
/// assert_eq!(predict(&double, &Matrix::row(&[1.0, 3.0])), Matrix::row(&[2.0, 6.0]));
/// ```
///
/// # Panics
/// If the model panics.
#[track_caller]
pub fn predict<T: Real, X>(model: &impl Model<T, X>, x: &X) -> Matrix<T> {
    let tape = Tape::new();
    model.predictions(&tape, x).value()
}

/// The share of samples whose largest output is that of their class: [`metrics::accuracy`] of the [answers] of a [`Model`],
/// as a metric of a [`Trainer`](super::Trainer). The output of a model with one output is the logit of two classes, as in
/// [`BinaryCrossEntropy`](crate::loss::BinaryCrossEntropy): the class is 1 if it is above 0.
///
/// ```
/// use nn::{Linear, Matrix, Param, train::accuracy};
/// let above_0 = Linear { weight: Param::new(Matrix::from([[1.0]])), bias: None };
/// assert_eq!(accuracy(&above_0, &(Matrix::row(&[-2.0, 3.0, 0.5]), vec![0, 1, 1])), 1.0);
/// ```
///
/// # Panics
/// If the model panics.
#[track_caller]
pub fn accuracy<T: Real, X, M: Model<T, X>>(model: &M, (x, t): &(X, Vec<usize>)) -> f64 {
    metrics::accuracy(&answers(&predict(model, x)), t)
}
