//! Cholesky's factor, column by column.

use autograd::{Matrix, vectorised};

use super::model::dot;

/// From this number of rows on, the blocks of `linalg` take less time than the loops below, whose start costs nothing.
const LARGE: usize = 192;

/// The lower triangular L with L Lᵀ = A; what is above the diagonal means nothing.
pub struct Factor(Matrix<f64>);

impl Factor {
    /// `None` if A is not positive definite to rounding.
    pub fn new(mut a: Matrix<f64>) -> Option<Factor> {
        let n = a.rows();
        if n >= LARGE {
            return linalg::cholesky(a.view()).ok().map(Factor);
        }
        let is_positive = vectorised(
            #[inline(always)]
            || factorize(a.as_mut_slice(), n),
        );
        is_positive.then_some(Factor(a))
    }

    /// L⁻¹ b.
    pub fn forward(&self, b: &mut [f64]) {
        vectorised(
            #[inline(always)]
            || {
                for j in 0..b.len() {
                    let (done, rest) = b.split_at_mut(j + 1);
                    let column = self.0.col(j);
                    done[j] /= column[j];
                    subtract(rest, done[j], &column[j + 1..]);
                }
            },
        );
    }

    /// L⁻ᵀ b.
    pub fn backward(&self, b: &mut [f64]) {
        for j in (0..b.len()).rev() {
            let column = self.0.col(j);
            b[j] = (b[j] - dot(&column[j + 1..], &b[j + 1..])) / column[j];
        }
    }
}

/// Writes L over the lower triangle of A; whether A is positive definite to rounding.
#[inline(always)]
fn factorize(a: &mut [f64], n: usize) -> bool {
    for j in 0..n {
        let (before, rest) = a.split_at_mut(j * n);
        let column = &mut rest[j..n];
        let diagonal = column[0];
        for left in before.chunks_exact(n) {
            subtract(column, left[j], &left[j..]);
        }
        let pivot = column[0];
        if pivot.is_nan() || pivot <= n as f64 * f64::EPSILON * diagonal {
            return false;
        }
        let inverse = 1.0 / pivot.sqrt();
        column.iter_mut().for_each(|a| *a *= inverse);
    }
    true
}

/// y −= c x.
#[inline(always)]
fn subtract(y: &mut [f64], c: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y -= c * x);
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::LinearAlgebra;

    #[test]
    fn small_and_large_factors_solve() {
        for n in [1, 2, 7, 61, LARGE + 3] {
            let b =
                Matrix::from_fn(n + 2, n, |i, j| ((i * 7 + j * 13) % 11) as f64 - 5.0 + if i == j { 9.0 } else { 0.0 });
            let a = b.matmul_tn(&b);
            let expected: Vec<f64> = (0..n).map(|k| 1.0 - (k % 3) as f64).collect();
            let mut found = a.matmul(&Matrix::column(&expected)).into_vec();
            let factor = Factor::new(a).expect("it is positive definite");
            factor.forward(&mut found);
            factor.backward(&mut found);
            let error = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-8, "{n}: {error}");
        }
        assert!(Factor::new(Matrix::from([[1.0, 2.0], [2.0, 1.0]])).is_none());
        assert!(Factor::new(Matrix::from([[1.0, 1.0], [1.0, 1.0]])).is_none());
        assert!(Factor::new(Matrix::from([[f64::NAN]])).is_none());
    }
}
