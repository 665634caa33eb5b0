//! Matrix products, and the choice of how each is computed.

mod packed;
mod tile;
mod unpacked;

use faer::linalg::matmul::matmul;
use faer::traits::RealField;
use faer::{MatMut, MatRef, Par};
use kernel::columns::CompensatedSum;
use kernel::pool::{Pooled, aligned};
use kernel::simd::{Accum, Out, put};
use kernel::threads::join;
use kernel::transpose::{transpose, transpose_apart};
use kernel::{Float, MatrixRef, compiled_once};
use pulp::bytemuck::Pod;

use crate::Trans;
use packed::packed;
use unpacked::Unpacked;

/// A product of at least this many multiplications is split into panels along its longer side, over several
/// threads. The panels depend on the shape alone, so the bits do not depend on the number of threads.
const PANELS: usize = 1 << 22;

/// A product of at least this many multiplications, with no side shorter than [`LARGE_SIDE`], does not use faer, which takes up to
/// twice as long (`cargo bench -p tape-nn --bench ops`, *product*).
const LARGE: usize = 1 << 27;
const LARGE_SIDE: usize = 64;

/// A product of at most this many, with a side no longer than [`SMALL_SIDE`], does not use faer either if its rows are a multiple of
/// [`SMALL_ROWS`] and so fill vectors. A transposed left factor is copied if both its sides are no longer than that.
const SMALL: usize = 1 << 19;
const SMALL_SIDE: usize = 32;
const SMALL_ROWS: usize = 16;

/// Aᵀ A of a matrix of at most this many entries is computed in tiles on and below the diagonal.
const SMALL_GRAM: usize = 1 << 17;

/// Sums of more terms than this are compensated sums of [`LONG_PART`] terms each, or of [`LONG_PACKED`] if the product is
/// a large one.
const LONG: usize = 1 << 13;
const LONG_PART: usize = 1 << 6;
const LONG_PACKED: usize = 1 << 14;

/// y = A B or y += A B, with either factor transposed.
#[compiled_once]
pub fn product<T: Float + RealField + Pod>(
    s: Trans,
    a: MatrixRef<'_, T>,
    t: Trans,
    b: MatrixRef<'_, T>,
    accum: Accum,
    y: Out<'_, T>,
) {
    fn view<T: Float>(trans: Trans, x: MatrixRef<'_, T>) -> MatRef<'_, T> {
        let view = MatRef::from_column_major_slice(x.as_slice(), x.rows(), x.cols());
        if trans == Trans::Yes { view.transpose() } else { view }
    }
    let ((m, n), (_, k)) = ((y.rows, y.cols), s.shape(a.shape()));
    let (work, least) = (m * k * n, m.min(k).min(n));
    if work <= SMALL && least <= SMALL_SIDE && k <= LONG && m % SMALL_ROWS == 0 {
        let small = |a: &[T], y: &mut [T]| {
            Unpacked { y, accum, a, b: b.as_slice(), sides: [m, k, n], transposed: t == Trans::Yes, lower: false }
                .run();
        };
        if s == Trans::No {
            return small(a.as_slice(), y.data);
        }
        if m.max(k) <= SMALL_SIDE && n > 1 {
            let mut buffer = Pooled::<Vec<T>>::take();
            let copy = aligned(&mut buffer, m * k);
            transpose(a, Accum::Replace, copy);
            return small(copy, y.data);
        }
    }
    if k > LONG {
        return long(view(s, a), view(t, b), accum, MatMut::from_column_major_slice_mut(y.data, m, n));
    }
    short(view(s, a), view(t, b), accum, MatMut::from_column_major_slice_mut(y.data, m, n));
}

/// The entries on and below the diagonal of y = Aᵀ A, which has n² entries column by column for A of k × n. Those above it mean nothing, and
/// may be old.
///
/// # Panics
/// If y has another length.
#[compiled_once]
pub fn gram<T: Float + RealField + Pod>(a: MatrixRef<'_, T>, y: &mut [T]) {
    let (k, n) = a.shape();
    assert!(y.len() == n * n, "gram: {} entries for a product of {n} × {n}", y.len());
    if n * k > SMALL_GRAM || k > LONG {
        return product(Trans::Yes, a, Trans::No, a, Accum::Replace, Out { rows: n, cols: n, data: y });
    }
    // Aᵀ with zeros below, and y with as many rows, which fill vectors.
    let rows = n.next_multiple_of(SMALL_ROWS);
    let (mut left, mut right) = (Pooled::<Vec<T>>::take(), Pooled::<Vec<T>>::take());
    let (turned, padded) = (aligned(&mut left, rows * k), aligned(&mut right, rows * rows));
    turned.chunks_exact_mut(rows.max(1)).for_each(|column| column[n..].fill(T::default()));
    transpose_apart(a, turned, rows);
    let sides = [rows, k, rows];
    Unpacked { y: padded, accum: Accum::Replace, a: turned, b: turned, sides, transposed: true, lower: true }.run();
    for (j, (y, padded)) in y.chunks_exact_mut(n.max(1)).zip(padded.chunks_exact(rows.max(1))).enumerate() {
        y[j..].copy_from_slice(&padded[j..n]);
    }
}

/// A product whose sums may have more terms than one accumulator takes, in panels over several threads.
#[cold]
#[inline(never)]
fn long<T: Float + RealField + Pod>(a: MatRef<'_, T>, b: MatRef<'_, T>, accum: Accum, y: MatMut<'_, T>) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    if m * LONG_PACKED * n >= LARGE && m.min(n) >= LARGE_SIDE {
        return if k <= LONG_PACKED { short(a, b, accum, y) } else { kept(a, b, accum, y, LONG_PACKED) };
    }
    let width = if m * k * n < PANELS { m.max(n) } else { m.max(n).div_ceil(4).next_multiple_of(8) };
    panels(a, b, y, width, &|a, b, y| kept(a, b, accum, y, LONG_PART));
}

/// The product as a sum over parts of `terms` terms each. The rounding errors of adding the parts are added at the end.
fn kept<T: Float + RealField + Pod>(
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    accum: Accum,
    mut y: MatMut<'_, T>,
    terms: usize,
) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    let mut total = vec![CompensatedSum::default(); m * n];
    let mut buffer = Pooled::<Vec<T>>::take();
    let part = aligned(&mut buffer, m * n);
    for p in (0..k).step_by(terms) {
        let terms = terms.min(k - p);
        let (a, b) = (a.subcols(p, terms), b.subrows(p, terms));
        short(a, b, Accum::Replace, MatMut::from_column_major_slice_mut(part, m, n));
        total.iter_mut().zip(&*part).for_each(|(total, &x)| total.add(x));
    }
    for (k, total) in total.into_iter().enumerate() {
        put(&mut y[(k % m, k / m)], accum, total.value());
    }
}

/// A product whose sums have no more terms than one accumulator takes.
#[inline(always)]
fn short<T: Float + RealField + Pod>(a: MatRef<'_, T>, b: MatRef<'_, T>, accum: Accum, y: MatMut<'_, T>) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    let (work, least) = (m * k * n, m.min(k).min(n));
    if work < PANELS {
        return by_faer(a, b, accum, y);
    }
    if work >= LARGE && least >= LARGE_SIDE {
        return packed(y, accum, a, b, rayon_core::current_num_threads());
    }
    // At most four panels, none narrower than 64.
    let width = m.max(n).div_ceil(4).next_multiple_of(32).max(64);
    let panel = |a: MatRef<'_, T>, b: MatRef<'_, T>, y: MatMut<'_, T>| {
        by_faer(a, b, accum, y);
    };
    panels(a, b, y, width, &panel);
}

/// This function is not inlined, because faer's checks of shapes would take registers from the small products.
#[inline(never)]
fn by_faer<T: Float + RealField>(a: MatRef<'_, T>, b: MatRef<'_, T>, accum: Accum, y: MatMut<'_, T>) {
    matmul(y, faer_accum(accum), a, b, <T as Float>::from_f64(1.0), Par::Seq);
}

fn faer_accum(accum: Accum) -> faer::Accum {
    if accum == Accum::Add { faer::Accum::Add } else { faer::Accum::Replace }
}

/// The function that computes a panel of y.
type Panel<'p, T> = dyn Fn(MatRef<'_, T>, MatRef<'_, T>, MatMut<'_, T>) + Sync + 'p;

/// Splits a product along its longer side into panels no wider than `width`, over the available threads.
fn panels<T: Float + RealField>(
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    y: MatMut<'_, T>,
    width: usize,
    product: &Panel<'_, T>,
) {
    let (m, n) = (a.nrows(), b.ncols());
    if m.max(n) <= width {
        return product(a, b, y);
    }
    let middle = (m.max(n) / 2).next_multiple_of(width);
    let ((a0, a1), (b0, b1), (y0, y1)) = if m > n {
        (a.split_at_row(middle), (b, b), y.split_at_row_mut(middle))
    } else {
        ((a, a), b.split_at_col(middle), y.split_at_col_mut(middle))
    };
    let first = || panels(a0, b0, y0, width, product);
    if rayon_core::current_num_threads() > 1 {
        join(first, || panels(a1, b1, y1, width, product));
    } else {
        first();
        panels(a1, b1, y1, width, product);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use kernel::Matrix;

    /// Integers, because their sums are exact in any order.
    pub fn integers<T: Float>(m: usize, n: usize) -> Matrix<T> {
        Matrix::from_fn(m, n, |i, j| T::from_f64(((i * 7 + j * 5) % 13) as f64 - 6.0))
    }

    /// A B or y + A B, one product after the other.
    pub fn naive<T: Float>(y: &Matrix<T>, accum: Accum, a: &Matrix<T>, b: &Matrix<T>) -> Matrix<T> {
        let mut y = if accum == Accum::Add { y.clone() } else { Matrix::zeros(a.rows(), b.cols()) };
        for j in 0..b.cols() {
            for p in 0..a.cols() {
                for i in 0..a.rows() {
                    y[(i, j)] += a[(i, p)] * b[(p, j)];
                }
            }
        }
        y
    }

    fn run(s: Trans, a: &Matrix<f32>, t: Trans, b: &Matrix<f32>, accum: Accum, y: &mut Matrix<f32>) {
        let (rows, cols) = y.shape();
        product(s, a.view(), t, b.view(), accum, Out { rows, cols, data: y.as_mut_slice() });
    }

    /// Tests every way to compute a product, which is chosen by its sides: small or not, in panels, large.
    #[test]
    fn as_naive() {
        for (m, k, n) in
            [(3, 4, 5), (16, 5, 3), (32, 32, 8), (32, 40, 8), (64, 64, 70), (300, 80, 200), (512, 513, 514)]
        {
            let (a, b, start) = (integers::<f32>(m, k), integers::<f32>(k, n), integers::<f32>(m, n));
            for accum in [Accum::Replace, Accum::Add] {
                let expected = naive(&start, accum, &a, &b);
                for (s, t) in
                    [(Trans::No, Trans::No), (Trans::No, Trans::Yes), (Trans::Yes, Trans::No), (Trans::Yes, Trans::Yes)]
                {
                    let given = |trans, x: &Matrix<f32>| if trans == Trans::Yes { x.transpose() } else { x.clone() };
                    let (a, b, mut y) = (given(s, &a), given(t, &b), start.clone());
                    run(s, &a, t, &b, accum, &mut y);
                    assert!(y == expected, "{m} × {k} × {n}, {s:?}, {t:?}, {accum:?}");
                }
            }
        }
    }

    /// Those computed in tiles, with a side that fills vectors or not, and those by a whole product.
    #[test]
    fn gram_as_naive() {
        fn all<T: Float + RealField + Pod>() {
            for (k, n) in [(0, 3), (3, 0), (1, 1), (5, 16), (40, 17), (200, 61), (30, 64), (9000, 3), (700, 200)] {
                let (a, mut y) = (integers::<T>(k, n), Matrix::full(n, n, T::from_f64(f64::NAN)));
                gram(a.view(), y.as_mut_slice());
                let expected = naive(&y, Accum::Replace, &a.transpose(), &a);
                for (i, j) in (0..n).flat_map(|j| (j..n).map(move |i| (i, j))) {
                    assert!(y[(i, j)] == expected[(i, j)], "{k} × {n} at ({i}, {j})");
                }
            }
        }
        all::<f32>();
        all::<f64>();
    }

    #[test]
    fn of_empty_matrices() {
        for (m, k, n) in [(0, 4, 5), (16, 0, 3), (16, 3, 0), (5, 0, 5), (0, 0, 0)] {
            let (a, b, mut y) = (integers::<f32>(m, k), integers::<f32>(k, n), Matrix::full(m, n, f32::NAN));
            run(Trans::No, &a, Trans::No, &b, Accum::Replace, &mut y);
            assert_eq!(y, Matrix::zeros(m, n), "{m} × {k} × {n}");
        }
    }

    /// Also if a tile is padded.
    #[test]
    fn what_is_not_a_number_stays_in_its_row_and_column() {
        for (m, k, n) in [(16, 20, 9), (48, 32, 32), (70, 70, 70), (513, 514, 515)] {
            let (mut a, mut b, mut y) = (integers::<f32>(m, k), integers::<f32>(k, n), Matrix::zeros(m, n));
            (a[(1, 2)], b[(3, 4)]) = (f32::NAN, f32::NAN);
            run(Trans::No, &a, Trans::No, &b, Accum::Replace, &mut y);
            for (i, j) in (0..n).flat_map(|j| (0..m).map(move |i| (i, j))) {
                assert_eq!(y[(i, j)].is_nan(), i == 1 || j == 4, "{m} × {k} × {n} at ({i}, {j})");
            }
        }
    }
}
