//! Cumulative sums.

use super::Order;
use crate::columns::{CompensatedSum, LONG, each_column};
use crate::simd::{Accum, put};
use crate::{Float, MatrixRef};

/// y += the cumulative sums of x, from the first entry on or from the last one back. The pullback is the same in the other direction.
pub fn cumsum<T: Float>(order: Order, x: MatrixRef<'_, T>, accum: Accum, y: &mut [T]) {
    each_column(
        x.shape(),
        #[inline(always)]
        |g| {
            let (x, y, mut before, mut sum) =
                (g.of(x.as_slice()), g.of_mut(y), CompensatedSum::default(), T::default());
            let few = if x.len() <= LONG { LONG } else { 64 };
            for k in 0..x.len() {
                let i = if order == Order::Forward { k } else { x.len() - 1 - k };
                if k > 0 && k % few == 0 {
                    before.add(sum);
                    sum = T::default();
                }
                sum += x[i];
                put(&mut y[i], accum, before.value() + sum);
            }
        },
    );
}
