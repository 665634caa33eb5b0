//! √Σ x². If squares would overflow or lose digits, the entries are first divided by the largest.

use super::Axis;
use crate::blocks::{add, sum_columns};
use crate::columns::{each_column, sum, times};
use crate::pool::Pooled;
use crate::simd::{Accum, Out, put};
use crate::{Float, MatrixRef};

/// y = √Σ x², one for each group.
pub fn norm<T: Float>(axis: Axis, x: MatrixRef<'_, T>, y: &mut [T]) {
    let (m, n) = x.shape();
    let (data, zero) = (x.as_slice(), T::default());
    match axis {
        Axis::Rows => each_column(
            (m, n),
            #[inline(always)]
            |g| y[g.index] = sum([g.of(data)], |[x]| x * x),
        ),
        Axis::Cols => {
            y.fill(zero);
            if !data.is_empty() {
                sum_columns(
                    T::from_f64(1.0),
                    #[inline(always)]
                    |x| x * x,
                    data,
                    y,
                );
            }
        }
    }
    // Below this, the digits that the squares lose are more than the rounding of their sum.
    let least = T::from_f64(axis.group_len((m, n)) as f64 * T::MIN_POSITIVE);
    for (k, y) in y.iter_mut().enumerate() {
        *y = match (axis, *y) {
            (_, squares) if squares >= least && squares.is_finite() => Float::sqrt(squares),
            (Axis::Rows, _) => over_largest(data[k * m..][..m].iter()),
            (Axis::Cols, _) => over_largest(data[k..].iter().step_by(m)),
        };
    }
}

fn over_largest<'a, T: Float>(x: impl Iterator<Item = &'a T> + Clone) -> T {
    let x = x.map(|x| x.to_f64());
    let larger = |max: f64, x: f64| if max >= x.abs() || max.is_nan() { max } else { x.abs() };
    let largest = x.clone().fold(0.0, larger);
    match largest > 0.0 && largest.is_finite() {
        true => T::from_f64(largest * x.map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()),
        false => T::from_f64(largest),
    }
}

/// x / y, and 0 if y is 0.
#[inline(always)]
fn slope<T: Float>(x: T, y: T) -> T {
    if y == T::default() { y } else { x / y }
}

/// The index of the result of an entry's group: in its column, or in its row.
macro_rules! group {
    ($axis:expr, $g:expr, $i:expr) => {
        if $axis == Axis::Rows { $g.index } else { $i }
    };
}

/// δx += x / y ⊙ δy.
pub fn norm_pull<T: Float>(axis: Axis, [x, y, dy]: [MatrixRef<'_, T>; 3], accum: Accum, dx: &mut [T]) {
    let (shape, x, y, dy) = (x.shape(), x.as_slice(), y.as_slice(), dy.as_slice());
    each_column(
        shape,
        #[inline(always)]
        |g| {
            let (x, dx) = (g.of(x), g.of_mut(dx));
            g.for_each(
                #[inline(always)]
                |i| {
                    let k = group!(axis, g, i);
                    put(&mut dx[i], accum, times(slope(x[i], y[k]), dy[k]));
                },
            );
        },
    );
}

/// ẏ += Σ x / y ⊙ ẋ.
pub fn norm_push<T: Float>(axis: Axis, [x, y, dx]: [MatrixRef<'_, T>; 3], accum: Accum, dy: &mut [T]) {
    let (rows, cols) = axis.reduce(x.shape());
    let mut terms = Pooled::<Vec<T>>::take();
    terms.clear();
    terms.extend_from_slice(dx.as_slice());
    each_column(
        x.shape(),
        #[inline(always)]
        |g| {
            let (x, y, terms) = (g.of(x.as_slice()), y.as_slice(), g.of_mut(&mut terms));
            g.for_each(
                #[inline(always)]
                |i| terms[i] = times(slope(x[i], y[group!(axis, g, i)]), terms[i]),
            );
        },
    );
    let terms = MatrixRef::new(x.rows(), x.cols(), &terms);
    add(T::from_f64(1.0), terms, accum, Out { rows, cols, data: dy });
}
