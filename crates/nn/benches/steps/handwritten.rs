//! The same training steps without a tape, as one would write them by hand on matrix products and loops.
//! They are the bar that the recorded steps are measured against.
//!
//! Columns are samples. A dense layer is three products, everything else is one pass over a slice:
//!
//! ```text
//! y = W x + b        ∇W = δy xᵀ    ∇b = Σ δy    δx = Wᵀ δy
//! ```
//!
//! Every buffer is allocated once. An activation's buffer holds its δ as soon as the activation is no longer needed,
//! and a layer is updated as soon as its gradient is known, while that is still in cache, unless the update waits for
//! another thread. How two threads share a step is in `plan.rs`.

use autograd::Real;
use faer::linalg::matmul::matmul;
use faer::traits::{RealField, math_utils};
use faer::{Accum, MatMut, MatRef, Par};

use super::workloads::{Activation, Data, Network, Targets, Workload};

/// Runs a loop compiled for the vector instructions of this processor.
macro_rules! simd {
    ($loop:expr) => {
        dispatch(
            #[inline(always)]
            || $loop,
        )
    };
}

/// The closure must be inlined into the variant for each instruction set, else it is compiled for none of them.
/// This takes both the attribute above and, for the closure to be an `FnOnce` and nothing more, the bound here:
/// without either the softmax takes 17 times as long.
fn dispatch<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// A training step: forward, mean loss, backward, Adam.
pub trait Step {
    /// Updates every parameter and returns the mean loss before the update.
    fn step(&mut self) -> f64;
}

/// A network, its batch, and a gradient for every parameter.
pub trait Net<T>: Send {
    /// Computes the gradients, and updates each parameter as soon as its own is known if there is an optimizer.
    /// Returns the mean loss before the update.
    fn gradients(&mut self, adam: Option<&Adam>) -> f64;

    /// All parameters, always in the same order.
    fn parameters(&mut self) -> Vec<&mut Parameter<T>>;
}

/// The network of a workload with these weights; with `parts`, what is large is made by two threads.
pub fn network<T: Real + RealField>(
    workload: &Workload,
    weights: Vec<(usize, usize, Vec<T>)>,
    data: Data<T>,
    parts: bool,
) -> Box<dyn Net<T>> {
    let mut parameters = weights.into_iter().map(|(rows, _, value)| Parameter::new(rows, value, parts));
    let mut next = || parameters.next().unwrap();
    let mut dense = || Dense { w: next(), b: next() };
    let zeros = |rows: usize| vec![T::default(); rows * workload.batch];
    let scratch = Vec::new();
    match workload.network {
        Network::Mlp { ref sizes, activation } => Box::new(Mlp {
            layers: sizes[1..].iter().map(|_| dense()).collect(),
            h: std::iter::once(data.inputs).chain(sizes[1..].iter().map(|&n| zeros(n))).collect(),
            dh: Vec::new(),
            targets: data.targets,
            activation,
            scratch,
        }),
        Network::Residual { width, depth, outputs } => Box::new(Residual {
            blocks: (0..depth).map(|_| dense()).collect(),
            head: dense(),
            h: std::iter::once(data.inputs).chain((0..depth).map(|_| zeros(width))).collect(),
            z: vec![zeros(width); depth],
            y: zeros(outputs),
            dh: zeros(width),
            targets: data.targets,
            scratch,
        }),
        Network::Recurrent { width, times, outputs, .. } => Box::new(Recurrent {
            cell: dense(),
            u: next(),
            head: Dense { w: next(), b: next() },
            x: data.inputs,
            h: zeros(width * times),
            da: zeros(width * times),
            y: zeros(outputs),
            dh: zeros(width),
            targets: data.targets,
            scratch,
        }),
    }
}

struct Mlp<T> {
    layers: Vec<Dense<T>>,
    activation: Activation,
    /// The input, and what every layer puts out.
    h: Vec<Vec<T>>,
    dh: Vec<T>,
    targets: Targets<T>,
    scratch: Vec<T>,
}

impl<T: Real + RealField> Net<T> for Mlp<T> {
    fn gradients(&mut self, adam: Option<&Adam>) -> f64 {
        let Mlp { layers, activation, h, dh, targets, scratch } = self;
        let last = layers.len() - 1;
        for (i, layer) in layers.iter().enumerate() {
            let [x, y] = &mut h[i..i + 2] else { unreachable!() };
            layer.forward(x, y);
            if i < last {
                match activation {
                    Activation::Relu => relu(y),
                    Activation::Tanh => tanh(y),
                }
            }
        }
        let loss = loss(&mut h[last + 1], targets);
        for (i, layer) in layers.iter_mut().enumerate().rev() {
            let [x, dy] = &mut h[i..i + 2] else { unreachable!() };
            layer.gradient(dy, x, scratch);
            if i > 0 {
                dh.resize(x.len(), T::default());
                layer.w.pull(dy, Accum::Replace, dh);
                match activation {
                    Activation::Relu => relu_slope(x, dh),
                    Activation::Tanh => tanh_slope(x, dh),
                }
            }
            layer.update(adam);
        }
        loss
    }

    fn parameters(&mut self) -> Vec<&mut Parameter<T>> {
        self.layers.iter_mut().flat_map(Dense::parameters).collect()
    }
}

struct Residual<T> {
    blocks: Vec<Dense<T>>,
    head: Dense<T>,
    /// The input, and h + z after every block.
    h: Vec<Vec<T>>,
    /// z = tanh(W h + b) of every block.
    z: Vec<Vec<T>>,
    y: Vec<T>,
    dh: Vec<T>,
    targets: Targets<T>,
    scratch: Vec<T>,
}

impl<T: Real + RealField> Net<T> for Residual<T> {
    fn gradients(&mut self, adam: Option<&Adam>) -> f64 {
        let Residual { blocks, head, h, z, y, dh, targets, scratch } = self;
        let depth = blocks.len();
        for (i, block) in blocks.iter().enumerate() {
            let [x, sum] = &mut h[i..i + 2] else { unreachable!() };
            block.forward(x, &mut z[i]);
            tanh_add(&mut z[i], x, sum);
        }
        head.forward(&h[depth], y);
        let loss = loss(y, targets);
        head.gradient(y, &h[depth], scratch);
        head.w.pull(y, Accum::Replace, dh);
        head.update(adam);
        for (i, block) in blocks.iter_mut().enumerate().rev() {
            let da = &mut z[i];
            tanh_slope(da, dh);
            block.gradient(da, &h[i], scratch);
            if i > 0 {
                block.w.pull(da, Accum::Add, dh);
            }
            block.update(adam);
        }
        loss
    }

    fn parameters(&mut self) -> Vec<&mut Parameter<T>> {
        self.blocks.iter_mut().chain([&mut self.head]).flat_map(Dense::parameters).collect()
    }
}

struct Recurrent<T> {
    /// W and b.
    cell: Dense<T>,
    u: Parameter<T>,
    head: Dense<T>,
    /// Inputs × (batch · times).
    x: Vec<T>,
    /// h = tanh(a), width × (batch · times).
    h: Vec<T>,
    da: Vec<T>,
    y: Vec<T>,
    dh: Vec<T>,
    targets: Targets<T>,
    scratch: Vec<T>,
}

impl<T: Real + RealField> Net<T> for Recurrent<T> {
    fn gradients(&mut self, adam: Option<&Adam>) -> f64 {
        let Recurrent { cell, u, head, x, h, da, y, dh, targets, scratch } = self;
        let (width, n, len) = (cell.w.rows, dh.len(), h.len());
        // a = U x + b for all times at once, then aₜ += W hₜ₋₁ and hₜ = tanh(aₜ) in turn.
        fill_columns(h, &cell.b.value);
        u.push(x, Accum::Add, h);
        tanh(&mut h[..n]);
        for t in (n..len).step_by(n) {
            let (before, after) = h.split_at_mut(t);
            cell.w.push(&before[t - n..], Accum::Add, &mut after[..n]);
            tanh(&mut after[..n]);
        }
        let last = &h[len - n..];
        head.forward(last, y);
        let loss = loss(y, targets);
        head.gradient(y, last, scratch);
        head.w.pull(y, Accum::Replace, dh);
        // δaₜ = (1 − hₜ²) δhₜ and δhₜ₋₁ = Wᵀ δaₜ in turn, then the gradients for all times at once.
        transpose(&cell.w.value, width, scratch);
        for t in (0..len).step_by(n).rev() {
            let da = &mut da[t..t + n];
            da.copy_from_slice(&h[t..t + n]);
            tanh_slope(da, dh);
            if t > 0 {
                product(dh, width, Accum::Replace, false, view(scratch, width), view(da, width));
            }
        }
        cell.w.gradient(&da[n..], &h[..len - n], scratch);
        sum_columns(da, &mut cell.b.gradient);
        u.gradient(da, x, scratch);
        cell.update(adam);
        adam.into_iter().for_each(|adam| adam.update(u));
        head.update(adam);
        loss
    }

    fn parameters(&mut self) -> Vec<&mut Parameter<T>> {
        let dense = [&mut self.cell, &mut self.head];
        dense.into_iter().flat_map(Dense::parameters).chain([&mut self.u]).collect()
    }
}

struct Dense<T> {
    w: Parameter<T>,
    b: Parameter<T>,
}

impl<T: Real + RealField> Dense<T> {
    /// y = W x + b.
    fn forward(&self, x: &[T], y: &mut [T]) {
        fill_columns(y, &self.b.value);
        self.w.push(x, Accum::Add, y);
    }

    /// ∇W = δy xᵀ, ∇b = Σ δy.
    fn gradient(&mut self, dy: &[T], x: &[T], scratch: &mut Vec<T>) {
        self.w.gradient(dy, x, scratch);
        sum_columns(dy, &mut self.b.gradient);
    }

    fn update(&mut self, adam: Option<&Adam>) {
        adam.into_iter().for_each(|adam| self.parameters().into_iter().for_each(|p| adam.update(p)));
    }

    fn parameters(&mut self) -> [&mut Parameter<T>; 2] {
        [&mut self.w, &mut self.b]
    }
}

/// A matrix or a vector, its gradient, and Adam's moments.
pub struct Parameter<T> {
    rows: usize,
    pub value: Vec<T>,
    pub gradient: Vec<T>,
    pub m: Vec<T>,
    pub v: Vec<T>,
    /// Whether products with it, if large, and its update are made by two threads.
    parts: bool,
}

impl<T: Real + RealField> Parameter<T> {
    fn new(rows: usize, value: Vec<T>, parts: bool) -> Self {
        let zeros = vec![T::default(); value.len()];
        Parameter { rows, value, gradient: zeros.clone(), m: zeros.clone(), v: zeros, parts }
    }

    fn columns(&self) -> usize {
        self.value.len() / self.rows
    }

    /// y = W x, or y += W x.
    fn push(&self, x: &[T], accum: Accum, y: &mut [T]) {
        product(y, self.rows, accum, self.parts, view(&self.value, self.rows), view(x, self.columns()));
    }

    /// δx = Wᵀ δy, or δx += Wᵀ δy.
    fn pull(&self, dy: &[T], accum: Accum, dx: &mut [T]) {
        product(dx, self.columns(), accum, self.parts, view(&self.value, self.rows).transpose(), view(dy, self.rows));
    }

    /// ∇W = δy xᵀ.
    fn gradient(&mut self, dy: &[T], x: &[T], scratch: &mut Vec<T>) {
        let (rows, columns) = (self.rows, self.columns());
        if self.value.len() < LARGE {
            product(&mut self.gradient, rows, Accum::Replace, self.parts, view(dy, rows), view(x, columns).transpose());
        } else {
            transpose(x, columns, scratch);
            product(
                &mut self.gradient,
                rows,
                Accum::Replace,
                self.parts,
                view(dy, rows),
                view(scratch, x.len() / columns),
            );
        }
    }
}

/// From this many weights on, ∇W = δy xᵀ is computed with a transposed copy of x. On Zen 4 faer gained 8 % by it at
/// 4096 × 4096, nothing at 1024 × 1024, and lost 5 to 40 % below that; on another AVX-512 processor it gained up to 100 %.
const LARGE: usize = 1024 * 1024;

/// A column-major matrix with this many rows.
fn view<T>(x: &[T], rows: usize) -> MatRef<'_, T> {
    MatRef::from_column_major_slice(x, rows, x.len() / rows)
}

/// Rows, columns and depth of the parts of a large product: 960 = 10 × 96, the rows of faer's kernel, and a block of
/// A fits the second-level cache. 1024 × 1024 × 256 went from 94 to 106 Gflop/s so, 4096 × 4096 × 512 from 85 to 95.
const BLOCK: (usize, usize, usize) = (960, 960, 256);

/// Products of fewer multiplications, and updates of fewer weights, are not worth a second thread.
const SHARED: (usize, usize) = (1 << 21, 1 << 15);

/// y = A B, or y += A B; by two threads along its longer side, with `parts`.
fn product<T: RealField>(y: &mut [T], rows: usize, accum: Accum, parts: bool, a: MatRef<'_, T>, b: MatRef<'_, T>) {
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
fn blocks<T: RealField>(mut y: MatMut<'_, T>, accum: Accum, a: MatRef<'_, T>, b: MatRef<'_, T>) {
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

/// y = xᵀ, tile by tile: a line of cache is read or written whole, however far apart the columns are.
fn transpose<T: Copy + Default>(x: &[T], rows: usize, y: &mut Vec<T>) {
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

    fn update<T: Real + RealField>(&self, Parameter { value, gradient, m, v, parts, .. }: &mut Parameter<T>) {
        if !*parts || value.len() < SHARED.1 {
            return self.entries(value, gradient, m, v);
        }
        let half = value.len() / 2;
        let ((w0, w1), (g0, g1)) = (value.split_at_mut(half), gradient.split_at(half));
        let ((m0, m1), (v0, v1)) = (m.split_at_mut(half), v.split_at_mut(half));
        rayon::join(|| self.entries(w0, g0, m0, v0), || self.entries(w1, g1, m1, v1));
    }

    /// Of some weights, from their gradients and moments.
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
fn loss<T: Real + RealField>(y: &mut [T], targets: &Targets<T>) -> f64 {
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
            sum -= Real::to_f64(y[t]);
        }
        y.iter_mut().for_each(|y| *y = Real::exp(*y));
        for (y, &t) in y.chunks_exact_mut(classes).zip(t) {
            let total = y.iter().fold(T::default(), |a, &b| a + b);
            let scale = T::from_f64(1.0 / (n * Real::to_f64(total)));
            y.iter_mut().for_each(|y| *y *= scale);
            y[t] -= T::from_f64(1.0 / n);
            sum += Real::to_f64(Real::ln(total));
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
        sum += Real::to_f64(d * d);
        *y = scale * d;
    }
    sum / n
}

/// y = max(y, 0).
fn relu<T: Real + RealField>(y: &mut [T]) {
    simd!(y.iter_mut().for_each(|y| *y = if *y > T::default() { *y } else { T::default() }));
}

/// y ← δa for y = max(a, 0): δy where y > 0, else 0.
fn relu_slope<T: Real + RealField>(y: &mut [T], dy: &[T]) {
    simd!(y.iter_mut().zip(dy).for_each(|(y, &dy)| *y = if *y > T::default() { dy } else { T::default() }));
}

/// y = tanh(y).
fn tanh<T: Real + RealField>(y: &mut [T]) {
    simd!(y.iter_mut().for_each(|y| *y = Real::tanh(*y)));
}

/// y ← δa for y = tanh(a): (1 − y²) δy.
fn tanh_slope<T: Real + RealField>(y: &mut [T], dy: &[T]) {
    simd!(y.iter_mut().zip(dy).for_each(|(y, &dy)| *y = dy - *y * *y * dy));
}

/// z = tanh(z), y = x + z.
fn tanh_add<T: Real + RealField>(z: &mut [T], x: &[T], y: &mut [T]) {
    simd!({
        for ((z, &x), y) in z.iter_mut().zip(x).zip(y) {
            *z = Real::tanh(*z);
            *y = x + *z;
        }
    });
}

/// Every column of y is b.
fn fill_columns<T: Copy>(y: &mut [T], b: &[T]) {
    y.chunks_exact_mut(b.len()).for_each(|y| y.copy_from_slice(b));
}

/// b = the sum of y's columns; four at a time, for every sum waits for the one before.
fn sum_columns<T: Real + RealField>(y: &[T], b: &mut [T]) {
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
