//! Q R factors of matrices with at least as many rows as columns, and least squares by them.

use faer::{Mat, MatRef};
use kernel::{Float, Matrix, MatrixRef, compiled_once};

use crate::Trans;
use crate::scaled::{times_power, unit};
use crate::systems::{Lost, rounding};

/// A = Q R diag(2^units). The units are chosen so that the largest entry of each column of A, divided by 2^unit, is about 1.
pub struct Tall {
    pub q: Mat<f64>,
    pub r: Mat<f64>,
    pub units: Vec<i32>,
}

impl Tall {
    pub fn new(a: MatRef<'_, f64>) -> Tall {
        let units: Vec<i32> = a.col_iter().map(|column| unit(column.iter().copied())).collect();
        let qr = Mat::from_fn(a.nrows(), a.ncols(), |i, j| times_power(a[(i, j)], -units[j])).qr();
        Tall { q: qr.compute_thin_Q(), r: qr.thin_R().to_owned(), units }
    }

    /// A⁺ B.
    fn solve(&self, b: MatRef<'_, f64>) -> Mat<f64> {
        let mut x = self.q.transpose() * b;
        self.r.solve_upper_triangular_in_place(x.as_mut());
        Mat::from_fn(x.nrows(), x.ncols(), |i, j| times_power(x[(i, j)], -self.units[i]))
    }

    /// (Aᵀ)⁺ B.
    fn solve_transpose(&self, b: MatRef<'_, f64>) -> Mat<f64> {
        let mut x = Mat::from_fn(b.nrows(), b.ncols(), |i, j| times_power(b[(i, j)], -self.units[i]));
        self.r.transpose().solve_lower_triangular_in_place(x.as_mut());
        &self.q * x
    }
}

/// The diagonal entry of R that is smallest in relation to its column, if a column of Q R lies within `rounding` of the span of the others.
/// The distance of a column to that span, relative to its length, is 1 / (|row of R⁻¹| |column of R|), which no scaling of columns changes.
pub fn dependent(r: MatRef<'_, f64>, rounding: f64) -> Option<Lost> {
    let n = r.ncols();
    let length = |j: usize| r.col(j).subrows(0, j + 1).norm_l2();
    let mut inverse = Mat::<f64>::identity(n, n);
    r.solve_upper_triangular_in_place(inverse.as_mut());
    let apart = |k: usize| 1.0 / (inverse.row(k).norm_l2() * length(k));
    if (0..n).all(|k| apart(k) > rounding) {
        return None;
    }
    let beside = |k: &usize| (r[(*k, *k)] / length(*k)).abs();
    let lost = (0..n).find(|&k| length(k) == 0.0);
    let lost = lost.or_else(|| (0..n).min_by(|a, b| beside(a).total_cmp(&beside(b)))).unwrap_or(0);
    Some((lost, r[(lost, lost)].abs()))
}

/// A⁺ B or (Aᵀ)⁺ B: the smallest of the matrices X for which A X is nearest to B.
///
/// It is computed by Q R if the columns of A (or its rows, if there are fewer) are linearly independent and `rcond` is not given. Otherwise
/// it is computed from the singular values. Those that are at most `rcond` times the largest count as 0; the default of `rcond` is the
/// rounding of T times the longer side. It is `None` if the iteration for the singular values does not converge.
#[compiled_once]
pub fn least_squares<T: Float>(
    a: MatrixRef<'_, T>,
    trans: Trans,
    b: MatrixRef<'_, T>,
    rcond: Option<f64>,
) -> Option<Matrix<T>> {
    let (a, b) = (crate::wide(a), crate::wide(b));
    let (upright, x_rows) = (a.nrows() >= a.ncols(), if trans == Trans::No { a.ncols() } else { a.nrows() });
    if a.nrows().min(a.ncols()) == 0 {
        return Some(Matrix::zeros(x_rows, b.ncols()));
    }
    let tall = if upright { a.as_ref() } else { a.transpose() };
    let as_it_is = upright == (trans == Trans::No);
    let factors = rcond.is_none().then(|| Tall::new(tall));
    let x = match factors.filter(|found| dependent(found.r.as_ref(), rounding::<T>(tall.ncols())).is_none()) {
        Some(found) if as_it_is => found.solve(b.as_ref()),
        Some(found) => found.solve_transpose(b.as_ref()),
        None => {
            let unit = unit(a.col_iter().flat_map(|column| column.iter()).copied());
            let found =
                Mat::from_fn(tall.nrows(), tall.ncols(), |i, j| times_power(tall[(i, j)], -unit)).thin_svd().ok()?;
            let (u, values, v) = (found.U(), found.S(), found.V());
            let (u, v) = if as_it_is { (u, v) } else { (v, u) };
            let least = values[0] * rcond.unwrap_or(T::EPSILON * tall.nrows() as f64);
            let inner = u.transpose() * &b;
            let over = |i: usize, x: f64| if values[i] > least { times_power(x / values[i], -unit) } else { 0.0 };
            v * Mat::from_fn(inner.nrows(), inner.ncols(), |i, j| over(i, inner[(i, j)]))
        }
    };
    Some(crate::narrow(x.as_ref()))
}

/// The number of these singular values, in descending order, that do not count as 0.
#[compiled_once]
pub fn rank<T: Float>(values: &[T], longer_side: usize, rcond: Option<f64>) -> usize {
    let least = values.first().map_or(0.0, |x| x.to_f64()) * rcond.unwrap_or(T::EPSILON * longer_side as f64);
    values.iter().take_while(|x| x.to_f64() > least).count()
}
