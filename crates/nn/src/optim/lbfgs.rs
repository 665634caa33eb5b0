//! L-BFGS on the parameters of a model: full batches.

use autograd::{Lbfgs, Minimum, compiled_once};

use super::unrecorded;
use crate::{Module, ParamGradients, Path, Real};

/// [`Lbfgs`] on a model.
///
/// For losses of a whole data set that is not large, without chance in them: no dropout, no minibatches. There it needs
/// far fewer gradients than an [`Optimizer`](super::Optimizer), and no learning rate.
///
/// ```
/// use nn::{Lbfgs, Matrix, MinimizeModel, Param, Stop, Tape};
/// // Rosenbrock's valley: 100 (w₁ − w₀²)² + (1 − w₀)².
/// let mut w = vec![Param::new(Matrix::from([[-1.2]])), Param::new(Matrix::from([[1.0]]))];
/// let found = Lbfgs::default().minimize_model(&mut w, |w| {
///     let tape = Tape::new();
///     let (w0, w1) = (tape.param(&w[0]), tape.param(&w[1]));
///     let loss = (w1 - w0.square()).square() * 100.0 + (1.0 - w0).square();
///     (loss.item(), loss.backward())
/// });
/// assert_eq!(found.stop, Stop::Gradient);
/// assert!((w[0].value()[(0, 0)] - 1.0f64).abs() < 1e-8 && found.evaluations < 60);
/// ```
pub trait MinimizeModel {
    /// Moves the trained parameters of the model to where the loss is least. `f` gives the loss and the gradients of the
    /// model it is handed; the same model must give the same loss. Frozen parameters and buffers stay.
    ///
    /// A step to a point where the loss is NaN or infinite counts as too long and is shortened. Afterwards the model has the weights of the
    /// best point, which are also the entries of the result.
    ///
    /// # Panics
    /// If the gradients lack a trained parameter, or a setting is out of its range.
    #[track_caller]
    fn minimize_model<T: Real, M: Module<T>, G: ParamGradients<T>>(
        &self,
        model: &mut M,
        f: impl FnMut(&M) -> (T, G),
    ) -> Minimum<T>;
}

impl MinimizeModel for Lbfgs {
    #[track_caller]
    fn minimize_model<T: Real, M: Module<T>, G: ParamGradients<T>>(
        &self,
        model: &mut M,
        mut f: impl FnMut(&M) -> (T, G),
    ) -> Minimum<T> {
        let start = weights(model);
        let at = |w: &[T]| {
            move_to(model, w);
            let (loss, grads) = f(model);
            (loss, gradients(model, &grads))
        };
        let found = self.minimize(at, &start);
        move_to(model, &found.x);
        found
    }
}

#[compiled_once]
fn weights<T: Real>(model: &dyn Module<T>) -> Vec<T> {
    let mut all = Vec::new();
    model.params(&Path::Root, &mut |_, param| {
        if param.is_trained() {
            all.extend_from_slice(param.value().as_slice());
        }
    });
    all
}

#[compiled_once]
#[track_caller]
fn gradients<T: Real>(model: &dyn Module<T>, grads: &dyn ParamGradients<T>) -> Vec<T> {
    if let Some(problem) = unrecorded(model, grads) {
        panic!("minimize_model: {problem}");
    }
    let mut all = Vec::new();
    model.params(&Path::Root, &mut |_, param| {
        if let Some(g) = param.is_trained().then(|| grads.gradient(param)).flatten() {
            all.extend_from_slice(g.as_slice());
        }
    });
    all
}

#[compiled_once]
fn move_to<T: Real>(model: &mut dyn Module<T>, w: &[T]) {
    let mut rest = w;
    model.params_mut(&Path::Root, &mut |_, param| {
        if param.is_trained() {
            let own = param.value_mut().as_mut_slice();
            let (w, after) = rest.split_at(own.len());
            own.copy_from_slice(w);
            rest = after;
        }
    });
}
