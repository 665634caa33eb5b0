//! The functions that can be minimized.

use crate::{Compiled, Matrix, Real, Var};

/// A function of n numbers with its gradient, as [`minimize`](fn@crate::minimize) takes it: a closure of a slice that returns the value and
/// the n derivatives, or a [`Compiled`] closure of one column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function with a gradient that can be minimized",
    label = "it should return the value and the gradient",
    note = "write a closure `|x: &[f64]| -> (f64, Vec<f64>)`, or hand over `&mut Compiled::new(|x| …)` of one column",
    note = "`minimize_model` of the crate `nn` moves the parameters of a model"
)]
pub trait Objective<T> {
    /// f(x), and its derivative with respect to each entry of x.
    fn value_and_gradient(&mut self, x: &[T]) -> (T, Vec<T>);
}

impl<T, F: FnMut(&[T]) -> (T, Vec<T>)> Objective<T> for F {
    fn value_and_gradient(&mut self, x: &[T]) -> (T, Vec<T>) {
        self(x)
    }
}

impl<T: Real, F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>> Objective<T> for Compiled<F, T> {
    fn value_and_gradient(&mut self, x: &[T]) -> (T, Vec<T>) {
        let (value, gradient) = Compiled::value_and_gradient(self, &[Matrix::column(x)]);
        (value, gradient.into_iter().flat_map(Matrix::into_vec).collect())
    }
}

impl<T: Real, F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>> Objective<T> for &mut Compiled<F, T> {
    fn value_and_gradient(&mut self, x: &[T]) -> (T, Vec<T>) {
        Objective::value_and_gradient(&mut **self, x)
    }
}
