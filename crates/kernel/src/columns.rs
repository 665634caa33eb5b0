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

/// The sum of `f` of all entries of some columns.
#[inline(always)]
pub fn sum<T: Float, const N: usize>(x: [&[T]; N], f: impl Fn([T; N]) -> T) -> T {
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
    let (mut total, mut block) = (T::default(), [T::default(); 64]);
    for x in x.chunks(block.len()) {
        let block = &mut block[..x.len()];
        block.iter_mut().zip(x).for_each(
            #[inline(always)]
            |(e, &x)| *e = Float::exp(x - max),
        );
        total += sum([block], |[e]| e);
    }
    max + Float::ln(total)
}
