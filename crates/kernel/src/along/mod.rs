//! Functions along an axis, each with its value, its pullback and its tangent.
//!
//! They are written for columns. A function of rows is computed on the columns of the transpose, where the entries are
//! contiguous. A norm needs no transpose, because its sums run through all rows at once.

mod cumulative;
mod extremes;
mod norm;
mod softmax;

use std::array::from_fn;

use crate::pool::Pooled;
use crate::simd::{Accum, Out};
use crate::transpose::transpose;
use crate::{Float, MatrixRef, compiled_once};
use cumulative::cumsum;

/// A function along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisFunction {
    /// The largest entry; the first of several equal ones.
    Max,
    /// 1 at the first largest entry, 0 elsewhere. The slope is 0.
    ArgMax,
    /// The sums up to each entry, or from each entry on.
    CumSum(Order),
    /// e^x / Σ eˣ.
    Softmax,
    /// ln softmax(x).
    LogSoftmax,
    /// ln Σ eˣ.
    LogSumExp,
    /// √Σ x²; the slope at 0 is 0.
    Norm,
}

/// The direction in which sums accumulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the first entry to the last.
    Forward,
    /// From the last entry to the first.
    Backward,
}

/// The axis that a sum or a softmax runs along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Down the rows of each column: one result for each column, that is for each sample.
    Rows,
    /// Along the columns of each row: one result for each row, that is for each feature.
    Cols,
}

impl AxisFunction {
    /// Every function along an axis.
    pub const ALL: &[AxisFunction] = &[
        AxisFunction::Max,
        AxisFunction::ArgMax,
        AxisFunction::CumSum(Order::Forward),
        AxisFunction::CumSum(Order::Backward),
        AxisFunction::Softmax,
        AxisFunction::LogSoftmax,
        AxisFunction::LogSumExp,
        AxisFunction::Norm,
    ];

    /// The name of the method that records it.
    pub fn name(self) -> &'static str {
        match self {
            AxisFunction::Max => "max_over",
            AxisFunction::ArgMax => "arg_max",
            AxisFunction::CumSum(_) => "cumsum",
            AxisFunction::Softmax => "softmax",
            AxisFunction::LogSoftmax => "log_softmax",
            AxisFunction::LogSumExp => "log_sum_exp",
            AxisFunction::Norm => "norm_over",
        }
    }

    /// Whether its slope reads x, and y = f(x).
    pub fn reads(self) -> [bool; 2] {
        match self {
            AxisFunction::Max => [true, false],
            AxisFunction::ArgMax | AxisFunction::CumSum(_) => [false, false],
            AxisFunction::Softmax | AxisFunction::LogSoftmax => [false, true],
            AxisFunction::LogSumExp | AxisFunction::Norm => [true, true],
        }
    }

    /// Whether the slope is zero everywhere.
    pub fn is_flat(self) -> bool {
        self == AxisFunction::ArgMax
    }
}

/// y = f(x) or y += f(x). A function whose slope reads y overwrites.
#[compiled_once]
pub fn value<T: Float>(f: AxisFunction, axis: Axis, x: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    if f == AxisFunction::Norm {
        return norm::norm(axis, x, y.data);
    }
    by_columns(axis, [x], [true], accum, y, |[x], accum, y| match f {
        AxisFunction::Max => extremes::max(x, accum, y),
        AxisFunction::ArgMax => extremes::arg_max(x, accum, y),
        AxisFunction::CumSum(order) => cumsum(order, x, accum, y),
        AxisFunction::Softmax => softmax::softmax(x, y),
        AxisFunction::LogSoftmax => softmax::log_softmax(x, y),
        AxisFunction::LogSumExp => softmax::log_sum_exp_of(x, y),
        AxisFunction::Norm => unreachable!("made above"),
    });
}

/// δx = Jᵀ δy or δx += Jᵀ δy, from x, y = f(x) and δy.
#[compiled_once]
pub fn pull<T: Float>(f: AxisFunction, axis: Axis, at: [MatrixRef<'_, T>; 3], accum: Accum, dx: Out<'_, T>) {
    if f == AxisFunction::Norm {
        return norm::norm_pull(axis, at, accum, dx.data);
    }
    let [reads_x, reads_y] = f.reads();
    by_columns(axis, at, [reads_x, reads_y, true], accum, dx, |[x, y, dy], accum, dx| match f {
        AxisFunction::Max => extremes::max_pull(x, dy, accum, dx),
        AxisFunction::ArgMax => flat(accum, dx),
        AxisFunction::CumSum(order) => cumsum(order.flip(), dy, accum, dx),
        AxisFunction::Softmax => softmax::softmax_slope(y, dy, accum, dx),
        AxisFunction::LogSoftmax => softmax::log_softmax_pull(y, dy, accum, dx),
        AxisFunction::LogSumExp => softmax::log_sum_exp_pull([x, y, dy], accum, dx),
        AxisFunction::Norm => unreachable!("made above"),
    });
}

/// ẏ = J ẋ or ẏ += J ẋ, from x, y = f(x) and ẋ.
#[compiled_once]
pub fn push<T: Float>(f: AxisFunction, axis: Axis, at: [MatrixRef<'_, T>; 3], accum: Accum, dy: Out<'_, T>) {
    if f == AxisFunction::Norm {
        return norm::norm_push(axis, at, accum, dy.data);
    }
    let [reads_x, reads_y] = f.reads();
    by_columns(axis, at, [reads_x, reads_y, true], accum, dy, |[x, y, dx], accum, dy| match f {
        AxisFunction::Max => extremes::max_push(x, dx, accum, dy),
        AxisFunction::ArgMax => flat(accum, dy),
        AxisFunction::CumSum(order) => cumsum(order, dx, accum, dy),
        AxisFunction::Softmax => softmax::softmax_slope(y, dx, accum, dy),
        AxisFunction::LogSoftmax => softmax::log_softmax_push(y, dx, accum, dy),
        AxisFunction::LogSumExp => softmax::log_sum_exp_push([x, y, dx], accum, dy),
        AxisFunction::Norm => unreachable!("made above"),
    });
}

/// Adds zeros.
fn flat<T: Float>(accum: Accum, to: &mut [T]) {
    if accum == Accum::Replace {
        to.fill(T::default());
    }
}

/// Applies `f` to columns, or to rows by transposing the operands that it reads and the result.
fn by_columns<T: Float, const N: usize>(
    axis: Axis,
    operands: [MatrixRef<'_, T>; N],
    reads: [bool; N],
    accum: Accum,
    y: Out<'_, T>,
    f: impl FnOnce([MatrixRef<'_, T>; N], Accum, &mut [T]),
) {
    if axis == Axis::Rows {
        return f(operands, accum, y.data);
    }
    let mut copies: [Option<Pooled<Vec<T>>>; N] = from_fn(|k| reads[k].then(Pooled::take));
    for (copy, x) in copies.iter_mut().zip(operands) {
        if let Some(copy) = copy {
            copy.clear();
            copy.resize(x.as_slice().len(), T::default());
            transpose(x, Accum::Replace, copy);
        }
    }
    let turned = from_fn(|k| match &copies[k] {
        Some(copy) => MatrixRef::new(operands[k].cols(), operands[k].rows(), copy),
        None => operands[k],
    });
    let mut made = Pooled::<Vec<T>>::take();
    made.clear();
    made.resize(y.rows * y.cols, T::default());
    f(turned, Accum::Replace, &mut made);
    transpose(MatrixRef::new(y.cols, y.rows, &made), accum, y.data);
}

impl Order {
    /// The other axis.
    pub fn flip(self) -> Order {
        if self == Order::Forward { Order::Backward } else { Order::Forward }
    }
}

impl Axis {
    /// The shape of the results: one for each group that the axis runs through.
    pub fn reduce(self, (m, n): (usize, usize)) -> (usize, usize) {
        if self == Axis::Rows { (1, n) } else { (m, 1) }
    }

    /// The number of entries of a group.
    pub fn group_len(self, (m, n): (usize, usize)) -> usize {
        if self == Axis::Rows { m } else { n }
    }
}
