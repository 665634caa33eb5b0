//! Vectorized loops.

use pulp::{Arch, Simd, WithSimd};

use crate::Float;

/// Whether a result overwrites its destination or is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accum {
    /// y = …
    Replace,
    /// y += …
    Add,
}

/// The destination of a term: a `rows × cols` part of a buffer.
pub struct Out<'a, T> {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub cols: usize,
    /// The entries, column by column.
    pub data: &'a mut [T],
}

/// y = value or y += value.
#[inline(always)]
pub fn put<T: Float>(y: &mut T, accum: Accum, value: T) {
    *y = if accum == Accum::Add { *y + value } else { value };
}

/// Compiles a closure for the widest vectors of the processor and calls it.
///
/// Both attributes matter. Without the one here the closure is called through a shim outside the vectorized code.
/// Without the caller's `#[inline(always)]` on the closure its body may stay outside, too.
/// Either costs a factor of 20 to 50 on a loop of exponentials.
///
/// ```
/// use autograd::{Float, vectorised};
/// let mut x = [0.0f32, 1.0, 2.0];
/// vectorised(#[inline(always)] || x.iter_mut().for_each(|x| *x = Float::exp(*x)));
/// assert_eq!(x[0], 1.0);
/// ```
#[inline(always)]
pub fn vectorised<R>(f: impl FnMut() -> R) -> R {
    struct Call<F>(F);
    impl<R, F: FnMut() -> R> WithSimd for Call<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> R {
            (self.0)()
        }
    }
    Arch::new().dispatch(Call(f))
}

/// How many bits the vectors of this processor have, for which loops are compiled: 64 where it has none.
pub fn vector_bits() -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            8 * size_of::<S::f64s>()
        }
    }
    Arch::new().dispatch(Width)
}

/// A scalar formula, compiled as by [`vectorised`] if it contains fused multiply-adds.
#[inline(always)]
pub fn single<R>(fused: bool, mut f: impl FnMut() -> R) -> R {
    if fused { vectorised(f) } else { f() }
}

/// `out[i] = f(i)` or `out[i] += f(i)`.
#[inline(always)]
pub fn fill<T: Float>(out: &mut [T], accum: Accum, f: impl Fn(usize) -> T + Copy) {
    vectorised(
        #[inline(always)]
        || {
            // Local copies: otherwise the compiler must assume that every store may change what `f` reads.
            let (out, f) = (&mut *out, f);
            match accum {
                // Plain loops: a `for_each` is not always compiled as part of the vectorized code around it.
                Accum::Replace => {
                    for (i, y) in out.iter_mut().enumerate() {
                        *y = f(i);
                    }
                }
                Accum::Add => {
                    for (i, y) in out.iter_mut().enumerate() {
                        *y += f(i);
                    }
                }
            }
        },
    )
}
