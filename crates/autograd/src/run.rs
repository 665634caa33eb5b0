//! One term into a buffer: `y = …` or `y += …`.

use crate::elementwise::{Accum, fill, vectorised};
use crate::op::{Adjoint, Axis, Op};
use crate::product::{product, transpose};
use crate::{MatrixRef, Real};

/// Where a term is written: a `rows × cols` part of a buffer.
pub(crate) struct Out<'a, T> {
    pub rows: usize,
    pub cols: usize,
    pub data: &'a mut [T],
}

/// y = c a + d b for operands of the shape of y: a skip connection, in one pass.
pub(crate) fn add_two<T: Real>([c, d]: [f64; 2], a: &[T], b: &[T], y: &mut [T]) {
    let (c, d) = (T::from_f64(c), T::from_f64(d));
    let (a, b) = (&a[..y.len()], &b[..y.len()]);
    fill(y, Accum::Replace, move |i| c * a[i] + d * b[i]);
}

/// Runs a term of a value.
pub(crate) fn run<T: Real>(op: Op<MatrixRef<'_, T>>, accum: Accum, y: Out<'_, T>) {
    match op {
        Op::Number(c) => {
            let c = T::from_f64(c);
            fill(y.data, accum, move |_| c);
        }
        Op::Add(c, x) => add(T::from_f64(c), x, accum, y),
        Op::Matmul(s, a, t, b) => product(s, a, t, b, accum, y),
        Op::Transpose(x) => transpose(x, accum, y.data),
        Op::Columns(start, x) => {
            let x = &x.as_slice()[start * y.rows..][..y.data.len()];
            fill(y.data, accum, move |i| x[i]);
        }
        Op::PadColumns(start, x) => {
            let x = x.as_slice();
            let (before, rest) = y.data.split_at_mut(start * y.rows);
            let (columns, after) = rest.split_at_mut(x.len());
            if accum == Accum::Replace {
                before.fill(T::default());
                after.fill(T::default());
            }
            fill(columns, accum, move |i| x[i]);
        }
        Op::Unary(f, x) => T::unary(f, x.as_slice(), y.data, accum),
        Op::Binary(f, a, b) => T::binary(f, a.as_slice(), b.as_slice(), y.data, accum),
        Op::Softmax(axis, x) => softmax(Groups::of(axis, x.shape()), x.as_slice(), y.data),
        Op::LogSoftmax(axis, x) => {
            let (groups, x) = (Groups::of(axis, x.shape()), x.as_slice());
            groups.each(
                #[inline(always)]
                |g| {
                    let lse = g.log_sum_exp(x);
                    g.entries().for_each(|i| y.data[i] = x[i] - lse);
                },
            );
        }
        Op::LogSumExp(axis, x) => {
            let (groups, x) = (Groups::of(axis, x.shape()), x.as_slice());
            groups.each(
                #[inline(always)]
                |g| y.data[g.index] = g.log_sum_exp(x),
            );
        }
        Op::CrossEntropy { x, t, p } => cross_entropy(x, t, p, accum, y.data),
    }
}

/// Runs a term of a gradient.
pub(crate) fn run_adjoint<T: Real>(adjoint: Adjoint<MatrixRef<'_, T>>, accum: Accum, dx: Out<'_, T>) {
    let shape = (dx.rows, dx.cols);
    match adjoint {
        Adjoint::Op(op) => run(op, accum, dx),
        Adjoint::Unary(f, x, y, dy) => T::unary_slope(f, x.as_slice(), y.as_slice(), dy.as_slice(), dx.data, accum),
        Adjoint::Binary(f, side, at) => T::binary_slope(f, side, at.map(MatrixRef::as_slice), dx.data, accum),
        Adjoint::Softmax(axis, y, dy) => {
            let (y, dy, dx) = (y.as_slice(), dy.as_slice(), dx.data);
            Groups::of(axis, shape).each(
                #[inline(always)]
                |g| {
                    let dot: T = g.entries().map(|i| y[i] * dy[i]).sum();
                    g.entries().for_each(|i| put(&mut dx[i], accum, y[i] * (dy[i] - dot)));
                },
            );
        }
        Adjoint::LogSoftmax(axis, y, dy) => {
            let (y, dy, dx) = (y.as_slice(), dy.as_slice(), dx.data);
            Groups::of(axis, shape).each(
                #[inline(always)]
                |g| {
                    let sum: T = g.entries().map(|i| dy[i]).sum();
                    g.entries().for_each(|i| put(&mut dx[i], accum, dy[i] - Real::exp(y[i]) * sum));
                },
            );
        }
        Adjoint::LogSumExp(x, y, dy) => {
            let (m, one_row) = (x.rows(), y.rows() == 1);
            let (x, y, dy) = (x.as_slice(), y.as_slice(), dy.as_slice());
            // One result for each column, unless there is one for each row.
            let by_column = one_row && y.len() * m == x.len();
            fill(dx.data, accum, move |i| {
                let g = if by_column { i / m } else { i % m };
                Real::exp(x[i] - y[g]) * dy[g]
            });
        }
        Adjoint::CrossEntropy(t, p, dy) => {
            let (t, p, dy, dx) = (t.as_slice(), p.as_slice(), dy.as_slice(), dx.data);
            Groups::of(Axis::Rows, shape).each(
                #[inline(always)]
                |g| {
                    let total: T = g.entries().map(|i| t[i]).sum();
                    let dy = dy[g.index];
                    g.entries().for_each(|i| put(&mut dx[i], accum, (p[i] * total - t[i]) * dy));
                },
            );
        }
        Adjoint::CrossEntropyTarget(x, dy) => {
            let (x, dy, dx) = (x.as_slice(), dy.as_slice(), dx.data);
            Groups::of(Axis::Rows, shape).each(
                #[inline(always)]
                |g| {
                    let (lse, dy) = (g.log_sum_exp(x), dy[g.index]);
                    g.entries().for_each(|i| put(&mut dx[i], accum, (lse - x[i]) * dy));
                },
            );
        }
    }
}

#[inline(always)]
pub(crate) fn put<T: Real>(y: &mut T, accum: Accum, value: T) {
    *y = if accum == Accum::Add { *y + value } else { value };
}

/// y += c x, summed or repeated to the shape of y.
fn add<T: Real>(c: T, x: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    let ((m, n), (p, q)) = (x.shape(), (y.rows, y.cols));
    let (x, y) = (x.as_slice(), y.data);
    if (m, n) == (p, q) {
        // The plain copy is the one that every sum of terms needs.
        return if c == T::from_f64(1.0) { fill(y, accum, move |i| x[i]) } else { fill(y, accum, move |i| c * x[i]) };
    }
    let sums = (p == 1 && m != 1) || (q == 1 && n != 1);
    if sums && accum == Accum::Replace {
        y.fill(T::default());
    }
    if y.is_empty() || (sums && x.is_empty()) {
        return;
    }
    let accum = if sums { Accum::Add } else { accum };
    match (m == p, n, q) {
        _ if (p, q) == (1, 1) => y[0] += c * sum(x),
        (true, _, 1) => add_columns(c, x, y),
        (true, 1, _) if c == T::from_f64(1.0) && accum == Accum::Replace => {
            y.chunks_exact_mut(p.max(1)).for_each(|y| y.copy_from_slice(x));
        }
        _ => vectorised(
            #[inline(always)]
            || {
                let (c, y) = (c, &mut *y);
                for j in 0..n.max(q) {
                    let y = &mut y[if q == 1 { 0 } else { j } * p..][..p];
                    let x = &x[if n == 1 { 0 } else { j } * m..][..m];
                    match (m, p) {
                        (1, 1) => put(&mut y[0], accum, c * x[0]),
                        (_, 1) => put(&mut y[0], accum, c * sum(x)),
                        (1, _) => y.iter_mut().for_each(|y| put(y, accum, c * x[0])),
                        _ => y.iter_mut().zip(x).for_each(|(y, &x)| put(y, accum, c * x)),
                    }
                }
            },
        ),
    }
}

/// y += c Σⱼ x[:, j], 32 rows at a time: their sums stay in registers.
fn add_columns<T: Real>(c: T, x: &[T], y: &mut [T]) {
    const ROWS: usize = 32;
    let m = y.len();
    vectorised(
        #[inline(always)]
        || {
            let (blocks, rest) = y.as_chunks_mut::<ROWS>();
            for (b, y) in blocks.iter_mut().enumerate() {
                let mut sums = [T::default(); ROWS];
                for x in x.chunks_exact(m) {
                    let x: &[T; ROWS] = x[b * ROWS..].first_chunk().expect("a block lies within its column");
                    for (sum, &x) in sums.iter_mut().zip(x) {
                        *sum += x;
                    }
                }
                y.iter_mut().zip(sums).for_each(|(y, sum)| *y += c * sum);
            }
            for (i, y) in rest.iter_mut().enumerate() {
                let row = x[m / ROWS * ROWS + i..].iter().step_by(m);
                *y += c * row.copied().sum::<T>();
            }
        },
    );
}

/// Σ x in 16 lanes, added pairwise: the order depends on the length alone.
fn sum<T: Real>(x: &[T]) -> T {
    const LANES: usize = 16;
    vectorised(
        #[inline(always)]
        || {
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
        },
    )
}

/// The groups of entries that an axis runs through.
#[derive(Clone, Copy)]
struct Groups {
    groups: usize,
    len: usize,
    /// From one group to the next, and from one entry of a group to the next.
    strides: (usize, usize),
}

/// One of them.
#[derive(Clone, Copy)]
struct Group {
    index: usize,
    start: usize,
    len: usize,
    stride: usize,
}

impl Groups {
    fn of(axis: Axis, (m, n): (usize, usize)) -> Groups {
        match axis {
            Axis::Rows => Groups { groups: n, len: m, strides: (m, 1) },
            Axis::Cols => Groups { groups: m, len: n, strides: (1, m) },
        }
    }

    /// Calls `f` with every group, in vector code. A contiguous group says so with a stride that the
    /// compiler knows.
    #[inline(always)]
    fn each(self, mut f: impl FnMut(Group)) {
        let Groups { groups, len, strides: (across, along) } = self;
        vectorised(
            #[inline(always)]
            || {
                if along == 1 {
                    (0..groups).for_each(|index| f(Group { index, start: index * across, len, stride: 1 }));
                } else {
                    (0..groups).for_each(|index| f(Group { index, start: index * across, len, stride: along }));
                }
            },
        )
    }
}

impl Group {
    #[inline(always)]
    fn entries(self) -> impl Iterator<Item = usize> {
        let Group { start, len, stride, .. } = self;
        (0..len).map(move |k| start + k * stride)
    }

    /// The largest entry; −∞ of none.
    #[inline(always)]
    fn max<T: Real>(self, x: &[T]) -> T {
        self.entries().fold(T::from_f64(f64::NEG_INFINITY), |max, i| max.larger(x[i]))
    }

    /// ln Σ eˣ = max + ln Σ e^(x − max).
    #[inline(always)]
    fn log_sum_exp<T: Real>(self, x: &[T]) -> T {
        let max = self.max(x);
        // Nothing but −∞, or a +∞: the differences would be NaN.
        if max.to_f64().is_infinite() {
            return max;
        }
        let mut sum = T::default();
        let mut block = [T::default(); 64];
        for k in (0..self.len).step_by(block.len()) {
            let block = &mut block[..64.min(self.len - k)];
            let start = self.start + k * self.stride;
            block.iter_mut().enumerate().for_each(|(i, e)| *e = Real::exp(x[start + i * self.stride] - max));
            sum += block.iter().copied().sum::<T>();
        }
        max + Real::ln(sum)
    }
}

/// y = e^(x − max) / Σ e^(x − max), in passes over the whole so that short groups cost no more.
fn softmax<T: Real>(groups: Groups, x: &[T], y: &mut [T]) {
    groups.each(
        #[inline(always)]
        |g| {
            let max = g.max(x);
            g.entries().for_each(|i| y[i] = x[i] - max);
        },
    );
    vectorised(
        #[inline(always)]
        || y.iter_mut().for_each(|y| *y = Real::exp(*y)),
    );
    groups.each(
        #[inline(always)]
        |g| {
            let scale = T::from_f64(1.0) / g.entries().map(|i| y[i]).sum::<T>();
            g.entries().for_each(|i| y[i] *= scale);
        },
    );
}

/// yⱼ += Σᵢ tᵢ (ln Σ eˣ − xᵢ), where ln Σ eˣ = x − ln p at the largest p, which is never small.
/// An entry with t = 0 counts nothing even where x = −∞.
fn cross_entropy<T: Real>(x: MatrixRef<'_, T>, t: MatrixRef<'_, T>, p: MatrixRef<'_, T>, accum: Accum, y: &mut [T]) {
    for (j, y) in y.iter_mut().enumerate() {
        let (x, t, p) = (x.col(j), t.col(j), p.col(j));
        let best = (1..p.len()).fold(0, |best, i| if p[i] > p[best] { i } else { best });
        let lse = if x.is_empty() { T::default() } else { x[best] - T::from_f64(p[best].to_f64().ln()) };
        let terms = x.iter().zip(t).filter(|(_, t)| **t != T::default());
        put(y, accum, terms.map(|(&x, &t)| t * (lse - x)).sum());
    }
}
