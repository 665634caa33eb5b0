//! What an axis runs through: the entries of a column, or those of a row.

use crate::elementwise::{Accum, put, vectorised};
use crate::op::Axis;
use crate::{MatrixRef, Real};

/// The groups of entries that an axis runs through.
#[derive(Clone, Copy)]
pub(crate) struct Groups {
    groups: usize,
    len: usize,
    /// From one group to the next, and from one entry of a group to the next.
    strides: (usize, usize),
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub index: usize,
    pub start: usize,
    pub len: usize,
    pub stride: usize,
}

impl Groups {
    pub fn of(axis: Axis, (m, n): (usize, usize)) -> Groups {
        match axis {
            Axis::Rows => Groups { groups: n, len: m, strides: (m, 1) },
            Axis::Cols => Groups { groups: m, len: n, strides: (1, m) },
        }
    }

    /// Calls `f` with every group, in vector code. A contiguous group says so with a stride that the
    /// compiler knows.
    #[inline(always)]
    pub fn each(self, mut f: impl FnMut(Group)) {
        let Groups { groups, len, strides: (across, along) } = self;
        vectorised(
            #[inline(always)]
            || {
                // Plain loops: the adapters of iterators are not always compiled into the vector code around them.
                if along == 1 {
                    for index in 0..groups {
                        f(Group { index, start: index * across, len, stride: 1 });
                    }
                } else {
                    for index in 0..groups {
                        f(Group { index, start: index * across, len, stride: along });
                    }
                }
            },
        )
    }
}

impl Group {
    /// Calls `f` with the place of every entry.
    #[inline(always)]
    pub fn for_each(self, mut f: impl FnMut(usize)) {
        for k in 0..self.len {
            f(self.start + k * self.stride);
        }
    }

    /// The sum of `f` over the places of all entries.
    #[inline(always)]
    pub fn sum<T: Real>(self, f: impl Fn(usize) -> T) -> T {
        let mut sum = T::default();
        self.for_each(
            #[inline(always)]
            |i| sum += f(i),
        );
        sum
    }

    /// The largest entry; −∞ of none.
    #[inline(always)]
    fn max<T: Real>(self, x: &[T]) -> T {
        let mut max = T::from_f64(f64::NEG_INFINITY);
        self.for_each(
            #[inline(always)]
            |i| max = max.larger(x[i]),
        );
        max
    }

    /// Where the first largest entry lies, or the first that is not a number; `None` of none.
    pub fn first_max<T: Real>(self, x: &[T]) -> Option<usize> {
        let larger = |a: T, b: T| a > b || (a.to_f64().is_nan() && !b.to_f64().is_nan());
        let mut best = None;
        self.for_each(|i| best = Some(best.map_or(i, |best| if larger(x[i], x[best]) { i } else { best })));
        best
    }

    /// ln Σ eˣ = max + ln Σ e^(x − max).
    #[inline(always)]
    pub fn log_sum_exp<T: Real>(self, x: &[T]) -> T {
        let max = self.max(x);
        // Nothing but −∞, or a +∞: the differences would be NaN.
        if max.to_f64().is_infinite() {
            return max;
        }
        let mut sum = T::default();
        let mut block = [T::default(); 64];
        for k in (0..self.len).step_by(block.len()) {
            let block = &mut block[..64.min(self.len - k)];
            let start = self.start + k * self.stride;
            for (i, e) in block.iter_mut().enumerate() {
                *e = Real::exp(x[start + i * self.stride] - max);
            }
            for &e in &*block {
                sum += e;
            }
        }
        max + Real::ln(sum)
    }
}

/// y = e^(x − max) / Σ e^(x − max), in passes over the whole so that short groups cost no more.
pub(crate) fn softmax<T: Real>(groups: Groups, x: &[T], y: &mut [T]) {
    groups.each(
        #[inline(always)]
        |g| {
            let max = g.max(x);
            g.for_each(|i| y[i] = x[i] - max);
        },
    );
    vectorised(
        #[inline(always)]
        || y.iter_mut().for_each(|y| *y = Real::exp(*y)),
    );
    groups.each(
        #[inline(always)]
        |g| {
            let scale = T::from_f64(1.0) / g.sum(|i| y[i]);
            g.for_each(|i| y[i] *= scale);
        },
    );
}

/// yⱼ += Σᵢ tᵢ (ln Σ eˣ − xᵢ), where ln Σ eˣ = x − ln p at the largest p, which is never small.
/// An entry with t = 0 counts nothing even where x = −∞.
pub(crate) fn cross_entropy<T: Real>(
    x: MatrixRef<'_, T>,
    t: MatrixRef<'_, T>,
    p: MatrixRef<'_, T>,
    accum: Accum,
    y: &mut [T],
) {
    const BLOCK: usize = 16;
    let (zero, m) = (T::default(), x.rows());
    vectorised(
        #[inline(always)]
        || {
            let (x, t, p, y) = (x, t, p, &mut *y);
            for (b, y) in y.chunks_mut(BLOCK).enumerate() {
                let column = |k: usize| Group { index: k, start: (b * BLOCK + k) * m, len: m, stride: 1 };
                let (mut max, mut ln) = ([zero; BLOCK], [T::from_f64(1.0); BLOCK]);
                for k in 0..y.len() {
                    (max[k], ln[k]) = (column(k).max(x.as_slice()), column(k).max(p.as_slice()));
                }
                for ln in &mut ln {
                    *ln = Real::ln(*ln);
                }
                for (k, y) in y.iter_mut().enumerate() {
                    // The largest logit is subtracted first: what is left is as exact as the difference of logits, were
                    // they large.
                    let term = |i: usize| {
                        let (x, t) = (x.as_slice()[i], t.as_slice()[i]);
                        if t == zero { zero } else { t * ((max[k] - x) - ln[k]) }
                    };
                    put(y, accum, column(k).sum(term));
                }
            }
        },
    );
}
