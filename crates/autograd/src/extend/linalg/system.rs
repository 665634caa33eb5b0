//! Systems of equations, inverses, determinants.

use kernel::compiled_once;
use linalg::{Trans, Triangle};

use super::{LinalgError, finite, lost};
use crate::tape::records::Inner;
use crate::tape::var::dims;
use crate::{CustomOp, Matrix, MatrixRef, Real, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// A⁻¹ B for an n × n matrix A and an n × k matrix B: the solution X of A X = B, by elimination with row exchanges.
    ///
    /// δB = A⁻ᵀ δX, δA = −δB Xᵀ.
    ///
    /// # Errors
    /// If A is singular to working precision.
    ///
    /// # Panics
    /// If A is not square, or B does not have as many rows as A.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let (a, b) = (Matrix::from([[2.0, 0.0], [0.0, 4.0]]), Matrix::column(&[2.0, 2.0]));
    /// let tape = Tape::new();
    /// let (a, b) = (tape.variable(&a), tape.variable(&b));
    /// let x = a.solve(b)?;
    /// assert_eq!(x.value().as_slice(), [1.0, 0.5]);
    /// assert_eq!(x.sum().backward().wrt(b).as_slice(), [0.5, 0.25]);
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    #[doc(alias = "lu_solve")]
    pub fn solve(self, b: Self) -> Result<Self, LinalgError> {
        let n = self.side_of_square("solve");
        self.same_tape("solve", b);
        assert!(b.rows() == n, "solve: A {} and B {} differ in the number of rows", dims(self), dims(b));
        let value = self.regular("solve", |a, inner| linalg::solve_regular(a, inner.view(b.id)))?;
        Ok(self.tape().custom_value(Solve(Trans::No), value, &[self, b]))
    }

    /// L⁻¹ B or, transposed, L⁻ᵀ B for a triangular L. The other triangle of L is not read.
    ///
    /// δB = L⁻ᵀ δX, and δL = −δB Xᵀ in that triangle.
    ///
    /// # Errors
    /// If an entry of the diagonal is zero.
    ///
    /// # Panics
    /// If L is not square, or B does not have as many rows as L.
    ///
    /// ```
    /// use autograd::{Matrix, Tape, Trans, Triangle};
    /// let tape = Tape::new();
    /// let l = tape.variable(Matrix::from([[2.0, 0.0], [1.0, 4.0]]));
    /// let b = tape.constant(Matrix::column(&[2.0, 9.0]));
    /// assert_eq!(l.solve_triangular(b, Triangle::Lower, Trans::No)?.value().as_slice(), [1.0, 2.0]);
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    pub fn solve_triangular(self, b: Self, triangle: Triangle, trans: Trans) -> Result<Self, LinalgError> {
        let n = self.side_of_square("solve_triangular");
        self.same_tape("solve_triangular", b);
        assert!(b.rows() == n, "solve_triangular: {} and B {} differ in the number of rows", dims(self), dims(b));
        let diagonal = self.value();
        let zero = (0..n).find(|&i| diagonal[(i, i)] == T::default());
        if let Some(pivot) = zero {
            return Err(LinalgError::Singular { op: "solve_triangular", pivot, value: 0.0 });
        }
        Ok(solve_triangular(self, b, triangle, trans))
    }

    /// A⁻¹. For A⁻¹ B, [`solve`](Var::solve) is faster and more accurate.
    ///
    /// δA = −Yᵀ δY Yᵀ for Y = A⁻¹.
    ///
    /// # Errors
    /// If A is singular to working precision.
    ///
    /// # Panics
    /// If A is not square.
    #[track_caller]
    pub fn inverse(self) -> Result<Self, LinalgError> {
        self.side_of_square("inverse");
        let value = self.regular("inverse", |a, _| linalg::inverse_regular(a))?;
        Ok(self.tape().custom_value(Inverse, value, &[self]))
    }

    /// det A, 1 × 1.
    ///
    /// δA = δy adj(A)ᵀ. The adjugate adj(A) is det A · A⁻¹ if A is regular, but it exists for every matrix. The second derivatives exist
    /// for every matrix too. A third derivative panics if A is singular.
    ///
    /// # Errors
    /// If an entry is not finite.
    ///
    /// # Panics
    /// If A is not square.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[1.0, 2.0], [2.0, 4.0]]));
    /// let det = a.determinant()?;
    /// assert_eq!(det.item(), 0.0);
    /// assert_eq!(det.backward().wrt(a).to_owned(), Matrix::from([[4.0, -2.0], [-2.0, 1.0]]));
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    pub fn determinant(self) -> Result<Self, LinalgError> {
        self.side_of_square("determinant");
        self.tape().with(|inner| finite("determinant", inner.view(self.id)))?;
        Ok(self.tape().custom(Determinant, &[self]))
    }

    /// ln |det A|, 1 × 1, which does not overflow, and the sign of det A.
    ///
    /// δA = δy A⁻ᵀ.
    ///
    /// # Errors
    /// If A is singular to working precision.
    ///
    /// # Panics
    /// If A is not square.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[0.0, 2.0], [4.0, 0.0]]));
    /// let (ln, sign) = a.log_abs_determinant()?;
    /// assert_eq!((ln.item(), sign), (8f64.ln(), -1.0));
    /// assert_eq!(ln.backward().wrt(a).to_owned(), Matrix::from([[0.0, 0.5], [0.25, 0.0]]));
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    #[doc(alias("slogdet", "logdet"))]
    pub fn log_abs_determinant(self) -> Result<(Self, f64), LinalgError> {
        self.side_of_square("log_abs_determinant");
        let (ln, sign) = self.regular("log_abs_determinant", |a, _| linalg::log_abs_determinant_regular(a))?;
        let value = Matrix::full(1, 1, T::from_f64(ln));
        Ok((self.tape().custom_value(LogDeterminant, value, &[self]), sign))
    }

    /// Checks that a matrix is square and returns its side. The success of the op depends on values, so it counts as a reading.
    #[track_caller]
    pub(super) fn side_of_square(self, op: &str) -> usize {
        let (m, n) = self.shape();
        self.tape().note_reading();
        assert!(m == n, "{op}: {m} × {n} is not square");
        n
    }

    /// The functions that are computed only for regular matrices.
    fn regular<R>(
        self,
        op: &'static str,
        f: impl FnOnce(MatrixRef<'_, T>, &Inner<'t, T>) -> Result<R, linalg::Lost>,
    ) -> Result<R, LinalgError> {
        self.tape().with(|inner| {
            let a = inner.view(self.id);
            finite(op, a)?;
            f(a, inner).map_err(lost(op))
        })
    }

    /// Whether the matrix is regular.
    fn check_regular(self, op: &'static str) -> Result<(), LinalgError> {
        self.regular(op, |a, _| linalg::singular(a).map_or(Ok(()), Err))
    }
}

/// The solution, without checking the pivots.
#[track_caller]
pub(super) fn solve<'t, T: Real>(a: Var<'t, T>, b: Var<'t, T>, trans: Trans) -> Var<'t, T> {
    a.tape().custom(Solve(trans), &[a, b])
}

/// The solution, without checking the diagonal.
#[track_caller]
pub(super) fn solve_triangular<'t, T: Real>(
    l: Var<'t, T>,
    b: Var<'t, T>,
    triangle: Triangle,
    trans: Trans,
) -> Var<'t, T> {
    l.tape().custom(SolveTriangular(triangle, trans), &[l, b])
}

/// A⁻¹ B or A⁻ᵀ B.
struct Solve(Trans);

impl<T: Real> CustomOp<T> for Solve {
    fn name(&self) -> &str {
        "solve"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        linalg::solve(x[0], self.0, x[1])
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let db = solve(x[0], dy, self.0.flip());
        let da = if self.0 == Trans::No { db.matmul_nt(y) } else { y.matmul_nt(db) };
        vec![Some(-da), Some(db)]
    }
}

struct SolveTriangular(Triangle, Trans);

impl<T: Real> CustomOp<T> for SolveTriangular {
    fn name(&self) -> &str {
        "solve_triangular"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        linalg::solve_triangular(x[0], self.0, self.1, x[1])
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let db = solve_triangular(x[0], dy, self.0, self.1.flip());
        let dl = if self.1 == Trans::No { db.matmul_nt(y) } else { y.matmul_nt(db) };
        let dl = if self.0 == Triangle::Lower { dl.lower() } else { dl.upper() };
        vec![Some(-dl), Some(db)]
    }
}

struct Inverse;

impl<T: Real> CustomOp<T> for Inverse {
    fn name(&self) -> &str {
        "inverse"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        linalg::inverse(x[0])
    }

    fn pullback<'t>(&self, _: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        vec![Some(-y.matmul_tn(dy).matmul_nt(y))]
    }
}

struct Determinant;

impl<T: Real> CustomOp<T> for Determinant {
    fn name(&self) -> &str {
        "determinant"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        Matrix::full(1, 1, linalg::determinant(x[0]))
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], _: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        vec![Some(x[0].tape().custom(Cofactors, x) * dy)]
    }
}

/// The gradient of det A.
struct Cofactors;

impl<T: Real> CustomOp<T> for Cofactors {
    fn name(&self) -> &str {
        "derivative of determinant"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        linalg::cofactors(x[0])
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], _: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        // A Hessian is symmetric.
        vec![Some(x[0].tape().custom(CofactorsPush, &[x[0], dy]))]
    }
}

/// The Hessian of det A times E.
struct CofactorsPush;

impl<T: Real> CustomOp<T> for CofactorsPush {
    fn name(&self) -> &str {
        "second derivative of determinant"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        linalg::cofactors_push(x[0], x[1])
    }

    /// ⟨Z, H E⟩ = det A (tr P tr Q − tr P Q) with P = A⁻¹ E and Q = A⁻¹ Z.
    fn pullback<'t>(&self, x: &[Var<'t, T>], _: Var<'t, T>, z: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (tape, a) = (z.tape(), x[0]);
        let of_a = a.check_regular(SECOND).is_ok().then(|| {
            let (det, inverse) = (tape.custom(Determinant, &[a]), tape.custom(Inverse, &[a]));
            let (p, q) = (inverse.matmul(x[1]), inverse.matmul(z));
            let (of_p, of_q) = (p.trace(), q.trace());
            let value = tape.identity(a.rows()) * (of_p * of_q - p.dot(q.t()));
            (value + p.matmul(q) + q.matmul(p) - p * of_q - q * of_p).matmul(inverse).t() * det
        });
        vec![of_a, Some(tape.custom(CofactorsPush, &[a, z]))]
    }

    fn why_none(&self, x: &[Var<'_, T>], _: usize) -> String {
        x[0].check_regular(SECOND).map_or_else(|wrong| wrong.to_string(), |()| String::new())
    }
}

const SECOND: &str = "third derivative of determinant";

struct LogDeterminant;

impl<T: Real> CustomOp<T> for LogDeterminant {
    fn name(&self) -> &str {
        "log_abs_determinant"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        Matrix::full(1, 1, T::from_f64(linalg::log_abs_determinant(x[0]).0))
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], _: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let inverse = x[0].tape().custom(Inverse, x);
        vec![Some(inverse.t() * dy)]
    }
}
