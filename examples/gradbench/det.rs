//! The determinant of a small matrix by expansion along its first row: |A| = Σⱼ (−1)ʲ a₀ⱼ |Aⱼ|, and its gradient. There are some
//! e ℓ! products. Source: cmpad's `det_by_minor` (B. Bell), GradBench's eval `det`.
//!
//! A minor enters the determinant with a weight that is known before the minor is computed: the entries above it, with their
//! sign. So small minors are recorded and swept one at a time, each with its weight, and the tape never holds more than one of them.

use autograd::{Number, ScalarTape};
use serde::Deserialize;

use crate::input;
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "det",
    functions: &["primal", "gradient"],
    prepare: |name, input| {
        let a: Square = read(input)?;
        Ok(match name {
            "primal" => function(move || a.determinant()),
            _ => function(move || a.gradient()),
        })
    },
};

/// Rows of a minor that is recorded at once.
const RECORDED: usize = 6;
/// The largest matrix. A larger one takes days.
const LARGEST: usize = 14;

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Input {
    A: Vec<f64>,
    ell: usize,
}

/// A matrix, row by row.
#[derive(Deserialize)]
#[serde(try_from = "Input")]
struct Square {
    entries: Vec<f64>,
    n: usize,
}

impl TryFrom<Input> for Square {
    type Error = String;

    fn try_from(Input { A: entries, ell: n }: Input) -> Result<Self, String> {
        if !(1..=LARGEST).contains(&n) {
            return Err(format!("ell is 1 to {LARGEST}, and not {n}"));
        }
        input::count("A", &entries, n * n)?;
        Ok(Square { entries, n })
    }
}

impl Square {
    fn all(&self) -> u32 {
        (1 << self.n) - 1
    }

    fn determinant(&self) -> f64 {
        minor(&self.entries, self.n, self.all())
    }

    fn gradient(&self) -> Vec<f64> {
        let (mut gradient, mut tape) = (vec![0.0; self.n * self.n], ScalarTape::new());
        self.sweep(self.all(), 1.0, &mut gradient, &mut tape);
        gradient
    }

    /// The minor of these columns and the last rows. Its gradient times the weight is added.
    fn sweep(&self, columns: u32, weight: f64, gradient: &mut [f64], tape: &mut ScalarTape<f64>) -> f64 {
        let (n, rows) = (self.n, columns.count_ones() as usize);
        let top = (n - rows) * n;
        if rows <= RECORDED {
            tape.clear();
            let y = minor(&tape.variables(&self.entries[top..]), n, columns);
            let grads = tape.backward(&[(y, weight)]);
            gradient[top..].iter_mut().zip(grads.as_slice()).for_each(|(sum, g)| *sum += g);
            return y.value();
        }
        let mut sum = 0.0;
        for (sign, j) in signed(columns) {
            let a = sign * self.entries[top + j];
            let below = self.sweep(columns & !(1 << j), weight * a, gradient, tape);
            gradient[top + j] += weight * sign * below;
            sum += a * below;
        }
        sum
    }
}

/// The minor of these columns in rows with n entries, as many as columns.
fn minor<N: Number>(rows: &[N], n: usize, columns: u32) -> N {
    let (row, below) = rows.split_at(n);
    let (first, others) = (columns.trailing_zeros() as usize, columns & (columns - 1));
    if below.is_empty() {
        return row[first];
    }
    if below.len() == n {
        let second = others.trailing_zeros() as usize;
        return row[first] * below[second] - row[second] * below[first];
    }
    let term = |(sign, j): (f64, usize)| row[j] * sign * minor(below, n, columns & !(1 << j));
    signed(columns).skip(1).fold(row[first] * minor(below, n, others), |sum, next| sum + term(next))
}

/// The columns of a set, and the signs of their entries in an expansion along a row.
fn signed(columns: u32) -> impl Iterator<Item = (f64, usize)> {
    let (mut left, mut sign) = (columns, -1.0);
    std::iter::from_fn(move || {
        let j = left.trailing_zeros() as usize;
        sign = -sign;
        (left != 0).then(|| {
            left &= left - 1;
            (sign, j)
        })
    })
}

#[cfg(test)]
mod tests {
    use autograd::{LinearAlgebra, Matrix, check};

    use super::*;

    /// Larger than what is recorded at once.
    fn square() -> Square {
        let n = RECORDED + 2;
        Square { entries: (0..n * n).map(|k| ((k * k) as f64 * 0.618_034).fract() - 0.4).collect(), n }
    }

    /// The gradient is |A| A⁻ᵀ.
    #[test]
    fn the_adjugate() {
        let a = square();
        let columns = Matrix::from_vec(a.n, a.n, a.entries.clone()); // Aᵀ
        let expected = columns.inverse().unwrap().t() * a.determinant();
        let whole = columns.determinant().unwrap();
        assert!((a.determinant() - whole).abs() <= 1e-12 * whole.abs());
        for (found, expected) in a.gradient().iter().zip(expected.as_slice()) {
            assert!((found - expected).abs() <= 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn derivatives() {
        let entries: Vec<_> = square().entries[..9].iter().map(|&a| Matrix::full(1, 1, a)).collect();
        check(|a| minor(a, 3, 7), &entries);
        let one = Square { entries: vec![3.0], n: 1 };
        assert_eq!((one.determinant(), one.gradient()), (3.0, vec![1.0]));
    }

    #[test]
    fn wrong_inputs() {
        let error = |input: &str| (MODULE.prepare)("gradient", input).err().unwrap();
        assert!(error(r#"{"A": [1.0, 2.0], "ell": 2}"#).contains("A: 2 entries, and not 4"));
        assert!(error(r#"{"A": [], "ell": 0}"#).contains("ell is 1 to 14"));
        assert!(error(r#"{"A": [], "ell": 32}"#).contains("ell is 1 to 14"));
    }
}
