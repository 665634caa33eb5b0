//! y = xᵀ or y += xᵀ, in squares that are read and written along their columns.

use std::ops::Range;

use crate::simd::{Accum, put, vectorised};
use crate::threads::join;
use crate::{Float, MatrixRef, compiled_once};

/// The side of a square.
pub const SIDE: usize = 16;

/// A matrix of at least this many entries is split over threads.
const PARTS: usize = 1 << 18;

/// y = xᵀ or y += xᵀ.
#[compiled_once]
pub fn transpose<T: Float>(x: MatrixRef<'_, T>, accum: Accum, y: &mut [T]) {
    let (m, n) = x.shape();
    // At most four parts of the rows of x, which are columns of y.
    let alone = m * n < PARTS || rayon_core::current_num_threads() == 1;
    parts(x, 0..m, if alone { m } else { m.div_ceil(4).next_multiple_of(SIDE) }, accum, y);
}

/// y = xᵀ, where the columns of y begin `apart` entries apart. The entries between them stay.
///
/// # Panics
/// If that is less than the length of a column.
#[compiled_once]
pub fn transpose_apart<T: Float>(x: MatrixRef<'_, T>, y: &mut [T], apart: usize) {
    assert!(apart >= x.cols(), "transpose: columns of {} entries, {apart} apart", x.cols());
    vectorised(
        #[inline(always)]
        || columns(x, 0..x.rows(), Accum::Replace, y, apart),
    );
}

/// Writes some rows of x as columns of y, at most `rows` at a time.
fn parts<T: Float>(x: MatrixRef<'_, T>, range: Range<usize>, rows: usize, accum: Accum, y: &mut [T]) {
    if range.len() <= rows {
        return vectorised(
            #[inline(always)]
            || columns(x, range.clone(), accum, y, x.cols()),
        );
    }
    let first = (range.len() / 2).next_multiple_of(rows);
    let (middle, (a, b)) = (range.start + first, y.split_at_mut(first * x.cols()));
    join(|| parts(x, range.start..middle, rows, accum, a), || parts(x, middle..range.end, rows, accum, b));
}

/// Writes some rows of x as columns of y, which begin `apart` entries apart.
#[inline(always)]
fn columns<T: Float>(x: MatrixRef<'_, T>, range: Range<usize>, accum: Accum, y: &mut [T], apart: usize) {
    let (m, n) = x.shape();
    let x = x.as_slice();
    for j in (0..n).step_by(SIDE) {
        for i in range.clone().step_by(SIDE) {
            let to = &mut y[j + (i - range.start) * apart..];
            if j + SIDE <= n && i + SIDE <= range.end {
                turn::<T, SIDE>(std::array::from_fn(|t| &x[(j + t) * m..][..m]), i, accum, to, apart);
                continue;
            }
            for i in i..range.end.min(i + SIDE) {
                for j in j..n.min(j + SIDE) {
                    put(&mut y[j + (i - range.start) * apart], accum, x[i + j * m]);
                }
            }
        }
    }
}

/// Transposes the square of rows i to i + N of x, given by its N columns. The columns of y begin `apart` entries apart.
#[inline(always)]
pub fn turn<T: Float, const N: usize>(x: [&[T]; N], i: usize, accum: Accum, y: &mut [T], apart: usize) {
    let mut square = [[T::default(); N]; N];
    for j in 0..N {
        square[j] = *x[j][i..].first_chunk().expect("a column of a square");
    }
    for i in 0..N {
        let column = &mut y[i * apart..][..N];
        for j in 0..N {
            put(&mut column[j], accum, square[j][i]);
        }
    }
}
