//! Systems of equations: elimination with row exchanges, in double precision, and the check whether its result is meaningful.

use faer::Mat;
use faer::linalg::solvers::{DenseSolveCore, PartialPivLu, Solve as _};
use kernel::{Float, Matrix, MatrixRef, compiled_once};

use crate::scaled::{Product, Scaled, times_power};
use crate::{Trans, Triangle};

/// A pivot that is not larger than rounding errors: its index, and its value in the scaled matrix.
pub type Lost = (usize, f64);

/// The lost pivot of A, if a matrix whose entries differ from those of A by roundings of T can be singular.
#[compiled_once]
pub fn singular<T: Float>(a: MatrixRef<'_, T>) -> Option<Lost> {
    Eliminated::new(a).lost(rounding::<T>(a.rows()), None)
}

/// A⁻¹ B or A⁻ᵀ B, without a check whether A is singular.
#[compiled_once]
pub fn solve<T: Float>(a: MatrixRef<'_, T>, trans: Trans, b: MatrixRef<'_, T>) -> Matrix<T> {
    Eliminated::new(a).solve(trans, b)
}

/// A⁻¹ B.
///
/// # Errors
/// If A is [singular].
#[compiled_once]
pub fn solve_regular<T: Float>(a: MatrixRef<'_, T>, b: MatrixRef<'_, T>) -> Result<Matrix<T>, Lost> {
    let found = Eliminated::new(a);
    found.lost(rounding::<T>(a.rows()), None).map_or_else(|| Ok(found.solve(Trans::No, b)), Err)
}

/// L⁻¹ B or L⁻ᵀ B for a triangular L. The other triangle of L is not read.
#[compiled_once]
pub fn solve_triangular<T: Float>(
    l: MatrixRef<'_, T>,
    triangle: Triangle,
    trans: Trans,
    b: MatrixRef<'_, T>,
) -> Matrix<T> {
    let (l, mut x) = (crate::wide(l), crate::wide(b));
    let l = if trans == Trans::No { l.as_ref() } else { l.transpose() };
    match (triangle == Triangle::Lower) == (trans == Trans::No) {
        true => l.solve_lower_triangular_in_place(x.as_mut()),
        false => l.solve_upper_triangular_in_place(x.as_mut()),
    }
    crate::narrow(x.as_ref())
}

/// A⁻¹, without a check whether A is singular.
#[compiled_once]
pub fn inverse<T: Float>(a: MatrixRef<'_, T>) -> Matrix<T> {
    let found = Eliminated::new(a);
    found.scaled_back(&found.lu.inverse())
}

/// A⁻¹.
///
/// # Errors
/// If A is [singular].
#[compiled_once]
pub fn inverse_regular<T: Float>(a: MatrixRef<'_, T>) -> Result<Matrix<T>, Lost> {
    let found = Eliminated::new(a);
    let inverse = found.lu.inverse();
    found.lost(rounding::<T>(a.rows()), Some(&inverse)).map_or_else(|| Ok(found.scaled_back(&inverse)), Err)
}

/// ln |det A| and the sign of det A, from the pivots and the row exchanges, without a check whether A is singular.
#[compiled_once]
pub fn log_abs_determinant<T: Float>(a: MatrixRef<'_, T>) -> (f64, f64) {
    Eliminated::new(a).log_abs_determinant()
}

/// ln |det A| and the sign of det A.
///
/// # Errors
/// If A is [singular].
#[compiled_once]
pub fn log_abs_determinant_regular<T: Float>(a: MatrixRef<'_, T>) -> Result<(f64, f64), Lost> {
    let found = Eliminated::new(a);
    found.lost(rounding::<T>(a.rows()), None).map_or_else(|| Ok(found.log_abs_determinant()), Err)
}

/// The rounding of the numbers of T, or that of an elimination of n numbers, whichever is larger.
pub fn rounding<T: Float>(n: usize) -> f64 {
    f64::max(T::EPSILON, 8.0 * n as f64 * f64::EPSILON)
}

/// The number of rows from which on an inverse, or an elimination with exchanges of columns too, is computed only if an estimate does not
/// decide.
pub const LARGE: usize = 48;

/// The elimination of a scaled matrix with row exchanges.
pub struct Eliminated {
    pub scaled: Scaled,
    pub lu: PartialPivLu<f64>,
}

impl Eliminated {
    pub fn new<T: Float>(a: MatrixRef<'_, T>) -> Self {
        let scaled = Scaled::new(a);
        let lu = scaled.s.partial_piv_lu();
        Eliminated { scaled, lu }
    }

    fn side(&self) -> usize {
        self.scaled.s.nrows()
    }

    fn pivots(&self) -> impl Iterator<Item = f64> {
        (0..self.side()).map(|k| self.lu.U()[(k, k)])
    }

    /// det S, with the sign of the row exchanges.
    pub fn product(&self) -> Product {
        let sign = if exchanges(self.lu.P().arrays().0).is_multiple_of(2) { 1.0 } else { -1.0 };
        self.pivots().map(Product::new).fold(Product::new(sign), Product::times)
    }

    fn log_abs_determinant(&self) -> (f64, f64) {
        let mut product = self.product();
        product.k += self.scaled.of_determinant();
        (product.ln_abs(), if product.x > 0.0 { 1.0 } else { -1.0 })
    }

    fn solve<T: Float>(&self, trans: Trans, b: MatrixRef<'_, T>) -> Matrix<T> {
        let Scaled { rows, cols, .. } = &self.scaled;
        let (left, right) = if trans == Trans::No { (rows, cols) } else { (cols, rows) };
        let b = Mat::from_fn(b.rows(), b.cols(), |i, j| times_power(b[(i, j)].to_f64(), -left[i]));
        let x = if trans == Trans::No { self.lu.solve(b) } else { self.lu.solve_transpose(b) };
        Matrix::from_fn(x.nrows(), x.ncols(), |i, j| T::from_f64(times_power(x[(i, j)], -right[i])))
    }

    /// A⁻¹ from S⁻¹.
    fn scaled_back<T: Float>(&self, inverse: &Mat<f64>) -> Matrix<T> {
        let Scaled { rows, cols, .. } = &self.scaled;
        Matrix::from_fn(cols.len(), rows.len(), |i, j| T::from_f64(times_power(inverse[(i, j)], -cols[i] - rows[j])))
    }

    /// Whether A is certainly far from singular. This is decided only for large matrices, by an estimate of the condition, because an
    /// inverse would take twice as long as the elimination. The estimate is rarely less than a tenth of the condition, and it must be less
    /// than a thirtieth of what [`lost`](Self::lost) allows.
    pub fn beyond_doubt(&self, rounding: f64) -> bool {
        const MARGIN: f64 = 30.0;
        self.side() >= LARGE && self.pivots().all(|pivot| pivot != 0.0) && self.condition() * MARGIN < 1.0 / rounding
    }

    /// The lost pivot, if a matrix whose entries differ from those of A by at most a factor 1 ± `rounding` can be singular.
    ///
    /// This requires that the spectral radius of |A⁻¹| |A| is at least 1 / `rounding`. No scaling of rows or columns changes the spectral
    /// radius, and it is the least condition number over all scalings (Bauer, Numerische Mathematik 5, 1963, p. 73). It is at most maxᵢ
    /// (|A⁻¹| |A| x)ᵢ / xᵢ for any positive x, and iterating with powers of the matrix brings this bound down to it.
    pub fn lost(&self, rounding: f64, inverse: Option<&Mat<f64>>) -> Option<Lost> {
        if let Some(found) = self.pivots().enumerate().find(|(_, pivot)| *pivot == 0.0 || !pivot.is_finite()) {
            return Some(found);
        }
        if inverse.is_none() && self.beyond_doubt(rounding) {
            return None;
        }
        let made;
        let inverse = if let Some(inverse) = inverse {
            inverse
        } else {
            made = self.lu.inverse();
            &made
        };
        let mut x = vec![1.0; self.side()];
        for _ in 0..16 {
            let y = times_sizes(inverse, &times_sizes(&self.scaled.s, &x));
            let bound = y.iter().zip(&x).fold(0.0, |max, (y, x)| if y / x <= max { max } else { y / x });
            if bound < 1.0 / rounding {
                return None;
            }
            let largest = y.iter().copied().fold(0.0, f64::max);
            x = y.iter().map(|y| (y / largest).max(1e-300)).collect();
        }
        self.pivots().enumerate().min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
    }

    /// A lower estimate of the largest row sum of |S⁻¹| |S|, which is the 1-norm of D S⁻ᵀ with D = diag(|S| 1). It takes a few solutions
    /// with S and Sᵀ (Higham, ACM Transactions on Mathematical Software 14, 1988, algorithms 4.1 and 5.1).
    pub fn condition(&self) -> f64 {
        let n = self.side();
        let d = times_sizes(&self.scaled.s, &vec![1.0; n]);
        let times = |x: &Mat<f64>| {
            let y = self.lu.solve_transpose(x);
            Mat::from_fn(n, 1, |i, _| d[i] * y[(i, 0)])
        };
        let size = |y: &Mat<f64>| (0..n).map(|i| y[(i, 0)].abs()).sum::<f64>();
        // The estimate from a vector with alternating signs does not vanish by cancellation if the iteration below stops early.
        let step =
            |i: usize| (1.0 + i as f64 / (n as f64 - 1.0).max(1.0)) * if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let mut found = 2.0 * size(&times(&Mat::from_fn(n, 1, |i, _| step(i)))) / (3.0 * n as f64);
        let mut x = Mat::from_fn(n, 1, |_, _| 1.0 / n as f64);
        for _ in 0..5 {
            let y = times(&x);
            found = f64::max(found, size(&y));
            let z = self.lu.solve(Mat::from_fn(n, 1, |i, _| d[i].copysign(y[(i, 0)])));
            let largest = |best, i| if z[(i, 0)].abs() > z[(best, 0)].abs() { i } else { best };
            let best = (0..n).fold(0, largest);
            if z[(best, 0)].abs() <= (0..n).map(|i| z[(i, 0)] * x[(i, 0)]).sum::<f64>() {
                break;
            }
            x = Mat::from_fn(n, 1, |i, _| f64::from(u8::from(i == best)));
        }
        if found.is_finite() { found } else { f64::INFINITY }
    }
}

/// |A| x.
fn times_sizes(a: &Mat<f64>, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; a.nrows()];
    for (column, x) in a.col_iter().zip(x) {
        y.iter_mut().zip(column.iter()).for_each(|(y, a)| *y += a.abs() * x);
    }
    y
}

/// The number of exchanges in a permutation, which is its length minus the number of its cycles.
pub fn exchanges(permutation: &[usize]) -> usize {
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
