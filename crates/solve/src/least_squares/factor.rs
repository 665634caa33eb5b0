//! Cholesky's factor, column by column.

use autograd::{Matrix, vectorised};

use super::model::inner_dot;

/// From this number of rows on, the blocks of `linalg` take less time than the loops below, whose start costs nothing.
const LARGE: usize = 192;

/// The sums for `WIDTH` columns and `HEIGHT` rows of L stay in registers.
const WIDTH: usize = 4;
const HEIGHT: usize = 16;

/// The lower triangular L with L Lᵀ = A, column by column; what is above the diagonal means nothing.
pub struct Factor {
    n: usize,
    l: Matrix<f64>,
}

impl Factor {
    /// That of A + λ, of which the lower triangle is read. `None` if it is not positive definite to rounding.
    pub fn new(a: &Matrix<f64>, lambda: f64) -> Option<Factor> {
        let n = a.rows();
        if n >= LARGE {
            // It reads both triangles.
            let whole = Matrix::from_fn(n, n, |i, j| a[(i.max(j), i.min(j))] + if i == j { lambda } else { 0.0 });
            return linalg::cholesky(whole.view()).ok().map(|l| Factor { n, l });
        }
        let mut l = Matrix::zeros(n.next_multiple_of(HEIGHT), n);
        for k in 0..n {
            l.col_mut(k)[k..n].copy_from_slice(&a.col(k)[k..]);
            l[(k, k)] += lambda;
        }
        let rows = l.rows();
        let is_positive = vectorised(
            #[inline(always)]
            || factorize(l.as_mut_slice(), rows, n),
        );
        is_positive.then_some(Factor { n, l })
    }

    /// A column of L from the diagonal on.
    fn column(&self, j: usize) -> &[f64] {
        &self.l.col(j)[j..self.n]
    }

    /// L⁻¹ b.
    pub fn forward(&self, b: &mut [f64]) {
        vectorised(
            #[inline(always)]
            || {
                for j in 0..b.len() {
                    let (done, rest) = b.split_at_mut(j + 1);
                    let column = self.column(j);
                    done[j] /= column[0];
                    subtract(rest, done[j], &column[1..]);
                }
            },
        );
    }

    /// L⁻ᵀ b.
    pub fn backward(&self, b: &mut [f64]) {
        vectorised(
            #[inline(always)]
            || {
                for j in (0..b.len()).rev() {
                    let column = self.column(j);
                    b[j] = (b[j] - inner_dot(&column[1..], &b[j + 1..])) / column[0];
                }
            },
        );
    }
}

/// Writes L over the lower triangle of A, whose columns have `rows` numbers, a multiple of HEIGHT; whether A is positive definite to
/// rounding.
#[inline(always)]
fn factorize(a: &mut [f64], rows: usize, n: usize) -> bool {
    for j in (0..n).step_by(WIDTH) {
        let (before, rest) = a.split_at_mut(j * rows);
        let panel = &mut rest[..WIDTH.min(n - j) * rows];
        let mut diagonal = [0.0; WIDTH];
        for (t, column) in panel.chunks_exact(rows).enumerate() {
            diagonal[t] = column[j + t];
        }
        for i in (j / HEIGHT * HEIGHT..rows).step_by(HEIGHT) {
            let mut sums = [[0.0; HEIGHT]; WIDTH];
            for left in before.chunks_exact(rows) {
                let x: &[f64; HEIGHT] = left[i..].first_chunk().expect("the rows fill blocks");
                let c: &[f64; WIDTH] = left[j..].first_chunk().expect("a block has as many rows");
                for t in 0..WIDTH {
                    for k in 0..HEIGHT {
                        sums[t][k] = c[t].mul_add(x[k], sums[t][k]);
                    }
                }
            }
            for (column, sums) in panel.chunks_exact_mut(rows).zip(&sums) {
                subtract(&mut column[i..i + HEIGHT], 1.0, sums);
            }
        }
        // From a multiple of HEIGHT on, so that the rows fill vectors.
        let first = j / HEIGHT * HEIGHT;
        for t in 0..panel.len() / rows {
            let (before, rest) = panel.split_at_mut(t * rows);
            let column = &mut rest[first..rows];
            for left in before.chunks_exact(rows) {
                subtract_blocks(column, left[j + t], &left[first..]);
            }
            let pivot = column[j + t - first];
            if pivot.is_nan() || pivot <= n as f64 * f64::EPSILON * diagonal[t] {
                return false;
            }
            let inverse = 1.0 / pivot.sqrt();
            column
                .as_chunks_mut::<HEIGHT>()
                .0
                .iter_mut()
                .for_each(|block| block.iter_mut().for_each(|a| *a *= inverse));
        }
    }
    true
}

/// y −= c x for a multiple of HEIGHT numbers.
#[inline(always)]
fn subtract_blocks(y: &mut [f64], c: f64, x: &[f64]) {
    for (y, x) in y.as_chunks_mut::<HEIGHT>().0.iter_mut().zip(x.as_chunks::<HEIGHT>().0) {
        for k in 0..HEIGHT {
            y[k] -= c * x[k];
        }
    }
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
        for n in [1, 2, 7, 16, 17, 61, 70, LARGE + 3] {
            let b =
                Matrix::from_fn(n + 2, n, |i, j| ((i * 7 + j * 13) % 11) as f64 - 5.0 + if i == j { 9.0 } else { 0.0 });
            let a = b.matmul_tn(&b);
            let expected: Vec<f64> = (0..n).map(|k| 1.0 - (k % 3) as f64).collect();
            let mut found = a.matmul(&Matrix::column(&expected)).into_vec();
            // What is above the diagonal is not read.
            let lower = Matrix::from_fn(n, n, |i, j| if i >= j { a[(i, j)] } else { f64::NAN });
            let factor = Factor::new(&lower, 0.0).expect("it is positive definite");
            factor.forward(&mut found);
            factor.backward(&mut found);
            let error = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-8, "{n}: {error}");
        }
        let of = |lambda| Factor::new(&Matrix::from([[1.0, 2.0], [2.0, 1.0]]), lambda);
        assert!(of(0.0).is_none() && of(1.5).is_some());
        assert!(Factor::new(&Matrix::from([[1.0, 1.0], [1.0, 1.0]]), 0.0).is_none());
        assert!(Factor::new(&Matrix::from([[f64::NAN]]), 0.0).is_none());
    }
}
