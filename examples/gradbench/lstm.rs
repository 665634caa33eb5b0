//! The cross-entropy of a recurrent network whose matrices are diagonal: `tests/adbench/lstm.rs` has the formula. Source: ADBench,
//! GradBench's eval `lstm`.

use autograd::ScalarTape;
use serde::Deserialize;

use crate::adbench::lstm::Lstm;
use crate::input;
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "lstm",
    functions: &["objective", "jacobian"],
    prepare: |name, input| {
        let Net(lstm) = read(input)?;
        Ok(match name {
            "objective" => function(move || lstm.scalars(&lstm.params)),
            _ => function(move || {
                let tape = ScalarTape::new();
                lstm.scalars(&tape.variables(&lstm.params)).backward().as_slice().to_vec()
            }),
        })
    },
};

#[derive(Deserialize)]
struct Input {
    main_params: Vec<Vec<f64>>,
    extra_params: Vec<Vec<f64>>,
    state: Vec<Vec<f64>>,
    sequence: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(try_from = "Input")]
struct Net(Lstm);

impl TryFrom<Input> for Net {
    type Error = String;

    fn try_from(Input { main_params, extra_params, state, sequence: bits }: Input) -> Result<Self, String> {
        let (layers, width) = (main_params.len() / 2, bits.first().map_or(0, Vec::len));
        input::sizes(&[
            ("half the number of main_params", layers),
            ("the number of bits", width),
            ("steps", bits.len()),
            ("the numbers of a unit", 32),
        ])?;
        input::count("main_params", &main_params, 2 * layers)?;
        input::count("extra_params", &extra_params, 3)?;
        input::count("state", &state, 2 * layers)?;
        if bits.len() < 2 {
            return Err("sequence: 1 step, and at least 2 are needed to predict one".to_string());
        }
        input::columns("sequence", &bits, width)?;
        let params = [
            input::columns("main_params", &main_params, 4 * width)?.into_vec(),
            input::columns("extra_params", &extra_params, width)?.into_vec(),
        ];
        let state = input::columns("state", &state, width)?.into_vec();
        Ok(Net(Lstm { layers, width, params: params.concat(), state, bits }))
    }
}

#[cfg(test)]
pub mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub fn input() -> Value {
        json!({
            "main_params": [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]],
            "extra_params": [[0.9], [0.3], [0.2]],
            "state": [[0.4], [0.1]],
            "sequence": [[1.0], [0.0], [1.0]],
        })
    }

    fn output(function: &str) -> Value {
        (MODULE.prepare)(function, &input().to_string()).unwrap()().to_json().unwrap()
    }

    /// ADBench's files say what the numbers of a larger network are; here, that the input is read in the right order.
    #[test]
    fn a_network_of_one_unit() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (mut h, mut c, mut loss) = (0.4f64, 0.1f64, 0.0);
        for (now, next) in [(1.0, 0.0), (0.0, 1.0)] {
            let u = 0.9 * now;
            let (forget, gate) = (sigmoid(0.1 * u + 0.5), sigmoid(0.2 * h + 0.6));
            let (out, change) = (sigmoid(0.3 * u + 0.7), (0.4 * h + 0.8).tanh());
            c = c * forget + gate * change;
            h = out * c.tanh();
            let y = 0.3 * h + 0.2;
            loss -= next * (y - (y.exp() + 2.0).ln()) / 2.0;
        }
        assert!((output("objective").as_f64().unwrap() - loss).abs() < 1e-15);
        assert_eq!(output("jacobian").as_array().unwrap().len(), 11);
    }

    #[test]
    fn wrong_inputs() {
        let error = |name: &str, value: Value| {
            let mut input = input();
            input[name] = value;
            (MODULE.prepare)("jacobian", &input.to_string()).err().unwrap()
        };
        assert!(error("main_params", json!([])).contains("main_params is 0"));
        assert!(error("main_params", json!([[0.1], [0.2]])).contains("main_params[0]: 1 entries, and not 4"));
        assert!(error("main_params", json!([[], [], []])).contains("main_params: 3 entries, and not 2"));
        assert!(error("extra_params", json!([[0.1]])).contains("extra_params: 1 entries, and not 3"));
        assert!(error("state", json!([[0.1], [0.2, 0.3]])).contains("state[1]: 2 entries, and not 1"));
        assert!(error("sequence", json!([[1.0]])).contains("at least 2"));
        assert!(error("sequence", json!([[1.0], []])).contains("sequence[1]: 0 entries, and not 1"));
        assert!(error("sequence", json!([])).contains("is 0"));
    }
}
