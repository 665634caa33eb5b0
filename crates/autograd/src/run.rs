//! One term into a buffer: `y = …` or `y += …`.

use faer::linalg::matmul::matmul;
use faer::{MatMut, MatRef, Par};

use crate::elementwise::{Accum, fill, vectorised};
use crate::op::{Adjoint, Axis, Op, Trans};
use crate::pool::Pooled;
use crate::{MatrixRef, Real};

/// Where a term is written: a `rows × cols` part of a buffer.
pub(crate) struct Out<'a, T> {
    pub rows: usize,
    pub cols: usize,
    pub data: &'a mut [T],
}

/// Runs a term of a value.
pub(crate) fn run<T: Real>(op: Op<MatrixRef<'_, T>>, accum: Accum, y: Out<'_, T>) {
    match op {
        Op::Number(c) => {
            let c = T::from_f64(c);
            fill(y.data, accum, |_| c);
        }
        Op::Add(c, x) => add(T::from_f64(c), x, accum, y),
        Op::Matmul(s, a, t, b) => product(s, a, t, b, accum, y),
        Op::Transpose(x) => transpose(x, accum, y.data),
        Op::Unary(f, x) => T::unary(f, x.as_slice(), y.data, accum),
        Op::Binary(f, a, b) => T::binary(f, a.as_slice(), b.as_slice(), y.data, accum),
        Op::Softmax(axis, x) => softmax(Groups::of(axis, x), x.as_slice(), y.data),
        Op::LogSoftmax(axis, x) => log_softmax(Groups::of(axis, x), x.as_slice(), y.data),
        Op::LogSumExp(axis, x) => {
            let groups = Groups::of(axis, x);
            for (g, y) in y.data.iter_mut().enumerate() {
                *y = groups.log_sum_exp(g, x.as_slice());
            }
        }
        Op::CrossEntropy { x, t, p } => cross_entropy(x, t, p, accum, y.data),
    }
}

/// Runs a term of a gradient.
pub(crate) fn run_adjoint<T: Real>(adjoint: Adjoint<MatrixRef<'_, T>>, accum: Accum, dx: Out<'_, T>) {
    match adjoint {
        Adjoint::Op(op) => run(op, accum, dx),
        Adjoint::Unary(f, x, y, dy) => T::unary_slope(f, x.as_slice(), y.as_slice(), dy.as_slice(), dx.data, accum),
        Adjoint::Binary(f, side, at) => T::binary_slope(f, side, at.map(MatrixRef::as_slice), dx.data, accum),
        Adjoint::Softmax(axis, y, dy) => {
            let groups = Groups::of(axis, y);
            let (y, dy) = (y.as_slice(), dy.as_slice());
            groups.each(|g| {
                let dot: T = groups.entries(g).map(|i| y[i] * dy[i]).sum();
                groups.entries(g).for_each(|i| put(&mut dx.data[i], accum, y[i] * (dy[i] - dot)));
            });
        }
        Adjoint::LogSoftmax(axis, y, dy) => {
            let groups = Groups::of(axis, y);
            let (y, dy) = (y.as_slice(), dy.as_slice());
            groups.each(|g| {
                let sum: T = groups.entries(g).map(|i| dy[i]).sum();
                groups.entries(g).for_each(|i| put(&mut dx.data[i], accum, dy[i] - Real::exp(y[i]) * sum));
            });
        }
        Adjoint::LogSumExp(x, y, dy) => {
            let (m, one_row) = (x.rows(), y.rows() == 1);
            let (x, y, dy) = (x.as_slice(), y.as_slice(), dy.as_slice());
            // One result for each column, unless there is one for each row.
            let by_column = one_row && y.len() * m == x.len();
            fill(dx.data, accum, |i| {
                let g = if by_column { i / m } else { i % m };
                Real::exp(x[i] - y[g]) * dy[g]
            });
        }
        Adjoint::CrossEntropy(t, p, dy) => {
            for j in 0..t.cols() {
                let (t, p, dy) = (t.col(j), p.col(j), dy.as_slice()[j]);
                let total: T = t.iter().copied().sum();
                let column = &mut dx.data[j * t.len()..][..t.len()];
                fill(column, accum, |i| (p[i] * total - t[i]) * dy);
            }
        }
        Adjoint::CrossEntropyTarget(x, dy) => {
            let groups = Groups::of(Axis::Rows, x);
            for j in 0..x.cols() {
                let lse = groups.log_sum_exp(j, x.as_slice());
                let (x, dy) = (x.col(j), dy.as_slice()[j]);
                fill(&mut dx.data[j * x.len()..][..x.len()], accum, |i| (lse - x[i]) * dy);
            }
        }
    }
}

#[inline(always)]
fn put<T: Real>(y: &mut T, accum: Accum, value: T) {
    *y = if accum == Accum::Add { *y + value } else { value };
}

/// y += c x, summed or repeated to the shape of y.
fn add<T: Real>(c: T, x: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    let ((m, n), (p, q)) = (x.shape(), (y.rows, y.cols));
    let x = x.as_slice();
    // The plain copy, δx = δy, is the one that every sum of terms needs.
    if (m, n) == (p, q) {
        return if c == T::from_f64(1.0) { fill(y.data, accum, |i| x[i]) } else { fill(y.data, accum, |i| c * x[i]) };
    }
    if m == p && n == 1 {
        for y in y.data.chunks_exact_mut(p.max(1)) {
            fill(y, accum, |i| c * x[i]);
        }
        return;
    }
    if y.data.is_empty() {
        return;
    }
    if accum == Accum::Replace {
        y.data.fill(T::default());
    }
    if (p, q) == (1, 1) {
        return y.data[0] += c * sum(x);
    }
    if m == p && q == 1 {
        return x.chunks_exact(m.max(1)).for_each(|x| fill(y.data, Accum::Add, |i| c * x[i]));
    }
    for j in 0..n.max(q) {
        let y = &mut y.data[if q == 1 { 0 } else { j } * p..][..p];
        let x = &x[if n == 1 { 0 } else { j } * m..][..m];
        match (m, p) {
            (_, 1) => y[0] += c * sum(x),
            (1, _) => fill(y, Accum::Add, |_| c * x[0]),
            _ => fill(y, Accum::Add, |i| c * x[i]),
        }
    }
}

/// Σ x in 16 lanes, added pairwise: the order depends on the length alone.
fn sum<T: Real>(x: &[T]) -> T {
    const LANES: usize = 16;
    vectorised(#[inline(always)] || {
        if x.len() > 1024 {
            let (a, b) = x.split_at(x.len() / 2 / LANES * LANES);
            return sum(a) + sum(b);
        }
        let (chunks, rest) = x.as_chunks::<LANES>();
        let mut lanes = [T::default(); LANES];
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += x;
            }
        }
        let rest = rest.iter().copied().sum::<T>();
        lanes.into_iter().sum::<T>() + rest
    })
}

/// A product whose right factor is transposed and at least this large is made from a copy of that
/// factor, transposed blockwise: faer is up to twice as fast on it.
const COPY_TRANSPOSED: usize = 512 * 512;

/// y += A B.
fn product<T: Real>(s: Trans, a: MatrixRef<'_, T>, t: Trans, b: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    let accum = match accum {
        Accum::Replace => faer::Accum::Replace,
        Accum::Add => faer::Accum::Add,
    };
    let view = |x: MatrixRef<'_, T>| (x.rows(), x.cols());
    let mut scratch = Pooled::<T, Vec<T>>::take();
    let large = t == Trans::Yes && y.data.len() >= COPY_TRANSPOSED;
    let b = if large {
        let n = b.as_slice().len();
        if scratch.len() < n {
            scratch.resize(n, T::default());
        }
        transpose(b, Accum::Replace, &mut scratch[..n]);
        MatRef::from_column_major_slice(&scratch[..n], b.cols(), b.rows())
    } else {
        let (m, n) = view(b);
        let b = MatRef::from_column_major_slice(b.as_slice(), m, n);
        if t == Trans::Yes { b.transpose() } else { b }
    };
    let (m, n) = view(a);
    let a = MatRef::from_column_major_slice(a.as_slice(), m, n);
    let a = if s == Trans::Yes { a.transpose() } else { a };
    let y = MatMut::from_column_major_slice_mut(y.data, y.rows, y.cols);
    matmul(y, accum, a, b, T::from_f64(1.0), Par::Seq);
}

/// y += xᵀ, in blocks that fit the first-level cache.
fn transpose<T: Real>(x: MatrixRef<'_, T>, accum: Accum, y: &mut [T]) {
    const BLOCK: usize = 16;
    let (m, n) = x.shape();
    let x = x.as_slice();
    for j0 in (0..n).step_by(BLOCK) {
        for i0 in (0..m).step_by(BLOCK) {
            for i in i0..(i0 + BLOCK).min(m) {
                for j in j0..(j0 + BLOCK).min(n) {
                    put(&mut y[j + i * n], accum, x[i + j * m]);
                }
            }
        }
    }
}

/// The groups of entries that an axis runs through.
struct Groups {
    groups: usize,
    len: usize,
    /// From one group to the next, and from one entry of a group to the next.
    strides: (usize, usize),
}

impl Groups {
    fn of<T: Copy>(axis: Axis, x: MatrixRef<'_, T>) -> Groups {
        let (m, n) = x.shape();
        match axis {
            Axis::Rows => Groups { groups: n, len: m, strides: (m, 1) },
            Axis::Cols => Groups { groups: m, len: n, strides: (1, m) },
        }
    }

    #[inline(always)]
    fn each(&self, mut f: impl FnMut(usize)) {
        vectorised(#[inline(always)] || (0..self.groups).for_each(&mut f))
    }

    fn entries(&self, g: usize) -> impl Iterator<Item = usize> + use<> {
        let (across, along) = self.strides;
        (0..self.len).map(move |k| g * across + k * along)
    }

    /// The largest entry of a group; −∞ for an empty one.
    fn max<T: Real>(&self, g: usize, x: &[T]) -> T {
        self.entries(g).fold(T::from_f64(f64::NEG_INFINITY), |max, i| max.larger(x[i]))
    }

    /// ln Σ eˣ = max + ln Σ e^(x − max) of a group.
    fn log_sum_exp<T: Real>(&self, g: usize, x: &[T]) -> T {
        let max = self.max(g, x);
        // Nothing but −∞, or a +∞: the differences would be NaN.
        if max.to_f64().is_infinite() {
            return max;
        }
        let mut sum = T::default();
        let mut block = [T::default(); 64];
        for start in (0..self.len).step_by(block.len()) {
            let block = &mut block[..64.min(self.len - start)];
            let (across, along) = self.strides;
            fill(block, Accum::Replace, |k| Real::exp(x[g * across + (start + k) * along] - max));
            sum += block.iter().copied().sum::<T>();
        }
        max + Real::ln(sum)
    }
}

/// y = e^(x − max) / Σ e^(x − max), in passes over the whole so that short groups cost no more.
fn softmax<T: Real>(groups: Groups, x: &[T], y: &mut [T]) {
    groups.each(|g| {
        let max = groups.max(g, x);
        groups.entries(g).for_each(|i| y[i] = x[i] - max);
    });
    vectorised(#[inline(always)] || y.iter_mut().for_each(|y| *y = Real::exp(*y)));
    groups.each(|g| {
        let scale = T::from_f64(1.0) / groups.entries(g).map(|i| y[i]).sum::<T>();
        groups.entries(g).for_each(|i| y[i] *= scale);
    });
}

/// y = x − ln Σ eˣ.
fn log_softmax<T: Real>(groups: Groups, x: &[T], y: &mut [T]) {
    for g in 0..groups.groups {
        let lse = groups.log_sum_exp(g, x);
        groups.entries(g).for_each(|i| y[i] = x[i] - lse);
    }
}

/// yⱼ += Σᵢ tᵢ (ln Σ eˣ − xᵢ), where ln Σ eˣ = x − ln p at the largest p, which is never small.
/// An entry with t = 0 counts nothing even where x = −∞.
fn cross_entropy<T: Real>(x: MatrixRef<'_, T>, t: MatrixRef<'_, T>, p: MatrixRef<'_, T>, accum: Accum, y: &mut [T]) {
    for (j, y) in y.iter_mut().enumerate() {
        let (x, t, p) = (x.col(j), t.col(j), p.col(j));
        let best = (0..p.len()).fold(0, |best, i| if p[i] > p[best] || p[i] != p[i] { i } else { best });
        let lse = if x.is_empty() { T::default() } else { x[best] - T::from_f64(p[best].to_f64().ln()) };
        let terms = x.iter().zip(t).filter(|(_, t)| **t != T::default());
        put(y, accum, terms.map(|(&x, &t)| t * (lse - x)).sum());
    }
}
