//! Sums and maxima of columns, in vector code.

use crate::Float;
use crate::simd::vectorised;

/// A column of matrices of one shape.
#[derive(Clone, Copy)]
pub struct Column {
    /// Its number.
    pub index: usize,
    /// How many entries it has.
    pub len: usize,
}

/// Calls `f` with every column of matrices of this shape, in vector code.
#[inline(always)]
pub fn each_column((m, n): (usize, usize), mut f: impl FnMut(Column)) {
    vectorised(
        #[inline(always)]
        || {
            // A plain loop: the adapters of iterators are not always compiled into the vector code around them.
            for index in 0..n {
                f(Column { index, len: m });
            }
        },
    )
}

/// The number of sums or maxima that are taken side by side, so that no addition waits for the one before.
const LANES: usize = 16;
/// The same where there are few entries.
const FEW: usize = 4;

impl Column {
    /// Its entries in x.
    #[inline(always)]
    pub fn of<T>(self, x: &[T]) -> &[T] {
        &x[self.index * self.len..][..self.len]
    }

    /// The same, to write to.
    #[inline(always)]
    pub fn of_mut<T>(self, x: &mut [T]) -> &mut [T] {
        &mut x[self.index * self.len..][..self.len]
    }

    /// Calls `f` with the place of every entry in its column.
    #[inline(always)]
    pub fn for_each(self, mut f: impl FnMut(usize)) {
        for i in 0..self.len {
            f(i);
        }
    }
}

/// Joins `f` of all entries of some columns, in lanes that are joined at the end; `f` gets their number too.
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

/// Joins entries to L lanes, as long as there are L of them from the k-th on; returns where it ends.
#[inline(always)]
fn join_to<T: Float, A: Copy, const N: usize, const L: usize>(
    lanes: &mut [A; L],
    mut k: usize,
    x: [&[T]; N],
    f: &impl Fn(usize, [T; N]) -> A,
    join: &impl Fn(A, A) -> A,
) -> usize {
    while k + L <= x[0].len() {
        // Plain loops, for closures are not always compiled into the vector code around them.
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

/// Longer sums are made of sums of this many, whose roundings are kept.
pub const LONG: usize = 1024;

/// A sum with what its roundings lost (Knuth, *The Art of Computer Programming* 2, 1997, 4.2.2, theorem B).
#[derive(Clone, Copy, Default)]
pub struct Kept<T> {
    sum: T,
    lost: T,
}

impl<T: Float> Kept<T> {
    /// Adds a number.
    #[inline(always)]
    pub fn add(&mut self, x: T) {
        let sum = self.sum + x;
        let of_x = sum - self.sum;
        self.lost += (self.sum - (sum - of_x)) + (x - of_x);
        self.sum = sum;
    }

    /// The sum. Where it is infinite, what was lost is no number.
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
    let (mut total, mut k) = (Kept::default(), 0);
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

/// The largest entry of a column; −∞ if it is empty. What is not a number is passed over.
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

/// Where the first largest entry of a column is, or the first that is not a number; `None` if the column is empty.
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
    // Nothing but −∞, or a +∞: the differences would be NaN.
    if max.to_f64().is_infinite() {
        return max + sum([x], |[x]| if x.to_f64().is_nan() { x } else { T::default() });
    }
    max + log_total(x, max, T::default())
}

/// ln Σ e^(x − max) of a column, where the largest entry is `at` above itself.
#[inline(always)]
fn log_total<T: Float>(x: &[T], max: T, at: T) -> T {
    let (mut total, mut block) = (Kept::default(), [T::default(); 64]);
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
    Float::ln(total.value())
}

/// x times its weight, and 0 if the weight is 0, even if x is infinite or NaN.
#[inline(always)]
pub fn times<T: Float>(x: T, weight: T) -> T {
    if weight == T::default() { weight } else { x * weight }
}

/// x − max, and `at` where x is the largest entry.
#[inline(always)]
pub fn above<T: Float>(x: T, max: T, at: T) -> T {
    if x == max { at } else { x - max }
}

/// How far the largest entry of a column is above itself: 0. It is NaN where softmax has no limit: if the entry is infinite
/// and not the only one, or if all are −∞.
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
    /// Of a column.
    #[inline(always)]
    pub fn of(x: &[T]) -> Self {
        let max = max(x);
        let at = at_max(x, max);
        LogSoftmax { max, at, ln: log_total(x, max, at) }
    }

    /// x − ln Σ eˣ of an entry.
    #[inline(always)]
    pub fn at(self, x: T) -> T {
        above(x, self.max, self.at) - self.ln
    }
}
