//! Sums and maxima of columns, vectorized.

use crate::Float;
use crate::simd::vectorised;

/// A column of several matrices of the same shape.
#[derive(Clone, Copy)]
pub struct Column {
    /// Its index.
    pub index: usize,
    /// Its number of entries.
    pub len: usize,
}

/// Calls `f` with every column of matrices of this shape, in vectorized code.
#[inline(always)]
pub fn each_column((m, n): (usize, usize), mut f: impl FnMut(Column)) {
    vectorised(
        #[inline(always)]
        || {
            // A plain loop: the adapters of iterators are not always compiled as part of the vectorized code around them.
            for index in 0..n {
                f(Column { index, len: m });
            }
        },
    )
}

/// The number of accumulators that run side by side, so that no addition waits for the one before.
const LANES: usize = 16;
/// The number of accumulators for short columns.
const FEW: usize = 4;

impl Column {
    /// The column of x.
    #[inline(always)]
    pub fn of<T>(self, x: &[T]) -> &[T] {
        &x[self.index * self.len..][..self.len]
    }

    /// The column of x, to write.
    #[inline(always)]
    pub fn of_mut<T>(self, x: &mut [T]) -> &mut [T] {
        &mut x[self.index * self.len..][..self.len]
    }

    /// Calls `f` with the index of every entry.
    #[inline(always)]
    pub fn for_each(self, mut f: impl FnMut(usize)) {
        for i in 0..self.len {
            f(i);
        }
    }
}

/// Reduces `f` over all entries of some columns, in lanes that are combined at the end. `f` also gets the index of the entry.
#[inline(always)]
fn fold<T: Float, A: Copy, const N: usize>(
    x: [&[T]; N],
    start: A,
    f: impl Fn(usize, [T; N]) -> A,
    join: impl Fn(A, A) -> A,
) -> A {
    let (mut few, mut k) = ([start; FEW], 0);
    if x[0].len() >= 2 * LANES {
        let mut lanes = [start; LANES];
        k = join_to(&mut lanes, k, x, &f, &join);
        for (l, lane) in lanes.into_iter().enumerate() {
            few[l % FEW] = join(few[l % FEW], lane);
        }
    }
    k = join_to(&mut few, k, x, &f, &join);
    let [a, b, c, d] = few;
    let mut one = [join(join(a, b), join(c, d))];
    join_to(&mut one, k, x, &f, &join);
    one[0]
}

/// Adds entries to L lanes while there are L of them from the k-th on; returns the index after the last.
#[inline(always)]
fn join_to<T: Float, A: Copy, const N: usize, const L: usize>(
    lanes: &mut [A; L],
    mut k: usize,
    x: [&[T]; N],
    f: &impl Fn(usize, [T; N]) -> A,
    join: &impl Fn(A, A) -> A,
) -> usize {
    while k + L <= x[0].len() {
        // Plain loops, because closures are not always compiled as part of the vectorized code around them.
        let mut chunks = [[T::default(); L]; N];
        for (chunk, x) in chunks.iter_mut().zip(x) {
            chunk.copy_from_slice(&x[k..k + L]);
        }
        for (l, lane) in lanes.iter_mut().enumerate() {
            let mut x = [T::default(); N];
            for (x, chunk) in x.iter_mut().zip(&chunks) {
                *x = chunk[l];
            }
            *lane = join(*lane, f(k + l, x));
        }
        k += L;
    }
    k
}

/// Longer sums are compensated sums of parts of this length.
pub const LONG: usize = 1024;

/// A sum and its rounding error (Knuth, *The Art of Computer Programming* 2, 1997, 4.2.2, theorem B).
#[derive(Clone, Copy, Default)]
pub struct CompensatedSum<T> {
    sum: T,
    lost: T,
}

impl<T: Float> CompensatedSum<T> {
    /// Adds a number.
    #[inline(always)]
    pub fn add(&mut self, x: T) {
        let sum = self.sum + x;
        let of_x = sum - self.sum;
        self.lost += (self.sum - (sum - of_x)) + (x - of_x);
        self.sum = sum;
    }

    /// The sum. If it is infinite, the rounding error is NaN and is left out.
    #[inline(always)]
    pub fn value(self) -> T {
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

/// The sum of `f` of all entries of some columns.
#[inline(always)]
pub fn sum<T: Float, const N: usize>(x: [&[T]; N], f: impl Fn([T; N]) -> T) -> T {
    let len = x[0].len();
    if len <= LONG {
        return short_sum(x, f);
    }
    let (mut total, mut k) = (CompensatedSum::default(), 0);
    while k < len {
        let end = len.min(k + LONG);
        let mut part = x;
        for (part, x) in part.iter_mut().zip(x) {
            *part = &x[k..end];
        }
        total.add(short_sum(part, &f));
        k = end;
    }
    total.value()
}

#[inline(always)]
fn short_sum<T: Float, const N: usize>(x: [&[T]; N], f: impl Fn([T; N]) -> T) -> T {
    fold(
        x,
        T::default(),
        #[inline(always)]
        |_, x| f(x),
        #[inline(always)]
        |a, b| a + b,
    )
}

/// The largest entry of a column; −∞ if it is empty. NaN is ignored.
#[inline(always)]
pub fn max<T: Float>(x: &[T]) -> T {
    fold(
        [x],
        T::from_f64(f64::NEG_INFINITY),
        #[inline(always)]
        |_, [x]| x,
        #[inline(always)]
        |a, b| if b > a { b } else { a },
    )
}

/// The index of the first largest entry of a column, or of the first NaN; `None` if the column is empty.
#[inline(always)]
pub fn first_max<T: Float>(x: &[T]) -> Option<usize> {
    #[inline(always)]
    fn is_number<T: Float>(x: T) -> bool {
        x >= T::default() || x < T::default()
    }
    let (zero, one) = (T::default(), T::from_f64(1.0));
    let others = sum(
        [x],
        #[inline(always)]
        |[x]| if is_number(x) { zero } else { one },
    );
    let max = max(x);
    let first = fold(
        [x],
        u32::MAX,
        #[inline(always)]
        |k, [x]| {
            let found = if others > zero { !is_number(x) } else { x == max };
            if found { k as u32 } else { u32::MAX }
        },
        u32::min,
    );
    (first != u32::MAX).then_some(first as usize)
}

/// ln Σ eˣ = max + ln Σ e^(x − max) of a column.
#[inline(always)]
pub fn log_sum_exp<T: Float>(x: &[T]) -> T {
    let max = max(x);
    // All entries are −∞, or one is +∞: the differences would be NaN.
    if max.to_f64().is_infinite() {
        return max + sum([x], |[x]| if x.to_f64().is_nan() { x } else { T::default() });
    }
    max + Float::ln(total(x, max, T::default()))
}

/// Σ e^(x − max) of a column, where `at` is the value of x − max for the largest entry.
#[inline(always)]
pub fn total<T: Float>(x: &[T], max: T, at: T) -> T {
    let (mut total, mut block) = (CompensatedSum::default(), [T::default(); 64]);
    for x in x.chunks(LONG) {
        let mut part = T::default();
        for x in x.chunks(block.len()) {
            let block = &mut block[..x.len()];
            block.iter_mut().zip(x).for_each(
                #[inline(always)]
                |(e, &x)| *e = Float::exp(above(x, max, at)),
            );
            part += short_sum([block], |[e]| e);
        }
        total.add(part);
    }
    total.value()
}

/// x times its weight, and 0 if the weight is 0, even if x is infinite or NaN.
#[inline(always)]
pub fn times<T: Float>(x: T, weight: T) -> T {
    if weight == T::default() { weight } else { x * weight }
}

/// x − max, or `at` if x equals max.
#[inline(always)]
pub fn above<T: Float>(x: T, max: T, at: T) -> T {
    if x == max { at } else { x - max }
}

/// The value of x − max for the largest entry of a column: 0. It is NaN if softmax has no limit, that is if the largest entry is infinite
/// and not the only one, or if all entries are −∞.
#[inline(always)]
pub fn at_max<T: Float>(x: &[T], max: T) -> T {
    let (zero, one) = (T::default(), T::from_f64(1.0));
    if max.is_finite() {
        return zero;
    }
    let equal: T = sum([x], |[x]| if x == max { one } else { zero });
    if max > zero && equal == one { zero } else { T::from_f64(f64::NAN) }
}

/// The differences of the entries of a column from the largest, and ln Σ of their exponentials.
#[derive(Clone, Copy)]
pub struct LogSoftmax<T> {
    max: T,
    at: T,
    ln: T,
}

impl<T: Float> LogSoftmax<T> {
    /// Of one column.
    #[inline(always)]
    pub fn of(x: &[T]) -> Self {
        let max = max(x);
        let at = at_max(x, max);
        LogSoftmax { max, at, ln: Float::ln(total(x, max, at)) }
    }

    /// x − ln Σ eˣ of an entry.
    #[inline(always)]
    pub fn at(self, x: T) -> T {
        above(x, self.max, self.at) - self.ln
    }
}
