//! Derivatives of plain closures.

use crate::{Matrix, Real, Tape, Var};

/// The gradient of `f` at `x`, of the shape of `x`.
///
/// # Panics
/// If `f` does not return a 1 × 1 variable that depends on its argument.
///
/// ```
/// use autograd::{Matrix, gradient};
/// let x = Matrix::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(gradient(|x| (x * x).sum(), &x), x.map(|x| 2.0 * x));
/// ```
#[track_caller]
pub fn gradient<T: Real>(f: impl for<'t> FnOnce(Var<'t, T>) -> Var<'t, T>, x: &Matrix<T>) -> Matrix<T> {
    value_and_gradient(f, x).1
}

/// `f(x)` and its gradient there.
///
/// # Panics
/// As [`gradient`] does.
#[track_caller]
pub fn value_and_gradient<T: Real>(f: impl for<'t> FnOnce(Var<'t, T>) -> Var<'t, T>, x: &Matrix<T>) -> (T, Matrix<T>) {
    let tape = Tape::new();
    let x = tape.variable(x);
    let y = f(x);
    (y.item(), y.backward().wrt(x).to_owned())
}
