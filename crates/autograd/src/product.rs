//! Products and transposes of matrices: what is large goes block by block.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{MatMut, MatRef, Par};

use crate::elementwise::{Accum, Out, put};
use crate::op::Trans;
use crate::{MatrixRef, Real};

/// A product of at least this many multiplications is made in panels along its longer side, for as many
/// threads. The panels depend on the shape alone, so the bits do not depend on the number of threads.
const PANELS: usize = 1 << 22;

/// One of at least so many, with no side shorter than that, is not left to faer, which takes up to twice as long
/// (`cargo bench -p tape-nn --bench ops`, *product*).
const LARGE: (usize, usize) = (1 << 27, 64);

/// y += A B.
pub(crate) fn product<T: Real>(
    s: Trans,
    a: MatrixRef<'_, T>,
    t: Trans,
    b: MatrixRef<'_, T>,
    accum: Accum,
    y: Out<'_, T>,
) {
    fn view<T: Real>(trans: Trans, x: MatrixRef<'_, T>) -> MatRef<'_, T> {
        let view = MatRef::from_column_major_slice(x.as_slice(), x.rows(), x.cols());
        if trans == Trans::Yes { view.transpose() } else { view }
    }
    let (m, n) = (y.rows, y.cols);
    let y = MatMut::from_column_major_slice_mut(y.data, m, n);
    let (_, k) = s.shape(a.shape());
    if m * k * n < PANELS {
        return matmul(y, accum.into(), view(s, a), view(t, b), T::from_f64(1.0), Par::Seq);
    }
    if m * k * n >= LARGE.0 && m.min(k).min(n) >= LARGE.1 {
        return T::gemm(y, accum == Accum::Add, view(s, a), view(t, b), rayon_core::current_num_threads());
    }
    // Four panels at most, none narrower than 64.
    let width = m.max(n).div_ceil(4).next_multiple_of(32).max(64);
    panels(view(s, a), view(t, b), accum, y, width);
}

impl From<Accum> for faer::Accum {
    fn from(accum: Accum) -> Self {
        if accum == Accum::Add { faer::Accum::Add } else { faer::Accum::Replace }
    }
}

fn panels<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, accum: Accum, y: MatMut<'_, T>, width: usize) {
    let (m, n) = (a.nrows(), b.ncols());
    if m.max(n) <= width {
        return matmul(y, accum.into(), a, b, T::from_f64(1.0), Par::Seq);
    }
    let middle = (m.max(n) / 2).next_multiple_of(width);
    let ((a0, a1), (b0, b1), (y0, y1)) = if m > n {
        (a.split_at_row(middle), (b, b), y.split_at_row_mut(middle))
    } else {
        ((a, a), b.split_at_col(middle), y.split_at_col_mut(middle))
    };
    let first = || panels(a0, b0, accum, y0, width);
    if rayon_core::current_num_threads() > 1 {
        rayon_core::join(first, || panels(a1, b1, accum, y1, width));
    } else {
        first();
        panels(a1, b1, accum, y1, width);
    }
}

/// y += xᵀ, through tiles that are read and written along their columns.
pub(crate) fn transpose<T: Real>(x: MatrixRef<'_, T>, accum: Accum, y: &mut [T]) {
    let (m, n) = x.shape();
    if m * n < PANELS / 16 || rayon_core::current_num_threads() == 1 {
        return transpose_rows(x, 0..m, accum, y);
    }
    // Four parts at most of the rows of x, which are columns of y.
    transpose_parts(x, 0..m, m.div_ceil(4).next_multiple_of(16), accum, y);
}

/// Some rows of x as columns of y, so many at a time.
fn transpose_parts<T: Real>(x: MatrixRef<'_, T>, range: Range<usize>, rows: usize, accum: Accum, y: &mut [T]) {
    if range.len() <= rows {
        return transpose_rows(x, range, accum, y);
    }
    let first = (range.len() / 2).next_multiple_of(rows);
    let (middle, (a, b)) = (range.start + first, y.split_at_mut(first * x.cols()));
    rayon_core::join(
        || transpose_parts(x, range.start..middle, rows, accum, a),
        || transpose_parts(x, middle..range.end, rows, accum, b),
    );
}

/// Some rows of x as columns of y.
fn transpose_rows<T: Real>(x: MatrixRef<'_, T>, range: Range<usize>, accum: Accum, y: &mut [T]) {
    const TILE: usize = 16;
    let (m, n) = x.shape();
    let x = x.as_slice();
    let mut tile = [[T::default(); TILE]; TILE];
    for j0 in (0..n).step_by(TILE) {
        for i0 in range.clone().step_by(TILE) {
            let (rows, cols) = (TILE.min(range.end - i0), TILE.min(n - j0));
            for j in 0..cols {
                let column = &x[i0 + (j0 + j) * m..][..rows];
                column.iter().enumerate().for_each(|(i, &x)| tile[i][j] = x);
            }
            for i in 0..rows {
                let column = &mut y[j0 + (i0 - range.start + i) * n..][..cols];
                column.iter_mut().zip(&tile[i]).for_each(|(y, &x)| put(y, accum, x));
            }
        }
    }
}
