//! The terms of derivatives, which the rules of `op` make of ops, and how each runs.

use crate::columns::{each_column, first_max, log_sum_exp, sum};
use crate::elementwise::{Accum, Out, put};
use crate::map::{Binary, Unary};
use crate::op::{Axis, Op};
use crate::parts::in_parts;
use crate::run::{Indices, run};
use crate::transposes::Transposes;
use crate::{MatrixRef, Real};

/// A linear term: of δx, an op of δy or the slope of one applied to it; or of the tangent of y, the same of that of x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Linear<R> {
    /// A linear op of δy.
    Op(Op<R>),
    /// δx += f'(x, y) ⊙ δy.
    Unary(Unary, R, R, R),
    /// δa (side 0) or δb (side 1) += the slope of f at (a, b), where it is y, ⊙ δy.
    Binary(Binary, usize, [R; 4]),
    /// δx += δy at the first largest entry of x along an axis.
    Max(Axis, R, R),
    /// The tangent of that: ẏ += ẋ there.
    MaxTangent(Axis, R, R),
    /// δx += y ⊙ (δy − Σ y δy), and so the tangent, for the Jacobian is symmetric.
    Softmax(Axis, R, R),
    /// δx += δy − eʸ Σ δy.
    LogSoftmax(Axis, R, R),
    /// ẏ += ẋ − Σ eʸ ẋ.
    LogSoftmaxTangent(Axis, R, R),
    /// δx += e^(x − y) ⊙ δy.
    LogSumExp(Axis, R, R, R),
    /// ẏ += Σ e^(x − y) ẋ.
    LogSumExpTangent(Axis, R, R, R),
    /// δx += (p Σ t − t) ⊙ δy: for targets that sum to 1 the lecture's δ = y − t.
    CrossEntropy(R, R, R),
    /// ẏ += Σ (p Σ t − t) ẋ.
    CrossEntropyTangent(R, R, R),
    /// δt += −ln p ⊙ δy = (ln Σ eˣ − x) ⊙ δy, from x and δy.
    CrossEntropyTarget(R, R),
    /// ẏ += Σ (ln Σ eˣ − x) ṫ.
    CrossEntropyTargetTangent(R, R),
}

impl<R> Linear<R> {
    /// The same of other operands, which `f` is asked for in order.
    pub(crate) fn map<S>(self, mut f: impl FnMut(R) -> S) -> Linear<S> {
        use Linear as D;
        match self {
            D::Op(op) => D::Op(op.map(f)),
            D::Unary(g, x, y, d) => D::Unary(g, f(x), f(y), f(d)),
            D::Binary(g, side, all) => D::Binary(g, side, all.map(f)),
            D::Max(axis, x, d) => D::Max(axis, f(x), f(d)),
            D::MaxTangent(axis, x, d) => D::MaxTangent(axis, f(x), f(d)),
            D::Softmax(axis, y, d) => D::Softmax(axis, f(y), f(d)),
            D::LogSoftmax(axis, y, d) => D::LogSoftmax(axis, f(y), f(d)),
            D::LogSoftmaxTangent(axis, y, d) => D::LogSoftmaxTangent(axis, f(y), f(d)),
            D::LogSumExp(axis, x, y, d) => D::LogSumExp(axis, f(x), f(y), f(d)),
            D::LogSumExpTangent(axis, x, y, d) => D::LogSumExpTangent(axis, f(x), f(y), f(d)),
            D::CrossEntropy(t, p, d) => D::CrossEntropy(f(t), f(p), f(d)),
            D::CrossEntropyTangent(t, p, d) => D::CrossEntropyTangent(f(t), f(p), f(d)),
            D::CrossEntropyTarget(x, d) => D::CrossEntropyTarget(f(x), f(d)),
            D::CrossEntropyTargetTangent(x, d) => D::CrossEntropyTargetTangent(f(x), f(d)),
        }
    }

    /// The same of each column: along [`Axis::Rows`]. An op is left to [`Op::along_rows`].
    pub(crate) fn along_rows(mut self) -> Self {
        use Linear as D;
        match &mut self {
            D::Max(axis, ..) | D::MaxTangent(axis, ..) | D::Softmax(axis, ..) | D::LogSoftmax(axis, ..) => {
                *axis = Axis::Rows
            }
            D::LogSoftmaxTangent(axis, ..) | D::LogSumExp(axis, ..) | D::LogSumExpTangent(axis, ..) => {
                *axis = Axis::Rows
            }
            _ => unreachable!("it has no axis"),
        }
        self
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
