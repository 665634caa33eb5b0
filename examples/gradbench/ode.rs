//! yᵢ′ = xᵢ yᵢ₋₁ with y₋₁ = 1 and y(0) = 0, from t = 0 to 2 by Runge and Kutta's method of the fourth order, and the gradient of the last
//! yₙ₋₁. Source: cmpad's `an_ode` (B. Bell), GradBench's eval `ode`.
//!
//! The numbers of a step are recomputed when the sweep comes to it, so that memory holds only the state after each step.

use autograd::{Matrix, Tape, Var, checkpoint, value_and_gradient};
use serde::Deserialize;

use crate::input;
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "ode",
    functions: &["primal", "gradient"],
    prepare: |name, input| {
        let Ode { x, steps } = read(input)?;
        Ok(match name {
            "primal" => function(move || {
                let tape = Tape::new();
                end(tape.constant(&x), steps).value().into_vec()
            }),
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

/// y(2).
fn end(x: Var<'_, f64>, steps: usize) -> Var<'_, f64> {
    let h = 2.0 / steps as f64;
    (0..steps).fold(x * 0.0, |y, _| checkpoint(move |v| step(v[0], v[1], h), &[x, y]))
}

/// y(t + h) from y(t).
fn step<'t>(x: Var<'t, f64>, y: Var<'t, f64>, h: f64) -> Var<'t, f64> {
    let n = x.rows();
    let one = x.tape().constant(Matrix::from_fn(n, 1, |i, _| f64::from(u8::from(i == 0))));
    let slope = |y: Var<'t, f64>| x * (y.rows_in(0..n - 1).pad((1, 0), (n, 1)) + one);
    let k1 = slope(y);
    let k2 = slope(y + k1 * (h / 2.0));
    let k3 = slope(y + k2 * (h / 2.0));
    let k4 = slope(y + k3 * h);
    y + (k1 + (k2 + k3) * 2.0 + k4) * (h / 6.0)
}

#[cfg(test)]
mod tests {
    use autograd::check;

    use super::*;

    /// Of order four, and exact up to there: y₀ = x₀ t, y₁ = x₀ x₁ t² / 2, …
    #[test]
    fn powers_of_t() {
        let (x, tape) = (Matrix::column(&[2.0, 3.0, 0.5, 1.5]), Tape::new());
        let y = end(tape.constant(&x), 3).value();
        for (found, expected) in y.as_slice().iter().zip([4.0, 12.0, 4.0, 3.0]) {
            assert!((found - expected).abs() < 1e-13, "{found} {expected}");
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
