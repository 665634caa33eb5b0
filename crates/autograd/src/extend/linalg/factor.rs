//! Factorisations: Cholesky, QR.

use kernel::compiled_once;
use linalg::{Trans, Triangle};

use super::system::solve_triangular;
use super::{LinalgError, finite, lost};
use crate::{CustomOp, Matrix, MatrixRef, Real, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The lower triangular L with L Lᵀ = ½ (A + Aᵀ), so the gradient of A is symmetric.
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

    /// Q with orthonormal columns, m × n, and the upper triangular R with a positive diagonal, n × n, with A = Q R and
    /// m ≥ n.
    ///
    /// δA = (δQ + Q C) R⁻ᵀ, where C is symmetric with the lower triangle of R δRᵀ − δQᵀ Q (Walter, Lehmann, 2018,
    /// arXiv:1009.6112, §4).
    ///
    /// # Errors
    /// If the columns of A are linearly dependent to working precision, at any scaling, or an entry is not finite.
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
        self.tape().note_reading();
        let value = self.tape().with(|inner| {
            let a = inner.view(self.id);
            finite("qr", a)?;
            linalg::qr(a).map_err(lost("qr"))
        })?;
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

struct Qr;

impl<T: Real> CustomOp<T> for Qr {
    fn name(&self) -> &str {
        "qr"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let (m, n) = x[0].shape();
        linalg::qr(x[0]).unwrap_or_else(|_| Matrix::full(m + n, n, T::from_f64(f64::NAN)))
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
