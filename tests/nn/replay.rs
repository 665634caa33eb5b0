//! Reproduces training runs of scikit-learn and PyTorch, step by step from the same weights on the same batches;
//! `oracle/make_replay.py` made the values.

use nn::loss::{bce_with_logits, mse, softmax_cross_entropy};
use nn::{
    Activation, Adam, Group, Layer, Linear, Matrix, Mlp, Momentum, Optimizer, Param, ParamGradients, Reduction, State,
    Tape, Var,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    steps: usize,
    x: Vec<Vec<f64>>,
    classes: Vec<usize>,
    targets: Vec<Vec<f64>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    loss: String,
    activation: Activation,
    batches: Vec<Vec<usize>>,
    optimizer: String,
    lr: f64,
    l2: f64,
    start: Vec<Weights>,
    end: Vec<Weights>,
}

#[derive(Deserialize)]
struct Weights {
    weight: Vec<Vec<f64>>,
    bias: Vec<f64>,
}

/// The matrix with these rows.
fn rows(rows: &[Vec<f64>]) -> Matrix<f64> {
    Matrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn net(layers: &[Weights], activation: Activation) -> Mlp<f64> {
    let layer =
        |w: &Weights| Linear { weight: Param::new(rows(&w.weight)), bias: Some(Param::new(Matrix::column(&w.bias))) };
    Mlp::from_layers(layers.iter().map(layer).collect(), activation)
}

fn loss<'t>(name: &str, y: Var<'t, f64>, classes: &[usize], targets: Matrix<f64>) -> Var<'t, f64> {
    let numbers = |t| y.tape().constant(t);
    match name {
        "cross_entropy" => softmax_cross_entropy(y, classes, Reduction::Mean),
        "bce" => {
            let second = |&class: &usize| if class == 1 { 1.0 } else { 0.0 };
            bce_with_logits(y, numbers(Matrix::row(&classes.iter().map(second).collect::<Vec<_>>())), Reduction::Mean)
        }
        "mse" => mse(y, numbers(targets), Reduction::Mean),
        // Half the squares of each sample, summed over its outputs: the loss whose gradient scikit-learn computes.
        "half_squares" => mse(y, numbers(targets), Reduction::Sum) / (2 * classes.len()) as f64,
        _ => panic!("no loss {name}"),
    }
}

/// Step k = 1, 2, … of that optimizer, on a batch of n samples.
fn step(case: &Case, k: i32, n: usize, net: &mut Mlp<f64>, grads: &dyn ParamGradients<f64>, state: &mut State<f64>) {
    let adam = Adam::new(case.lr);
    match case.optimizer.as_str() {
        "adam" => adam.step(net, grads, state),
        "adamw" => Adam::adamw(case.lr, case.l2).step(net, grads, state),
        "momentum" => Momentum::new(case.lr, 0.9).with().l2(case.l2).step(net, grads, state),
        "sklearn_adam" => {
            // It adds ε to √MS; ours adds it to the root of the bias-corrected M̂S = MS / (1 − β₂ᵏ).
            let eps_outside = adam.eps_outside / (1.0 - adam.beta2.powi(k)).sqrt();
            // Its penalty α ‖W‖² / 2n of a batch does not include the biases.
            let biases = Group { decay_factor: 0.0, ..Group::default() };
            Adam { eps_outside, ..adam }.with().l2(case.l2 / n as f64).group("*bias", biases).step(net, grads, state);
        }
        name => panic!("no optimizer {name}"),
    }
}

/// The largest distance of a weight from the other program's after all steps.
fn distance(file: &File, case: &Case) -> f64 {
    let (x, targets) = (rows(&file.x).transpose(), rows(&file.targets).transpose());
    let mut net = net(&case.start, case.activation);
    let mut state = match case.optimizer.as_str() {
        "momentum" => Momentum::new(case.lr, 0.9).init(&net),
        _ => Adam::new(case.lr).init(&net),
    };
    for (k, batch) in case.batches.iter().cycle().take(file.steps).enumerate() {
        let classes: Vec<usize> = batch.iter().map(|&i| file.classes[i]).collect();
        let tape = Tape::new();
        let y = net.forward(tape.constant(x.select_cols(batch)));
        let grads = loss(&case.loss, y, &classes, targets.select_cols(batch)).backward();
        step(case, k as i32 + 1, batch.len(), &mut net, &grads, &mut state);
    }
    let mut largest = 0.0;
    for (layer, end) in net.layers.iter().zip(&case.end) {
        let bias = layer.bias.as_ref().unwrap().value().as_slice();
        let found = layer.weight.value().as_slice().iter().chain(bias);
        let expected = rows(&end.weight).into_vec();
        for (found, expected) in found.zip(expected.iter().chain(&end.bias)) {
            largest = f64::max(largest, (found - expected).abs());
        }
    }
    largest
}

#[test]
fn fifty_steps_end_at_the_same_weights() {
    let file: File = serde_json::from_str(include_str!("../oracle/replay.json")).unwrap();
    assert_eq!((file.steps, file.cases.len()), (50, 6));
    for case in &file.cases {
        let distance = distance(&file, case);
        assert!(distance < 1e-9, "{}: a weight is off by {distance:e}", case.name);
        println!("{:24} {distance:.1e}", case.name);
    }
}
