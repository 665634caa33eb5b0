//! Blocks, repeats and sums into a buffer.

use crate::columns::{CompensatedSum, LONG};
use crate::pool::Pooled;
use crate::simd::{Accum, Out, fill, put, vectorised};
use crate::threads::in_parts;
use crate::{Float, MatrixRef, compiled_once};

/// y = x or y += x.
#[compiled_once]
pub fn copy<T: Float>(x: &[T], accum: Accum, y: &mut [T]) {
    let x = &x[..y.len()];
    fill(y, accum, move |k| x[k]);
}

/// y += the block of x that begins at row i and column j.
#[compiled_once]
pub fn slice<T: Float>(i: usize, j: usize, x: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    if y.rows == x.rows() {
        let x = &x.as_slice()[j * y.rows..][..y.data.len()];
        return fill(y.data, accum, move |k| x[k]);
    }
    for (k, y) in y.data.chunks_exact_mut(y.rows.max(1)).enumerate() {
        y.iter_mut().zip(&x.col(j + k)[i..]).for_each(|(y, &x)| put(y, accum, x));
    }
}

/// The block of y that begins at row i and column j += x.
#[compiled_once]
pub fn pad<T: Float>(i: usize, j: usize, x: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    let (m, n) = x.shape();
    let x = x.as_slice();
    if y.rows == m {
        let (before, rest) = y.data.split_at_mut(j * m);
        let (block, after) = rest.split_at_mut(x.len());
        if accum == Accum::Replace {
            before.fill(T::default());
            after.fill(T::default());
        }
        return fill(block, accum, move |k| x[k]);
    }
    if accum == Accum::Replace {
        y.data.fill(T::default());
    }
    let columns = y.data.chunks_exact_mut(y.rows.max(1)).skip(j).take(n);
    for (y, x) in columns.zip(x.chunks_exact(m.max(1))) {
        y[i..].iter_mut().zip(x).for_each(|(y, &x)| *y += x);
    }
}

/// y += c x, summed or repeated to the shape of y.
#[compiled_once]
pub fn add<T: Float>(c: T, x: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    let ((m, n), (p, q)) = (x.shape(), (y.rows, y.cols));
    let (x, y) = (x.as_slice(), y.data);
    if (m, n) == (p, q) {
        return in_parts(y, |start, y| {
            let x = &x[start..][..y.len()];
            match (c == T::from_f64(1.0), accum) {
                (true, Accum::Replace) => y.copy_from_slice(x),
                (true, Accum::Add) => fill(y, accum, move |i| x[i]),
                (false, _) => fill(y, accum, move |i| c * x[i]),
            }
        });
    }
    let sums = (p == 1 && m != 1) || (q == 1 && n != 1);
    if sums && accum == Accum::Replace {
        y.fill(T::default());
    }
    if y.is_empty() || (sums && x.is_empty()) {
        return;
    }
    let accum = if sums { Accum::Add } else { accum };
    match (m == p, n, q) {
        _ if (p, q) == (1, 1) => y[0] += c * sum(x),
        (true, _, 1) => sum_columns(
            c,
            #[inline(always)]
            |x| x,
            x,
            y,
        ),
        (true, 1, _) if c == T::from_f64(1.0) && accum == Accum::Replace => {
            y[..p].copy_from_slice(x);
            copy_on(y, p);
        }
        _ => vectorised(
            #[inline(always)]
            || {
                let (c, y) = (c, &mut *y);
                for j in 0..n.max(q) {
                    let y = &mut y[if q == 1 { 0 } else { j } * p..][..p];
                    let x = &x[if n == 1 { 0 } else { j } * m..][..m];
                    match (m, p) {
                        (1, 1) => put(&mut y[0], accum, c * x[0]),
                        (_, 1) => put(&mut y[0], accum, c * sum(x)),
                        (1, _) => y.iter_mut().for_each(|y| put(y, accum, c * x[0])),
                        _ => y.iter_mut().zip(x).for_each(|(y, &x)| put(y, accum, c * x)),
                    }
                }
            },
        ),
    }
}

/// y += x / c, summed or repeated to the shape of y. The smaller of the two is divided.
#[compiled_once]
pub fn divide<T: Float>(c: T, x: MatrixRef<'_, T>, accum: Accum, y: Out<'_, T>) {
    let (shape, one) = ((y.rows, y.cols), T::from_f64(1.0));
    if x.shape() == shape {
        return in_parts(y.data, |start, y| {
            let x = &x.as_slice()[start..][..y.len()];
            fill(y, accum, move |i| x[i] / c);
        });
    }
    let repeats = x.as_slice().len() < y.data.len() && !x.as_slice().is_empty();
    let mut few = Pooled::<Vec<T>>::take();
    few.clear();
    if repeats {
        few.extend(x.as_slice().iter().map(|&x| x / c));
        return add(one, MatrixRef::new(x.rows(), x.cols(), &few), accum, y);
    }
    few.resize(y.data.len(), T::default());
    add(one, x, Accum::Replace, Out { rows: y.rows, cols: y.cols, data: &mut few });
    y.data.iter_mut().zip(&*few).for_each(|(y, &sum)| put(y, accum, sum / c));
}

/// Repeats the first `len` entries of y to its end. The copied length doubles while it is small.
fn copy_on<T: Float>(y: &mut [T], mut len: usize) {
    const LARGE: usize = 1 << 11;
    let mut done = len;
    while done < y.len() {
        let now = len.min(y.len() - done);
        y.copy_within(..now, done);
        done += now;
        len = if len < LARGE { done } else { len };
    }
}

/// y += c Σⱼ f(x[:, j]), 32 rows at a time so that their sums stay in registers.
pub(crate) fn sum_columns<T: Float>(c: T, f: impl Fn(T) -> T + Copy, x: &[T], y: &mut [T]) {
    const ROWS: usize = 32;
    let m = y.len();
    vectorised(
        #[inline(always)]
        || {
            let (blocks, rest) = y.as_chunks_mut::<ROWS>();
            for (b, y) in blocks.iter_mut().enumerate() {
                sum_rows(c, f, &x[b * ROWS..], m, y);
            }
            for (i, y) in rest.iter_mut().enumerate() {
                let row = &x[m / ROWS * ROWS + i..];
                if x.len() <= LONG * m {
                    *y += c * row.iter().step_by(m).map(|&x| f(x)).sum::<T>();
                } else {
                    sum_rows(c, f, row, m, std::array::from_mut(y));
                }
            }
        },
    );
}

/// The same for R rows at the start of x, in columns of m entries. Many columns are summed a few at a time.
#[inline(always)]
fn sum_rows<T: Float, const R: usize>(c: T, f: impl Fn(T) -> T, x: &[T], m: usize, y: &mut [T; R]) {
    let columns = x.len().div_ceil(m);
    let few = if columns <= LONG { columns } else { 64 };
    let (mut total, mut k) = ([CompensatedSum::default(); R], 0);
    while k < columns {
        let end = columns.min(k + few);
        let mut sums = [T::default(); R];
        for x in x[k * m..].chunks(m).take(end - k) {
            let x: &[T; R] = x.first_chunk().expect("a block lies within its column");
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += f(x);
            }
        }
        for (total, sum) in total.iter_mut().zip(sums) {
            total.add(sum);
        }
        k = end;
    }
    for (y, total) in y.iter_mut().zip(total) {
        *y += c * total.value();
    }
}

/// The number of terms that each lane sums in order, before the sums are added pairwise.
const LEAF: usize = 1024;
const LANES: usize = 16;

/// The largest number of roundings of one term in a sum of `len` terms: those of its lane, of the lanes and the rest,
/// and of the pairwise additions.
pub fn roundings(len: usize) -> usize {
    let leaf = len.min(LEAF).div_ceil(LANES) + 2 * LANES;
    leaf.min(len) + (len / LEAF + 1).ilog2() as usize + 1
}

/// Σ x in 16 lanes that are added pairwise. The order depends only on the length.
fn sum<T: Float>(x: &[T]) -> T {
    vectorised(
        #[inline(always)]
        || {
            if x.len() > LEAF {
                let (a, b) = x.split_at(x.len() / 2 / LANES * LANES);
                return sum(a) + sum(b);
            }
            let (chunks, rest) = x.as_chunks::<LANES>();
            let mut lanes = [T::default(); LANES];
            for chunk in chunks {
                for (lane, &x) in lanes.iter_mut().zip(chunk) {
                    *lane += x;
                }
            }
            let rest = rest.iter().copied().sum::<T>();
            lanes.into_iter().sum::<T>() + rest
        },
    )
}
