//! Least squares and the pseudoinverse.

use kernel::compiled_once;
use linalg::Trans;

use super::{LinalgError, check_rcond, finite};
use crate::tape::var::dims;
use crate::{CustomOp, Matrix, MatrixRef, Real, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// X = A⁺ B, n × k for A of m × n and B of m × k. Each column of X minimizes |A x − b|; if several vectors do, it is the shortest.
    ///
    /// It is computed by Q R if the columns of A (or its rows, if there are fewer) are linearly independent at any scaling and `rcond` is
    /// `None`. Otherwise it is computed from the singular values. Those that are at most `rcond` times the largest count as 0. The default
    /// of `rcond` is the rounding of `T` times the longer side.
    ///
    /// With G = A⁺ᵀ δX and R = B − A X, δB = G and δA = −G Xᵀ + R (A⁺ G)ᵀ + A⁺ᵀ X (δX − Aᵀ G)ᵀ, if the rank is constant near A (Golub,
    /// Pereyra, *SIAM Journal on Numerical Analysis* 10, 1973). Where the rank is deficient, A⁺ jumps for other changes of A. A matrix whose
    /// entries are variables should therefore have full rank: if its rank is deficient, there is no second derivative, and forward and reverse
    /// mode return different numbers.
    ///
    /// # Errors
    /// If an entry of A is not finite.
    ///
    /// # Panics
    /// If A and B differ in the number of rows, or `rcond` is negative or not finite. The derivative with respect to A panics if `rcond`
    /// cuts off a singular value that is larger than rounding, because the rule is that of the untruncated A⁺.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0f64]])); // y = c₀ + c₁ t
    /// let y = tape.constant(Matrix::column(&[1.0, 3.0, 5.0]));
    /// let c = a.least_squares(y, None)?.value();
    /// assert!((c[(0, 0)] - 1.0).abs() < 1e-14 && (c[(1, 0)] - 2.0).abs() < 1e-14);
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    #[doc(alias = "lstsq")]
    pub fn least_squares(self, b: Self, rcond: Option<f64>) -> Result<Self, LinalgError> {
        self.same_tape("least_squares", b);
        assert!(
            b.rows() == self.rows(),
            "least_squares: A {} and B {} differ in the number of rows",
            dims(self),
            dims(b)
        );
        self.least_squares_as("least_squares", b, rcond)
    }

    /// The pseudoinverse A⁺, n × m. [`least_squares`](Var::least_squares) computes A⁺ B.
    ///
    /// # Errors
    /// If an entry is not finite.
    ///
    /// # Panics
    /// If `rcond` is negative or not finite.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[2.0, 0.0], [0.0, 0.0]]));
    /// assert_eq!(a.pinv(None)?.value(), Matrix::from([[0.5, 0.0], [0.0, 0.0]]));
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    #[doc(alias = "pseudoinverse")]
    pub fn pinv(self, rcond: Option<f64>) -> Result<Self, LinalgError> {
        self.least_squares_as("pinv", self.tape().identity(self.rows()), rcond)
    }

    #[track_caller]
    fn least_squares_as(self, op: &'static str, b: Self, rcond: Option<f64>) -> Result<Self, LinalgError> {
        check_rcond(op, rcond);
        self.tape().note_reading();
        let value = self.tape().with(|inner| {
            let a = inner.view(self.id);
            finite(op, a)?;
            linalg::least_squares(a, Trans::No, inner.view(b.id), rcond).ok_or(LinalgError::NotFinite { op })
        })?;
        Ok(self.tape().custom_value(LeastSquares { trans: Trans::No, rcond }, value, &[self, b]))
    }
}

/// A⁺ B or (Aᵀ)⁺ B.
#[derive(Clone, Copy)]
struct LeastSquares {
    trans: Trans,
    rcond: Option<f64>,
}

impl LeastSquares {
    fn of<'t, T: Real>(self, trans: Trans, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
        a.tape().custom(LeastSquares { trans, ..self }, &[a, b])
    }
}

impl<T: Real> CustomOp<T> for LeastSquares {
    fn name(&self) -> &str {
        "least_squares"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let (_, rows) = self.trans.shape(x[0].shape());
        let finite = finite("least_squares", x[0]).is_ok();
        let found = finite.then(|| linalg::least_squares(x[0], self.trans, x[1], self.rcond)).flatten();
        found.unwrap_or_else(|| Matrix::full(rows, x[1].cols(), T::from_f64(f64::NAN)))
    }

    fn pullback<'t>(&self, operands: &[Var<'t, T>], x: Var<'t, T>, dx: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (a, b, flip) = (operands[0], operands[1], self.trans.flip());
        if let Some(rcond) = self.rcond {
            let [kept, full] = [Some(rcond), None].map(|rcond| a.rank(rcond).unwrap_or_default());
            assert!(
                kept >= full || kept == 0, // A⁺ stays 0 if all are cut
                "least_squares: rcond = {rcond} cuts {} singular values that are not 0: there is no derivative; \
                 differentiate with a smaller rcond, or use `svd`",
                full - kept
            );
        }
        let times = |trans: Trans, x: Var<'t, T>| if trans == Trans::No { a.matmul(x) } else { a.matmul_tn(x) };
        let g = self.of(flip, a, dx);
        let residual = b - times(self.trans, x);
        let outside = dx - times(flip, g);
        let da =
            residual.matmul_nt(self.of(self.trans, a, g)) - g.matmul_nt(x) + self.of(flip, a, x).matmul_nt(outside);
        vec![Some(if self.trans == Trans::No { da } else { da.t() }), Some(g)]
    }
}
