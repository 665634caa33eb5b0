//! Singular values of a few columns: Householder's reflections, then Jacobi's rotations, in place. For up to [`FEW`] columns they take a
//! fraction of the time of the blocked algorithms.

use autograd::{Matrix, vectorised};

use super::model::{dot, norm};

/// With more columns than this, the bidiagonal form takes less time.
pub const FEW: usize = 16;

/// A sweep of rotations decreases what is left quadratically; about ten are enough.
const MOST_SWEEPS: usize = 60;

/// The singular values σ of A = U diag(σ) Vᵀ, descending, with V and Uᵀ r. A has at least as many rows as columns. A σ that is rounding of
/// the largest is 0, and so is its column of V. `None` if a number is not finite.
pub fn singular(mut a: Matrix<f64>, mut r: Vec<f64>) -> Option<(Vec<f64>, Matrix<f64>, Vec<f64>)> {
    let n = a.cols();
    reflect(&mut a, &mut r);
    // A = Q R and Rᵀ = V diag(σ) Uᵀ, whose columns become perpendicular.
    let mut turned = Matrix::from_fn(n, n, |i, j| if i >= j { a[(j, i)] } else { 0.0 });
    vectorised(
        #[inline(always)]
        || rotate(turned.as_mut_slice(), &mut r[..n]),
    );
    let lengths: Vec<f64> = (0..n).map(|k| norm(turned.col(k))).collect();
    if lengths.iter().any(|length| !length.is_finite()) {
        return None;
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| lengths[b].total_cmp(&lengths[a]));
    let least = order.first().map_or(0.0, |&k| n as f64 * f64::EPSILON * lengths[k]);
    let sigma: Vec<f64> = order.iter().map(|&k| if lengths[k] > least { lengths[k] } else { 0.0 }).collect();
    let v = Matrix::from_fn(n, n, |i, c| if sigma[c] > 0.0 { turned[(i, order[c])] / sigma[c] } else { 0.0 });
    Some((sigma, v, order.iter().map(|&k| r[k]).collect()))
}

/// Makes A upper triangular by reflections, which r takes part in (Golub & Van Loan, *Matrix Computations*, 2013, algorithm 5.2.1). What
/// is below the diagonal means nothing.
fn reflect(a: &mut Matrix<f64>, r: &mut [f64]) {
    let (m, n) = a.shape();
    for k in 0..n {
        let (before, rest) = a.as_mut_slice().split_at_mut((k + 1) * m);
        let v = &mut before[k * m + k..];
        let length = norm(v);
        if length == 0.0 {
            continue;
        }
        // The reflection 1 − v vᵀ / v₀ of the column onto the first axis, for v = x / |x| ± e₀.
        v.iter_mut().for_each(|v| *v /= length);
        let sign = if v[0] < 0.0 { -1.0 } else { 1.0 };
        v[0] += sign;
        let below = rest.chunks_exact_mut(m).map(|column| &mut column[k..]).chain([&mut r[k..]]);
        for column in below {
            let c = dot(v, column) / v[0].abs();
            vectorised(
                #[inline(always)]
                || column.iter_mut().zip(&*v).for_each(|(y, v)| *y -= c * v),
            );
        }
        v[0] = -sign * length;
    }
}

/// Turns pairs of columns until all are perpendicular, and the entries of r with them (Hestenes, *Journal of the Society for Industrial and
/// Applied Mathematics* 6, 1958).
#[inline(always)]
fn rotate(columns: &mut [f64], r: &mut [f64]) {
    let n = r.len();
    // A column below rounding of the others has no direction.
    let least = columns.iter().map(|x| x * x).sum::<f64>() * f64::EPSILON * f64::EPSILON;
    for _ in 0..MOST_SWEEPS {
        let mut done = true;
        for q in 1..n {
            let (before, rest) = columns.split_at_mut(q * n);
            let y = &mut rest[..n];
            for (p, x) in before.chunks_exact_mut(n).enumerate() {
                let [mut xx, mut yy, mut xy] = [0.0; 3];
                for (x, y) in x.iter().zip(&*y) {
                    (xx, yy, xy) = (xx + x * x, yy + y * y, xy + x * y);
                }
                if xx.min(yy) <= least || xy.abs() <= f64::EPSILON * n as f64 * (xx * yy).sqrt() {
                    continue;
                }
                done = false;
                let cotangent = (yy - xx) / (2.0 * xy);
                let tangent = cotangent.signum() / (cotangent.abs() + (1.0 + cotangent * cotangent).sqrt());
                let cos = 1.0 / (1.0 + tangent * tangent).sqrt();
                let sin = cos * tangent;
                for (x, y) in x.iter_mut().zip(y.iter_mut()) {
                    (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
                }
                (r[p], r[q]) = (cos * r[p] - sin * r[q], sin * r[p] + cos * r[q]);
            }
        }
        if done {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::LinearAlgebra;
    use proptest::prelude::*;

    /// A Vᵀ-rotated is perpendicular, and its lengths, their squares and the products with r are those of A.
    fn check(a: &Matrix<f64>, r: &[f64]) {
        let (m, n) = a.shape();
        let (sigma, v, along) = singular(a.clone(), r.to_vec()).unwrap();
        let largest = sigma[0];
        assert!(sigma.windows(2).all(|pair| pair[0] >= pair[1]) && sigma[n - 1] >= 0.0, "{sigma:?}");
        let rounding = 1e-14 * (m * n) as f64;
        let moved = a.matmul(&v);
        for c in 0..n {
            assert!((norm(moved.col(c)) - sigma[c]).abs() <= rounding * largest, "{c}: {sigma:?}");
            assert!((norm(v.col(c)) - 1.0).abs() <= rounding || sigma[c] == 0.0, "{c}: {v:?}");
            // Aᵀ r = V diag(σ) Uᵀ r, along each column of V.
            let error = (dot(moved.col(c), r) - sigma[c] * along[c]).abs();
            assert!(error <= rounding * largest * norm(r), "{c}: {error:e}");
            for d in 0..c {
                assert!(dot(moved.col(c), moved.col(d)).abs() <= rounding * largest * largest, "{c} {d}");
                let angle = dot(v.col(c), v.col(d));
                assert!(angle.abs() <= rounding, "{c} {d}: {angle:e}");
            }
        }
        let squares = |x: &[f64]| dot(x, x);
        assert!((squares(&sigma) - squares(a.as_slice())).abs() <= rounding * squares(a.as_slice()));
    }

    proptest! {
        #[test]
        fn singular_values_are_those_of_the_matrix(
            n in 1usize..=FEW,
            more in 0usize..30,
            entries in prop::collection::vec(-1.0..1.0f64, 46 * FEW),
            grades in prop::collection::vec(-12..1i32, FEW),
        ) {
            let m = n + more;
            let a = Matrix::from_fn(m, n, |i, j| entries[i * FEW + j] * 10f64.powi(grades[j]));
            check(&a, &entries[..m]);
        }
    }

    #[test]
    fn also_of_columns_that_depend_on_each_other() {
        for n in 1..6 {
            let r: Vec<f64> = (0..9).map(|k| (k as f64).sin()).collect();
            check(&Matrix::from_fn(9, n, |i, j| ((i + 1) * (j + 1)) as f64), &r);
            check(&Matrix::from_fn(9, n, |i, j| if j == 1 { 0.0 } else { (i * i + j) as f64 }), &r);
        }
        assert!(singular(Matrix::from([[1.0, f64::NAN], [2.0, 3.0]]), vec![1.0; 2]).is_none());
        let (sigma, v, along) = singular(Matrix::zeros(3, 2), vec![1.0; 3]).unwrap();
        assert_eq!((sigma, v, along), (vec![0.0; 2], Matrix::zeros(2, 2), vec![1.0; 2]));
    }
}
