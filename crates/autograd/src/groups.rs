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
                if along == 1 {
                    (0..groups).for_each(|index| f(Group { index, start: index * across, len, stride: 1 }));
                } else {
                    (0..groups).for_each(|index| f(Group { index, start: index * across, len, stride: along }));
                }
            },
        )
    }
}

impl Group {
    #[inline(always)]
    pub fn entries(self) -> impl Iterator<Item = usize> {
        let Group { start, len, stride, .. } = self;
        (0..len).map(move |k| start + k * stride)
    }

    /// The largest entry; −∞ of none.
    #[inline(always)]
    fn max<T: Real>(self, x: &[T]) -> T {
        self.entries().fold(T::from_f64(f64::NEG_INFINITY), |max, i| max.larger(x[i]))
    }

    /// Where the first largest entry lies, or the first that is not a number; `None` of none.
    pub fn first_max<T: Real>(self, x: &[T]) -> Option<usize> {
        let larger = |a: T, b: T| a > b || (a.to_f64().is_nan() && !b.to_f64().is_nan());
        self.entries().reduce(|best, i| if larger(x[i], x[best]) { i } else { best })
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
            block.iter_mut().enumerate().for_each(|(i, e)| *e = Real::exp(x[start + i * self.stride] - max));
            sum += block.iter().copied().sum::<T>();
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
            g.entries().for_each(|i| y[i] = x[i] - max);
        },
    );
    vectorised(
        #[inline(always)]
        || y.iter_mut().for_each(|y| *y = Real::exp(*y)),
    );
    groups.each(
        #[inline(always)]
        |g| {
            let scale = T::from_f64(1.0) / g.entries().map(|i| y[i]).sum::<T>();
            g.entries().for_each(|i| y[i] *= scale);
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
    for (j, y) in y.iter_mut().enumerate() {
        let (x, t, p) = (x.col(j), t.col(j), p.col(j));
        let best = (1..p.len()).fold(0, |best, i| if p[i] > p[best] { i } else { best });
        // The largest logit is subtracted first: what is left is as exact as the difference of logits, were they large.
        let ln = |p: T| T::from_f64(p.to_f64().ln());
        let terms = x.iter().zip(t).filter(|(_, t)| **t != T::default());
        put(y, accum, terms.map(|(&xi, &t)| t * ((x[best] - xi) - ln(p[best]))).sum());
    }
}
