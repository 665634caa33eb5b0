//! Eigenvalues and eigenvectors of symmetric matrices.

use kernel::compiled_once;

use super::quotients::{distance, near, quotients, slopes};
use super::{LinalgError, finite};
use crate::rule::op::Op;
use crate::{CustomOp, Matrix, MatrixRef, Real, Tape, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The eigenvalues of ½ (A + Aᵀ), ascending, n × 1.
    ///
    /// δA = V diag(δλ) Vᵀ. The second derivative has the terms (δλᵢ − δλⱼ) / (λᵢ − λⱼ). If two eigenvalues are nearly equal, it
    /// exists for functions that treat the two alike, such as Σ λ and Σ λ². For other functions it panics. At such a point a third
    /// derivative panics, and so does the gradient of a directional derivative ([`jvp`](crate::jvp)).
    ///
    /// # Errors
    /// If an entry is not finite.
    ///
    /// # Panics
    /// If A is not square.
    #[track_caller]
    pub fn symmetric_eigenvalues(self) -> Result<Self, LinalgError> {
        self.side_of_square("symmetric_eigenvalues");
        self.tape().with(|inner| eigen(inner.view(self.id)))?;
        Ok(self.tape().custom(Eigenvalues, &[self]))
    }

    /// The eigenvalues λ of ½ (A + Aᵀ), ascending, n × 1, and an orthogonal V with V diag(λ) Vᵀ = A: column j belongs to
    /// λⱼ, and its largest entry in absolute value is positive.
    ///
    /// δA = V (diag(δλ) + F ⊙ Vᵀ δV) Vᵀ, made symmetric, with Fᵢⱼ = 1 / (λⱼ − λᵢ) off the diagonal.
    ///
    /// # Errors
    /// If an entry is not finite, or A needs a gradient and two eigenvalues are so close that rounding changes their
    /// eigenvectors.
    ///
    /// # Panics
    /// If A is not square.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[2.0, 0.0], [0.0, 1.0]]));
    /// let (values, vectors) = a.symmetric_eigen()?;
    /// assert_eq!(values.value().as_slice(), [1.0, 2.0]);
    /// assert_eq!(vectors.value(), Matrix::from([[0.0, 1.0], [1.0, 0.0]]));
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    pub fn symmetric_eigen(self) -> Result<(Self, Self), LinalgError> {
        let n = self.side_of_square("symmetric_eigen");
        let value = self.tape().with(|inner| eigen(inner.view(self.id)))?;
        if self.needs_gradient() {
            near_tie(&value).map_or(Ok(()), Err)?;
        }
        let both = self.tape().custom_value(Eigen, value, &[self]);
        Ok((both.rows_in(0..1).t(), both.rows_in(1..n + 1)))
    }
}

/// The eigenvalues, stacked above the eigenvectors.
fn eigen<T: Real>(a: MatrixRef<'_, T>) -> Result<Matrix<T>, LinalgError> {
    finite("symmetric_eigen", a)?;
    linalg::symmetric_eigen(a).ok_or(LinalgError::NotFinite { op: "symmetric_eigen" })
}

/// The pairs of neighbouring eigenvalues that are nearly equal.
fn near_tie<T: Real>(both: &Matrix<T>) -> Option<LinalgError> {
    let values: Vec<T> = (0..both.cols()).map(|j| both[(0, j)]).collect();
    let (value, least) = (|k: usize| values[k].to_f64(), distance(&values));
    let index = (0..values.len().saturating_sub(1)).find(|&k| value(k + 1) - value(k) <= least)?;
    Some(LinalgError::NearTie { index, values: [value(index), value(index + 1)] })
}

struct Eigen;

impl<T: Real> CustomOp<T> for Eigen {
    fn name(&self) -> &str {
        "symmetric_eigen"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let (m, n) = x[0].shape();
        eigen(x[0]).unwrap_or_else(|_| Matrix::full(m + 1, n, T::from_f64(f64::NAN)))
    }

    fn pullback<'t>(&self, _: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        if let Some(tie) = near_tie(&y.value()) {
            panic!("{tie}");
        }
        let n = y.cols();
        let (values, v) = (y.rows_in(0..1), y.rows_in(1..n + 1));
        let (dvalues, dv) = (dy.rows_in(0..1), dy.rows_in(1..n + 1));
        let apart = values.repeat(n, n) - values.t().repeat(n, n) + y.tape().identity(n);
        let inner = (v.matmul_tn(dv) / apart).where_entry(|i, j| i != j) + dvalues.diag();
        let da = v.matmul(inner).matmul_nt(v);
        vec![Some((da + da.t()) * 0.5)]
    }
}

struct Eigenvalues;

impl<T: Real> CustomOp<T> for Eigenvalues {
    fn name(&self) -> &str {
        "symmetric_eigenvalues"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let both = CustomOp::forward(&Eigen, x);
        Matrix::from_fn(both.cols(), 1, |i, _| both[(0, i)])
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (tape, n) = (dy.tape(), dy.rows());
        // All entries of δλ are equal, as for functions of Σ λ = tr A: V diag(δλ) Vᵀ is that entry times the identity.
        let one = |x: Var<'t, T>| n > 1 && x.shape() == (1, 1);
        match dy.terms()[..] {
            [Op::Add(c, number)] if one(number) => return vec![Some(tape.identity(n) * number * c)],
            [Op::Divide(c, number)] if one(number) => return vec![Some(tape.identity(n) * (number / c))],
            _ => {}
        }
        let pairs = near(y.value().as_slice(), 1.0);
        let slopes = if pairs.is_empty() { None } else { slopes(y, dy, &pairs) };
        let operands: Vec<_> = [x[0], dy].into_iter().chain(slopes).collect();
        vec![Some(tape.custom(WithEigenvalues, &operands))]
    }
}

/// V diag(w) Vᵀ with the eigenvectors V of A, that is A with its eigenvalues replaced by w. A third operand has the slopes of w for
/// eigenvalues that are nearly equal.
struct WithEigenvalues;

impl<T: Real> CustomOp<T> for WithEigenvalues {
    fn name(&self) -> &str {
        "derivative of symmetric_eigenvalues"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let (tape, both) = (Tape::new(), CustomOp::forward(&Eigen, &x[..1]));
        let v = tape.constant(both).rows_in(1..x[0].rows() + 1);
        (v * tape.constant(x[1]).t()).matmul_nt(v).value()
    }

    /// δw = diag(Vᵀ δY V), δA = V (K ⊙ Vᵀ δY V) Vᵀ with Kᵢⱼ = (wᵢ − wⱼ) / (λᵢ − λⱼ) off the diagonal.
    fn pullback<'t>(&self, x: &[Var<'t, T>], _: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (tape, n) = (dy.tape(), dy.rows());
        let both = tape.custom(Eigen, &x[..1]);
        let (values, v) = (both.rows_in(0..1), both.rows_in(1..n + 1));
        let inner = v.matmul_tn(dy).matmul(v);
        let (pairs, slopes) = (near(values.value().as_slice(), 1.0), x.get(2).copied());
        let of_a = (pairs.is_empty() || slopes.is_some()).then(|| {
            let slopes = slopes.map(|slopes| (&pairs[..], slopes));
            let da = v.matmul(quotients(values, x[1], 1.0, slopes, false) * inner).matmul_nt(v);
            (da + da.t()) * 0.5
        });
        let of_slopes = x.get(2).map(|slopes| Some(slopes.zero()));
        [of_a, Some(inner.diagonal())].into_iter().chain(of_slopes).collect()
    }

    fn why_none(&self, x: &[Var<'_, T>], _: usize) -> String {
        let values = x[0].tape().custom(Eigen, &x[..1]).rows_in(0..1).value();
        let value = |k: usize| values.as_slice()[k];
        near(values.as_slice(), 1.0).first().map_or(String::new(), |&(i, j, _)| {
            format!(
                "eigenvalues {i} and {j} ({:e} and {:e}) are nearly equal, and the gradients with respect to them are not seen to be \
                 those of a function that treats them alike: a second derivative divides by their distance; separate them",
                value(i).to_f64(),
                value(j).to_f64()
            )
        })
    }
}
