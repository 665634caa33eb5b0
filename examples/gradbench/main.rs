//! GradBench's twelve programs: values, gradients, Jacobians and nested derivatives, asked for in JSON.
//!
//! ```text
//! cargo run --release --example gradbench
//! ```
//!
//! GradBench (<https://github.com/gradbench/gradbench>) is a public suite of differentiable programs with validated answers. An
//! *eval* sends messages, one in a line, and a *tool* answers each with a line. This example is a tool: it reads messages
//! from its standard input and writes answers to its standard output. So GradBench's own driver checks it:
//!
//! ```text
//! cargo build --release --example gradbench
//! gradbench run --eval "gradbench repo eval ba" --tool target/release/examples/gradbench
//! ```
//!
//! Like GradBench's other tools, it computes on one thread unless it is called with `--multithreaded`.
//!
//! | file | program | how it is differentiated |
//! |---|---|---|
//! | `hello.rs` | x² | dual numbers |
//! | `llsq.rs`, `lse.rs`, `ode.rs` | a fit of polynomials, ln Σ eˣ, Runge and Kutta's method | the tape, in blocks that fit in cache |
//! | `gmm.rs`, `lstm.rs` | ADBench's mixture and recurrent network | the tape of matrices; the scalar tape |
//! | `det.rs` | a determinant by minors | the scalar tape, a minor at a time |
//! | `kmeans.rs` | clusters: Newton's direction | a gradient, and one product with the Hessian for its diagonal |
//! | `ba.rs` | bundle adjustment: a sparse Jacobian | one sweep for each kind of residual, over rows of observations |
//! | `ht.rs` | tracking of a hand: a Jacobian that is dense in part | a direction for each parameter, and two for all the others |
//! | `particle.rs`, `saddle.rs` | a descent whose function contains a derivative | four nestings of both modes |
//!
//! `descent.rs` and `modes.rs` have the descent and the derivatives of the last two, `rotation.rs` the rotations of the two before, and
//! `hand.rs` what `ht.rs` reads. `protocol.rs` reads messages and times functions. A message that is not understood gets an
//! answer that says why. `compare.py` measures this tool beside others, and `README.md` has its table.

#[expect(dead_code, reason = "the tests of ADBench use more of it than this example")]
#[path = "../../tests/adbench/mod.rs"]
mod adbench;
mod ba;
mod descent;
mod det;
mod gmm;
mod hand;
mod hello;
mod ht;
mod input;
mod kmeans;
mod llsq;
mod lse;
mod lstm;
mod modes;
mod ode;
mod particle;
mod protocol;
mod rotation;
mod saddle;

use std::error::Error;
use std::io::{self, BufRead, Write, stdin, stdout};

use clap::Parser;
use rayon_core::ThreadPoolBuilder;

use protocol::Module;

#[derive(Parser)]
#[command(about = "GradBench's programs: messages on standard input, answers on standard output")]
struct Options {
    /// Compute on all cores
    #[arg(long)]
    multithreaded: bool,
}

/// The programs.
const MODULES: [Module; 12] = [
    hello::MODULE,
    llsq::MODULE,
    lse::MODULE,
    ode::MODULE,
    gmm::MODULE,
    lstm::MODULE,
    det::MODULE,
    kmeans::MODULE,
    ba::MODULE,
    ht::MODULE,
    particle::MODULE,
    saddle::MODULE,
];

fn main() -> Result<(), Box<dyn Error>> {
    if !Options::parse().multithreaded {
        ThreadPoolBuilder::new().num_threads(1).build_global()?;
    }
    serve(stdin().lock(), stdout().lock())?;
    Ok(())
}

/// Answers every line until the input ends.
fn serve(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        writeln!(output, "{}", protocol::answer(&line, &MODULES))?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn replies(lines: &[u8]) -> Vec<Value> {
        let mut output = Vec::new();
        serve(lines, &mut output).unwrap();
        output.split_inclusive(|&byte| byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[test]
    fn a_line_for_a_line() {
        let lines = b"{\"id\": 0, \"kind\": \"start\"}\nnot JSON\n\xff\n\n\
            {\"id\": 4, \"kind\": \"evaluate\", \"module\": \"hello\", \"function\": \"double\", \"input\": 3.0}";
        let replies = replies(lines);
        assert_eq!(replies.len(), 5);
        assert_eq!(replies[0], json!({ "id": 0, "tool": "tape" }));
        replies[1..4]
            .iter()
            .for_each(|reply| assert_eq!((&reply["id"], &reply["success"]), (&json!(null), &json!(false))));
        assert_eq!((&replies[4]["id"], &replies[4]["output"]), (&json!(4), &json!(6.0)));
    }

    /// An input of each program.
    fn inputs() -> [(&'static Module, Value); 13] {
        let inputs = [
            json!(3.0),
            json!({ "x": [1.0, 2.0], "n": 3 }),
            json!({ "x": [1.0, 2.0] }),
            json!({ "x": [1.0, 2.0], "s": 2 }),
            gmm::tests::input(),
            lstm::tests::input(),
            json!({ "A": [1.0, 2.0, 3.0, 5.0], "ell": 2 }),
            json!({ "points": [[0.0, 1.0], [2.0, 3.0]], "centroids": [[0.5, 0.5]] }),
            json!({ "n": 1, "m": 1, "p": 1, "cam": vec![0.1; 11], "x": [1.0, 2.0, 3.0], "w": 1.0, "feat": [0.0, 0.0] }),
            hand::tests::input(true),
            json!({ "w": 0.0 }),
            json!({ "start": [1.0, 1.0] }),
        ];
        let mut all = MODULES.iter().zip(inputs).collect::<Vec<_>>();
        all.push((&MODULES[9], hand::tests::input(false)));
        all.try_into().ok().expect("thirteen")
    }

    fn call(module: &Module, function: &str, input: &Value) -> Value {
        let message =
            json!({ "id": 7, "kind": "evaluate", "module": module.name, "function": function, "input": input });
        replies(message.to_string().as_bytes()).remove(0)
    }

    /// The paths to all parts of a value. Of long lists, the first entries and the last.
    fn parts(value: &Value, path: &str, found: &mut Vec<String>) {
        found.push(path.to_string());
        match value {
            Value::Array(list) => {
                for (k, part) in list.iter().enumerate().filter(|(k, _)| *k < 2 || k + 1 == list.len()) {
                    parts(part, &format!("{path}/{k}"), found);
                }
            }
            Value::Object(map) => map.iter().for_each(|(name, part)| parts(part, &format!("{path}/{name}"), found)),
            _ => (),
        }
    }

    /// Whatever part of an input is replaced or missing: there is an answer, and it says what is wrong unless there is an output.
    #[test]
    fn changed_inputs() {
        let changes = [
            json!(null),
            json!(true),
            json!(-1),
            json!(0),
            json!(0.5),
            json!(1e300),
            json!(1u64 << 53),
            json!("x"),
            json!([]),
            json!([[]]),
            json!({}),
        ];
        let mut refused = 0;
        for (module, input) in inputs() {
            // A descent in forward mode is the fastest; otherwise a derivative.
            let function = module.functions[if module.functions.len() == 4 { 0 } else { 1 }];
            assert_eq!(call(module, function, &input)["success"], true, "{}", module.name);
            let mut paths = Vec::new();
            parts(&input, "", &mut paths);
            for path in paths {
                for change in &changes {
                    let mut changed = input.clone();
                    *changed.pointer_mut(&path).unwrap() = change.clone();
                    let answer = call(module, function, &changed);
                    assert_eq!(answer["id"], 7);
                    if answer["success"] == false {
                        refused += 1;
                        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
                    } else {
                        assert!(answer.get("output").is_some(), "{answer}");
                    }
                }
            }
        }
        assert!(refused > 1000, "{refused}");
    }
}
