//! The functions that are minimized.

use std::rc::Rc;

use autograd::{Compiled, Dual, Matrix, Number, ProgramKind, Scalar, ScalarTape, Var, grad};

use crate::{JacobianPlan, SparseMatrix};

/// A function f of n numbers with its gradient ∇f and, where it is known, products H v with its matrix H of second derivatives.
///
/// | what you have | what you hand over | H v |
/// |---|---|---|
/// | a closure of a column on the tape | [`Smooth::new`] | yes |
/// | the same, only for values and gradients | [`Compiled::new`] | |
/// | a program in single numbers | [`Scalars::new`] of a [`ScalarFunction`] | yes |
/// | a closure that returns f and ∇f, of any origin | the closure | |
/// | that and a closure for H v | the pair of them | yes |
///
/// ```
/// use autograd::{Compiled, Matrix};
/// use solve::{Objective, Smooth};
/// let mut smooth = Smooth::new(|x| x[0].powi(3).sum());
/// let mut recorded = Compiled::new(|x| x[0].powi(3).sum());
/// let mut written = (
///     |x: &[f64]| (x.iter().map(|x| x.powi(3)).sum(), x.iter().map(|x| 3.0 * x * x).collect::<Vec<_>>()),
///     |x: &[f64], v: &[f64]| x.iter().zip(v).map(|(x, v)| 6.0 * x * v).collect::<Vec<_>>(),
/// );
/// let (x, v) = ([1.0, 2.0], Matrix::column(&[1.0, 1.0]));
/// assert_eq!(smooth.value_and_gradient(&x), (9.0, vec![3.0, 12.0]));
/// assert_eq!(Objective::value_and_gradient(&mut recorded, &x), written.value_and_gradient(&x));
/// assert_eq!(smooth.products(&x, &v).unwrap().as_slice(), [6.0, 12.0]);
/// assert_eq!(written.products(&x, &v).unwrap().as_slice(), [6.0, 12.0]);
/// assert!(recorded.products(&x, &v).is_none());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function with a gradient that can be minimized",
    note = "hand over `Smooth::new(|x| …)` of one column `x[0]`, a closure `|x: &[f64]| -> (f64, Vec<f64>)`, or a pair of it and a \
            closure `|x: &[f64], v: &[f64]| -> Vec<f64>` for H v"
)]
pub trait Objective {
    /// f(x), and its derivative with respect to each entry of x.
    fn value_and_gradient(&mut self, x: &[f64]) -> (f64, Vec<f64>);

    /// H V at x, n × k: the derivative of the gradient along each of the k columns of V. `None` if it is not known.
    fn products(&mut self, x: &[f64], directions: &Matrix<f64>) -> Option<Matrix<f64>> {
        let _ = (x, directions);
        None
    }

    /// The relative error of one rounding, by default that of `f64`. A function that computes in `f32` returns `f32::EPSILON`, so that a
    /// minimization knows which changes of the value are rounding.
    fn rounding(&self) -> f64 {
        f64::EPSILON
    }
}

impl<F: FnMut(&[f64]) -> (f64, Vec<f64>)> Objective for F {
    fn value_and_gradient(&mut self, x: &[f64]) -> (f64, Vec<f64>) {
        self(x)
    }
}

impl<F: FnMut(&[f64]) -> (f64, Vec<f64>), H: FnMut(&[f64], &[f64]) -> Vec<f64>> Objective for (F, H) {
    fn value_and_gradient(&mut self, x: &[f64]) -> (f64, Vec<f64>) {
        (self.0)(x)
    }

    fn products(&mut self, x: &[f64], directions: &Matrix<f64>) -> Option<Matrix<f64>> {
        Some(by_columns(directions, |v| (self.1)(x, v)))
    }
}

impl<F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>> Objective for Compiled<F, f64> {
    fn value_and_gradient(&mut self, x: &[f64]) -> (f64, Vec<f64>) {
        autograd::Objective::value_and_gradient(self, x)
    }
}

/// A closure of one column with its gradient and its second derivatives, each recorded once and replayed.
///
/// H v is the tangent of the recorded gradient (forward over reverse), at a few times the cost of f for each v. From 100 entries on, H is
/// computed as a [sparse matrix](crate::SparseHessian) at each point instead, if this pays: at most a tenth of its entries may differ
/// from 0, and it takes at most n / 4 products and at most max(16, k), where k is the number of products that are asked for.
///
/// ```
/// use solve::{Smooth, minimize};
/// let found = minimize(Smooth::new(|x| (x[0] - 3.0).square().sum()), &[0.0, 10.0])?;
/// assert_eq!(found.x, [3.0, 3.0]);
/// # Ok::<(), solve::MinimizeError>(())
/// ```
pub struct Smooth<'f> {
    value: Compiled<Closure<'f>, f64>,
    gradient: Compiled<Closure<'f>, f64>,
    plan: JacobianPlan,
    /// The last point with a sparse H.
    hessian: Option<(Vec<f64>, SparseMatrix)>,
}

type Closure<'f> = Box<dyn for<'a, 't> Fn(&'a [Var<'t, f64>]) -> Var<'t, f64> + 'f>;

impl<'f> Smooth<'f> {
    /// A closure that returns a 1 × 1 variable and depends on its argument only.
    pub fn new(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64> + 'f) -> Self {
        let value = Rc::new(f);
        let gradient = value.clone();
        Smooth {
            value: Compiled::new(Box::new(move |x| value(x))),
            gradient: Compiled::new(Box::new(move |x| grad(gradient(x), x)[0])),
            plan: JacobianPlan::default(),
            hessian: None,
        }
    }

    /// H at x as a sparse matrix, if that pays for this number of products.
    fn sparse_hessian(&mut self, x: &[f64], products: usize) -> Option<&SparseMatrix> {
        let pays = |plan: &JacobianPlan| plan.pays() && plan.products() <= products.max(16);
        let refused = self.plan.is_of(&self.gradient) && !pays(&self.plan);
        if x.len() < 100 || refused || matches!(self.gradient.kind(), ProgramKind::Recorded { .. }) {
            return None;
        }
        if self.hessian.as_ref().is_none_or(|(at, _)| at != x) {
            let column = [Matrix::column(x)];
            self.plan.renew_hessian(&mut self.gradient, &column);
            self.hessian = pays(&self.plan).then(|| (x.to_vec(), self.plan.matrix(&mut self.gradient, &column)));
        }
        self.hessian.as_ref().map(|(_, h)| h)
    }
}

impl Objective for Smooth<'_> {
    fn value_and_gradient(&mut self, x: &[f64]) -> (f64, Vec<f64>) {
        autograd::Objective::value_and_gradient(&mut self.value, x)
    }

    fn products(&mut self, x: &[f64], directions: &Matrix<f64>) -> Option<Matrix<f64>> {
        if let Some(h) = self.sparse_hessian(x, directions.cols()) {
            return Some(by_columns(directions, |v| h.times(v)));
        }
        let gradient = self.gradient.run(&[Matrix::column(x)]);
        Some(by_columns(directions, |v| gradient.tangent(&[Matrix::column(v)]).into_vec()))
    }
}

/// A program in single numbers, written once for every kind of number, as [`Scalars`] takes it.
pub trait ScalarFunction {
    /// f(x).
    fn value<N: Number>(&self, x: &[N]) -> N;
}

/// A program in single numbers on a [`ScalarTape`], with its gradient and, by dual numbers on the same tape, its second derivatives.
///
/// It is faster than [`Smooth`] for chains of dependent steps, such as a differential equation.
///
/// ```
/// use autograd::Number;
/// use solve::{ScalarFunction, Scalars, minimize};
/// /// Beale's function.
/// struct Beale;
/// impl ScalarFunction for Beale {
///     fn value<N: Number>(&self, x: &[N]) -> N {
///         let term = |y: f64, k: i32| (x[0] * (x[1].powi(k) - 1.0) + y).square();
///         term(1.5, 1) + term(2.25, 2) + term(2.625, 3)
///     }
/// }
/// let found = minimize(Scalars::new(Beale), &[1.0, 1.0])?;
/// assert!((found.x[0] - 3.0).abs() < 1e-7 && (found.x[1] - 0.5).abs() < 1e-7, "{found}");
/// # Ok::<(), solve::MinimizeError>(())
/// ```
pub struct Scalars<F> {
    f: F,
    tape: ScalarTape<f64>,
}

impl<F: ScalarFunction> Scalars<F> {
    /// The program and a tape for it.
    pub fn new(f: F) -> Self {
        Scalars { f, tape: ScalarTape::new() }
    }
}

impl<F: ScalarFunction> Objective for Scalars<F> {
    fn value_and_gradient(&mut self, x: &[f64]) -> (f64, Vec<f64>) {
        self.tape.clear();
        let y = self.f.value(&self.tape.variables(x));
        (y.value(), slopes(y, x.len()))
    }

    fn products(&mut self, x: &[f64], directions: &Matrix<f64>) -> Option<Matrix<f64>> {
        Some(by_columns(directions, |v| {
            self.tape.clear();
            let x = self.tape.variables(x);
            let moved: Vec<_> =
                x.into_iter().zip(v).map(|(x, &v)| Dual { value: x, tangent: self.tape.constant(v) }).collect();
            slopes(self.f.value(&moved).tangent, v.len())
        }))
    }
}

/// The derivatives of y with respect to the first n variables of its tape; 0 if it is a constant.
fn slopes(y: Scalar<'_, f64>, n: usize) -> Vec<f64> {
    if y.needs_gradient() { y.backward().as_slice()[..n].to_vec() } else { vec![0.0; n] }
}

/// The matrix whose columns are the results for the columns of another.
fn by_columns(directions: &Matrix<f64>, mut product: impl FnMut(&[f64]) -> Vec<f64>) -> Matrix<f64> {
    let (n, k) = directions.shape();
    Matrix::from_vec(n, k, (0..k).flat_map(|j| product(directions.col(j))).collect())
}
