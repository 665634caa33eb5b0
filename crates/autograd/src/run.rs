//! One term into a buffer: `y = …` or `y += …`.

use std::sync::Arc;

use crate::columns::{cross_entropy, each_column, first_max, log_sum_exp, softmax};
use crate::elementwise::{Accum, Out, fill, put};
use crate::op::{Axis, Index, Op, Order};
use crate::parts::in_parts;
use crate::product::product;
use crate::sums::{add, pad, slice};
use crate::transpose::transpose;
use crate::transposes::Transposes;
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
