//! −Σ t ln p in each column, where p = softmax(x): its value, its pullbacks and its tangents.

use crate::columns::{Column, LogSoftmax, above, at_max, each_column, max, sum, times};
use crate::simd::{Accum, put, vectorised};
use crate::{Float, MatrixRef, compiled_once};

/// yⱼ += Σᵢ tᵢ (ln Σ eˣ − xᵢ), where ln Σ eˣ = x − ln p at the largest p, which is never small.
/// An entry with t = 0 adds nothing, even if x = −∞.
#[compiled_once]
pub fn value<T: Float>(x: MatrixRef<'_, T>, t: MatrixRef<'_, T>, p: MatrixRef<'_, T>, accum: Accum, y: &mut [T]) {
    const BLOCK: usize = 16;
    let (zero, m) = (T::default(), x.rows());
    vectorised(
        #[inline(always)]
        || {
            let ([x, t, p], y) = ([x, t, p].map(|r| r.as_slice()), &mut *y);
            for (b, y) in y.chunks_mut(BLOCK).enumerate() {
                let column = |k: usize| Column { index: b * BLOCK + k, len: m };
                let (mut largest, mut ln) = ([zero; BLOCK], [T::from_f64(1.0); BLOCK]);
                for k in 0..y.len() {
                    let g = column(k);
                    (largest[k], ln[k]) = (max(g.of(x)), max(g.of(p)));
                }
                for ln in &mut ln {
                    *ln = Float::ln(*ln);
                }
                for (k, y) in y.iter_mut().enumerate() {
                    let g = column(k);
                    let (x, t) = (g.of(x), g.of(t));
                    // The largest logit is subtracted first, so the result is as exact as a difference of logits, even for large
                    // logits.
                    let at = at_max(x, largest[k]);
                    let term = |[x, t]: [T; 2]| if t == zero { zero } else { -t * (above(x, largest[k], at) + ln[k]) };
                    put(y, accum, sum([x, t], term));
                }
            }
        },
    );
}

/// δx += (p Σ t − t) ⊙ δy: for targets that sum to 1 the lecture's δ = y − t.
#[compiled_once]
pub fn pull<T: Float>([t, p, dy]: [MatrixRef<'_, T>; 3], accum: Accum, dx: &mut [T]) {
    let (zero, shape, [t, p, dy]) = (T::default(), t.shape(), [t, p, dy].map(|r| r.as_slice()));
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (t, p, dy, dx) = (g.of(t), g.of(p), dy[g.index], g.of_mut(dx));
            let total: T = sum([t], |[t]| t);
            // A sample without targets or with weight 0 adds nothing, even if it is NaN.
            match (dy == zero, total == zero) {
                (true, _) => g.for_each(|i| put(&mut dx[i], accum, zero)),
                (_, true) => g.for_each(|i| put(&mut dx[i], accum, -t[i] * dy)),
                _ => g.for_each(|i| put(&mut dx[i], accum, (p[i] * total - t[i]) * dy)),
            }
        },
    );
}

/// ẏ += Σ (p Σ t − t) ẋ.
#[compiled_once]
pub fn push<T: Float>([t, p, dx]: [MatrixRef<'_, T>; 3], accum: Accum, dy: &mut [T]) {
    let (shape, [t, p, dx]) = (t.shape(), [t, p, dx].map(|r| r.as_slice()));
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let [t, p, dx] = [t, p, dx].map(|r| g.of(r));
            let total: T = sum([t], |[t]| t);
            put(
                &mut dy[g.index],
                accum,
                sum([t, p, dx], |[t, p, dx]| times(if total == T::default() { -t } else { p * total - t }, dx)),
            );
        },
    );
}

/// δt += −ln p ⊙ δy = (ln Σ eˣ − x) ⊙ δy, from x and δy.
#[compiled_once]
pub fn pull_target<T: Float>([x, dy]: [MatrixRef<'_, T>; 2], accum: Accum, dt: &mut [T]) {
    let (shape, [x, dy]) = (x.shape(), [x, dy].map(|r| r.as_slice()));
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (x, dy, dt) = (g.of(x), dy[g.index], g.of_mut(dt));
            let log = LogSoftmax::of(x);
            g.for_each(|i| put(&mut dt[i], accum, times(-log.at(x[i]), dy)));
        },
    );
}

/// ẏ += Σ (ln Σ eˣ − x) ṫ.
#[compiled_once]
pub fn push_target<T: Float>([x, dt]: [MatrixRef<'_, T>; 2], accum: Accum, dy: &mut [T]) {
    let (shape, [x, dt]) = (x.shape(), [x, dt].map(|r| r.as_slice()));
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (x, dt) = (g.of(x), g.of(dt));
            let log = LogSoftmax::of(x);
            put(&mut dy[g.index], accum, sum([x, dt], |[x, dt]| times(-log.at(x), dt)));
        },
    );
}
