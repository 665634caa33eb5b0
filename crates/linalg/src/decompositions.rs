//! Decompositions by faer, in double precision.

use faer::linalg::solvers::{DenseSolveCore, PartialPivLu, Solve as _};
use faer::{Mat, MatRef, Side};
use kernel::{Float, Matrix, MatrixRef, compiled_once};

use crate::{Trans, Triangle};

/// The pivots of an elimination with row exchanges: the diagonal of U in P A = L U.
#[compiled_once]
pub fn pivots<T: Float>(a: MatrixRef<'_, T>) -> Vec<f64> {
    let lu = lu(a);
    (0..lu.U().ncols()).map(|i| lu.U()[(i, i)]).collect()
}

/// A⁻¹ B or A⁻ᵀ B.
#[compiled_once]
pub fn solve<T: Float>(a: MatrixRef<'_, T>, trans: Trans, b: MatrixRef<'_, T>) -> Matrix<T> {
    let (lu, b) = (lu(a), wide(b));
    narrow(if trans == Trans::No { lu.solve(b) } else { lu.solve_transpose(b) }.as_ref())
}

/// L⁻¹ B or L⁻ᵀ B for a triangular L, of which the other triangle is not read.
#[compiled_once]
pub fn solve_triangular<T: Float>(
    l: MatrixRef<'_, T>,
    triangle: Triangle,
    trans: Trans,
    b: MatrixRef<'_, T>,
) -> Matrix<T> {
    let (l, mut x) = (wide(l), wide(b));
    let l = if trans == Trans::No { l.as_ref() } else { l.transpose() };
    match (triangle == Triangle::Lower) == (trans == Trans::No) {
        true => l.solve_lower_triangular_in_place(x.as_mut()),
        false => l.solve_upper_triangular_in_place(x.as_mut()),
    }
    narrow(x.as_ref())
}

/// A⁻¹.
#[compiled_once]
pub fn inverse<T: Float>(a: MatrixRef<'_, T>) -> Matrix<T> {
    narrow(lu(a).inverse().as_ref())
}

/// det A.
#[compiled_once]
pub fn determinant<T: Float>(a: MatrixRef<'_, T>) -> T {
    T::from_f64(wide(a).determinant())
}

/// ln |det A| and the sign of det A: of the product of the pivots, and of the row exchanges.
#[compiled_once]
pub fn log_abs_determinant<T: Float>(a: MatrixRef<'_, T>) -> (f64, f64) {
    let lu = lu(a);
    let pivots = (0..a.cols()).map(|i| lu.U()[(i, i)]);
    let negative = pivots.clone().filter(|x| *x < 0.0).count() + exchanges(lu.P().arrays().0);
    (pivots.map(|x| x.abs().ln()).sum(), if negative.is_multiple_of(2) { 1.0 } else { -1.0 })
}

/// The lower triangular L with L Lᵀ = ½ (A + Aᵀ).
///
/// # Errors
/// The number of rows of the first leading block that is not positive definite.
#[compiled_once]
pub fn cholesky<T: Float>(a: MatrixRef<'_, T>) -> Result<Matrix<T>, usize> {
    let a = symmetric(a);
    let Ok(factor) = a.llt(Side::Lower) else {
        let bad = |k: usize| a.submatrix(0, 0, k, k).llt(Side::Lower).is_err();
        return Err((1..a.nrows()).find(|&k| bad(k)).unwrap_or(a.nrows()));
    };
    Ok(Matrix::from_fn(
        a.nrows(),
        a.ncols(),
        |i, j| {
            if i >= j { T::from_f64(factor.L()[(i, j)]) } else { T::default() }
        },
    ))
}

/// The eigenvalues of ½ (A + Aᵀ), ascending, in the first row, and below each its vector, whose largest entry in absolute value
/// is positive; `None` if the iteration does not converge.
#[compiled_once]
pub fn symmetric_eigen<T: Float>(a: MatrixRef<'_, T>) -> Option<Matrix<T>> {
    let found = symmetric(a).self_adjoint_eigen(Side::Lower).ok()?;
    let (values, vectors) = (found.S(), found.U());
    let sign = |j: usize| {
        let column = (0..a.rows()).map(|i| vectors[(i, j)]);
        let largest = column.reduce(|max, x| if x.abs() > max.abs() { x } else { max });
        if largest.is_some_and(|x| x < 0.0) { -1.0 } else { 1.0 }
    };
    let signs: Vec<f64> = (0..a.cols()).map(sign).collect();
    let entry = |i: usize, j: usize| if i == 0 { values[j] } else { signs[j] * vectors[(i - 1, j)] };
    Some(Matrix::from_fn(a.rows() + 1, a.cols(), |i, j| T::from_f64(entry(i, j))))
}

/// Q with orthonormal columns above the upper triangular R with a positive diagonal, of A = Q R.
#[compiled_once]
pub fn qr<T: Float>(a: MatrixRef<'_, T>) -> Matrix<T> {
    let (m, n) = a.shape();
    let qr = wide(a).qr();
    let (q, r) = (qr.compute_thin_Q(), qr.thin_R());
    let sign = |k: usize| if r[(k, k)] < 0.0 { -1.0 } else { 1.0 };
    let entry = |i: usize, j: usize| match () {
        _ if i < m => q[(i, j)] * sign(j),
        _ if i - m <= j => r[(i - m, j)] * sign(i - m),
        _ => 0.0,
    };
    Matrix::from_fn(m + n, n, |i, j| T::from_f64(entry(i, j)))
}

fn lu<T: Float>(a: MatrixRef<'_, T>) -> PartialPivLu<f64> {
    wide(a).partial_piv_lu()
}

fn wide<T: Float>(x: MatrixRef<'_, T>) -> Mat<f64> {
    Mat::from_fn(x.rows(), x.cols(), |i, j| x[(i, j)].to_f64())
}

fn narrow<T: Float>(x: MatRef<'_, f64>) -> Matrix<T> {
    Matrix::from_fn(x.nrows(), x.ncols(), |i, j| T::from_f64(x[(i, j)]))
}

/// ½ (A + Aᵀ).
fn symmetric<T: Float>(a: MatrixRef<'_, T>) -> Mat<f64> {
    Mat::from_fn(a.rows(), a.cols(), |i, j| (a[(i, j)].to_f64() + a[(j, i)].to_f64()) * 0.5)
}

/// How many exchanges make a permutation: its length less the number of its cycles.
fn exchanges(permutation: &[usize]) -> usize {
    let (mut seen, mut cycles) = (vec![false; permutation.len()], 0);
    for start in 0..permutation.len() {
        let mut k = start;
        cycles += usize::from(!seen[start]);
        while !seen[k] {
            seen[k] = true;
            k = permutation[k];
        }
    }
    permutation.len() - cycles
}
