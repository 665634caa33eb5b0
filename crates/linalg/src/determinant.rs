//! The determinant and its derivatives, which exist for singular matrices too. They are computed by elimination with exchanges of rows and
//! columns. A matrix of rank r then has n − r zeros at the end of its diagonal.

use std::cmp::Ordering;

use faer::Mat;
use faer::linalg::solvers::DenseSolveCore;
use kernel::{Float, Matrix, MatrixRef, compiled_once};

use crate::scaled::{Product, Scaled, times_power};
use crate::systems::{Eliminated, LARGE, exchanges, rounding};

/// det A.
#[compiled_once]
pub fn determinant<T: Float>(a: MatrixRef<'_, T>) -> T {
    if let Some(found) = regular(a, 1.0) {
        return T::from_f64(found.product().over_power(-found.scaled.of_determinant()));
    }
    let found = Elimination::new(a);
    let product = found.diagonal().fold(found.sign(), Product::times);
    T::from_f64(product.over_power(-found.scaled.of_determinant()))
}

/// The gradient of det A: the transpose of the adjugate.
///
/// det A = ± det D for the diagonal D of L D U, so the gradient with respect to an entry of D is the product of all other entries. L⁻ᵀ and
/// U⁻ᵀ transform this gradient into that with respect to A (Stewart, Linear Algebra and its Applications 283, 1998, p. 151).
#[compiled_once]
pub fn cofactors<T: Float>(a: MatrixRef<'_, T>) -> Matrix<T> {
    if let Some(found) = regular(a, 1.0) {
        let Product { x, k } = found.product();
        return unscaled(&(found.lu.inverse() * faer::Scale(x)), &found.scaled, k);
    }
    let found = Elimination::new(a);
    let n = a.rows();
    let mut others = vec![found.sign(); n];
    for (i, product) in others.iter_mut().enumerate() {
        *product = found.diagonal().enumerate().filter(|&(k, _)| k != i).fold(*product, |p, (_, d)| p.times(d));
    }
    let unit = largest(&others);
    let inner = Mat::from_fn(n, n, |i, j| if i == j { others[i].over_power(unit) } else { 0.0 });
    found.outward(inner, unit)
}

/// The derivative of the gradient of det A in the direction E, which is the Hessian times E.
///
/// With E' = L⁻¹ E U⁻¹ and pᵢⱼ = Πₖ dₖ over all k but i and j, the derivative for det D is Σᵢ pᵢⱼ E'ᵢᵢ at (j, j) and −pᵢⱼ E'ⱼᵢ at (i, j).
#[compiled_once]
pub fn cofactors_push<T: Float>(a: MatrixRef<'_, T>, e: MatrixRef<'_, T>) -> Matrix<T> {
    // The difference below loses as many digits by cancellation as A⁻¹ has lost by rounding.
    const MARGIN: f64 = 1e6;
    if let Some(found) = regular(a, MARGIN) {
        // det A (tr P · 1 − P) A⁻¹ of P = A⁻¹ E.
        let (Product { x, k }, inverse) = (found.product(), found.lu.inverse());
        let mut p = &inverse * as_scaled(e, &found.scaled);
        let trace: f64 = (0..a.rows()).map(|i| p[(i, i)]).sum();
        p = Mat::from_fn(a.rows(), a.rows(), |i, j| x * (if i == j { trace } else { 0.0 } - p[(i, j)]));
        return unscaled(&(p * inverse), &found.scaled, k);
    }
    let found = Elimination::new(a);
    let n = a.rows();
    // The products of the pivots before the first of two places, between the two, and after the second.
    let d: Vec<Product> = found.diagonal().collect();
    let mut after = vec![Product::ONE; n + 1];
    for k in (0..n).rev() {
        after[k] = after[k + 1].times(d[k]);
    }
    let (mut pairs, mut before) = (Vec::new(), found.sign());
    for i in 0..n {
        let mut between = before;
        for j in i + 1..n {
            pairs.push((i, j, between.times(after[j + 1])));
            between = between.times(d[j]);
        }
        before = before.times(d[i]);
    }
    let unit = largest(&pairs.iter().map(|pair| pair.2).collect::<Vec<_>>());
    let e = found.inward(e);
    let mut inner = Mat::zeros(n, n);
    for (i, j, product) in pairs {
        let p = product.over_power(unit);
        inner[(i, i)] += p * e[(j, j)];
        inner[(j, j)] += p * e[(i, i)];
        inner[(i, j)] -= p * e[(j, i)];
        inner[(j, i)] -= p * e[(i, j)];
    }
    found.outward(inner, unit)
}

/// The largest exponent among the products that are not zero.
fn largest(products: &[Product]) -> i32 {
    products.iter().filter(|p| p.x != 0.0).map(|p| p.k).max().unwrap_or(0)
}

/// An elimination with row exchanges only, for a large matrix that is far from singular. It takes a fraction of the time of an
/// [`Elimination`]. The allowed rounding is multiplied by `margin`, so a larger `margin` accepts fewer matrices.
fn regular<T: Float>(a: MatrixRef<'_, T>, margin: f64) -> Option<Eliminated> {
    let found = (a.rows() >= LARGE).then(|| Eliminated::new(a))?;
    found.beyond_doubt(margin * rounding::<T>(a.rows())).then_some(found)
}

/// Converts a gradient with respect to S into one with respect to A. It is given as its transpose, divided by 2^k.
fn unscaled<T: Float>(transposed: &Mat<f64>, scaled: &Scaled, k: i32) -> Matrix<T> {
    let power = k + scaled.of_determinant();
    let entry = |i: usize, j: usize| times_power(transposed[(j, i)], power - scaled.rows[i] - scaled.cols[j]);
    Matrix::from_fn(transposed.ncols(), transposed.nrows(), |i, j| T::from_f64(entry(i, j)))
}

/// E, scaled like A in S.
fn as_scaled<T: Float>(e: MatrixRef<'_, T>, scaled: &Scaled) -> Mat<f64> {
    Mat::from_fn(e.rows(), e.cols(), |i, j| times_power(e[(i, j)].to_f64(), -scaled.rows[i] - scaled.cols[j]))
}

/// S with its rows and columns in another order is L D U. L and U have ones on their diagonals, and the pivots D are in roughly descending
/// order.
struct Elimination {
    scaled: Scaled,
    l: Mat<f64>,
    d: Vec<f64>,
    u: Mat<f64>,
    rows: Vec<usize>,
    cols: Vec<usize>,
}

impl Elimination {
    /// Each pivot is the largest of the entries that are left (Golub & Van Loan, *Matrix Computations*, section 3.4.8). faer's
    /// `full_piv_lu` is not used: with the AVX-512 of some processors, version 0.24 takes smaller pivots, and gives NaN if the rank is less.
    fn new<T: Float>(a: MatrixRef<'_, T>) -> Self {
        let (n, scaled) = (a.rows(), Scaled::new(a));
        let mut columns: Vec<Vec<f64>> = (0..n).map(|j| (0..n).map(|i| scaled.s[(i, j)]).collect()).collect();
        let (mut rows, mut cols, mut d) = ((0..n).collect::<Vec<_>>(), (0..n).collect::<Vec<_>>(), vec![0.0; n]);
        for k in 0..n {
            let (mut largest, mut at) = (0.0, None);
            for (j, column) in columns.iter().enumerate().skip(k) {
                for (i, x) in column.iter().enumerate().skip(k) {
                    // NaN stays the largest, so that it reaches the result.
                    if x.abs() > largest || (x.is_nan() && !f64::is_nan(largest)) {
                        (largest, at) = (x.abs(), Some((i, j)));
                    }
                }
            }
            let Some((i, j)) = at else { break };
            rows.swap(k, i);
            cols.swap(k, j);
            columns.swap(k, j);
            columns.iter_mut().for_each(|column| column.swap(k, i));
            let (before, after) = columns.split_at_mut(k + 1);
            let below = &mut before[k];
            d[k] = below[k];
            below[k + 1..].iter_mut().for_each(|x| *x /= d[k]);
            for column in after {
                let u = column[k];
                column[k + 1..].iter_mut().zip(&below[k + 1..]).for_each(|(x, l)| *x -= l * u);
            }
        }
        let l = Mat::from_fn(n, n, |i, j| match i.cmp(&j) {
            Ordering::Less => 0.0,
            Ordering::Equal => 1.0,
            Ordering::Greater => columns[j][i],
        });
        let u = Mat::from_fn(n, n, |i, j| match () {
            _ if i == j => 1.0,
            _ if i > j || d[i] == 0.0 => 0.0,
            _ => columns[j][i] / d[i],
        });
        Elimination { l, d, u, rows, cols, scaled }
    }

    fn diagonal(&self) -> impl Iterator<Item = Product> {
        self.d.iter().map(|d| Product::new(*d))
    }

    fn sign(&self) -> Product {
        let even = (exchanges(&self.rows) + exchanges(&self.cols)).is_multiple_of(2);
        Product::new(if even { 1.0 } else { -1.0 })
    }

    /// L⁻¹ E U⁻¹, with E scaled like A in S and in the order of the factors.
    fn inward<T: Float>(&self, e: MatrixRef<'_, T>) -> Mat<f64> {
        let Elimination { scaled, rows, cols, .. } = self;
        let e = as_scaled(e, scaled);
        let mut x = Mat::from_fn(rows.len(), rows.len(), |i, j| e[(rows[i], cols[j])]);
        self.l.solve_unit_lower_triangular_in_place(x.as_mut());
        self.u.transpose().solve_unit_lower_triangular_in_place(x.transpose_mut());
        x
    }

    /// Converts a gradient with respect to D, divided by 2^unit, into one with respect to A. It is the transpose of
    /// [`inward`](Self::inward).
    fn outward<T: Float>(&self, mut x: Mat<f64>, unit: i32) -> Matrix<T> {
        let Elimination { scaled, rows, cols, .. } = self;
        self.l.transpose().solve_unit_upper_triangular_in_place(x.as_mut());
        self.u.solve_unit_upper_triangular_in_place(x.transpose_mut());
        let mut y = Mat::zeros(rows.len(), rows.len());
        for (j, &q) in cols.iter().enumerate() {
            for (i, &p) in rows.iter().enumerate() {
                y[(q, p)] = x[(i, j)];
            }
        }
        unscaled(&y, scaled, unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::{inverse_regular, log_abs_determinant_regular, solve_regular};

    /// Numbers in (−1, 1) without a pattern.
    fn numbers(rows: usize, cols: usize, seed: u64) -> Matrix<f64> {
        let mut state = seed;
        Matrix::from_fn(rows, cols, |_, _| kernel::split_mix(&mut state) as f64 / 2f64.powi(63) - 1.0)
    }

    /// A matrix whose last row is the sum of two others, up to noise of size `apart`.
    fn dependent(n: usize, apart: f64, seed: u64) -> Matrix<f64> {
        let (mut a, noise) = (numbers(n, n, seed), numbers(1, n, seed + 1));
        for j in 0..n {
            a[(n - 1, j)] = a[(0, j)] + a[(1, j)] + apart * noise[(0, j)];
        }
        a
    }

    /// The rows and columns times powers of 2.
    fn badly_scaled(a: &Matrix<f64>, seed: u64) -> Matrix<f64> {
        let powers = numbers(a.rows(), 2, seed).map(|x| 2f64.powi((100.0 * x) as i32));
        Matrix::from_fn(a.rows(), a.cols(), |i, j| a[(i, j)] * powers[(i, 0)] * powers[(j, 1)])
    }

    /// If an estimate makes the inverse and the exchanges of columns unnecessary, the verdict is the same as with them. The numbers agree
    /// up to rounding times the condition.
    fn same_with_and_without_an_estimate(a: &Matrix<f64>, is_singular: bool, what: &str) {
        let (n, rounding) = (a.rows(), rounding::<f64>(a.rows()));
        let found = Eliminated::new(a.view());
        let careful = found.lost(rounding, Some(&found.lu.inverse()));
        let b = numbers(n, 2, 7);
        let (x, inverse) = (solve_regular(a.view(), b.view()), inverse_regular(a.view()));
        let verdicts = [
            careful.is_some(),
            found.lost(rounding, None).is_some(),
            x.is_err(),
            inverse.is_err(),
            log_abs_determinant_regular(a.view()).is_err(),
        ];
        assert_eq!(verdicts, [is_singular; 5], "{what}");
        let (Ok(x), Ok(inverse)) = (x, inverse) else {
            return assert!(regular(a.view(), 1.0).is_none(), "{what}");
        };
        let allowed = n as f64 * f64::EPSILON * Eliminated::new(a.view()).condition();
        for (i, j) in (0..n).flat_map(|i| [(i, 0), (i, 1)]) {
            let terms = || (0..n).map(|k| inverse[(i, k)] * b[(k, j)]);
            let size: f64 = terms().map(f64::abs).sum();
            assert!((x[(i, j)] - terms().sum::<f64>()).abs() <= allowed * size, "{what}: solution, ({i}, {j})");
        }
        let elimination = Elimination::new(a.view());
        let (quick, slow) = (found.product(), elimination.diagonal().fold(elimination.sign(), Product::times));
        assert_eq!(quick.x > 0.0, slow.x > 0.0, "{what}: sign");
        assert!((quick.ln_abs() - slow.ln_abs()).abs() <= allowed, "{what}: {} and {}", quick.ln_abs(), slow.ln_abs());
    }

    #[test]
    fn large_matrices() {
        let mut quick = 0;
        for (n, seed) in [48, 49, 64, 90].into_iter().flat_map(|n| (0..6).map(move |seed| (n, 100 * seed))) {
            let whole = dependent(n, 0.0, seed).map(|x| (x * 1e3).round());
            let exact =
                Matrix::from_fn(
                    n,
                    n,
                    |i, j| {
                        if i + 1 < n { whole[(i, j)] } else { whole[(0, j)] - 2.0 * whole[(1, j)] }
                    },
                );
            let cases = [
                (numbers(n, n, seed), false, "well conditioned"),
                (dependent(n, 1e-4, seed), false, "nearly singular, 1e-4"),
                (dependent(n, 1e-8, seed), false, "nearly singular, 1e-8"),
                (dependent(n, 1e-16, seed), true, "singular but for rounding"),
                (exact, true, "singular"),
                (Matrix::zeros(n, n), true, "zero"),
            ];
            // A Cᵀ = det A · 1 for the cofactors C.
            let (a, c) = (&cases[0].0, cofactors(cases[0].0.view()));
            let entry = |i: usize, k: usize| (0..n).map(|j| a[(i, j)] * c[(k, j)]).sum::<f64>();
            let det = determinant(a.view());
            assert!(
                (entry(0, 0) - det).abs() <= 1e-8 * det.abs() && entry(0, 1).abs() <= 1e-8 * det.abs(),
                "{n}, {seed}"
            );
            for (a, is_singular, what) in cases {
                quick += usize::from(regular(a.view(), 1.0).is_some());
                same_with_and_without_an_estimate(&a, is_singular, &format!("{what}, {n} rows, seed {seed}"));
                let a = badly_scaled(&a, seed + 2);
                same_with_and_without_an_estimate(&a, is_singular, &format!("{what}, badly scaled, {n}, seed {seed}"));
            }
        }
        assert!(quick >= 24, "the estimate spared only {quick}");
    }
}
