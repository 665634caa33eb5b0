//! Small products, in tiles that read both factors in place.

use faer::traits::RealField;
use kernel::Float;
use kernel::simd::Accum;
use pulp::bytemuck::Pod;
use pulp::{Arch, Simd, WithSimd};

use super::tile::Tile;

/// y = A B or y += A B for an m × k matrix A.
pub(crate) struct Unpacked<'a, T> {
    pub y: &'a mut [T],
    pub accum: Accum,
    pub a: &'a [T],
    pub b: &'a [T],
    /// m, k, n.
    pub sides: [usize; 3],
    /// Whether `b` is stored as Bᵀ.
    pub transposed: bool,
    /// Whether only the entries of y on and below its diagonal are wanted. Others may be written or not.
    pub lower: bool,
}

impl<T: Float + RealField + Pod> Unpacked<'_, T> {
    /// # Panics
    /// If the rows of y do not fill vectors, which have at most 16 numbers.
    pub fn run(self) {
        Arch::new().dispatch(self);
    }

    /// Rows of y from i on, as many as fit in V vectors, N columns at a time.
    #[inline(always)]
    fn rows<S: Simd, const V: usize, const N: usize>(&mut self, simd: S, i: usize) {
        let [_, _, n] = self.sides;
        let n = if self.lower { n.min(i + Tile::<T, S, V, N>::HEIGHT) } else { n };
        let mut j = 0;
        while j + N <= n {
            self.tile::<S, V, N>(simd, i, j);
            j += N;
        }
        if N > 4 && j + 4 <= n {
            self.tile::<S, V, 4>(simd, i, j);
            j += 4;
        }
        while j < n {
            self.tile::<S, V, 1>(simd, i, j);
            j += 1;
        }
    }

    /// N columns of y from j on, in these rows.
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const N: usize>(&mut self, simd: S, i: usize, j: usize) {
        let Unpacked { a, b, sides: [m, k, n], .. } = *self;
        // Two calls, so that the loop has no condition on every term.
        let tile = if self.transposed {
            Tile::<T, S, V, N>::product(
                simd,
                k,
                #[inline(always)]
                |p| &a[p * m + i..],
                #[inline(always)]
                |p| *b[p * n + j..].first_chunk().expect("as many entries as a tile has columns"),
            )
        } else {
            let columns: [&[T]; N] = std::array::from_fn(|t| &b[(j + t) * k..][..k]);
            Tile::<T, S, V, N>::product(
                simd,
                k,
                #[inline(always)]
                |p| &a[p * m + i..],
                #[inline(always)]
                |p| {
                    let mut row = [T::default(); N];
                    for t in 0..N {
                        row[t] = columns[t][p];
                    }
                    row
                },
            )
        };
        for (t, y) in self.y[j * m..][..N * m].chunks_exact_mut(m).enumerate() {
            tile.put(simd, self.accum, t, &mut y[i..][..Tile::<T, S, V, N>::HEIGHT]);
        }
    }
}

impl<T: Float + RealField + Pod> WithSimd for Unpacked<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let ([m, _, _], lanes) = (self.sides, Tile::<T, S, 1, 1>::HEIGHT);
        assert!(m % lanes == 0, "{m} rows in vectors of {lanes}");
        // The accumulators and the factors of a tile fit in the registers.
        let mut i = 0;
        while i + 2 * lanes <= m {
            if const { S::REGISTER_COUNT >= 32 } {
                self.rows::<S, 2, 8>(simd, i)
            } else {
                self.rows::<S, 2, 4>(simd, i)
            }
            i += 2 * lanes;
        }
        while i < m {
            self.rows::<S, 1, 8>(simd, i);
            i += lanes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{integers, naive};
    use super::*;

    #[test]
    fn as_naive() {
        fn all<T: Float + RealField + Pod>(run: impl Fn(Unpacked<'_, T>)) {
            for (m, n) in [(16, 1), (16, 8), (32, 32), (48, 7), (64, 13)] {
                for k in [1, 2, 31, 40] {
                    for (accum, transposed) in
                        [(Accum::Replace, false), (Accum::Replace, true), (Accum::Add, false), (Accum::Add, true)]
                    {
                        let (a, b, y) = (integers::<T>(m, k), integers::<T>(k, n), integers::<T>(m, n));
                        let expected = naive(&y, accum, &a, &b);
                        let b = if transposed { b.transpose() } else { b };
                        let (a, b) = (a.as_slice(), b.as_slice());
                        for lower in [true, false] {
                            let mut y = y.clone();
                            run(Unpacked { y: y.as_mut_slice(), accum, a, b, sides: [m, k, n], transposed, lower });
                            let wanted = |k: usize| !lower || k % m >= k / m;
                            let same = (0..m * n).all(|k| !wanted(k) || y.as_slice()[k] == expected.as_slice()[k]);
                            assert!(same, "{m} × {k} × {n}, {accum:?}, Bᵀ given: {transposed}, lower: {lower}");
                        }
                    }
                }
            }
        }
        all::<f32>(|small| small.run());
        all::<f64>(|small| small.run());
        all::<f32>(|small| Simd::vectorize(pulp::Scalar::new(), small));
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            all::<f32>(|small| Simd::vectorize(simd, small));
            all::<f64>(|small| Simd::vectorize(simd, small));
        }
    }
}
