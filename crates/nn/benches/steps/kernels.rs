//! The building blocks of the handwritten steps: products, Adam, losses and activations, each one pass over its slices.

use autograd::{Float, Real};
use faer::linalg::matmul::matmul;
use faer::traits::{RealField, math_utils};
use faer::{Accum, MatMut, MatRef, Par};

use super::handwritten::Parameter;
use super::workloads::Targets;

/// Runs a loop compiled for the vector instructions of this processor.
macro_rules! simd {
    ($loop:expr) => {
        dispatch(
            #[inline(always)]
            || $loop,
        )
    };
}

/// The closure must be inlined into the variant for each instruction set; otherwise it is compiled for none of them.
/// This takes the attribute above and a bound of `FnOnce` alone here.
/// Without either the softmax takes 17 times as long.
fn dispatch<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// With at least this many weights, ∇W = δy xᵀ uses a transposed copy of x. On Zen 4 this made faer 8 % faster at
/// 4096 × 4096, no faster at 1024 × 1024, and 5 to 40 % slower below that. On another AVX-512 processor it gained up to 100 %.
pub const LARGE: usize = 1024 * 1024;

/// A column-major matrix with this many rows.
pub fn view<T>(x: &[T], rows: usize) -> MatRef<'_, T> {
    MatRef::from_column_major_slice(x, rows, x.len() / rows)
}

/// Rows, columns and depth of the parts of a large product. 960 = 10 × 96 are the rows of faer's kernel, and a block of
/// A fits in the L2 cache. This raised 1024 × 1024 × 256 from 94 to 106 Gflop/s, and 4096 × 4096 × 512 from 85 to 95.
const BLOCK: (usize, usize, usize) = (960, 960, 256);

/// Products of fewer multiplications, and updates of fewer weights, are not worth a second thread.
pub const SHARED: (usize, usize) = (1 << 21, 1 << 15);

/// y = A B, or y += A B. With `parts`, two threads split it along its longer side.
pub fn product<T: RealField>(y: &mut [T], rows: usize, accum: Accum, parts: bool, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    let (columns, depth) = (b.ncols(), a.ncols());
    let y = MatMut::from_column_major_slice_mut(y, rows, columns);
    if !parts || rows * columns * depth < SHARED.0 {
        return blocks(y, accum, a, b);
    }
    let ((y0, y1), (a0, a1), (b0, b1)) = if rows > columns {
        (y.split_at_row_mut(rows / 2), a.split_at_row(rows / 2), (b, b))
    } else {
        (y.split_at_col_mut(columns / 2), (a, a), b.split_at_col(columns / 2))
    };
    rayon::join(|| blocks(y0, accum, a0, b0), || blocks(y1, accum, a1, b1));
}

/// y = A B, or y += A B, block by block if large.
pub fn blocks<T: RealField>(mut y: MatMut<'_, T>, accum: Accum, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    let (rows, columns, depth) = (a.nrows(), b.ncols(), a.ncols());
    if rows * columns * depth <= 512 * 512 * 512 {
        matmul(y, accum, a, b, math_utils::one(), Par::Seq);
        return;
    }
    for j in (0..columns).step_by(BLOCK.1) {
        for k in (0..depth).step_by(BLOCK.2) {
            for i in (0..rows).step_by(BLOCK.0) {
                let (m, n, d) = (BLOCK.0.min(rows - i), BLOCK.1.min(columns - j), BLOCK.2.min(depth - k));
                let y = y.as_mut().submatrix_mut(i, j, m, n);
                let accum = if k == 0 { accum } else { Accum::Add };
                let (a, b) = (a.submatrix(i, k, m, d), b.submatrix(k, j, d, n));
                matmul(y, accum, a, b, math_utils::one(), Par::Seq);
            }
        }
    }
}

/// y = xᵀ, tile by tile, so that a cache line is read or written completely, however far apart the columns are.
pub fn transpose<T: Copy + Default>(x: &[T], rows: usize, y: &mut Vec<T>) {
    const TILE: usize = 16;
    let columns = x.len() / rows;
    y.resize(x.len(), T::default());
    let mut tile = [[T::default(); TILE]; TILE];
    for i in (0..rows).step_by(TILE) {
        for j in (0..columns).step_by(TILE) {
            let (m, n) = (TILE.min(rows - i), TILE.min(columns - j));
            for (c, x) in x[j * rows..].chunks(rows).take(n).enumerate() {
                for (r, &x) in x[i..i + m].iter().enumerate() {
                    tile[r][c] = x;
                }
            }
            for (y, tile) in y[i * columns..].chunks_mut(columns).zip(&tile[..m]) {
                y[j..j + n].copy_from_slice(&tile[..n]);
            }
        }
    }
}

/// Adam: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − η m̂ / (√v̂ + ε),
/// with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).
pub struct Adam {
    rate: f64,
    steps: i32,
}

impl Adam {
    /// Before the first step.
    pub fn new(rate: f64) -> Self {
        Adam { rate, steps: 0 }
    }

    /// Begins the next step t.
    pub fn advance(&mut self) {
        self.steps += 1;
    }

    pub fn update<T: Real + RealField>(&self, Parameter { value, gradient, m, v, parts, .. }: &mut Parameter<T>) {
        if !*parts || value.len() < SHARED.1 {
            return self.entries(value, gradient, m, v);
        }
        let half = value.len() / 2;
        let ((w0, w1), (g0, g1)) = (value.split_at_mut(half), gradient.split_at(half));
        let ((m0, m1), (v0, v1)) = (m.split_at_mut(half), v.split_at_mut(half));
        rayon::join(|| self.entries(w0, g0, m0, v0), || self.entries(w1, g1, m1, v1));
    }

    /// Updates some weights from their gradients and moments.
    pub fn entries<T: Real + RealField>(&self, w: &mut [T], g: &[T], m: &mut [T], v: &mut [T]) {
        const BETA: (f64, f64) = (0.9, 0.999);
        let real = T::from_f64;
        let (beta1, beta2, epsilon) = (real(BETA.0), real(BETA.1), real(1e-8));
        let (rest1, rest2) = (real(1.0 - BETA.0), real(1.0 - BETA.1));
        let rate = real(self.rate / (1.0 - BETA.0.powi(self.steps)));
        let root = real((1.0 / (1.0 - BETA.1.powi(self.steps))).sqrt());
        simd!({
            for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                *m = flush(beta1 * *m + rest1 * g);
                *v = flush(beta2 * *v + rest2 * (g * g));
                *w -= rate * *m / (math_utils::sqrt(v) * root + epsilon);
            }
        });
    }
}

/// Zero in place of a subnormal number.
#[inline(always)]
fn flush<T: RealField + Copy>(x: T) -> T {
    let least = math_utils::min_positive();
    if x < least && x > -least { math_utils::zero() } else { x }
}

/// The mean loss of the outputs y, which become δy.
pub fn loss<T: Real + RealField>(y: &mut [T], targets: &Targets<T>) -> f64 {
    match targets {
        Targets::Classes(t) => softmax_cross_entropy(y, t),
        Targets::Values(t) => squared_error(y, t),
    }
}

/// E = 1/n Σ (ln Σᵢ exp yᵢ − y_t), δy = (softmax y − t) / n.
fn softmax_cross_entropy<T: Real + RealField>(y: &mut [T], t: &[usize]) -> f64 {
    let (n, classes) = (t.len() as f64, y.len() / t.len());
    let mut sum = 0.0;
    simd!({
        for (y, &t) in y.chunks_exact_mut(classes).zip(t) {
            let max = y.iter().fold(y[0], |a, &b| if b > a { b } else { a });
            y.iter_mut().for_each(|y| *y -= max);
            sum -= Float::to_f64(y[t]);
        }
        y.iter_mut().for_each(|y| *y = Float::exp(*y));
        for (y, &t) in y.chunks_exact_mut(classes).zip(t) {
            let total = y.iter().fold(T::default(), |a, &b| a + b);
            let scale = T::from_f64(1.0 / (n * Float::to_f64(total)));
            y.iter_mut().for_each(|y| *y *= scale);
            y[t] -= T::from_f64(1.0 / n);
            sum += Float::to_f64(Float::ln(total));
        }
    });
    sum / n
}

/// E = 1/n Σ (y − t)², δy = 2/n (y − t).
fn squared_error<T: Real + RealField>(y: &mut [T], t: &[T]) -> f64 {
    let n = y.len() as f64;
    let scale = T::from_f64(2.0 / n);
    let mut sum = 0.0;
    for (y, &t) in y.iter_mut().zip(t) {
        let d = *y - t;
        sum += Float::to_f64(d * d);
        *y = scale * d;
    }
    sum / n
}

/// y = max(y, 0).
pub fn relu<T: Real + RealField>(y: &mut [T]) {
    simd!(y.iter_mut().for_each(|y| *y = if *y > T::default() { *y } else { T::default() }));
}

/// y ← δa for y = max(a, 0): δy where y > 0, else 0.
pub fn relu_slope<T: Real + RealField>(y: &mut [T], dy: &[T]) {
    simd!(y.iter_mut().zip(dy).for_each(|(y, &dy)| *y = if *y > T::default() { dy } else { T::default() }));
}

/// y = tanh(y).
pub fn tanh<T: Real + RealField>(y: &mut [T]) {
    simd!(y.iter_mut().for_each(|y| *y = Float::tanh(*y)));
}

/// y ← δa for y = tanh(a): (1 − y²) δy.
pub fn tanh_slope<T: Real + RealField>(y: &mut [T], dy: &[T]) {
    simd!(y.iter_mut().zip(dy).for_each(|(y, &dy)| *y = dy - *y * *y * dy));
}

/// z = tanh(z), y = x + z.
pub fn tanh_add<T: Real + RealField>(z: &mut [T], x: &[T], y: &mut [T]) {
    simd!({
        for ((z, &x), y) in z.iter_mut().zip(x).zip(y) {
            *z = Float::tanh(*z);
            *y = x + *z;
        }
    });
}

/// Every column of y is b.
pub fn fill_columns<T: Copy>(y: &mut [T], b: &[T]) {
    y.chunks_exact_mut(b.len()).for_each(|y| y.copy_from_slice(b));
}

/// b = the sum of y's columns, four at a time, because each addition waits for the one before.
pub fn sum_columns<T: Real + RealField>(y: &[T], b: &mut [T]) {
    let rows = b.len();
    b.fill(T::default());
    simd!({
        let fours = y.chunks_exact(4 * rows);
        for y in fours.remainder().chunks_exact(rows) {
            b.iter_mut().zip(y).for_each(|(b, &y)| *b += y);
        }
        for y in fours {
            let (y, z) = y.split_at(2 * rows);
            let ((y0, y1), (y2, y3)) = (y.split_at(rows), z.split_at(rows));
            for ((((b, &y0), &y1), &y2), &y3) in b.iter_mut().zip(y0).zip(y1).zip(y2).zip(y3) {
                *b += (y0 + y1) + (y2 + y3);
            }
        }
    });
}
