//! Sparse Jacobians and Hessians of closures.

use std::borrow::Borrow;
use std::sync::Arc;

use autograd::{Compiled, Matrix, Program, Tape, Var, grad, vstack};

use super::matrix::{Pattern, SparseMatrix};
use super::plan::{Plan, Sweep};
use super::propagate::sparsity;

/// A closure over matrices.
pub(crate) type Closure<'f> = Box<dyn for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64> + 'f>;

/// The Jacobian of f at x as a sparse matrix. Entry (i, j) is the derivative of the i-th entry of f(x) with respect to the j-th entry of x,
/// both counted column by column. For several points, use [`SparseJacobian`].
///
/// ```
/// use autograd::Matrix;
/// let x = Matrix::column(&[1.0, 2.0, 3.0]);
/// let j = solve::sparse_jacobian(|x| x.rows_in(0..2) * x.rows_in(1..3), &x);
/// assert_eq!(j.to_dense(), Matrix::from([[2.0, 1.0, 0.0], [0.0, 3.0, 2.0]]));
/// ```
pub fn sparse_jacobian(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>, x: &Matrix<f64>) -> SparseMatrix {
    SparseJacobian::new(move |x| f(x[0])).at(&[x])
}

/// The matrix of second derivatives of f at x as a sparse matrix. For several points, use [`SparseHessian`].
///
/// ```
/// use autograd::Matrix;
/// let x = Matrix::column(&[1.0, 2.0, 3.0]);
/// let h = solve::sparse_hessian(|x| (x.rows_in(0..2) * x.rows_in(1..3)).sum() + x.at(2, 0).powi(3), &x);
/// assert_eq!(h.to_dense(), Matrix::from([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 18.0]]));
/// ```
///
/// # Panics
/// If f does not return a 1 × 1 variable.
#[track_caller]
pub fn sparse_hessian(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>, x: &Matrix<f64>) -> SparseMatrix {
    SparseHessian::new(move |x| f(x[0])).at(&[x])
}

/// The Jacobian of a closure over matrices, of which only entries that may differ from 0 are computed and stored.
///
/// Columns without a common row are computed together, J (e₁ + e₄ + …), because each row of the product is an entry of one of them
/// (Curtis, Powell & Reid, *IMA Journal of Applied Mathematics* 13, 1974); or rows without a common column, if these make fewer products.
/// The [pattern](sparsity) comes from the recorded closure. Both are made anew if the closure is recorded anew, because it branched
/// differently or the shapes of its inputs changed.
///
/// ```
/// use autograd::Matrix;
/// use solve::{SparseJacobian, Sweep};
/// // Each residual reads three neighbours of 10,000 numbers, so three products make the Jacobian.
/// let mut j = SparseJacobian::new(|x| {
///     let n = x[0].rows();
///     x[0].rows_in(1..n - 1).square() - x[0].rows_in(0..n - 2) - 2.0 * x[0].rows_in(2..n)
/// });
/// let x = Matrix::column(&vec![0.5; 10_000]);
/// let at = j.at(&[&x]);
/// assert_eq!((at.rows(), at.cols(), at.values().len()), (9_998, 10_000, 3 * 9_998));
/// assert_eq!((at.entry(5, 5), at.entry(5, 6), at.entry(5, 7), at.entry(5, 8)), (-1.0, 1.0, -2.0, 0.0));
/// assert_eq!((j.products(), j.sweep()), (3, Some(Sweep::Forward)));
/// ```
pub struct SparseJacobian<'f> {
    f: Compiled<Closure<'f>, f64>,
    plan: JacobianPlan,
}

/// The pattern of a Jacobian and the products that make it, kept from one point to the next as long as the function is not recorded anew.
/// A plan belongs to one function: make one for each.
/// [`Residuals::sparse_jacobian`](crate::Residuals::sparse_jacobian) of a type of your own can ignore it.
#[derive(Default)]
pub struct JacobianPlan {
    plan: Option<Plan>,
    recording: usize,
}

impl<'f> SparseJacobian<'f> {
    /// The Jacobian of the closure `f`, which returns a matrix of any shape. Nothing is recorded yet.
    pub fn new(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64> + 'f) -> Self {
        SparseJacobian { f: Compiled::new(Box::new(f)), plan: JacobianPlan::default() }
    }

    /// J at x: a row for each entry of f(x), a column for each entry of all x, one matrix after the other.
    #[track_caller]
    pub fn at(&mut self, x: &[impl Borrow<Matrix<f64>>]) -> SparseMatrix {
        self.plan.renew_jacobian(&mut self.f, x);
        self.plan.matrix(&mut self.f, x)
    }

    /// f(x).
    #[track_caller]
    pub fn value(&mut self, x: &[impl Borrow<Matrix<f64>>]) -> Matrix<f64> {
        self.f.run(x).value().to_owned()
    }

    pub(crate) fn function(&mut self) -> &mut Compiled<Closure<'f>, f64> {
        &mut self.f
    }

    /// The pattern of the last J; none before the first.
    pub fn pattern(&self) -> Option<&Arc<Pattern>> {
        self.plan.plan.as_ref().map(|plan| &plan.pattern)
    }

    /// The number of products that make a J, each of which takes one sweep; 0 before the first.
    pub fn products(&self) -> usize {
        self.plan.products()
    }

    /// Which products they are; none before the first.
    pub fn sweep(&self) -> Option<Sweep> {
        self.plan.plan.as_ref().map(|plan| plan.sweep)
    }
}

impl JacobianPlan {
    /// Makes the plan of the Jacobian at x, unless the recording there is that of the last plan.
    fn renew<F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>>(
        &mut self,
        f: &mut Compiled<F, f64>,
        x: &[impl Borrow<Matrix<f64>>],
        plan: impl Fn(Pattern) -> Plan,
    ) {
        f.run(x);
        if self.recording == f.recordings() {
            return;
        }
        self.recording = f.recordings();
        let tape = Tape::new();
        let x: Vec<_> = x.iter().map(|x| tape.variable(x.borrow())).collect();
        let pattern = sparsity((f.function())(&x), &x);
        if self.plan.as_ref().is_none_or(|plan| *plan.pattern != pattern) {
            self.plan = Some(plan(pattern));
        }
    }

    pub(crate) fn products(&self) -> usize {
        self.plan.as_ref().map_or(0, |plan| plan.products.len())
    }

    /// The plan of a Jacobian.
    pub(crate) fn renew_jacobian<F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>>(
        &mut self,
        f: &mut Compiled<F, f64>,
        x: &[impl Borrow<Matrix<f64>>],
    ) {
        self.renew(f, x, Plan::of_jacobian);
    }

    /// The plan of a Hessian, from the closure of the gradient.
    pub(crate) fn renew_hessian<F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>>(
        &mut self,
        gradient: &mut Compiled<F, f64>,
        x: &[impl Borrow<Matrix<f64>>],
    ) {
        self.renew(gradient, x, |pattern| Plan::of_hessian(&pattern));
    }

    /// Whether the plan is that of the recording.
    pub(crate) fn is_of<F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>>(&self, f: &Compiled<F, f64>) -> bool {
        self.plan.is_some() && self.recording == f.recordings()
    }

    /// Whether the sparse Jacobian takes at most a quarter of the products of the dense one, and has at most a tenth of its entries.
    pub(crate) fn pays(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| {
            let (m, n) = (plan.pattern.rows(), plan.pattern.cols());
            4 * plan.products.len() <= m.min(n) && 10 * plan.pattern.len() <= m * n
        })
    }

    /// J at x, where the plan has been [renewed](Self::renew).
    pub(crate) fn matrix<F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>>(
        &self,
        f: &mut Compiled<F, f64>,
        x: &[impl Borrow<Matrix<f64>>],
    ) -> SparseMatrix {
        let plan = self.plan.as_ref().expect("it has been renewed");
        let shapes: Vec<_> = x.iter().map(|x| x.borrow().shape()).collect();
        let program = f.run(x);
        plan.matrix(|ones| product(program, plan.sweep, &shapes, ones))
    }
}

/// J v or Jᵀ w, where v or w is 1 at some entries and 0 elsewhere.
fn product(program: &Program<f64>, sweep: Sweep, shapes: &[(usize, usize)], ones: &[usize]) -> Vec<f64> {
    match sweep {
        Sweep::Forward => program.tangent(&with_ones(shapes, ones)).into_vec(),
        Sweep::Reverse => {
            let w = with_ones(&[program.value().shape()], ones).remove(0);
            program.backward_with(&w).into_iter().flat_map(Matrix::into_vec).collect()
        }
    }
}

/// Matrices that are 1 at these entries, one matrix after the other, and 0 elsewhere.
fn with_ones(shapes: &[(usize, usize)], ones: &[usize]) -> Vec<Matrix<f64>> {
    let (mut first, mut ones) = (0, ones.iter().peekable());
    let matrix = |&(m, n): &(usize, usize)| {
        let mut matrix = Matrix::zeros(m, n);
        while let Some(k) = ones.next_if(|k| **k < first + m * n) {
            matrix.as_mut_slice()[k - first] = 1.0;
        }
        first += m * n;
        matrix
    };
    shapes.iter().map(matrix).collect()
}

/// The Hessian of a closure over matrices, of which only entries that may differ from 0 are computed and stored, on both sides of
/// the diagonal.
///
/// The gradient is recorded once. Its tangents are products H v, forward over reverse. A star colouring of the symmetric pattern tells
/// which columns one product computes together (Coleman & Moré, *Mathematical Programming* 28, 1984). Otherwise it is as
/// [`SparseJacobian`].
///
/// ```
/// use autograd::Matrix;
/// use solve::SparseHessian;
/// // Rosenbrock's function of many variables, in a chain.
/// let mut h = SparseHessian::new(|x| {
///     let n = x[0].rows();
///     let (a, b) = (x[0].rows_in(0..n - 1), x[0].rows_in(1..n));
///     (100.0 * (b - a.square()).square() + (1.0 - a).square()).sum()
/// });
/// let x = Matrix::column(&[1.0; 1000]);
/// let at = h.at(&[&x]);
/// assert_eq!((at.entry(0, 0), at.entry(0, 1), at.entry(1, 1), at.entry(0, 2)), (802.0, -400.0, 1002.0, 0.0));
/// assert_eq!(h.products(), 3);
/// ```
pub struct SparseHessian<'f> {
    gradient: SparseJacobian<'f>,
}

impl<'f> SparseHessian<'f> {
    /// The Hessian of the closure `f`, which returns a 1 × 1 variable. Nothing is recorded yet.
    pub fn new(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64> + 'f) -> Self {
        SparseHessian { gradient: SparseJacobian::new(move |x| gradient(f(x), x)) }
    }

    /// H at x: a row and a column for each entry of all x, one matrix after the other.
    ///
    /// # Panics
    /// If the closure does not return a 1 × 1 variable.
    #[track_caller]
    pub fn at(&mut self, x: &[impl Borrow<Matrix<f64>>]) -> SparseMatrix {
        let SparseJacobian { f, plan } = &mut self.gradient;
        plan.renew_hessian(f, x);
        plan.matrix(f, x)
    }

    /// The gradient at x, the entries of all x in one column.
    #[track_caller]
    pub fn gradient(&mut self, x: &[impl Borrow<Matrix<f64>>]) -> Matrix<f64> {
        self.gradient.value(x)
    }

    /// The pattern of the last H; none before the first.
    pub fn pattern(&self) -> Option<&Arc<Pattern>> {
        self.gradient.pattern()
    }

    /// The number of products H v that make an H; 0 before the first.
    pub fn products(&self) -> usize {
        self.gradient.products()
    }
}

/// The gradient of a number with respect to all entries, as one column.
#[track_caller]
fn gradient<'t>(y: Var<'t, f64>, x: &[Var<'t, f64>]) -> Var<'t, f64> {
    let (m, n) = y.shape();
    assert!((m, n) == (1, 1), "SparseHessian: the function returned {m} × {n}, not a single number: sum it");
    let columns: Vec<_> = grad(y, x).into_iter().map(|g| g.reshape(g.rows() * g.cols(), 1)).collect();
    if let [column] = columns[..] { column } else { vstack(&columns) }
}
