//! softmax, log-softmax and ln Σ eˣ of each column.

use crate::columns::{LogSoftmax, above, at_max, each_column, log_sum_exp, max, sum, times, total};
use crate::simd::{Accum, put, vectorised};
use crate::{Float, MatrixRef};

/// y = e^(x − max) / Σ e^(x − max), in passes over the whole matrix so that short columns cost no more. A single +∞ gets 1.
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

/// δx += y ⊙ (δy − Σ y δy). The tangent is the same, because the Jacobian is symmetric.
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

/// The slope of ln Σ eˣ = y: e^(x − max) / Σ e^(x − max), because y is rounded. If y is infinite or NaN, it is e^(x − y). Its entries that
/// equal y are then 0 if all are −∞, 1 at one +∞ and NaN at several.
#[derive(Clone, Copy)]
struct Slope<T> {
    max: T,
    at: T,
    scale: T,
}

impl<T: Float> Slope<T> {
    #[inline(always)]
    fn of(x: &[T], y: T) -> Self {
        let (zero, one) = (T::default(), T::from_f64(1.0));
        if y.is_finite() {
            let max = max(x);
            return Slope { max, at: zero, scale: one / total(x, max, zero) };
        }
        let at = if y.to_f64() == f64::NEG_INFINITY { y } else { at_max(x, y) };
        Slope { max: y, at, scale: one }
    }

    /// The slope at an entry, times d.
    #[inline(always)]
    fn times(self, x: T, d: T) -> T {
        times(Float::exp(above(x, self.max, self.at)) * self.scale, d)
    }
}

/// δx += softmax(x) ⊙ δy.
pub fn log_sum_exp_pull<T: Float>([x, y, dy]: [MatrixRef<'_, T>; 3], accum: Accum, dx: &mut [T]) {
    let (shape, x, y, dy) = (x.shape(), x.as_slice(), y.as_slice(), dy.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (dy, x, dx) = (dy[g.index], g.of(x), g.of_mut(dx));
            let slope = Slope::of(x, y[g.index]);
            g.for_each(
                #[inline(always)]
                |i| put(&mut dx[i], accum, slope.times(x[i], dy)),
            );
        },
    );
}

/// ẏ += Σ softmax(x) ẋ.
pub fn log_sum_exp_push<T: Float>([x, y, dx]: [MatrixRef<'_, T>; 3], accum: Accum, dy: &mut [T]) {
    let (shape, x, y, dx) = (x.shape(), x.as_slice(), y.as_slice(), dx.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (x, dx) = (g.of(x), g.of(dx));
            let slope = Slope::of(x, y[g.index]);
            let mean = sum(
                [x, dx],
                #[inline(always)]
                |[x, dx]| slope.times(x, dx),
            );
            put(&mut dy[g.index], accum, mean);
        },
    );
}
