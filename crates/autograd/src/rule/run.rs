//! Runs one term into a buffer: `y = …` or `y += …`.

use std::sync::Arc;

use kernel::simd::{Accum, Out, fill, put};
use kernel::table::loops;
use kernel::threads::in_parts;
use kernel::transpose::transpose;
use kernel::{along, blocks, cross_entropy};
use linalg::product;

use super::op::{Index, LinearTerm, Op};
use crate::{MatrixRef, Real};

/// y = c a + d b for operands in the shape of y: a skip connection, in one pass.
fn add_two<T: Real>([c, d]: [f64; 2], a: &[T], b: &[T], y: &mut [T]) {
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

/// Runs the terms of a value, y = Σ; `look` returns their operands.
#[inline(always)]
pub(crate) fn run_sum<'a, T: Real, R: Copy>(
    terms: &[Op<R>],
    look: impl Fn(R) -> MatrixRef<'a, T>,
    indices: &Indices,
    shape: (usize, usize),
    data: &mut [T],
) {
    if let [Op::Add(c, a), Op::Add(d, b)] = *terms {
        let (a, b) = (look(a), look(b));
        if a.shape() == shape && b.shape() == shape {
            return add_two([c, d], a.as_slice(), b.as_slice(), data);
        }
    }
    let (rows, cols) = shape;
    let mut accum = Accum::Replace;
    for &term in terms {
        run(term, &look, indices, accum, Out { rows, cols, data });
        accum = Accum::Add;
    }
}

/// Runs a term of a value; `look` returns its operands.
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
        Op::Add(c, x) => blocks::add(T::from_f64(c), look(x), accum, y),
        Op::Divide(c, x) => blocks::divide(T::from_f64(c), look(x), accum, y),
        Op::Matmul(s, a, t, b) => product(s, look(a), t, look(b), accum, y),
        Op::Transpose(x) => transpose(look(x), accum, y.data),
        Op::Reshape(x) => blocks::copy(look(x).as_slice(), accum, y.data),
        Op::Slice(i, j, x) => blocks::slice(i as usize, j as usize, look(x), accum, y),
        Op::Pad(i, j, x) => blocks::pad(i as usize, j as usize, look(x), accum, y),
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
        Op::Unary(f, x) => {
            let x = look(x).as_slice();
            in_parts(y.data, |start, y| loops::unary(f, &x[start..], y, accum));
        }
        Op::Binary(f, a, b) => {
            let (a, b) = (look(a).as_slice(), look(b).as_slice());
            in_parts(y.data, |start, y| loops::binary(f, &a[start..], &b[start..], y, accum));
        }
        Op::AlongAxis(f, axis, x) => along::value(f, axis, look(x), accum, y),
        Op::CrossEntropy { x, t, p } => cross_entropy::value(look(x), look(t), look(p), accum, y.data),
    }
}

/// Runs a term of a gradient or of a tangent; `look` returns its operands.
pub(crate) fn run_linear<'a, T: Real, R: Copy>(
    term: LinearTerm<R>,
    look: impl Fn(R) -> MatrixRef<'a, T>,
    indices: &Indices,
    accum: Accum,
    dx: Out<'_, T>,
) {
    match term {
        LinearTerm::Op(op) => run(op, look, indices, accum, dx),
        LinearTerm::Unary(f, x, y, dy) => {
            // Not `map`, because it is compiled as a call that copies its result.
            let (x, y, dy) = (look(x).as_slice(), look(y).as_slice(), look(dy).as_slice());
            in_parts(dx.data, |start, dx| {
                loops::unary_slope(f, &x[start..], &y[start..], &dy[start..], dx, accum);
            });
        }
        LinearTerm::Binary(f, side, [a, b, y, dy]) => {
            let (a, b, y, dy) = (look(a).as_slice(), look(b).as_slice(), look(y).as_slice(), look(dy).as_slice());
            let at = |start: usize| [&a[start..], &b[start..], &y[start..], &dy[start..]];
            in_parts(dx.data, |start, dx| loops::binary_slope(f, side, at(start), dx, accum));
        }
        LinearTerm::AlongAxis(f, axis, [x, y, dy]) => along::pull(f, axis, [look(x), look(y), look(dy)], accum, dx),
        LinearTerm::AlongAxisTangent(f, axis, [x, y, d]) => {
            along::push(f, axis, [look(x), look(y), look(d)], accum, dx)
        }
        LinearTerm::CrossEntropy(t, p, dy) => cross_entropy::pull([look(t), look(p), look(dy)], accum, dx.data),
        LinearTerm::CrossEntropyTangent(t, p, d) => cross_entropy::push([look(t), look(p), look(d)], accum, dx.data),
        LinearTerm::CrossEntropyTarget(x, dy) => cross_entropy::pull_target([look(x), look(dy)], accum, dx.data),
        LinearTerm::CrossEntropyTargetTangent(x, d) => cross_entropy::push_target([look(x), look(d)], accum, dx.data),
    }
}
