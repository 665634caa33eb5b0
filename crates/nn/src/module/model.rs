//! Models of any inputs.

use autograd::hstack;
use serde::{Deserialize, Serialize};

use super::{Layer, Module, Path};
use crate::{Matrix, MatrixRef, Param, Real, Tape, Var};

/// A model that predicts a batch of samples `X`: a matrix, series of different lengths, several matrices, or data of your own.
///
/// Predictions are outputs × samples, as a [`Loss`](crate::loss::Loss) takes them. Every [`Layer`] is a model of a matrix, features × samples,
/// and its predictions are `forward(x)`. [`Each`] makes it a model of series, which it reads one after the other.
///
/// A model of other inputs implements this trait itself. A [`Trainer`](crate::train::Trainer::with_loss), [`predict`](crate::train::predict) and
/// [`accuracy`](crate::train::accuracy) take it like a layer:
///
/// ```
/// use nn::prelude::*;
///
/// /// A model of two matrices with a column for each sample.
/// #[derive(Module)]
/// struct Both {
///     left: Linear<f64>,
///     right: Linear<f64>,
/// }
///
/// impl Model<f64, (Matrix<f64>, Matrix<f64>)> for Both {
///     fn predictions<'t>(&'t self, tape: &'t Tape<'t, f64>, (a, b): &'t (Matrix<f64>, Matrix<f64>)) -> Var<'t, f64> {
///         self.left.forward(tape.constant(a)) * self.right.forward(tape.constant(b))
///     }
/// }
///
/// # let rng = &mut ChaCha8Rng::seed_from_u64(0);
/// let (a, b) = (Init::Normal(1.0).sample(2, 50, rng), Init::Normal(1.0).sample(3, 50, rng));
/// let t = Matrix::from_fn(1, 50, |_, n| a[(0, n)] * b[(1, n)]);
/// let data = Samples::new((a, b), t);
/// let mut net = Both { left: Linear::new(2, 1, Init::He, rng), right: Linear::new(3, 1, Init::He, rng) };
/// let trained = Trainer::with_loss(Loss::Mse, Adam::new(0.05)).quiet().fit(&mut net, &data)?;
/// assert!(trained.history.last("loss") < Some(0.01));
/// assert_eq!(predict(&net, &data.x).shape(), (1, 50));
/// # Ok::<(), nn::train::TrainError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model of `{X}`",
    note = "a model of a matrix with a sample in each column is a `Layer<{T}>`, and `Each(layer)` is one of series; for other inputs \
            write `impl Model<{T}, {X}>` with its `predictions`"
)]
pub trait Model<T: Real, X>: Module<T> {
    /// Records the predictions for a batch, outputs × samples: for evaluation, or for training if it is a
    /// [training tape](Tape::training).
    fn predictions<'t>(&'t self, tape: &'t Tape<'t, T>, x: &'t X) -> Var<'t, T>;

    /// The matrix of a batch, with a sample in each column, if [`predictions`](Model::predictions) records it unchanged and reads nothing else
    /// of the batch. A trainer can then run its steps from a [`Plan`](autograd::Plan). By default there is none.
    fn given(x: &X) -> Option<MatrixRef<'_, T>>
    where
        Self: Sized,
    {
        let _ = x;
        None
    }
}

/// y = f(x) of all samples at once.
impl<T: Real, L: Layer<T> + ?Sized> Model<T, Matrix<T>> for L {
    #[track_caller]
    fn predictions<'t>(&'t self, tape: &'t Tape<'t, T>, x: &'t Matrix<T>) -> Var<'t, T> {
        self.forward(tape.constant(x))
    }
    fn given(x: &Matrix<T>) -> Option<MatrixRef<'_, T>>
    where
        Self: Sized,
    {
        Some(x.view())
    }
}

/// A layer that reads each series of a batch alone: (f(x₁) f(x₂) …), where series have different lengths, each features × steps.
///
/// There is one prediction for each series if the layer reduces its steps to one column. Nothing is padded or masked. Parameters have the
/// names that they have in the layer.
///
/// # Panics
/// Predictions panic if there are no series, or one has no steps.
///
/// ```
/// use nn::prelude::*;
///
/// /// The mean of a linear function over the steps.
/// #[derive(Module)]
/// struct Net(Linear<f64>);
///
/// impl Layer<f64> for Net {
///     fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
///         self.0.forward(x).mean_over(Axis::Cols)
///     }
/// }
///
/// # let rng = &mut ChaCha8Rng::seed_from_u64(0);
/// let net = Each(Net(Linear::new(2, 3, Init::He, rng)));
/// let series = [4, 9, 1].map(|steps| Init::Normal(1.0).sample(2, steps, rng)).to_vec();
/// assert_eq!(predict(&net, &series).shape(), (3, 3));
/// assert_eq!(predict(&net, &series).col(1), predict(&net.0, &series[1]).col(0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Each<L>(pub L);

impl<T: Real, L: Module<T>> Module<T> for Each<L> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        self.0.params(path, f);
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        self.0.params_mut(path, f);
    }
}

impl<T: Real, L: Layer<T>> Model<T, Vec<Matrix<T>>> for Each<L> {
    #[track_caller]
    fn predictions<'t>(&'t self, tape: &'t Tape<'t, T>, x: &'t Vec<Matrix<T>>) -> Var<'t, T> {
        assert!(!x.is_empty(), "Each: no series");
        let mut outputs = Vec::with_capacity(x.len());
        for (k, x) in x.iter().enumerate() {
            assert!(x.cols() > 0, "Each: series {k} is {} × 0, features × steps: it has no steps", x.rows());
            outputs.push(self.0.forward(tape.constant(x)));
        }
        hstack(&outputs)
    }
}
