//! yᵢ′ = xᵢ yᵢ₋₁ with y₋₁ = 1 and y(0) = 0, from t = 0 to 2 by Runge and Kutta's method of the fourth order, and the gradient of the last
//! yₙ₋₁. Source: cmpad's `an_ode` (B. Bell), GradBench's eval `ode`.
//!
//! One text of a step serves plain numbers, which go through it one by one, and variables, which hold all of them. The numbers of a step on the
//! tape are recomputed when the sweep comes to it, so that memory holds only the state after each step.

use autograd::{Matrix, Number, Var, checkpoint, value_and_gradient};
use serde::Deserialize;

use crate::input;
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "ode",
    functions: &["primal", "gradient"],
    prepare: |name, input| {
        let Ode { x, steps } = read(input)?;
        Ok(match name {
            "primal" => function(move || plain_end(x.as_slice(), steps)),
            _ => function(move || value_and_gradient(|x| end(x, steps).at(x.rows() - 1, 0), &x).1.into_vec()),
        })
    },
};

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    s: usize,
}

#[derive(Deserialize)]
#[serde(try_from = "Input")]
struct Ode {
    x: Matrix<f64>,
    steps: usize,
}

impl TryFrom<Input> for Ode {
    type Error = String;

    fn try_from(Input { x, s }: Input) -> Result<Self, String> {
        input::sizes(&[("the length of x", x.len()), ("s", s)])?;
        input::sizes(&[("s", s), ("the numbers of a step", x.len() + 64)])?;
        Ok(Ode { x: Matrix::column(&x), steps: s })
    }
}

/// y(2) in plain numbers.
fn plain_end(x: &[f64], steps: usize) -> Vec<f64> {
    let (mut y, h) = (vec![0.0; x.len()], 2.0 / steps as f64);
    for _ in 0..steps {
        let mut last = BEFORE_FIRST;
        for (&x, y) in x.iter().zip(&mut y) {
            *y = step(x, *y, h, |stage, now| std::mem::replace(&mut last[stage], now));
        }
    }
    y
}

/// y(2) on the tape.
fn end(x: Var<'_, f64>, steps: usize) -> Var<'_, f64> {
    (0..steps).fold(x * 0.0, |y, _| checkpoint(move |v| step(v[0], v[1], 2.0 / steps as f64, moved), &[x, y]))
}

/// Every number in the place after its own.
fn moved<'t>(stage: usize, now: Var<'t, f64>) -> Var<'t, f64> {
    let n = now.rows();
    let before = now.rows_in(0..n - 1).pad((1, 0), (n, 1));
    match BEFORE_FIRST[stage] {
        0.0 => before,
        first => before + now.tape().constant(Matrix::from_fn(n, 1, |i, _| if i == 0 { first } else { 0.0 })),
    }
}

/// y₋₁ and its slopes.
const BEFORE_FIRST: [f64; 4] = [1.0, 0.0, 0.0, 0.0];

/// yᵢ(t + h) from yᵢ(t). `before` takes the number of entry i, y or its slope k₁, k₂ or k₃, and gives that of entry i − 1.
fn step<N: Number>(x: N, y: N, h: f64, mut before: impl FnMut(usize, N) -> N) -> N {
    let start = before(0, y);
    let k1 = x * start;
    let k2 = x * (start + before(1, k1) * (h / 2.0));
    let k3 = x * (start + before(2, k2) * (h / 2.0));
    let k4 = x * (start + before(3, k3) * h);
    y + (k1 + (k2 + k3) * 2.0 + k4) * (h / 6.0)
}

#[cfg(test)]
mod tests {
    use autograd::{Tape, check};

    use super::*;

    /// Of order four, and exact up to there: y₀ = x₀ t, y₁ = x₀ x₁ t² / 2, …
    #[test]
    fn powers_of_t() {
        let x = Matrix::column(&[2.0, 3.0, 0.5, 1.5]);
        let recorded = end(Tape::new().constant(&x), 3).value().into_vec();
        for found in [recorded, plain_end(x.as_slice(), 3)] {
            for (found, expected) in found.iter().zip([4.0, 12.0, 4.0, 3.0]) {
                assert!((found - expected).abs() < 1e-13, "{found} {expected}");
            }
        }
    }

    #[test]
    fn derivatives() {
        check(|x| end(x[0], 2).at(3, 0), &[Matrix::column(&[2.0, 3.0, 0.5, 1.5])]);
        check(|x| end(x[0], 1), &[Matrix::column(&[0.7])]);
    }

    #[test]
    fn wrong_inputs() {
        let error = |input: &str| (MODULE.prepare)("gradient", input).err().unwrap();
        assert!(error(r#"{"x": [1.0], "s": 0}"#).contains("s is 0"));
        assert!(error(r#"{"x": [1.0], "s": 1000000000000}"#).contains("more than"));
        assert!(error(r#"{"x": [1.0]}"#).contains("missing field `s`"));
    }
}
