//! Matrices whose rows and columns are scaled by powers of two, and products that neither overflow nor underflow.

use faer::Mat;
use kernel::{Float, MatrixRef};

/// A = diag(2^r) S diag(2^c), where the largest entry of each nonzero row and column of S is about 1.
///
/// r and c are the means of the exponents of the entries, corrected by the largest exponents that remain. A small entry beside large
/// ones stays small. If A has no zeros, S does not change when rows and columns of A are multiplied by powers of two.
pub struct Scaled {
    pub s: Mat<f64>,
    pub rows: Vec<i32>,
    pub cols: Vec<i32>,
}

impl Scaled {
    pub fn new<T: Float>(a: MatrixRef<'_, T>) -> Scaled {
        let (m, n) = a.shape();
        let place = |x: &T| if x.to_f64() == 0.0 { NONE } else { exponent(x.to_f64()) };
        let places = Places { rows: m, of_entries: a.as_slice().iter().map(place).collect() };
        let (mut rows, mut cols) = places.means(n);
        for _ in 0..2 {
            let (mut of_rows, mut of_cols) = (vec![NONE; m], vec![NONE; n]);
            places.each(|i, j, place| of_rows[i] = of_rows[i].max(place - rows[i] - cols[j]));
            rows.iter_mut().zip(of_rows).filter(|of| of.1 != NONE).for_each(|(row, more)| *row += more);
            places.each(|i, j, place| of_cols[j] = of_cols[j].max(place - rows[i] - cols[j]));
            cols.iter_mut().zip(of_cols).filter(|of| of.1 != NONE).for_each(|(col, more)| *col += more);
        }
        let s = Mat::from_fn(m, n, |i, j| times_power(a[(i, j)].to_f64(), -rows[i] - cols[j]));
        Scaled { s, rows, cols }
    }

    /// log₂ of det A / det S.
    pub fn of_determinant(&self) -> i32 {
        self.rows.iter().chain(&self.cols).sum()
    }
}

/// The exponent of a zero.
const NONE: i32 = i32::MIN;

/// The exponents of the entries of a matrix.
struct Places {
    rows: usize,
    of_entries: Vec<i32>,
}

impl Places {
    /// Calls `f` for each entry that is not zero.
    fn each(&self, mut f: impl FnMut(usize, usize, i32)) {
        for (j, column) in self.of_entries.chunks_exact(self.rows.max(1)).enumerate() {
            column.iter().enumerate().filter(|of| *of.1 != NONE).for_each(|(i, place)| f(i, j, *place));
        }
    }

    /// Exponents of rows and columns whose sums are near the exponents of the entries. The exponents of rows and columns are set
    /// alternately to the means of the remainders (Curtis, Reid, *J. Inst. Math. Appl.* 10, 1972); this minimises the sum of squares. If
    /// there are no zeros, only the first turn changes them.
    fn means(&self, n: usize) -> (Vec<i32>, Vec<i32>) {
        const TURNS: usize = 10;
        let (mut rows, mut cols) = (vec![0.0; self.rows], vec![0.0; n]);
        let mean = |sums: Vec<(f64, f64)>, x: &mut [f64]| {
            let mut change = 0.0;
            for (x, (sum, count)) in x.iter_mut().zip(sums).filter(|of| of.1.1 > 0.0) {
                change = f64::max(change, (sum / count - *x).abs());
                *x = sum / count;
            }
            change
        };
        for _ in 0..TURNS {
            let mut sums = vec![(0.0, 0.0); self.rows];
            self.each(|i, j, place| sums[i] = (sums[i].0 + f64::from(place) - cols[j], sums[i].1 + 1.0));
            mean(sums, &mut rows);
            let mut sums = vec![(0.0, 0.0); n];
            self.each(|i, j, place| sums[j] = (sums[j].0 + f64::from(place) - rows[i], sums[j].1 + 1.0));
            if mean(sums, &mut cols) < 1e-9 {
                break;
            }
        }
        // Only the sums matter. With the first column at 0, powers of two in A change the exponents by integers.
        let first = cols.first().copied().unwrap_or(0.0);
        let rounded = |x: Vec<f64>, shift: f64| x.into_iter().map(|x| (x + shift).round() as i32).collect();
        (rounded(rows, first), rounded(cols, -first))
    }
}

/// The exponent of the largest of these numbers in absolute value; 0 if all are 0.
pub fn unit(numbers: impl Iterator<Item = f64>) -> i32 {
    let largest = numbers.fold(0.0, |max: f64, x| max.max(x.abs()));
    if largest > 0.0 { exponent(largest) } else { 0 }
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
    let power = |k: i32| f64::from_bits(((k + 1023) as u64) << 52);
    match k {
        _ if k > STEP => times_power(x * power(STEP), k - STEP),
        _ if k < -STEP => times_power(x * power(-STEP), k + STEP),
        _ => x * power(k),
    }
}

/// A product as 2^k x with 1 ≤ |x| < 2 or x = 0.
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

    /// The product times 2^−k, as a number.
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
