//! The largest entry of each column. Among equal entries it is the first one; a NaN counts as the largest.

use crate::columns::{each_column, first_max};
use crate::simd::{Accum, put};
use crate::{Float, MatrixRef};

/// y += max x, one for each column; −∞ for a column without entries.
pub fn max<T: Float>(x: MatrixRef<'_, T>, accum: Accum, y: &mut [T]) {
    each_column(
        x.shape(),
        #[inline(always)]
        |g| {
            let x = g.of(x.as_slice());
            let max = first_max(x).map_or(T::from_f64(f64::NEG_INFINITY), |i| x[i]);
            put(&mut y[g.index], accum, max);
        },
    );
}

/// δx += δy at the largest entry.
pub fn max_pull<T: Float>(x: MatrixRef<'_, T>, dy: MatrixRef<'_, T>, accum: Accum, dx: &mut [T]) {
    if accum == Accum::Replace {
        dx.fill(T::default());
    }
    each_column(
        x.shape(),
        #[inline(always)]
        |g| {
            let dx = g.of_mut(dx);
            first_max(g.of(x.as_slice())).into_iter().for_each(|i| dx[i] += dy.as_slice()[g.index]);
        },
    );
}

/// ẏ += ẋ at the largest entry.
pub fn max_push<T: Float>(x: MatrixRef<'_, T>, dx: MatrixRef<'_, T>, accum: Accum, dy: &mut [T]) {
    each_column(
        x.shape(),
        #[inline(always)]
        |g| {
            let (place, dx) = (first_max(g.of(x.as_slice())), g.of(dx.as_slice()));
            put(&mut dy[g.index], accum, place.map_or(T::default(), |i| dx[i]));
        },
    );
}

/// y += 1 at the largest entry. The slope is 0.
pub fn arg_max<T: Float>(x: MatrixRef<'_, T>, accum: Accum, y: &mut [T]) {
    if accum == Accum::Replace {
        y.fill(T::default());
    }
    let one = T::from_f64(1.0);
    each_column(
        x.shape(),
        #[inline(always)]
        |g| first_max(g.of(x.as_slice())).into_iter().for_each(|i| g.of_mut(y)[i] += one),
    );
}
