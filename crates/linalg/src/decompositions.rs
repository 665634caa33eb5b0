//! Decompositions by faer, in double precision.

use faer::linalg::solvers::{DenseSolveCore, PartialPivLu, Solve as _};
use faer::{Mat, MatRef, Side};
use kernel::{Float, Matrix, MatrixRef, compiled_once};

use crate::scaled::{Product, Scaled, exponent, times_power};
use crate::{Trans, Triangle};

/// A pivot that is nothing but rounding: its number, and its value in the scaled matrix.
pub type Lost = (usize, f64);

/// Which pivot of A is lost, if numbers that differ from those of A by roundings of T can make a singular matrix.
///
/// That needs a spectral radius of |A⁻¹| |A| of 1 / ε at least. No scaling of rows or columns changes it, and of all scalings it
/// is the least condition number (Bauer, Numerische Mathematik 5, 1963, p. 73). It is at most maxᵢ (|A⁻¹| |A| x)ᵢ / xᵢ for any
/// positive x, and powers of the matrix bring the bound down to it.
#[compiled_once]
pub fn singular<T: Float>(a: MatrixRef<'_, T>) -> Option<Lost> {
    let (n, (scaled, lu)) = (a.rows(), eliminated(a));
    let pivots = || (0..n).map(|k| lu.U()[(k, k)]);
    if let Some(found) = pivots().enumerate().find(|(_, pivot)| *pivot == 0.0 || !pivot.is_finite()) {
        return Some(found);
    }
    let inverse = lu.inverse();
    let times = |a: &Mat<f64>, x: &[f64]| -> Vec<f64> {
        let mut y = vec![0.0; n];
        for (j, x) in x.iter().enumerate() {
            y.iter_mut().enumerate().for_each(|(i, y)| *y += a[(i, j)].abs() * x);
        }
        y
    };
    let mut x = vec![1.0; n];
    for _ in 0..16 {
        let y = times(&inverse, &times(&scaled.s, &x));
        let bound = y.iter().zip(&x).fold(0.0, |max, (y, x)| if y / x <= max { max } else { y / x });
        if bound < 1.0 / rounding::<T>(n) {
            return None;
        }
        let largest = y.iter().copied().fold(0.0, f64::max);
        x = y.iter().map(|y| (y / largest).max(1e-300)).collect();
    }
    pivots().enumerate().min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
}

/// The rounding of the numbers of T, or that of an elimination of n numbers, whichever is larger.
fn rounding<T: Float>(n: usize) -> f64 {
    f64::max(T::EPSILON, 8.0 * n as f64 * f64::EPSILON)
}

/// A⁻¹ B or A⁻ᵀ B.
#[compiled_once]
pub fn solve<T: Float>(a: MatrixRef<'_, T>, trans: Trans, b: MatrixRef<'_, T>) -> Matrix<T> {
    let (scaled, lu) = eliminated(a);
    let (left, right) = if trans == Trans::No { (scaled.rows, scaled.cols) } else { (scaled.cols, scaled.rows) };
    let b = Mat::from_fn(b.rows(), b.cols(), |i, j| times_power(b[(i, j)].to_f64(), -left[i]));
    let x = if trans == Trans::No { lu.solve(b) } else { lu.solve_transpose(b) };
    Matrix::from_fn(x.nrows(), x.ncols(), |i, j| T::from_f64(times_power(x[(i, j)], -right[i])))
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
    let (Scaled { rows, cols, .. }, lu) = eliminated(a);
    let inverse = lu.inverse();
    Matrix::from_fn(a.cols(), a.rows(), |i, j| T::from_f64(times_power(inverse[(i, j)], -cols[i] - rows[j])))
}

/// ln |det A| and the sign of det A: of the product of the pivots, and of the row exchanges.
#[compiled_once]
pub fn log_abs_determinant<T: Float>(a: MatrixRef<'_, T>) -> (f64, f64) {
    let (scaled, lu) = eliminated(a);
    let pivots = (0..a.cols()).map(|k| Product::new(lu.U()[(k, k)]));
    let mut product = pivots.fold(Product::ONE, Product::times);
    product.k += scaled.of_determinant();
    let even = exchanges(lu.P().arrays().0).is_multiple_of(2);
    (product.ln_abs(), if even == (product.x > 0.0) { 1.0 } else { -1.0 })
}

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
    let largest = a.as_slice().iter().fold(0.0, |max: f64, x| max.max(x.to_f64().abs()));
    let unit = if largest > 0.0 { exponent(largest) } else { 0 };
    let a_over_unit = symmetric(a).map(|x| times_power(*x, -unit));
    let found = a_over_unit.self_adjoint_eigen(Side::Lower).ok()?;
    let (values, vectors) = (found.S(), found.U());
    let sign = |j: usize| {
        let column = (0..a.rows()).map(|i| vectors[(i, j)]);
        let largest = column.reduce(|max, x| if x.abs() > max.abs() { x } else { max });
        if largest.is_some_and(|x| x < 0.0) { -1.0 } else { 1.0 }
    };
    let signs: Vec<f64> = (0..a.cols()).map(sign).collect();
    let entry = |i: usize, j: usize| if i == 0 { times_power(values[j], unit) } else { signs[j] * vectors[(i - 1, j)] };
    Some(Matrix::from_fn(a.rows() + 1, a.cols(), |i, j| T::from_f64(entry(i, j))))
}

/// Q with orthonormal columns above the upper triangular R with a positive diagonal, of A = Q R.
///
/// # Errors
/// The entry of the diagonal of R that is smallest beside its column, if a column lies within rounding of the span of the
/// others. Its distance to them, relative to its length, is 1 / (|row of R⁻¹| |column of R|), which no scaling of columns
/// changes.
#[compiled_once]
pub fn qr<T: Float>(a: MatrixRef<'_, T>) -> Result<Matrix<T>, Lost> {
    let (m, n) = a.shape();
    let units: Vec<i32> = (0..n)
        .map(|j| a.col(j).iter().map(|x| x.to_f64()).filter(|x| *x != 0.0).map(exponent).max().unwrap_or(0))
        .collect();
    let qr = Mat::from_fn(m, n, |i, j| times_power(a[(i, j)].to_f64(), -units[j])).qr();
    let (q, r) = (qr.compute_thin_Q(), qr.thin_R());
    let length = |j: usize| r.col(j).subrows(0, j + 1).norm_l2();
    let mut inverse = Mat::<f64>::identity(n, n);
    r.solve_upper_triangular_in_place(inverse.as_mut());
    let apart = |k: usize| 1.0 / (inverse.row(k).norm_l2() * length(k));
    if !(0..n).all(|k| apart(k) > rounding::<T>(n)) {
        let beside = |k: &usize| (r[(*k, *k)] / length(*k)).abs();
        let lost = (0..n).find(|&k| length(k) == 0.0);
        let lost = lost.or_else(|| (0..n).min_by(|a, b| beside(a).total_cmp(&beside(b)))).unwrap_or(0);
        return Err((lost, r[(lost, lost)].abs()));
    }
    let sign = |k: usize| if r[(k, k)] < 0.0 { -1.0 } else { 1.0 };
    let entry = |i: usize, j: usize| match () {
        _ if i < m => q[(i, j)] * sign(j),
        _ if i - m <= j => times_power(r[(i - m, j)] * sign(i - m), units[j]),
        _ => 0.0,
    };
    Ok(Matrix::from_fn(m + n, n, |i, j| T::from_f64(entry(i, j))))
}

/// The elimination, with row exchanges, of a matrix that is scaled.
fn eliminated<T: Float>(a: MatrixRef<'_, T>) -> (Scaled, PartialPivLu<f64>) {
    let scaled = Scaled::new(a);
    let lu = scaled.s.partial_piv_lu();
    (scaled, lu)
}

fn wide<T: Float>(x: MatrixRef<'_, T>) -> Mat<f64> {
    Mat::from_fn(x.rows(), x.cols(), |i, j| x[(i, j)].to_f64())
}

fn narrow<T: Float>(x: MatRef<'_, f64>) -> Matrix<T> {
    Matrix::from_fn(x.nrows(), x.ncols(), |i, j| T::from_f64(x[(i, j)]))
}

/// ½ (A + Aᵀ).
fn symmetric<T: Float>(a: MatrixRef<'_, T>) -> Mat<f64> {
    Mat::from_fn(a.rows(), a.cols(), |i, j| a[(i, j)].to_f64() * 0.5 + a[(j, i)].to_f64() * 0.5)
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
