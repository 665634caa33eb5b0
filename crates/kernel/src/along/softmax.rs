//! softmax, its logarithm, and ln Σ eˣ, of each column.

use crate::columns::{LogSoftmax, above, at_max, each_column, log_sum_exp, max, sum, times};
use crate::simd::{Accum, put, vectorised};
use crate::{Float, MatrixRef};

/// y = e^(x − max) / Σ e^(x − max), in passes over the whole so that short columns cost no more. A single +∞ has all of it.
pub fn softmax<T: Float>(x: MatrixRef<'_, T>, y: &mut [T]) {
    let (shape, x) = (x.shape(), x.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (x, y) = (g.of(x), g.of_mut(y));
            let max = max(x);
            let at = at_max(x, max);
            g.for_each(|i| y[i] = above(x[i], max, at));
        },
    );
    vectorised(
        #[inline(always)]
        || y.iter_mut().for_each(|y| *y = Float::exp(*y)),
    );
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let y = g.of_mut(y);
            let scale = T::from_f64(1.0) / sum([&*y], |[y]| y);
            g.for_each(|i| y[i] *= scale);
        },
    );
}

/// δx += y ⊙ (δy − Σ y δy), and so the tangent, for the Jacobian is symmetric.
pub fn softmax_slope<T: Float>(y: MatrixRef<'_, T>, dy: MatrixRef<'_, T>, accum: Accum, dx: &mut [T]) {
    let (shape, y, dy) = (y.shape(), y.as_slice(), dy.as_slice());
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

/// y = x − ln Σ eˣ.
pub fn log_softmax<T: Float>(x: MatrixRef<'_, T>, y: &mut [T]) {
    let (shape, x) = (x.shape(), x.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (x, y) = (g.of(x), g.of_mut(y));
            let log = LogSoftmax::of(x);
            g.for_each(|i| y[i] = log.at(x[i]));
        },
    );
}

/// δx += δy − eʸ Σ δy.
pub fn log_softmax_pull<T: Float>(y: MatrixRef<'_, T>, dy: MatrixRef<'_, T>, accum: Accum, dx: &mut [T]) {
    let (shape, y, dy) = (y.shape(), y.as_slice(), dy.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (y, dy, dx) = (g.of(y), g.of(dy), g.of_mut(dx));
            let total: T = sum([dy], |[dy]| dy);
            g.for_each(
                #[inline(always)]
                |i| put(&mut dx[i], accum, dy[i] - times(Float::exp(y[i]), total)),
            );
        },
    );
}

/// ẏ += ẋ − Σ eʸ ẋ.
pub fn log_softmax_push<T: Float>(y: MatrixRef<'_, T>, dx: MatrixRef<'_, T>, accum: Accum, dy: &mut [T]) {
    let (shape, y, dx) = (y.shape(), y.as_slice(), dx.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (y, dx, dy) = (g.of(y), g.of(dx), g.of_mut(dy));
            let mean: T = sum(
                [y, dx],
                #[inline(always)]
                |[y, dx]| times(Float::exp(y), dx),
            );
            g.for_each(|i| put(&mut dy[i], accum, dx[i] - mean));
        },
    );
}

/// y = ln Σ eˣ, one for each column.
pub fn log_sum_exp_of<T: Float>(x: MatrixRef<'_, T>, y: &mut [T]) {
    let (shape, x) = (x.shape(), x.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| y[g.index] = log_sum_exp(g.of(x)),
    );
}

/// How far an entry that equals y = ln Σ eˣ is above it; where all are −∞ the slope is 0.
#[inline(always)]
fn at_sum<T: Float>(x: &[T], y: T) -> T {
    if y.to_f64() == f64::NEG_INFINITY { y } else { at_max(x, y) }
}

/// δx += e^(x − y) ⊙ δy.
pub fn log_sum_exp_pull<T: Float>([x, y, dy]: [MatrixRef<'_, T>; 3], accum: Accum, dx: &mut [T]) {
    let (shape, x, y, dy) = (x.shape(), x.as_slice(), y.as_slice(), dy.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (y, dy, x, dx) = (y[g.index], dy[g.index], g.of(x), g.of_mut(dx));
            let at = at_sum(x, y);
            g.for_each(
                #[inline(always)]
                |i| put(&mut dx[i], accum, times(Float::exp(above(x[i], y, at)), dy)),
            );
        },
    );
}

/// ẏ += Σ e^(x − y) ẋ.
pub fn log_sum_exp_push<T: Float>([x, y, dx]: [MatrixRef<'_, T>; 3], accum: Accum, dy: &mut [T]) {
    let (shape, x, y, dx) = (x.shape(), x.as_slice(), y.as_slice(), dx.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (x, y, dx) = (g.of(x), y[g.index], g.of(dx));
            let at = at_sum(x, y);
            let mean = sum(
                [x, dx],
                #[inline(always)]
                |[x, dx]| times(Float::exp(above(x, y, at)), dx),
            );
            put(&mut dy[g.index], accum, mean);
        },
    );
}
