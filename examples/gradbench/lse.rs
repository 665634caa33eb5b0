//! ln Σ eˣ = a + ln Σ e^(x − a) with a = max x, from its parts. Source: GradBench's eval `lse`.

use autograd::{Matrix, Tape, Var, value_and_gradient};
use serde::Deserialize;

use crate::input;
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "lse",
    functions: &["primal", "gradient"],
    prepare: |name, input| {
        let Lse { x } = read(input)?;
        Ok(match name {
            "primal" => function(move || {
                let tape = Tape::new();
                log_sum_exp(tape.constant(&x)).item()
            }),
            _ => function(move || value_and_gradient(log_sum_exp, &x).1.into_vec()),
        })
    },
};

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(try_from = "Input")]
struct Lse {
    x: Matrix<f64>,
}

impl TryFrom<Input> for Lse {
    type Error = String;

    fn try_from(Input { x }: Input) -> Result<Self, String> {
        input::sizes(&[("the length of x", x.len())])?;
        Ok(Lse { x: Matrix::column(&x) })
    }
}

fn log_sum_exp(x: Var<'_, f64>) -> Var<'_, f64> {
    let most = x.max_entry();
    (x - most).exp().sum().ln() + most
}

#[cfg(test)]
mod tests {
    use autograd::check;

    use super::*;

    #[test]
    fn derivatives() {
        check(|x| log_sum_exp(x[0]), &[Matrix::column(&[0.3, -1.0, 2.0, 1.9])]);
        let large = Matrix::column(&[1000.0, 1000.0]);
        let (y, gradient) = value_and_gradient(log_sum_exp, &large);
        assert_eq!((y, gradient.as_slice()), (1000.0 + 2f64.ln(), &[0.5, 0.5][..]));
    }

    #[test]
    fn wrong_inputs() {
        let error = |input: &str| (MODULE.prepare)("primal", input).err().unwrap();
        assert!(error(r#"{"x": []}"#).contains("the length of x is 0"));
        assert!(error(r#"{"x": [null]}"#).contains("null"));
    }
}
