//! One term into a buffer: `y = …` or `y += …`.

use std::sync::Arc;

use crate::elementwise::{Accum, Out, fill, put};
use crate::groups::{Group, Groups, cross_entropy, softmax};
use crate::op::{Axis, Index, Linear, Op, Order};
use crate::parts::in_parts;
use crate::product::{product, transpose};
use crate::sums::{add, pad, slice};
use crate::{MatrixRef, Real};

/// y = c a + d b for operands of the shape of y: a skip connection, in one pass.
pub(crate) fn add_two<T: Real>([c, d]: [f64; 2], a: &[T], b: &[T], y: &mut [T]) {
    let (c, d) = (T::from_f64(c), T::from_f64(d));
    in_parts(y, |start, y| {
        let (a, b) = (&a[start..][..y.len()], &b[start..][..y.len()]);
        fill(y, Accum::Replace, move |i| c * a[i] + d * b[i]);
    });
}

/// The index lists of a tape.
#[derive(Clone, Default)]
pub(crate) struct Indices(pub Vec<Arc<[u32]>>);

impl Indices {
    fn get(&self, Index(index): Index) -> &[u32] {
        &self.0[index as usize]
    }
}

/// Runs a term of a value, whose operands `look` finds.
pub(crate) fn run<'a, T: Real, R: Copy>(
    op: Op<R>,
    look: impl Fn(R) -> MatrixRef<'a, T>,
    indices: &Indices,
    accum: Accum,
    y: Out<'_, T>,
) {
    match op {
        Op::Number(c) => {
            let c = T::from_f64(c);
            fill(y.data, accum, move |_| c);
        }
        Op::Add(c, x) => add(T::from_f64(c), look(x), accum, y),
        Op::Matmul(s, a, t, b) => product(s, look(a), t, look(b), accum, y),
        Op::Transpose(x) => transpose(look(x), accum, y.data),
        Op::Reshape(x) => {
            let x = look(x).as_slice();
            fill(y.data, accum, move |i| x[i]);
        }
        Op::Slice(i, j, x) => slice(i as usize, j as usize, look(x), accum, y),
        Op::Pad(i, j, x) => pad(i as usize, j as usize, look(x), accum, y),
        Op::Gather(index, x) => {
            let (index, x) = (indices.get(index), look(x).as_slice());
            y.data.iter_mut().zip(index).for_each(|(y, &k)| put(y, accum, x[k as usize]));
        }
        Op::Scatter(index, x) => {
            if accum == Accum::Replace {
                y.data.fill(T::default());
            }
            indices.get(index).iter().zip(look(x).as_slice()).for_each(|(&k, &x)| y.data[k as usize] += x);
        }
        Op::CumSum(axis, order, x) => {
            let x = look(x);
            Groups::of(axis, x.shape()).each(
                #[inline(always)]
                |g| {
                    let mut sum = T::default();
                    for k in 0..g.len {
                        let i = g.start + g.stride * if order == Order::Forward { k } else { g.len - 1 - k };
                        sum += x.as_slice()[i];
                        put(&mut y.data[i], accum, sum);
                    }
                },
            );
        }
        Op::Unary(f, x) => {
            let x = look(x).as_slice();
            in_parts(y.data, |start, y| f.run(&x[start..], y, accum));
        }
        Op::Binary(f, a, b) => {
            let (a, b) = (look(a).as_slice(), look(b).as_slice());
            in_parts(y.data, |start, y| f.run(&a[start..], &b[start..], y, accum));
        }
        Op::Max(axis, x) => {
            let x = look(x);
            Groups::of(axis, x.shape()).each(|g| {
                let max = g.first_max(x.as_slice()).map_or(T::from_f64(f64::NEG_INFINITY), |i| x.as_slice()[i]);
                put(&mut y.data[g.index], accum, max);
            });
        }
        Op::ArgMax(axis, x) => {
            if accum == Accum::Replace {
                y.data.fill(T::default());
            }
            let (x, one) = (look(x), T::from_f64(1.0));
            Groups::of(axis, x.shape()).each(|g| g.first_max(x.as_slice()).into_iter().for_each(|i| y.data[i] += one));
        }
        Op::Softmax(axis, x) => {
            let x = look(x);
            softmax(Groups::of(axis, x.shape()), x.as_slice(), y.data);
        }
        Op::LogSoftmax(axis, x) => {
            let x = look(x);
            let (groups, x) = (Groups::of(axis, x.shape()), x.as_slice());
            groups.each(
                #[inline(always)]
                |g| {
                    let lse = g.log_sum_exp(x);
                    g.for_each(|i| y.data[i] = x[i] - lse);
                },
            );
        }
        Op::LogSumExp(axis, x) => {
            let x = look(x);
            let (groups, x) = (Groups::of(axis, x.shape()), x.as_slice());
            groups.each(
                #[inline(always)]
                |g| y.data[g.index] = g.log_sum_exp(x),
            );
        }
        Op::CrossEntropy { x, t, p } => cross_entropy(look(x), look(t), look(p), accum, y.data),
        Op::Custom(_) => unreachable!("its rule is its own"),
    }
}

/// Runs a term of a gradient or of a tangent, whose operands `look` finds.
pub(crate) fn run_linear<'a, T: Real, R: Copy>(
    term: Linear<R>,
    look: impl Fn(R) -> MatrixRef<'a, T>,
    indices: &Indices,
    accum: Accum,
    dx: Out<'_, T>,
) {
    let shape = (dx.rows, dx.cols);
    match term {
        Linear::Op(op) => run(op, look, indices, accum, dx),
        Linear::Unary(f, x, y, dy) => {
            // Not `map`, which is a call that copies what it makes.
            let (x, y, dy) = (look(x).as_slice(), look(y).as_slice(), look(dy).as_slice());
            in_parts(dx.data, |start, dx| f.run_slope(&x[start..], &y[start..], &dy[start..], dx, accum));
        }
        Linear::Binary(f, side, [a, b, y, dy]) => {
            let (a, b, y, dy) = (look(a).as_slice(), look(b).as_slice(), look(y).as_slice(), look(dy).as_slice());
            let at = |start: usize| [&a[start..], &b[start..], &y[start..], &dy[start..]];
            in_parts(dx.data, |start, dx| f.run_slope(side, at(start), dx, accum));
        }
        Linear::Max(axis, x, dy) => {
            if accum == Accum::Replace {
                dx.data.fill(T::default());
            }
            let (x, dy) = (look(x), look(dy));
            let pick =
                |g: Group| g.first_max(x.as_slice()).into_iter().for_each(|i| dx.data[i] += dy.as_slice()[g.index]);
            Groups::of(axis, shape).each(pick);
        }
        Linear::MaxTangent(axis, x, d) => {
            let (x, d) = (look(x), look(d).as_slice());
            Groups::of(axis, x.shape()).each(|g| {
                put(&mut dx.data[g.index], accum, g.first_max(x.as_slice()).map_or(T::default(), |i| d[i]));
            });
        }
        Linear::Softmax(axis, y, dy) => {
            let (y, dy, dx) = (look(y).as_slice(), look(dy).as_slice(), dx.data);
            Groups::of(axis, shape).each(
                #[inline(always)]
                |g| {
                    let dot: T = g.sum(|i| y[i] * dy[i]);
                    g.for_each(|i| put(&mut dx[i], accum, y[i] * (dy[i] - dot)));
                },
            );
        }
        Linear::LogSoftmax(axis, y, dy) => {
            let (y, dy, dx) = (look(y).as_slice(), look(dy).as_slice(), dx.data);
            Groups::of(axis, shape).each(
                #[inline(always)]
                |g| {
                    let sum: T = g.sum(|i| dy[i]);
                    g.for_each(
                        #[inline(always)]
                        |i| put(&mut dx[i], accum, dy[i] - Real::exp(y[i]) * sum),
                    );
                },
            );
        }
        Linear::LogSoftmaxTangent(axis, y, d) => {
            let (y, d, dx) = (look(y).as_slice(), look(d).as_slice(), dx.data);
            Groups::of(axis, shape).each(
                #[inline(always)]
                |g| {
                    let mean: T = g.sum(
                        #[inline(always)]
                        |i| Real::exp(y[i]) * d[i],
                    );
                    g.for_each(|i| put(&mut dx[i], accum, d[i] - mean));
                },
            );
        }
        Linear::LogSumExp(x, y, dy) => {
            let (x, y, dy) = (look(x), look(y), look(dy));
            // One result for each column, unless there is one for each row.
            let by_column = y.rows() == 1 && y.cols() == x.cols();
            let groups = Groups::of(if by_column { Axis::Rows } else { Axis::Cols }, x.shape());
            let (x, y, dy, dx) = (x.as_slice(), y.as_slice(), dy.as_slice(), dx.data);
            groups.each(
                #[inline(always)]
                |g| {
                    let (y, dy) = (y[g.index], dy[g.index]);
                    g.for_each(
                        #[inline(always)]
                        |i| put(&mut dx[i], accum, Real::exp(x[i] - y) * dy),
                    );
                },
            );
        }
        Linear::LogSumExpTangent(axis, x, y, d) => {
            let (x, y, d) = (look(x), look(y).as_slice(), look(d).as_slice());
            let (groups, x) = (Groups::of(axis, x.shape()), x.as_slice());
            groups.each(
                #[inline(always)]
                |g| {
                    let mean = g.sum(
                        #[inline(always)]
                        |i| Real::exp(x[i] - y[g.index]) * d[i],
                    );
                    put(&mut dx.data[g.index], accum, mean);
                },
            );
        }
        Linear::CrossEntropyTangent(t, p, d) => {
            let (groups, [t, p, d]) = (Groups::of(Axis::Rows, look(t).shape()), [t, p, d].map(|r| look(r).as_slice()));
            groups.each(
                #[inline(always)]
                |g| {
                    let total: T = g.sum(|i| t[i]);
                    put(&mut dx.data[g.index], accum, g.sum(|i| (p[i] * total - t[i]) * d[i]));
                },
            );
        }
        Linear::CrossEntropyTargetTangent(x, d) => {
            let (groups, [x, d]) = (Groups::of(Axis::Rows, look(x).shape()), [x, d].map(|r| look(r).as_slice()));
            groups.each(
                #[inline(always)]
                |g| {
                    let lse = g.log_sum_exp(x);
                    put(&mut dx.data[g.index], accum, g.sum(|i| (lse - x[i]) * d[i]));
                },
            );
        }
        Linear::CrossEntropy(t, p, dy) => {
            let ([t, p, dy], dx) = ([t, p, dy].map(|r| look(r).as_slice()), dx.data);
            Groups::of(Axis::Rows, shape).each(
                #[inline(always)]
                |g| {
                    let total: T = g.sum(|i| t[i]);
                    let dy = dy[g.index];
                    g.for_each(|i| put(&mut dx[i], accum, (p[i] * total - t[i]) * dy));
                },
            );
        }
        Linear::CrossEntropyTarget(x, dy) => {
            let (x, dy, dx) = (look(x).as_slice(), look(dy).as_slice(), dx.data);
            Groups::of(Axis::Rows, shape).each(
                #[inline(always)]
                |g| {
                    let (lse, dy) = (g.log_sum_exp(x), dy[g.index]);
                    g.for_each(|i| put(&mut dx[i], accum, (lse - x[i]) * dy));
                },
            );
        }
    }
}
