//! Half the sum of squares of a fit by a polynomial: y(x) = ½ Σᵢ (sᵢ − Σⱼ xⱼ tᵢʲ)² with tᵢ = −1 + 2 i / (n − 1) and sᵢ = sign tᵢ.
//! Source: cmpad's `llsq_obj` (B. Bell), GradBench's eval `llsq`.
//!
//! The powers of t are a matrix of constants, so the tape has one product. Points are taken in blocks, so that their powers stay in
//! cache.

use autograd::{Matrix, Tape, Var};
use serde::Deserialize;

use crate::input;
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "llsq",
    functions: &["primal", "gradient"],
    prepare: |name, input| {
        let fit: Fit = read(input)?;
        Ok(match name {
            "primal" => function(move || fit.value()),
            _ => function(move || fit.gradient()),
        })
    },
};

/// Points in a block.
const BLOCK: usize = 128;

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    n: usize,
}

#[derive(Deserialize)]
#[serde(try_from = "Input")]
struct Fit {
    /// The coefficients, m × 1.
    x: Matrix<f64>,
    n: usize,
}

impl TryFrom<Input> for Fit {
    type Error = String;

    fn try_from(Input { x, n }: Input) -> Result<Self, String> {
        input::sizes(&[("n", n), ("the length of x", x.len())])?;
        match n {
            1 => Err("n is 1: the points lie in an interval, so there are at least two".to_string()),
            _ => Ok(Fit { x: Matrix::column(&x), n }),
        }
    }
}

impl Fit {
    fn value(&self) -> f64 {
        self.blocks().map(|t| half_squares(Tape::new().constant(self.x.clone()), &t).item()).sum()
    }

    fn gradient(&self) -> Vec<f64> {
        let mut gradient = vec![0.0; self.x.rows()];
        for t in self.blocks() {
            let of_block = autograd::gradient(|x| half_squares(x, &t), &self.x);
            gradient.iter_mut().zip(of_block.as_slice()).for_each(|(sum, g)| *sum += g);
        }
        gradient
    }

    /// The points, block by block.
    fn blocks(&self) -> impl Iterator<Item = Vec<f64>> {
        let (n, step) = (self.n, 2.0 / (self.n - 1) as f64);
        (0..n).step_by(BLOCK).map(move |first| (first..n.min(first + BLOCK)).map(|i| -1.0 + i as f64 * step).collect())
    }
}

/// ½ ‖s − V x‖² with Vᵢⱼ = tᵢʲ.
fn half_squares<'t>(x: Var<'t, f64>, t: &[f64]) -> Var<'t, f64> {
    let (tape, n, m) = (x.tape(), t.len(), x.rows());
    let (mut powers, mut power) = (Vec::with_capacity(n * m), vec![1.0; n]);
    for _ in 0..m {
        powers.extend_from_slice(&power);
        power.iter_mut().zip(t).for_each(|(power, t)| *power *= t);
    }
    let s: Vec<_> = t.iter().map(|t| if *t == 0.0 { 0.0 } else { t.signum() }).collect();
    let apart = tape.constant(Matrix::column(&s)) - tape.constant(Matrix::from_vec(n, m, powers)).matmul(x);
    apart.dot(apart) * 0.5
}

#[cfg(test)]
mod tests {
    use autograd::check;

    use super::*;

    #[test]
    fn a_line_through_three_points() {
        // t = −1, 0, 1 and s = t; with 1 + 2 t the residuals are 0, −1 and −2.
        let fit = Fit { x: Matrix::column(&[1.0, 2.0]), n: 3 };
        assert_eq!((fit.value(), fit.gradient()), (2.5, vec![3.0, 2.0]));
    }

    #[test]
    fn blocks_add_up() {
        let x = Matrix::column(&[0.3, -0.2, 0.5, 0.1]);
        let fit = Fit { x: x.clone(), n: 2 * BLOCK + 1 };
        let t: Vec<_> = (0..fit.n).map(|i| -1.0 + i as f64 / BLOCK as f64).collect();
        check(|x| half_squares(x[0], &t), std::slice::from_ref(&x));
        let (value, gradient) = autograd::value_and_gradient(|x| half_squares(x, &t), &x);
        assert!((fit.value() - value).abs() <= 1e-13 * value);
        fit.gradient().iter().zip(gradient.as_slice()).for_each(|(a, b)| assert!((a - b).abs() <= 1e-12 * value));
    }

    #[test]
    fn wrong_inputs() {
        let error = |input: &str| (MODULE.prepare)("gradient", input).err().unwrap();
        assert!(error(r#"{"x": [1.0], "n": 1}"#).contains("at least two"));
        assert!(error(r#"{"x": [], "n": 4}"#).contains("the length of x is 0"));
        assert!(error(r#"{"x": [1.0], "n": 1000000000000}"#).contains("more than"));
        assert!(error(r#"{"x": [1.0], "n": 2.5}"#).contains("the input"));
    }
}
