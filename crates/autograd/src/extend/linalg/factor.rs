//! Factorisations: Cholesky, symmetric eigenvalues, QR.

use kernel::compiled_once;
use linalg::{Trans, Triangle};

use super::system::solve_triangular;
use super::{LinalgError, finite, regular};
use crate::{CustomOp, Matrix, MatrixRef, Real, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The lower triangular L with L Lᵀ = A, of ½ (A + Aᵀ), so that the gradient of A is symmetric.
    ///
    /// δA = ½ L⁻ᵀ (P + Pᵀ) L⁻¹, where P is the lower triangle of Lᵀ δL with half its diagonal (Murray, 2016,
    /// arXiv:1602.07527, eq. 10).
    ///
    /// # Errors
    /// If A is not positive definite.
    ///
    /// # Panics
    /// If A is not square.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[4.0, 2.0], [2.0, 5.0]]));
    /// let l = a.cholesky()?;
    /// assert_eq!(l.value(), Matrix::from([[2.0, 0.0], [1.0, 2.0]]));
    /// let half_log_det = l.diagonal().ln().sum();
    /// assert_eq!(half_log_det.backward().wrt(a).as_slice(), [5.0 / 32.0, -2.0 / 32.0, -2.0 / 32.0, 4.0 / 32.0]);
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    pub fn cholesky(self) -> Result<Self, LinalgError> {
        self.side_of_square("cholesky");
        let value = self.tape().with(|inner| cholesky(inner.view(self.id)))?;
        Ok(self.tape().custom_value(Cholesky, value, &[self]))
    }

    /// The eigenvalues of ½ (A + Aᵀ), ascending, n × 1.
    ///
    /// δA = V diag(δλ) Vᵀ. A second derivative panics where two eigenvalues are nearly equal.
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
    /// If an entry is not finite, or A needs a gradient and two eigenvalues are so close that rounding moves their
    /// vectors.
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

    /// Q with orthonormal columns, m × n, and the upper triangular R with a positive diagonal, n × n, of A = Q R with
    /// m ≥ n.
    ///
    /// δA = (δQ + Q C) R⁻ᵀ, where C is symmetric with the lower triangle of R δRᵀ − δQᵀ Q (Walter, Lehmann, 2018,
    /// arXiv:1009.6112, §4).
    ///
    /// # Errors
    /// If the columns of A are linearly dependent to working precision.
    ///
    /// # Panics
    /// If A has fewer rows than columns.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[3.0f64, 1.0], [4.0, 1.0]]));
    /// let (q, r) = a.qr()?;
    /// assert!((r.value()[(0, 0)] - 5.0).abs() < 1e-14);
    /// assert!((q.matmul(r).value()[(1, 1)] - 1.0).abs() < 1e-14);
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    pub fn qr(self) -> Result<(Self, Self), LinalgError> {
        let (m, n) = self.shape();
        assert!(m >= n, "qr: {m} × {n} has fewer rows than columns");
        let value = self.tape().with(|inner| linalg::qr(inner.view(self.id)));
        regular::<T>("qr", &(0..n).map(|i| value[(m + i, i)].to_f64()).collect::<Vec<_>>())?;
        let both = self.tape().custom_value(Qr, value, &[self]);
        Ok((both.rows_in(0..m), both.rows_in(m..m + n)))
    }
}

fn cholesky<T: Real>(a: MatrixRef<'_, T>) -> Result<Matrix<T>, LinalgError> {
    finite("cholesky", a)?;
    linalg::cholesky(a).map_err(|block| LinalgError::NotPositiveDefinite { block })
}

struct Cholesky;

impl<T: Real> CustomOp<T> for Cholesky {
    fn name(&self) -> &str {
        "cholesky"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        cholesky(x[0]).unwrap_or_else(|_| Matrix::full(x[0].rows(), x[0].cols(), T::from_f64(f64::NAN)))
    }

    fn pullback<'t>(&self, _: &[Var<'t, T>], l: Var<'t, T>, dl: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let p = l.matmul_tn(dl.lower()).lower();
        let p = p - p.diagonal().diag() * 0.5;
        let left = solve_triangular(l, p + p.t(), Triangle::Lower, Trans::Yes);
        vec![Some(solve_triangular(l, left.t(), Triangle::Lower, Trans::Yes) * 0.5)]
    }
}

/// The values above the vectors.
fn eigen<T: Real>(a: MatrixRef<'_, T>) -> Result<Matrix<T>, LinalgError> {
    finite("symmetric_eigen", a)?;
    linalg::symmetric_eigen(a).ok_or(LinalgError::NotFinite { op: "symmetric_eigen" })
}

/// Neighbouring eigenvalues whose distance is within the rounding of the largest, over the root of the unit
/// roundoff: the derivative of their vectors has half of its digits left at least.
fn near_tie<T: Real>(values: &Matrix<T>) -> Option<LinalgError> {
    let value = |k: usize| values[(0, k)].to_f64();
    let n = values.cols();
    let largest = (0..n).fold(0.0, |max: f64, k| max.max(value(k).abs()));
    let close = |&k: &usize| value(k + 1) - value(k) <= T::EPSILON.sqrt() * largest;
    let index = (0..n.saturating_sub(1)).find(close)?;
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

    fn pullback<'t>(&self, x: &[Var<'t, T>], _: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let v = x[0].tape().custom(Eigen, x).rows_in(1..x[0].rows() + 1);
        vec![Some((v * dy.t()).matmul_nt(v))]
    }
}

struct Qr;

impl<T: Real> CustomOp<T> for Qr {
    fn name(&self) -> &str {
        "qr"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        linalg::qr(x[0])
    }

    fn pullback<'t>(&self, _: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (m, n) = (y.rows() - y.cols(), y.cols());
        let [(q, r), (dq, dr)] = [y, dy].map(|y| (y.rows_in(0..m), y.rows_in(m..m + n)));
        let c = (r.matmul_nt(dr.upper()) - dq.matmul_tn(q)).lower();
        let c = c + (c - c.diagonal().diag()).t();
        let right = dq + q.matmul(c);
        vec![Some(solve_triangular(r, right.t(), Triangle::Upper, Trans::No).t())]
    }
}
