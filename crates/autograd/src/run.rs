//! One term into a buffer: `y = …` or `y += …`.

use std::sync::Arc;

use crate::elementwise::{Accum, Out, fill, put};
use crate::groups::{Group, Groups, cross_entropy, softmax};
use crate::op::{Axis, Index, Linear, Op, Order};
use crate::product::{product, transpose};
use crate::sums::{add, pad, slice};
use crate::{MatrixRef, Real};

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
