//! Every block of Rust in a README is compiled and run: it is a part of an example, or of a test in this file.

use nn::prelude::*;

use crate::{folder, rng};

const READMES: [(&str, &str); 3] = [
    ("README.md", include_str!("../../README.md")),
    ("crates/nn/README.md", include_str!("../../crates/nn/README.md")),
    ("crates/autograd/README.md", include_str!("../../crates/autograd/README.md")),
];

/// Without indentation, as the READMEs show programs.
fn lines(text: &str) -> String {
    text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_block_of_rust_is_a_part_of_a_program() {
    let programs = [include_str!("readme.rs"), include_str!("../../examples/first.rs")].map(lines);
    for (name, readme) in READMES {
        let blocks: Vec<_> = readme.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(!blocks.is_empty(), "{name} has no block of Rust");
        for block in blocks {
            // The imports of a block may be at the head of a file, apart from the rest.
            let (imports, rest) = match block.split_once("\n\n") {
                Some((imports, rest)) if imports.lines().all(|line| line.starts_with("use ")) => (imports, rest),
                _ => ("", block),
            };
            let found = programs.iter().any(|p| p.contains(&lines(imports)) && p.contains(lines(rest).trim_end()));
            assert!(found, "{name}: no program that is compiled contains\n{block}");
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Module)]
struct Net {
    hidden: Linear<f32>,
    output: Linear<f32>,
}

impl Layer<f32> for Net {
    fn forward<'t>(&'t self, x: Var<'t, f32>) -> Var<'t, f32> {
        self.output.forward(self.hidden.forward(x).tanh())
    }
}

#[test]
fn a_model_is_a_struct() {
    let rng = &mut rng(1);
    let net = Net { hidden: Linear::new(2, 3, Init::He, rng), output: Linear::new(3, 1, Init::He, rng) };
    assert_eq!(predict(&net, &Matrix::zeros(2, 4)).shape(), (1, 4));
}

#[test]
fn a_model_is_a_list_of_layers_and_a_trainer_trains_it() -> Outcome {
    let (rng, path) = (&mut rng(1), folder("readme").join("run.nn"));
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let x = Matrix::from_fn(64, 40, |i, n| ((i * n) % 7) as f32 / 7.0);
    let data = Dataset::new(x, (0..40).map(|n| n % 10).collect::<Vec<_>>());
    let mut net = Sequential::new()
        .then(Linear::new(64, 128, Init::He, rng))
        .then(BatchNorm::new(128))
        .then(Activation::Relu)
        .then(Dropout::new(0.2))
        .then(Linear::new(128, 10, Init::Xavier, rng));
    let trained = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.005))
        .hold_out(0.1)
        .metric("accuracy", accuracy)
        .early_stopping(10)
        .checkpoint(&path)
        .resume()
        .fit(&mut net, &data)?;
    assert!(!trained.history["validation_accuracy"].is_empty());
    Ok(())
}

#[test]
fn an_estimator_fits_and_predicts() -> Outcome {
    let x = Matrix::from_fn(2, 60, |i, n| ((n * (7 + 4 * i)) % 20) as f32);
    let classes = (0..60).map(|n| usize::from(x[(0, n)] > 9.0)).collect::<Vec<_>>();
    let data = Dataset::new(x, classes);
    let model = MlpClassifier::new().hidden(&[16]).fit_dataset(&data)?;
    let classes = model.predict(&data.x)?;
    assert_eq!(classes.len(), 60);
    Ok(())
}

#[test]
fn an_estimator_learns_exclusive_or() -> Outcome {
    let x = Matrix::from([[0.0f32, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]); // columns are samples
    let classes = vec![0, 1, 1, 0];
    let model = MlpClassifier::new().hidden(&[8]).max_epochs(500).lr(0.05).fit(&x, &classes)?;
    println!("{:?}", model.predict(&x)?);
    assert_eq!(model.predict(&x)?, classes);
    Ok(())
}

#[test]
fn the_checker_takes_a_closure() {
    let (w, x) = (crate::some::<f64>(2, 3, 1), crate::some::<f64>(3, 2, 2));
    check(|v| v[0].matmul(v[1]).tanh(), &[w, x]);
}

#[test]
fn a_tape_alone() {
    use autograd::{Matrix, Tape, check};

    let tape = Tape::new();
    let x = tape.variable(Matrix::from([[1.0, 2.0], [3.0, 4.0]]));
    let y = (x.matmul(x) + x.tanh()).sum();
    println!("{}", y.backward().wrt(x));

    check(|v| (v[0].matmul(v[0]) + v[0].tanh()).sum(), &[x.value()]);
}
