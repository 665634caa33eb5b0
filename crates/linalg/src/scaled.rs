//! Matrices whose rows and columns are scaled by powers of two, and products that neither overflow nor underflow.

use faer::Mat;
use kernel::{Float, MatrixRef};

/// A = diag(2^r) S diag(2^c), where the largest entry of each row and column of S that is not zero is about 1.
///
/// r and c are the means of exponents of the entries, and then the largest exponents of what that leaves. A small entry beside large
/// ones stays small. If A has no zeros, S is the same whatever powers of two its rows and columns are multiplied by.
pub struct Scaled {
    pub s: Mat<f64>,
    pub rows: Vec<i32>,
    pub cols: Vec<i32>,
}

impl Scaled {
    pub fn new<T: Float>(a: MatrixRef<'_, T>) -> Scaled {
        let (m, n) = a.shape();
        let place = |i: usize, j: usize| Some(a[(i, j)].to_f64()).filter(|x| *x != 0.0).map(exponent);
        let (mut rows, mut cols) = means(m, n, place);
        for _ in 0..2 {
            for (i, r) in rows.iter_mut().enumerate() {
                *r += (0..n).filter_map(|j| Some(place(i, j)? - *r - cols[j])).max().unwrap_or(0);
            }
            for (j, c) in cols.iter_mut().enumerate() {
                *c += (0..m).filter_map(|i| Some(place(i, j)? - rows[i] - *c)).max().unwrap_or(0);
            }
        }
        let s = Mat::from_fn(m, n, |i, j| times_power(a[(i, j)].to_f64(), -rows[i] - cols[j]));
        Scaled { s, rows, cols }
    }

    /// log₂ of det A / det S.
    pub fn of_determinant(&self) -> i32 {
        self.rows.iter().chain(&self.cols).sum()
    }
}

/// Exponents of rows and columns, of which the sums are near the exponents of the entries: the means of what is left, in turns
/// (Curtis, Reid, *J. Inst. Math. Appl.* 10, 1972, in which these turns minimise the sum of squares).
fn means(m: usize, n: usize, place: impl Fn(usize, usize) -> Option<i32>) -> (Vec<i32>, Vec<i32>) {
    const TURNS: usize = 10;
    let mean = |left: &mut dyn Iterator<Item = f64>| {
        let (sum, count) = left.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
        if count == 0.0 { 0.0 } else { sum / count }
    };
    let (mut rows, mut cols) = (vec![0.0; m], vec![0.0; n]);
    for _ in 0..TURNS {
        for (i, r) in rows.iter_mut().enumerate() {
            *r = mean(&mut (0..n).filter_map(|j| Some(f64::from(place(i, j)?) - cols[j])));
        }
        for (j, c) in cols.iter_mut().enumerate() {
            *c = mean(&mut (0..m).filter_map(|i| Some(f64::from(place(i, j)?) - rows[i])));
        }
    }
    // Only the sums count: with the first column at 0, powers of two in A change whole numbers here.
    let first = cols.first().copied().unwrap_or(0.0);
    let rounded = |x: Vec<f64>, shift: f64| x.into_iter().map(|x| (x + shift).round() as i32).collect();
    (rounded(rows, first), rounded(cols, -first))
}

/// ⌊log₂ |x|⌋ of a number that is not zero.
pub fn exponent(x: f64) -> i32 {
    match x.abs() < f64::MIN_POSITIVE {
        true => exponent(x * times_power(1.0, 64)) - 64,
        false => ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023,
    }
}

/// 2^k x.
pub fn times_power(x: f64, k: i32) -> f64 {
    const STEP: i32 = 1000;
    match k {
        _ if k > STEP => times_power(x * 2f64.powi(STEP), k - STEP),
        _ if k < -STEP => times_power(x * 2f64.powi(-STEP), k + STEP),
        _ => x * 2f64.powi(k),
    }
}

/// A product 2^k x with 1 ≤ |x| < 2 or x = 0.
#[derive(Clone, Copy)]
pub struct Product {
    pub x: f64,
    pub k: i32,
}

impl Product {
    pub const ONE: Product = Product { x: 1.0, k: 0 };

    pub fn new(x: f64) -> Product {
        let k = if x == 0.0 { 0 } else { exponent(x) };
        Product { x: times_power(x, -k), k }
    }

    pub fn times(self, other: Product) -> Product {
        let both = Product::new(self.x * other.x);
        Product { x: both.x, k: both.k + self.k + other.k }
    }

    /// 2^−k of it, as a number.
    pub fn over_power(self, k: i32) -> f64 {
        if self.x == 0.0 { 0.0 } else { times_power(self.x, self.k - k) }
    }

    /// ln of its absolute value.
    pub fn ln_abs(self) -> f64 {
        match self.k.abs() < 1000 {
            true => self.over_power(0).abs().ln(),
            false => self.x.abs().ln() + f64::from(self.k) * std::f64::consts::LN_2,
        }
    }
}
