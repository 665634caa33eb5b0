//! One term into a buffer: `y = …` or `y += …`.

use std::sync::Arc;

use crate::columns::{Transposes, cross_entropy, each_column, first_max, log_sum_exp, softmax, sum};
use crate::elementwise::{Accum, Out, fill, put};
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
        Op::CumSum(Axis::Cols, ..)
        | Op::Max(Axis::Cols, _)
        | Op::ArgMax(Axis::Cols, _)
        | Op::Softmax(Axis::Cols, _)
        | Op::LogSoftmax(Axis::Cols, _)
        | Op::LogSumExp(Axis::Cols, _) => {
            let mut copies = Transposes::new();
            let op = op.map(|x| copies.push(look(x))).along_rows();
            copies.write(accum, y, |look, y| run(op, look, indices, Accum::Replace, y));
        }
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
        Op::CumSum(Axis::Rows, order, x) => {
            let x = look(x);
            each_column(
                x.shape(),
                #[inline(always)]
                |g| {
                    let (x, y, mut sum) = (g.of(x.as_slice()), g.of_mut(y.data), T::default());
                    for k in 0..x.len() {
                        let i = if order == Order::Forward { k } else { x.len() - 1 - k };
                        sum += x[i];
                        put(&mut y[i], accum, sum);
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
        Op::Max(Axis::Rows, x) => {
            let x = look(x);
            each_column(
                x.shape(),
                #[inline(always)]
                |g| {
                    let x = g.of(x.as_slice());
                    let max = first_max(x).map_or(T::from_f64(f64::NEG_INFINITY), |i| x[i]);
                    put(&mut y.data[g.index], accum, max);
                },
            );
        }
        Op::ArgMax(Axis::Rows, x) => {
            if accum == Accum::Replace {
                y.data.fill(T::default());
            }
            let (x, one) = (look(x), T::from_f64(1.0));
            each_column(
                x.shape(),
                #[inline(always)]
                |g| first_max(g.of(x.as_slice())).into_iter().for_each(|i| g.of_mut(y.data)[i] += one),
            );
        }
        Op::Softmax(Axis::Rows, x) => softmax(look(x), y.data),
        Op::LogSoftmax(Axis::Rows, x) => {
            let x = look(x);
            let (shape, x) = (x.shape(), x.as_slice());
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let (x, y) = (g.of(x), g.of_mut(y.data));
                    let lse = log_sum_exp(x);
                    g.for_each(|i| y[i] = x[i] - lse);
                },
            );
        }
        Op::LogSumExp(Axis::Rows, x) => {
            let x = look(x);
            let (shape, x) = (x.shape(), x.as_slice());
            each_column(
                shape,
                #[inline(always)]
                |g| y.data[g.index] = log_sum_exp(g.of(x)),
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
        Linear::Max(Axis::Cols, ..)
        | Linear::MaxTangent(Axis::Cols, ..)
        | Linear::Softmax(Axis::Cols, ..)
        | Linear::LogSoftmax(Axis::Cols, ..)
        | Linear::LogSoftmaxTangent(Axis::Cols, ..)
        | Linear::LogSumExp(Axis::Cols, ..)
        | Linear::LogSumExpTangent(Axis::Cols, ..) => {
            let mut copies = Transposes::new();
            let term = term.map(|x| copies.push(look(x))).along_rows();
            copies.write(accum, dx, |look, dx| run_linear(term, look, indices, Accum::Replace, dx));
        }
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
        Linear::Max(Axis::Rows, x, dy) => {
            if accum == Accum::Replace {
                dx.data.fill(T::default());
            }
            let (x, dy) = (look(x), look(dy));
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let dx = g.of_mut(dx.data);
                    first_max(g.of(x.as_slice())).into_iter().for_each(|i| dx[i] += dy.as_slice()[g.index]);
                },
            );
        }
        Linear::MaxTangent(Axis::Rows, x, d) => {
            let (x, d) = (look(x), look(d).as_slice());
            each_column(
                x.shape(),
                #[inline(always)]
                |g| {
                    let (place, d) = (first_max(g.of(x.as_slice())), g.of(d));
                    put(&mut dx.data[g.index], accum, place.map_or(T::default(), |i| d[i]));
                },
            );
        }
        Linear::Softmax(Axis::Rows, y, dy) => {
            let (y, dy, dx) = (look(y).as_slice(), look(dy).as_slice(), dx.data);
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let (y, dy, dx) = (g.of(y), g.of(dy), g.of_mut(dx));
                    let dot: T = sum([y, dy], |[y, dy]| y * dy);
                    g.for_each(|i| put(&mut dx[i], accum, y[i] * (dy[i] - dot)));
                },
            );
        }
        Linear::LogSoftmax(Axis::Rows, y, dy) => {
            let (y, dy, dx) = (look(y).as_slice(), look(dy).as_slice(), dx.data);
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let (y, dy, dx) = (g.of(y), g.of(dy), g.of_mut(dx));
                    let total: T = sum([dy], |[dy]| dy);
                    g.for_each(
                        #[inline(always)]
                        |i| put(&mut dx[i], accum, dy[i] - Real::exp(y[i]) * total),
                    );
                },
            );
        }
        Linear::LogSoftmaxTangent(Axis::Rows, y, d) => {
            let (y, d, dx) = (look(y).as_slice(), look(d).as_slice(), dx.data);
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let (y, d, dx) = (g.of(y), g.of(d), g.of_mut(dx));
                    let mean: T = sum(
                        [y, d],
                        #[inline(always)]
                        |[y, d]| Real::exp(y) * d,
                    );
                    g.for_each(|i| put(&mut dx[i], accum, d[i] - mean));
                },
            );
        }
        Linear::LogSumExp(Axis::Rows, x, y, dy) => {
            let ([x, y, dy], dx) = ([x, y, dy].map(|r| look(r).as_slice()), dx.data);
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let (y, dy, x, dx) = (y[g.index], dy[g.index], g.of(x), g.of_mut(dx));
                    g.for_each(
                        #[inline(always)]
                        |i| put(&mut dx[i], accum, Real::exp(x[i] - y) * dy),
                    );
                },
            );
        }
        Linear::LogSumExpTangent(Axis::Rows, x, y, d) => {
            let (x, y, d) = (look(x), look(y).as_slice(), look(d).as_slice());
            let (shape, x) = (x.shape(), x.as_slice());
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let (x, y, d) = (g.of(x), y[g.index], g.of(d));
                    let mean = sum(
                        [x, d],
                        #[inline(always)]
                        |[x, d]| Real::exp(x - y) * d,
                    );
                    put(&mut dx.data[g.index], accum, mean);
                },
            );
        }
        Linear::CrossEntropyTangent(t, p, d) => {
            let (shape, [t, p, d]) = (look(t).shape(), [t, p, d].map(|r| look(r).as_slice()));
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let [t, p, d] = [t, p, d].map(|r| g.of(r));
                    let total: T = sum([t], |[t]| t);
                    put(&mut dx.data[g.index], accum, sum([t, p, d], |[t, p, d]| (p * total - t) * d));
                },
            );
        }
        Linear::CrossEntropyTargetTangent(x, d) => {
            let (shape, [x, d]) = (look(x).shape(), [x, d].map(|r| look(r).as_slice()));
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let (x, d) = (g.of(x), g.of(d));
                    let lse = log_sum_exp(x);
                    put(&mut dx.data[g.index], accum, sum([x, d], |[x, d]| (lse - x) * d));
                },
            );
        }
        Linear::CrossEntropy(t, p, dy) => {
            let ([t, p, dy], dx) = ([t, p, dy].map(|r| look(r).as_slice()), dx.data);
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let (t, p, dy, dx) = (g.of(t), g.of(p), dy[g.index], g.of_mut(dx));
                    let total: T = sum([t], |[t]| t);
                    g.for_each(|i| put(&mut dx[i], accum, (p[i] * total - t[i]) * dy));
                },
            );
        }
        Linear::CrossEntropyTarget(x, dy) => {
            let (x, dy, dx) = (look(x).as_slice(), look(dy).as_slice(), dx.data);
            each_column(
                shape,
                #[inline(always)]
                |g| {
                    let (x, dy, dx) = (g.of(x), dy[g.index], g.of_mut(dx));
                    let lse = log_sum_exp(x);
                    g.for_each(|i| put(&mut dx[i], accum, (lse - x[i]) * dy));
                },
            );
        }
    }
}
