//! Decompositions by faer, in double precision.

use faer::{Mat, MatRef, Side};
use kernel::{Float, Matrix, MatrixRef, compiled_once};

use crate::scaled::{times_power, unit};
use crate::systems::{Lost, rounding};
use crate::tall::Tall;

/// The lower triangular L with L Lᵀ = ½ (A + Aᵀ).
///
/// # Errors
/// The number of rows of the first leading block that is not positive definite, or whose last pivot is no larger than rounding.
#[compiled_once]
pub fn cholesky<T: Float>(a: MatrixRef<'_, T>) -> Result<Matrix<T>, usize> {
    let a = symmetric(a);
    let n = a.nrows();
    let Ok(factor) = a.llt(Side::Lower) else {
        let bad = |k: usize| a.submatrix(0, 0, k, k).llt(Side::Lower).is_err();
        return Err((1..n).find(|&k| bad(k)).unwrap_or(n));
    };
    let rest = |k: usize| factor.L()[(k, k)] * (factor.L()[(k, k)] / a[(k, k)]);
    if let Some(k) = (0..n).find(|&k| rest(k) <= n as f64 * f64::EPSILON) {
        return Err(k + 1);
    }
    Ok(Matrix::from_fn(n, n, |i, j| if i >= j { T::from_f64(factor.L()[(i, j)]) } else { T::default() }))
}

/// The eigenvalues of ½ (A + Aᵀ), ascending, in the first row, and below each its vector, whose largest entry in absolute value
/// is positive; `None` if the iteration does not converge.
#[compiled_once]
pub fn symmetric_eigen<T: Float>(a: MatrixRef<'_, T>) -> Option<Matrix<T>> {
    if a.rows() == 0 {
        return Some(Matrix::zeros(1, 0));
    }
    let unit = unit(a.as_slice().iter().map(|x| x.to_f64()));
    let a_over_unit = symmetric(a).map(|x| times_power(*x, -unit));
    let found = a_over_unit.self_adjoint_eigen(Side::Lower).ok()?;
    let (values, vectors) = (found.S(), found.U());
    let signs = signs(vectors);
    let entry = |i: usize, j: usize| if i == 0 { times_power(values[j], unit) } else { signs[j] * vectors[(i - 1, j)] };
    Some(Matrix::from_fn(a.rows() + 1, a.cols(), |i, j| T::from_f64(entry(i, j))))
}

/// Q with orthonormal columns above the upper triangular R with a positive diagonal, of A = Q R.
///
/// # Errors
/// The diagonal entry of R that is smallest in relation to its column, if a column lies within rounding of the span of the others. The
/// distance of a column to that span, relative to its length, is 1 / (|row of R⁻¹| |column of R|), which no scaling of columns changes.
#[compiled_once]
pub fn qr<T: Float>(a: MatrixRef<'_, T>) -> Result<Matrix<T>, Lost> {
    let (m, n) = a.shape();
    let Tall { q, r, units } = Tall::new(crate::wide(a).as_ref());
    if let Some(lost) = crate::tall::dependent(r.as_ref(), rounding::<T>(n)) {
        return Err(lost);
    }
    let sign = |k: usize| if r[(k, k)] < 0.0 { -1.0 } else { 1.0 };
    let entry = |i: usize, j: usize| match () {
        _ if i < m => q[(i, j)] * sign(j),
        _ if i - m <= j => times_power(r[(i - m, j)] * sign(i - m), units[j]),
        _ => 0.0,
    };
    Ok(Matrix::from_fn(m + n, n, |i, j| T::from_f64(entry(i, j))))
}

/// ½ (A + Aᵀ).
fn symmetric<T: Float>(a: MatrixRef<'_, T>) -> Mat<f64> {
    Mat::from_fn(a.rows(), a.cols(), |i, j| a[(i, j)].to_f64() * 0.5 + a[(j, i)].to_f64() * 0.5)
}

/// For each column the sign of its largest entry in absolute value.
fn signs(vectors: MatRef<'_, f64>) -> Vec<f64> {
    let largest = |max: f64, x: &f64| if x.abs() > max.abs() { *x } else { max };
    vectors.col_iter().map(|column| if column.iter().fold(0.0, largest) < 0.0 { -1.0 } else { 1.0 }).collect()
}

/// A = U diag(σ) Vᵀ of m × n with k = min(m, n): U, m × k, above σ, descending, above V, n × k. The largest entry in absolute value of
/// each column of U is positive. `None` if the iteration does not converge.
#[compiled_once]
pub fn svd<T: Float>(a: MatrixRef<'_, T>) -> Option<Matrix<T>> {
    let (m, n) = a.shape();
    let k = m.min(n);
    if k == 0 {
        return Some(Matrix::zeros(m + 1 + n, k));
    }
    let unit = unit(a.as_slice().iter().map(|x| x.to_f64()));
    let found = Mat::from_fn(m, n, |i, j| times_power(a[(i, j)].to_f64(), -unit)).thin_svd().ok()?;
    let (u, values, v) = (found.U(), found.S(), found.V());
    let signs = signs(u);
    let entry = |i: usize, j: usize| match () {
        _ if i < m => signs[j] * u[(i, j)],
        _ if i == m => times_power(values[j], unit),
        _ => signs[j] * v[(i - m - 1, j)],
    };
    Some(Matrix::from_fn(m + 1 + n, k, |i, j| T::from_f64(entry(i, j))))
}
