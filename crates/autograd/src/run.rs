//! One term into a buffer: `y = …` or `y += …`.

use std::sync::Arc;

use crate::elementwise::{Accum, fill, vectorised};
use crate::op::{Axis, Index, Linear, Op, Order};
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

/// The index lists of a tape.
#[derive(Clone, Default)]
pub(crate) struct Indices(pub Vec<Arc<[u32]>>);

impl Indices {
    fn get(&self, Index(index): Index) -> &[u32] {
        &self.0[index as usize]
    }
}

/// Runs a term of a value.
pub(crate) fn run<T: Real>(op: Op<MatrixRef<'_, T>>, indices: &Indices, accum: Accum, y: Out<'_, T>) {
    match op {
        Op::Number(c) => {
            let c = T::from_f64(c);
            fill(y.data, accum, move |_| c);
        }
        Op::Add(c, x) => add(T::from_f64(c), x, accum, y),
        Op::Matmul(s, a, t, b) => product(s, a, t, b, accum, y),
        Op::Transpose(x) => transpose(x, accum, y.data),
        Op::Reshape(x) => {
            let x = x.as_slice();
            fill(y.data, accum, move |i| x[i]);
        }
        Op::Slice(i, j, x) => slice(i as usize, j as usize, x, accum, y),
        Op::Pad(i, j, x) => pad(i as usize, j as usize, x, accum, y),
        Op::Gather(index, x) => {
            let (index, x) = (indices.get(index), x.as_slice());
            y.data.iter_mut().zip(index).for_each(|(y, &k)| put(y, accum, x[k as usize]));
        }
        Op::Scatter(index, x) => {
            if accum == Accum::Replace {
                y.data.fill(T::default());
            }
            indices.get(index).iter().zip(x.as_slice()).for_each(|(&k, &x)| y.data[k as usize] += x);
        }
        Op::CumSum(axis, order, x) => Groups::of(axis, x.shape()).each(
            #[inline(always)]
            |g| {
                let mut sum = T::default();
                for k in 0..g.len {
                    let i = g.start + g.stride * if order == Order::Forward { k } else { g.len - 1 - k };
                    sum += x.as_slice()[i];
                    put(&mut y.data[i], accum, sum);
                }
            },
        ),
        Op::Unary(f, x) => f.run(x.as_slice(), y.data, accum),
        Op::Binary(f, a, b) => f.run(a.as_slice(), b.as_slice(), y.data, accum),
        Op::Max(axis, x) => Groups::of(axis, x.shape()).each(|g| {
            put(
                &mut y.data[g.index],
                accum,
                g.first_max(x.as_slice()).map_or(T::from_f64(f64::NEG_INFINITY), |i| x.as_slice()[i]),
            );
        }),
        Op::ArgMax(axis, x) => {
            if accum == Accum::Replace {
                y.data.fill(T::default());
            }
            let one = T::from_f64(1.0);
            Groups::of(axis, x.shape()).each(|g| g.first_max(x.as_slice()).into_iter().for_each(|i| y.data[i] += one));
        }
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
        Op::Custom(_) => unreachable!("its rule is its own"),
    }
}

/// Runs a term of a gradient or of a tangent.
pub(crate) fn run_linear<T: Real>(term: Linear<MatrixRef<'_, T>>, indices: &Indices, accum: Accum, dx: Out<'_, T>) {
    let shape = (dx.rows, dx.cols);
    match term {
        Linear::Op(op) => run(op, indices, accum, dx),
        Linear::Unary(f, x, y, dy) => f.run_slope(x.as_slice(), y.as_slice(), dy.as_slice(), dx.data, accum),
        Linear::Binary(f, side, at) => f.run_slope(side, at.map(MatrixRef::as_slice), dx.data, accum),
        Linear::Max(axis, x, dy) => {
            if accum == Accum::Replace {
                dx.data.fill(T::default());
            }
            let pick =
                |g: Group| g.first_max(x.as_slice()).into_iter().for_each(|i| dx.data[i] += dy.as_slice()[g.index]);
            Groups::of(axis, shape).each(pick);
        }
        Linear::MaxTangent(axis, x, d) => Groups::of(axis, x.shape()).each(|g| {
            put(&mut dx.data[g.index], accum, g.first_max(x.as_slice()).map_or(T::default(), |i| d.as_slice()[i]));
        }),
        Linear::Softmax(axis, y, dy) => {
            let (y, dy, dx) = (y.as_slice(), dy.as_slice(), dx.data);
            Groups::of(axis, shape).each(
                #[inline(always)]
                |g| {
                    let dot: T = g.entries().map(|i| y[i] * dy[i]).sum();
                    g.entries().for_each(|i| put(&mut dx[i], accum, y[i] * (dy[i] - dot)));
                },
            );
        }
        Linear::LogSoftmax(axis, y, dy) => {
            let (y, dy, dx) = (y.as_slice(), dy.as_slice(), dx.data);
            Groups::of(axis, shape).each(
                #[inline(always)]
                |g| {
                    let sum: T = g.entries().map(|i| dy[i]).sum();
                    g.entries().for_each(|i| put(&mut dx[i], accum, dy[i] - Real::exp(y[i]) * sum));
                },
            );
        }
        Linear::LogSoftmaxTangent(axis, y, d) => {
            let (y, d, dx) = (y.as_slice(), d.as_slice(), dx.data);
            Groups::of(axis, shape).each(
                #[inline(always)]
                |g| {
                    let mean: T = g.entries().map(|i| Real::exp(y[i]) * d[i]).sum();
                    g.entries().for_each(|i| put(&mut dx[i], accum, d[i] - mean));
                },
            );
        }
        Linear::LogSumExp(x, y, dy) => {
            let (m, one_row) = (x.rows(), y.rows() == 1);
            let (x, y, dy) = (x.as_slice(), y.as_slice(), dy.as_slice());
            // One result for each column, unless there is one for each row.
            let by_column = one_row && y.len() * m == x.len();
            fill(dx.data, accum, move |i| {
                let g = if by_column { i / m } else { i % m };
                Real::exp(x[i] - y[g]) * dy[g]
            });
        }
        Linear::LogSumExpTangent(axis, x, y, d) => {
            let (groups, x, y, d) = (Groups::of(axis, x.shape()), x.as_slice(), y.as_slice(), d.as_slice());
            groups.each(
                #[inline(always)]
                |g| {
                    let mean = g.entries().map(|i| Real::exp(x[i] - y[g.index]) * d[i]).sum();
                    put(&mut dx.data[g.index], accum, mean);
                },
            );
        }
        Linear::CrossEntropyTangent(t, p, d) => {
            let (groups, t, p, d) = (Groups::of(Axis::Rows, t.shape()), t.as_slice(), p.as_slice(), d.as_slice());
            groups.each(
                #[inline(always)]
                |g| {
                    let total: T = g.entries().map(|i| t[i]).sum();
                    put(&mut dx.data[g.index], accum, g.entries().map(|i| (p[i] * total - t[i]) * d[i]).sum());
                },
            );
        }
        Linear::CrossEntropyTargetTangent(x, d) => {
            let (groups, x, d) = (Groups::of(Axis::Rows, x.shape()), x.as_slice(), d.as_slice());
            groups.each(
                #[inline(always)]
                |g| {
                    let lse = g.log_sum_exp(x);
                    put(&mut dx.data[g.index], accum, g.entries().map(|i| (lse - x[i]) * d[i]).sum());
                },
            );
        }
        Linear::CrossEntropy(t, p, dy) => {
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
        Linear::CrossEntropyTarget(x, dy) => {
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

/// y += the block of x from row i and column j on.
fn slice<T: Real>(i: usize, j: usize, x: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    if y.rows == x.rows() {
        let x = &x.as_slice()[j * y.rows..][..y.data.len()];
        return fill(y.data, accum, move |k| x[k]);
    }
    for (k, y) in y.data.chunks_exact_mut(y.rows.max(1)).enumerate() {
        y.iter_mut().zip(&x.col(j + k)[i..]).for_each(|(y, &x)| put(y, accum, x));
    }
}

/// The block of y from row i and column j on += x.
fn pad<T: Real>(i: usize, j: usize, x: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    let (m, n) = x.shape();
    let x = x.as_slice();
    if y.rows == m {
        let (before, rest) = y.data.split_at_mut(j * m);
        let (block, after) = rest.split_at_mut(x.len());
        if accum == Accum::Replace {
            before.fill(T::default());
            after.fill(T::default());
        }
        return fill(block, accum, move |k| x[k]);
    }
    if accum == Accum::Replace {
        y.data.fill(T::default());
    }
    let columns = y.data.chunks_exact_mut(y.rows.max(1)).skip(j).take(n);
    for (y, x) in columns.zip(x.chunks_exact(m.max(1))) {
        y[i..].iter_mut().zip(x).for_each(|(y, &x)| *y += x);
    }
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
pub(crate) struct Groups {
    groups: usize,
    len: usize,
    /// From one group to the next, and from one entry of a group to the next.
    strides: (usize, usize),
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub index: usize,
    start: usize,
    len: usize,
    stride: usize,
}

impl Groups {
    pub fn of(axis: Axis, (m, n): (usize, usize)) -> Groups {
        match axis {
            Axis::Rows => Groups { groups: n, len: m, strides: (m, 1) },
            Axis::Cols => Groups { groups: m, len: n, strides: (1, m) },
        }
    }

    /// Calls `f` with every group, in vector code. A contiguous group says so with a stride that the
    /// compiler knows.
    #[inline(always)]
    pub fn each(self, mut f: impl FnMut(Group)) {
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

    /// Where the first largest entry lies, or the first that is not a number; `None` of none.
    pub fn first_max<T: Real>(self, x: &[T]) -> Option<usize> {
        let larger = |a: T, b: T| a > b || (a.to_f64().is_nan() && !b.to_f64().is_nan());
        self.entries().reduce(|best, i| if larger(x[i], x[best]) { i } else { best })
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
