//! Large matrix products, in blocks that the innermost loop reads in order.
//!
//! The scheme is that of Goto and van de Geijn, *Anatomy of High-Performance Matrix Multiplication* (2008), as BLIS divides it.
//! Panels of a few rows of A and of a few columns of B are copied so that both are read in order. One panel of each gives
//! a tile of y whose accumulators stay in registers. A panel of B stays in the L1 cache while a block of A streams past, which stays
//! in the L2 cache.

use faer::reborrow::ReborrowMut;
use faer::traits::RealField;
use faer::{MatMut, MatRef};
use kernel::Float;
use kernel::pool::{Pooled, aligned};
use kernel::simd::{Accum, put, vectorised};
use kernel::threads::join;
use kernel::transpose::{SIDE, turn};
use pulp::bytemuck::Pod;
use pulp::{Arch, Simd, WithSimd};

use super::tile::Tile;

/// The number of terms of a sum that are added at a time: a panel of B with as many rows and 12 columns has 12 KiB in `f32`.
const TERMS: usize = 256;
/// The columns of a tile and of a panel of B.
const N: usize = 12;
/// The number of panels of A in a block.
const PANELS: usize = 8;
/// The number of columns of y in a block, whose accumulators wait in the L2 cache for the next terms.
const COLUMNS: usize = 43 * N;
/// Threads get multiples of this many rows, that is whole tiles.
const ROWS: usize = 32;

/// y = A B or y += A B on `threads` threads, for matrices whose columns or rows are contiguous. The bits of an entry depend only on
/// its row of A and its column of B, so y may be split anywhere.
pub(crate) fn packed<T: Float + RealField + Pod>(
    mut y: MatMut<'_, T>,
    accum: Accum,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    threads: usize,
) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    if n > m
        && let Some((few, middle)) = halves(n, N, threads)
    {
        let ((b0, b1), (y0, y1)) = (b.split_at_col(middle), y.split_at_col_mut(middle));
        join(|| packed(y0, accum, a, b0, few), || packed(y1, accum, a, b1, threads - few));
        return;
    }
    let columns = n.div_ceil(n.div_ceil(COLUMNS)).next_multiple_of(N);
    let mut panels = Pooled::<Vec<T>>::take();
    for j in (0..n).step_by(columns) {
        let b = b.subcols(j, columns.min(n - j));
        let len = k * b.ncols().next_multiple_of(N);
        let panels = aligned(&mut panels, len);
        pack_b(b, panels, threads);
        let y = y.rb_mut().subcols_mut(j, b.ncols());
        Block { y, accum, a, b: panels }.share(if threads > 1 { 2 * threads } else { 1 });
    }
}

/// The number of threads for the first of two parts of `len` rows or columns, and its end; `None` if one thread does everything.
fn halves(len: usize, whole: usize, threads: usize) -> Option<(usize, usize)> {
    let few = threads / 2;
    let middle = (len * few / threads.max(1)).next_multiple_of(whole);
    (few > 0 && middle < len).then_some((few, middle))
}

/// Copies B in panels: all panels of the first terms, then all of the next.
fn pack_b<T: Float + RealField>(b: MatRef<'_, T>, to: &mut [T], threads: usize) {
    let (k, n) = b.shape();
    let wide = n.next_multiple_of(N);
    if let Some((few, middle)) = halves(k, TERMS, threads) {
        let ((b0, b1), (to0, to1)) = (b.split_at_row(middle), to.split_at_mut(middle * wide));
        join(|| pack_b(b0, to0, few), || pack_b(b1, to1, threads - few));
        return;
    }
    vectorised(
        #[inline(always)]
        || {
            for (p, to) in (0..k).step_by(TERMS).zip(to.chunks_mut(TERMS * wide)) {
                pack(b.subrows(p, TERMS.min(k - p)).transpose(), N, to);
            }
        },
    );
}

/// Some rows of a product, with B in panels.
struct Block<'a, T> {
    y: MatMut<'a, T>,
    accum: Accum,
    a: MatRef<'a, T>,
    b: &'a [T],
}

impl<T: Float + RealField + Pod> Block<'_, T> {
    fn share(self, threads: usize) {
        let Block { y, accum, a, b } = self;
        match halves(a.nrows(), ROWS, threads) {
            None => Arch::new().dispatch(Block { y, accum, a, b }),
            Some((few, middle)) => {
                let ((a0, a1), (y0, y1)) = (a.split_at_row(middle), y.split_at_row_mut(middle));
                join(
                    || Block { y: y0, accum, a: a0, b }.share(few),
                    || Block { y: y1, accum, a: a1, b }.share(threads - few),
                );
            }
        }
    }

    /// In tiles of V vectors × N columns.
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Block { mut y, accum, a, b } = self;
        let (m, k, n) = (a.nrows(), a.ncols(), y.ncols());
        let height = Tile::<T, S, V, N>::HEIGHT;
        let wide = n.next_multiple_of(N);
        let rows = PANELS * height;
        let high = m.min(rows).next_multiple_of(height);
        let mut scratch = Pooled::<Vec<T>>::take();
        let len = high * k.min(TERMS) + height * N + if k > TERMS { high * wide } else { 0 };
        let (panels, rest) = aligned(&mut scratch, len).split_at_mut(high * k.min(TERMS));
        let (edge, sums) = rest.split_at_mut(height * N);
        for i in (0..m).step_by(rows) {
            let rows = rows.min(m - i);
            for p in (0..k).step_by(TERMS) {
                let terms = TERMS.min(k - p);
                let panels = &mut panels[..terms * rows.next_multiple_of(height)];
                pack(a.submatrix(i, p, rows, terms), height, panels);
                let mut sums = sums.chunks_exact_mut(height * N);
                for (b, j) in b[p * wide..][..terms * wide].chunks_exact(terms * N).zip((0..).step_by(N)) {
                    for (a, i) in panels.chunks_exact(terms * height).zip((i..).step_by(height)) {
                        let mut tile = Tile::<T, S, V, N>::product(
                            simd,
                            terms,
                            #[inline(always)]
                            |p| &a[p * height..],
                            #[inline(always)]
                            |p| *b[p * N..].first_chunk().expect("panels of N columns"),
                        );
                        if k > TERMS {
                            let sums = sums.next().expect("a place for every tile");
                            if p > 0 {
                                tile.add(simd, sums);
                            }
                            if p + terms < k {
                                tile.write(sums);
                                continue;
                            }
                        }
                        let (rows, columns) = (height.min(m - i), N.min(n - j));
                        if rows == height {
                            for t in 0..columns {
                                tile.put(simd, accum, t, &mut contiguous_mut(y.rb_mut(), j + t)[i..i + height]);
                            }
                            continue;
                        }
                        tile.write(edge);
                        for (t, sums) in edge.chunks_exact(height).take(columns).enumerate() {
                            let y = &mut contiguous_mut(y.rb_mut(), j + t)[i..];
                            y.iter_mut().zip(sums).for_each(|(y, &sum)| put(y, accum, sum));
                        }
                    }
                }
            }
        }
    }
}

impl<T: Float + RealField + Pod> WithSimd for Block<'_, T> {
    type Output = ();

    /// The accumulators of a tile take most of the registers; the factors use the rest.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if const { S::REGISTER_COUNT >= 32 } { self.run::<S, 2>(simd) } else { self.run::<S, 1>(simd) }
    }
}

/// Copies x in panels of `height` rows, each column by column. The last panel is padded with zeros.
#[inline(always)]
fn pack<T: Float + RealField>(x: MatRef<'_, T>, height: usize, to: &mut [T]) {
    let (rows, cols) = x.shape();
    if x.row_stride() == 1 {
        for p in 0..cols {
            let column = contiguous(x, p);
            for (x, panel) in column.chunks(height).zip(to.chunks_exact_mut(height * cols)) {
                let to = &mut panel[p * height..][..height];
                if x.len() == height {
                    to.copy_from_slice(x);
                } else {
                    to[..x.len()].copy_from_slice(x);
                    to[x.len()..].fill(T::default());
                }
            }
        }
        return;
    }
    let x = x.transpose();
    for (panel, i) in to.chunks_exact_mut(height * cols).zip((0..rows).step_by(height)) {
        let mut r = turned::<T, SIDE>(x, i, 0, height, panel);
        r = turned::<T, 4>(x, i, r, height, panel);
        for r in r..height {
            let x = if i + r < rows { contiguous(x, i + r) } else { &[] };
            for (p, to) in panel.chunks_exact_mut(height).enumerate() {
                to[r] = x.get(p).copied().unwrap_or_default();
            }
        }
    }
}

/// Copies columns of x, from i + r on, into the rows of a panel, from r on, N at a time. It returns the first row that is not yet copied.
#[inline(always)]
fn turned<T: Float + RealField, const N: usize>(
    x: MatRef<'_, T>,
    i: usize,
    mut r: usize,
    height: usize,
    panel: &mut [T],
) -> usize {
    let (terms, end) = (x.nrows(), height.min(x.ncols() - i));
    while r + N <= end {
        let columns: [&[T]; N] = std::array::from_fn(|t| &contiguous(x, i + r + t)[..terms]);
        let mut p = 0;
        while p + N <= terms {
            turn(columns, p, Accum::Replace, &mut panel[p * height + r..], height);
            p += N;
        }
        for p in p..terms {
            for t in 0..N {
                panel[p * height + r + t] = columns[t][p];
            }
        }
        r += N;
    }
    r
}

/// A column of a matrix with contiguous columns.
#[inline(always)]
fn contiguous<T>(x: MatRef<'_, T>, j: usize) -> &[T] {
    x.col(j).try_as_col_major().expect("columns or rows are contiguous").as_slice()
}

/// A column of y, whose columns are contiguous.
#[inline(always)]
fn contiguous_mut<T>(y: MatMut<'_, T>, j: usize) -> &mut [T] {
    y.col_mut(j).try_as_col_major_mut().expect("columns are contiguous").as_slice_mut()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{integers, naive};
    use super::*;
    use kernel::Matrix;

    fn faer<T: Copy>(x: &Matrix<T>) -> MatRef<'_, T> {
        MatRef::from_column_major_slice(x.as_slice(), x.rows(), x.cols())
    }

    /// Compares a product by `multiply(y, accum, a, b)` with the naive one, with every factor transposed or not.
    fn check<T: Float + RealField>(
        (m, k, n): (usize, usize, usize),
        multiply: impl Fn(MatMut<'_, T>, Accum, MatRef<'_, T>, MatRef<'_, T>),
    ) {
        let (a, b) = (integers::<T>(m, k), integers::<T>(k, n));
        let (at, bt) = (a.transpose(), b.transpose());
        for accum in [Accum::Replace, Accum::Add] {
            let expected = naive(&integers(m, n), accum, &a, &b);
            for (a, b) in [(faer(&a), faer(&b)), (faer(&at).transpose(), faer(&b)), (faer(&a), faer(&bt).transpose())] {
                let mut y = integers(m, n);
                multiply(MatMut::from_column_major_slice_mut(y.as_mut_slice(), m, n), accum, a, b);
                assert!(y == expected, "{m} × {k} × {n}, {accum:?}");
            }
        }
    }

    /// Sizes at the edges of tiles, panels and blocks, and far from them.
    const SHAPES: [(usize, usize, usize); 6] =
        [(1, 1, 1), (32, 256, 12), (33, 257, 13), (31, 600, 520), (260, 20, 70), (7, 513, 1033)];

    #[test]
    fn as_naive() {
        for shape in SHAPES {
            for threads in 1..4 {
                check::<f32>(shape, |y, accum, a, b| packed(y, accum, a, b, threads));
                check::<f64>(shape, |y, accum, a, b| packed(y, accum, a, b, threads));
            }
        }
    }

    /// The vector widths of other processors.
    #[test]
    fn with_any_vectors() {
        fn block<T: Float + RealField + Pod>(run: impl Fn(Block<'_, T>)) {
            for (m, k, n) in SHAPES.into_iter().filter(|shape| shape.2 <= COLUMNS) {
                check((m, k, n), |y, accum, a, b| {
                    let mut panels = vec![T::default(); k * n.next_multiple_of(N)];
                    pack_b(b, &mut panels, 1);
                    run(Block { y, accum, a, b: &panels });
                });
            }
        }
        block::<f32>(|block| Simd::vectorize(pulp::Scalar::new(), block));
        block::<f64>(|block| Simd::vectorize(pulp::Scalar::new(), block));
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            block::<f32>(|block| Simd::vectorize(simd, block));
            block::<f64>(|block| Simd::vectorize(simd, block));
        }
    }

    #[test]
    fn cut_anywhere() {
        let number = |i: usize| (i as f32 * 0.7).sin();
        let (a, b) = (Matrix::from_fn(130, 300, |i, j| number(i + j)), Matrix::from_fn(300, 40, |i, j| number(i * j)));
        let product = |a: MatRef<'_, f32>, b: MatRef<'_, f32>| {
            let mut y = Matrix::zeros(a.nrows(), b.ncols());
            let data = MatMut::from_column_major_slice_mut(y.as_mut_slice(), a.nrows(), b.ncols());
            packed(data, Accum::Replace, a, b, 1);
            y
        };
        let whole = product(faer(&a), faer(&b));
        for (i, m, j, n) in [(0, 130, 1, 30), (1, 100, 0, 40), (77, 3, 39, 1)] {
            let part = product(faer(&a).subrows(i, m), faer(&b).subcols(j, n));
            assert_eq!(part, Matrix::from_fn(m, n, |r, c| whole[(i + r, j + c)]));
        }
    }
}
