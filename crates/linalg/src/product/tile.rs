//! A tile of a product, whose accumulators stay in registers.

use faer::traits::RealField;
use kernel::Float;
use kernel::simd::Accum;
use pulp::Simd;
use pulp::bytemuck::{Pod, cast_slice, cast_slice_mut};

/// N columns of V vectors.
pub(crate) struct Tile<T: Float + RealField, S: Simd, const V: usize, const N: usize>([[T::SimdVec<S>; V]; N]);

impl<T: Float + RealField + Pod, S: Simd, const V: usize, const N: usize> Tile<T, S, V, N> {
    /// The number of rows of a tile.
    pub const HEIGHT: usize = V * (size_of::<T::SimdVec<S>>() / size_of::<T>());

    /// Σ a bᵀ over `terms` columns a of A and rows b of B. Each a has at least as many entries as a tile has rows.
    #[inline(always)]
    pub fn product<'a>(simd: S, terms: usize, a: impl Fn(usize) -> &'a [T], b: impl Fn(usize) -> [T; N]) -> Self {
        let simd = &T::simd_ctx(simd);
        let mut sums = [[T::simd_splat(simd, &T::default()); V]; N];
        for p in 0..terms {
            let (a, b) = (a(p), b(p));
            let a = cast_slice::<T, T::SimdVec<S>>(&a[..Self::HEIGHT]);
            for j in 0..N {
                let b = T::simd_splat(simd, &b[j]);
                for i in 0..V {
                    sums[j][i] = T::simd_mul_add(simd, a[i], b, sums[j][i]);
                }
            }
        }
        Tile(sums)
    }

    /// Adds other sums to its own; the others come first.
    #[inline(always)]
    pub fn add(&mut self, simd: S, other: &[T]) {
        let simd = &T::simd_ctx(simd);
        let (other, _) = cast_slice::<T, T::SimdVec<S>>(other).as_chunks::<V>();
        for (sums, other) in self.0.iter_mut().zip(other) {
            for i in 0..V {
                sums[i] = T::simd_add(simd, other[i], sums[i]);
            }
        }
    }

    /// Its entries, column by column.
    #[inline(always)]
    pub fn write(&self, to: &mut [T]) {
        let (to, _) = cast_slice_mut::<T, T::SimdVec<S>>(to).as_chunks_mut::<V>();
        to.copy_from_slice(&self.0);
    }

    /// y = or += the tile, for a column of y.
    #[inline(always)]
    pub fn put(&self, simd: S, accum: Accum, j: usize, y: &mut [T]) {
        let simd = &T::simd_ctx(simd);
        for (y, &sum) in cast_slice_mut::<T, T::SimdVec<S>>(y).iter_mut().zip(&self.0[j]) {
            *y = if accum == Accum::Add { T::simd_add(simd, *y, sum) } else { sum };
        }
    }
}
