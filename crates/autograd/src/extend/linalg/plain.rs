//! Linear algebra of plain matrices. It runs on a tape of constants, so it has the same names, shapes and errors as for variables.

use kernel::compiled_once;
use linalg::{Trans, Triangle};

use super::LinalgError;
use crate::{Matrix, Real, Tape};

type ThreeMatrices<T> = (Matrix<T>, Matrix<T>, Matrix<T>);

/// Declares a trait and its methods. Each method is an expression of constants: of the matrix itself, and of another matrix if there is a
/// second name in brackets.
macro_rules! methods {
    ($(#[$of_trait:meta])+ trait $Trait:ident; $($(#[$doc:meta])+ fn $name:ident([$a:ident $(, $b:ident)?] $(, $arg:ident: $Arg:ty)*) -> $Out:ty { $value:expr })+) => {
        $(#[$of_trait])+
        pub trait $Trait<T: Real>: Sized {
            $($(#[$doc])+
            #[track_caller]
            fn $name(&self $(, $b: &Self)? $(, $arg: $Arg)*) -> $Out;)+
        }

        #[compiled_once]
        impl<T: Real> $Trait<T> for Matrix<T> {
            $(#[track_caller]
            fn $name(&self $(, $b: &Self)? $(, $arg: $Arg)*) -> $Out {
                let tape = Tape::new();
                let $a = tape.constant(self);
                $(let $b = tape.constant($b);)?
                $value
            })+
        }
    };
}

methods! {
    /// Linear algebra of plain matrices, with the same names, shapes and errors as for variables.
    ///
    /// Sums, multiples, stacks and selections are methods and operators of [`Matrix`] itself.
    ///
    /// The standard errors of a regression y = X β + ε are √(s² diag (XᵀX)⁻¹) with s² = |y − X β|² / (m − n):
    ///
    /// ```
    /// use autograd::{LinearAlgebra, Matrix};
    /// let t = Matrix::column(&[0.0, 1.0, 2.0, 3.0, 4.0]);
    /// let y = Matrix::column(&[1.0, 2.9, 5.2, 7.1, 8.8]);
    /// let x = Matrix::hstack(&[&Matrix::full(5, 1, 1.0), &t]); // y = β₀ + β₁ t
    ///
    /// let beta = x.least_squares(&y, None)?;
    /// let residual = &y - x.matmul(&beta);
    /// let variance = residual.dot(&residual) / (x.rows() - x.cols()) as f64;
    /// let errors = (x.matmul_tn(&x).inverse()?.diagonal() * variance).map(f64::sqrt);
    ///
    /// assert!((beta[(1, 0)] - 1.98).abs() < 1e-12 && (beta[(0, 0)] - 1.04).abs() < 1e-12);
    /// assert!((errors[(1, 0)] - 0.056568542494923775).abs() < 1e-12);
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    trait LinearAlgebra;

    /// A B: [`Var::matmul`](crate::Var::matmul).
    fn matmul([a, b]) -> Matrix<T> { a.matmul(b).value() }

    /// Aᵀ B: [`Var::matmul_tn`](crate::Var::matmul_tn).
    fn matmul_tn([a, b]) -> Matrix<T> { a.matmul_tn(b).value() }

    /// A Bᵀ: [`Var::matmul_nt`](crate::Var::matmul_nt).
    fn matmul_nt([a, b]) -> Matrix<T> { a.matmul_nt(b).value() }

    /// Aᵀ Bᵀ: [`Var::matmul_tt`](crate::Var::matmul_tt).
    fn matmul_tt([a, b]) -> Matrix<T> { a.matmul_tt(b).value() }

    /// Σ A ⊙ B: [`Var::dot`](crate::Var::dot).
    fn dot([a, b]) -> T { a.dot(b).item() }

    /// Σ A: [`Var::sum`](crate::Var::sum).
    fn sum([a]) -> T { a.sum().item() }

    /// √(Σ A ⊙ A): [`Var::norm`](crate::Var::norm).
    fn norm([a]) -> T { a.norm().item() }

    /// A⁻¹ B: [`Var::solve`](crate::Var::solve).
    fn solve([a, b]) -> Result<Matrix<T>, LinalgError> { Ok(a.solve(b)?.value()) }

    /// L⁻¹ B or L⁻ᵀ B: [`Var::solve_triangular`](crate::Var::solve_triangular).
    fn solve_triangular([l, b], triangle: Triangle, trans: Trans) -> Result<Matrix<T>, LinalgError> {
        Ok(l.solve_triangular(b, triangle, trans)?.value())
    }

    /// A⁺ B: [`Var::least_squares`](crate::Var::least_squares).
    fn least_squares([a, b], rcond: Option<f64>) -> Result<Matrix<T>, LinalgError> { Ok(a.least_squares(b, rcond)?.value()) }

    /// A⁻¹: [`Var::inverse`](crate::Var::inverse).
    fn inverse([a]) -> Result<Matrix<T>, LinalgError> { Ok(a.inverse()?.value()) }

    /// A⁺: [`Var::pinv`](crate::Var::pinv).
    fn pinv([a], rcond: Option<f64>) -> Result<Matrix<T>, LinalgError> { Ok(a.pinv(rcond)?.value()) }

    /// det A: [`Var::determinant`](crate::Var::determinant).
    fn determinant([a]) -> Result<T, LinalgError> { Ok(a.determinant()?.item()) }

    /// ln |det A| and the sign of det A: [`Var::log_abs_determinant`](crate::Var::log_abs_determinant).
    fn log_abs_determinant([a]) -> Result<(T, f64), LinalgError> { a.log_abs_determinant().map(|(ln, sign)| (ln.item(), sign)) }

    /// The lower triangular L of A = L Lᵀ: [`Var::cholesky`](crate::Var::cholesky).
    fn cholesky([a]) -> Result<Matrix<T>, LinalgError> { Ok(a.cholesky()?.value()) }

    /// Q and R of A = Q R: [`Var::qr`](crate::Var::qr).
    fn qr([a]) -> Result<(Matrix<T>, Matrix<T>), LinalgError> { a.qr().map(|(q, r)| (q.value(), r.value())) }

    /// U, σ and V of A = U diag(σ) Vᵀ: [`Var::svd`](crate::Var::svd).
    fn svd([a]) -> Result<ThreeMatrices<T>, LinalgError> {
        a.svd().map(|(u, s, v)| (u.value(), s.value(), v.value()))
    }

    /// The singular values: [`Var::singular_values`](crate::Var::singular_values).
    fn singular_values([a]) -> Result<Matrix<T>, LinalgError> { Ok(a.singular_values()?.value()) }

    /// λ and V of ½ (A + Aᵀ) = V diag(λ) Vᵀ: [`Var::symmetric_eigen`](crate::Var::symmetric_eigen).
    fn symmetric_eigen([a]) -> Result<(Matrix<T>, Matrix<T>), LinalgError> {
        a.symmetric_eigen().map(|(values, vectors)| (values.value(), vectors.value()))
    }

    /// The number of singular values that do not count as 0: [`Var::rank`](crate::Var::rank).
    fn rank([a], rcond: Option<f64>) -> Result<usize, LinalgError> { a.rank(rcond) }

    /// The largest singular value divided by the smallest: [`Var::cond`](crate::Var::cond).
    fn cond([a]) -> Result<T, LinalgError> { Ok(a.cond()?.item()) }

    /// e^A: [`Var::matrix_exp`](crate::Var::matrix_exp).
    fn matrix_exp([a]) -> Result<Matrix<T>, LinalgError> { Ok(a.matrix_exp()?.value()) }

    /// Aᵏ: [`Var::matrix_power`](crate::Var::matrix_power).
    fn matrix_power([a], k: i32) -> Result<Matrix<T>, LinalgError> { Ok(a.matrix_power(k)?.value()) }
}
