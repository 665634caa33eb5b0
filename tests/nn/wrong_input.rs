//! Every mistake gets a message that says what is wrong and where.

use std::panic::Location;

use nn::data::{CsvError, read_csv};
use nn::{Activation, AnyLayer, BatchNorm, DenseBlock, Dropout, Ema, LayerNorm, PRelu, RmsNorm, Sequential, Shortcut};
use nn::{Adam, Init, Layer, Linear, Matrix, Mlp, Module, Optimizer, Param, Reduction, Residual, Sgd};
use nn::{Bidirectional, Embedding, Lstm, Recurrent, Tape, TiedAutoencoder, Var, loss};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tape_tests::{panic_of, says};

use crate::folder;

/// `f` panics with a message that contains all these words, and points at the file of the caller.
#[track_caller]
pub fn panics<R>(words: &[&str], f: impl FnOnce() -> R) {
    let found = panic_of(f);
    assert_eq!(found.file, Location::caller().file(), "{}", found.message);
    says(found.message, words);
}

fn zeros<'t>(tape: &'t Tape<'t, f64>, rows: usize, cols: usize) -> Var<'t, f64> {
    tape.variable(Matrix::zeros(rows, cols))
}

fn linear(inputs: usize, outputs: usize) -> Linear<f64> {
    Linear::new(inputs, outputs, Init::Xavier, &mut ChaCha8Rng::seed_from_u64(0))
}

fn mlp(sizes: &[usize]) -> Mlp<f64> {
    Mlp::new(sizes, Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(0))
}

#[test]
fn shapes_that_do_not_fit() {
    let tape = Tape::new();
    let (a, b) = (zeros(&tape, 2, 3), zeros(&tape, 4, 5));
    panics(&["add", "2 × 3", "4 × 5"], || a + b);
    panics(&["matmul", "2 × 3", "4 × 5"], || a.matmul(b));
    panics(&["mse", "2 × 3", "4 × 5"], || loss::mse(a, b, Reduction::Sum));
    panics(&["bce_with_logits", "2 × 3", "4 × 5"], || loss::bce_with_logits(a, b, Reduction::Mean));
    panics(&["softmax_cross_entropy", "2 × 3", "4 × 5"], || loss::softmax_cross_entropy(a, b, Reduction::Mean));
    panics(&["backward", "2 × 3", "sum it"], || a.backward());
}

/// Samples as rows: every layer that knows its features says that the transpose would fit, and none says so where it would not.
#[test]
fn samples_as_rows() {
    let (dense, norm, net, slopes) = (linear(3, 2), LayerNorm::new(3), mlp(&[3, 4, 1]), PRelu::new(3));
    let layers: [(&str, &dyn Layer<f64>); 4] =
        [("Linear", &dense), ("LayerNorm", &norm), ("Linear", &net), ("PRelu", &slopes)];
    for (name, layer) in layers {
        let tape = Tape::new();
        let (turned, other) = (zeros(&tape, 10, 3), zeros(&tape, 10, 4));
        let hint = "columns are samples: transpose it";
        let message = panic_of(|| assert!(layer.forward(turned).rows() > 0)).message;
        says(message, &[name, "3 features expected", "10 × 3", hint]);
        let message = panic_of(|| assert!(layer.forward(other).rows() > 0)).message;
        assert!(message.contains("3 features expected") && !message.contains("transpose"), "{message}");
    }
}

#[test]
fn variables_of_two_tapes() {
    let (one, other) = (Tape::new(), Tape::new());
    let (a, b) = (zeros(&one, 1, 1), zeros(&other, 1, 1));
    panics(&["add", "different tapes"], || a + b);
    panics(&["squared_error", "different tapes"], || loss::mse(a, b, Reduction::Sum));
    let grads = a.square().backward();
    panics(&["no gradient", "another tape"], || grads.wrt(b).to_owned());
}

#[test]
fn a_class_out_of_range() {
    let tape = Tape::new();
    let logits = zeros(&tape, 3, 4);
    let entropy = |classes: &[usize]| loss::softmax_cross_entropy(logits, classes, Reduction::Mean);
    panics(&["class 3", "sample 2", "3 rows"], || entropy(&[0, 1, 3, 2]));
    panics(&["2 classes", "3 × 4"], || entropy(&[0, 1]));
}

#[test]
fn features_that_do_not_fit() {
    let tape = Tape::new();
    let x = zeros(&tape, 4, 2);
    let layer = linear(3, 5);
    panics(&["Linear", "3 features", "4 × 2"], || layer.forward(x));
    let net = mlp(&[3, 5, 2]);
    panics(&["Linear", "3 features", "4 × 2"], || net.forward(x));
    let skip = Residual(linear(4, 3));
    panics(&["Residual", "4 × 2", "3 × 2"], || skip.forward(x));
    panics(&["Mlp", "[3]"], || mlp(&[3]));
}

#[test]
fn messages_name_the_layer() {
    let alone: [(&str, AnyLayer<f64>); 5] = [
        ("LayerNorm", LayerNorm::new(3).into()),
        ("BatchNorm", BatchNorm::new(3).into()),
        ("RmsNorm", RmsNorm::new(3).into()),
        ("PRelu", PRelu::new(3).into()),
        ("Linear", linear(3, 3).into()),
    ];
    // Each in every container, and these after another layer.
    let composites = alone.map(|(name, layer)| {
        let inner = || Sequential::new().then(layer.clone());
        let composites: [AnyLayer<f64>; 5] = [
            layer.clone(),
            inner().into(),
            Residual(inner()).into(),
            DenseBlock { layers: vec![inner()] }.into(),
            Shortcut { inner: Sequential::new(), shortcut: inner() }.into(),
        ];
        (name, composites.map(|layer| (Activation::Tanh, layer)))
    });
    let block = Shortcut { inner: linear(4, 3), shortcut: linear(4, 2) };
    let tape = Tape::new();
    let x = zeros(&tape, 4, 2);
    for (name, layers) in &composites {
        layers.iter().for_each(|layer| panics(&[name, "3 features", "4 × 2"], || layer.forward(x)));
    }
    panics(&["Shortcut", "2 × 2", "3 × 2"], || block.forward(x));
    panics(&["Dropout", "below 1", "1.5"], || Dropout::new(1.5));
    panics(&["Dropout", "NaN"], || Mlp::<f64>::builder(&[1, 1]).dropout(f64::NAN));
    panics(&["Mlp", "[3]"], || Mlp::<f64>::builder(&[3]).build(&mut ChaCha8Rng::seed_from_u64(0)));
}

#[test]
fn invalid_symmetries_are_refused() {
    let mut net = mlp(&[3, 4, 2]);
    panics(&["permute_hidden", "no hidden layer 1 among 1"], || net.permute_hidden(1, &[0, 1]));
    panics(&["permute_hidden", "[0, 1, 1, 2]", "4 units"], || net.permute_hidden(0, &[0, 1, 1, 2]));
    panics(&["permute_hidden", "[0, 1]", "4 units"], || net.permute_hidden(0, &[0, 1]));
    panics(&["flip_sign", "4 units", "no unit 4"], || net.flip_sign(0, 4));
    net.activation = Activation::Relu;
    panics(&["flip_sign", "odd", "relu is not"], || net.flip_sign(0, 0));
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let mut net: Mlp<f64> = Mlp::builder(&[4, 4, 2]).activation(Activation::Tanh).skips(true).build(rng);
    panics(&["flip_sign", "layer 0", "inputs"], || net.flip_sign(0, 0));
    panics(&["permute_hidden", "layer 0", "inputs"], || net.permute_hidden(0, &[1, 0, 2, 3]));
}

#[test]
fn an_average_of_another_model() {
    let (mut net, mut ema) = (mlp(&[2, 3, 1]), Ema::new(0.9, &mlp(&[2, 4, 1])));
    let words = ["another model", "`layers.0.weight` with 6 numbers", "`layers.0.weight` with 8 numbers"];
    panics(&[&["Ema::update"], &words[..]].concat(), || ema.update(&net));
    panics(&[&["Ema::swap"], &words[..]].concat(), || ema.swap(&mut net));
    panics(&["`layers.1.weight`", "has none"], || Ema::new(0.9, &mlp(&[2, 3])).update(&net));
    panics(&["more parameters"], || Ema::new(0.9, &mlp(&[2, 3, 1, 1])).update(&net));
    panics(&["Ema", "below 1", "is 1"], || Ema::new(1.0, &net));
    let mut ema = Ema::new(0.9, &net);
    ema.swap(&mut net);
    panics(&["Ema::update", "swap them out"], || ema.update(&net));
}

#[test]
fn sequences_that_do_not_fit() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let lstm: Lstm<f64> = Lstm::new(3, 5, rng);
    let deep = vec![Bidirectional { forward: lstm.clone(), backward: lstm.clone() }];
    let tape = Tape::new();
    let (x, h) = (zeros(&tape, 3, 2), zeros(&tape, 5, 2));
    panics(&["Lstm", "no steps"], || lstm.run(&[], None));
    panics(&["Lstm", "3 features × 2 samples", "step 1", "3 × 4"], || lstm.run(&[x, zeros(&tape, 3, 4)], None));
    panics(&["Lstm", "3 features", "step 0", "5 × 2"], || lstm.run(&[h], None));
    panics(&["Lstm", "5 × 2", "part 1", "3 × 2"], || lstm.run(&[x], Some([h, x])));
    panics(&["run_padded", "3 lengths", "2 samples"], || lstm.run_padded(&[x], &[1, 1, 1], None));
    panics(&["run_padded", "sample 1", "length 2", "1 steps"], || lstm.run_padded(&[x], &[1, 2], None));
    panics(&["Lstm", "2 masks", "1 steps"], || lstm.run_masked(&[x], &[None, None], None));
    panics(&["Lstm", "3 features", "5 × 2"], || deep.run(&[h], None));
    panics(&["0 states", "1 layers"], || deep.run(&[x], Some(vec![])));
}

#[test]
fn indices_and_codes_that_do_not_fit() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let words: Embedding<f64> = Embedding::new(10, 4, rng);
    let tape = Tape::new();
    panics(&["Embedding", "index 12", "position 1", "vocabulary of 10"], || words.lookup(&tape, &[9, 12]));
    panics(&["Embedding", "4 features", "3 × 2"], || words.logits(zeros(&tape, 3, 2)));
    panics(&["Embedding", "padding index 10", "vocabulary of 10"], || words.clone().with_padding(10));
    panics(&["TiedAutoencoder::new", "[4]"], || TiedAutoencoder::<f64>::new(&[4], Activation::Tanh, rng));
    let net = TiedAutoencoder::new(&[4, 2], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(0));
    panics(&["TiedAutoencoder", "4 features", "3 × 2"], || net.forward(zeros(&tape, 3, 2)));
    panics(&["TiedAutoencoder", "2 features", "3 × 2"], || net.decode(zeros(&tape, 3, 2)));
}

#[test]
fn a_parameter_that_was_not_recorded() {
    #[derive(Module)]
    struct Net {
        used: Linear<f64>,
        forgotten: Vec<Linear<f64>>,
    }
    let mut net = Net { used: linear(2, 1), forgotten: vec![linear(2, 1)] };
    let tape = Tape::new();
    let grads = net.used.forward(zeros(&tape, 2, 3)).square().sum().backward();
    panics(&["no gradient", "not recorded"], || grads.wrt(&net.forgotten[0].weight).to_owned());
    let sgd = Sgd { lr: 0.1 };
    let mut state = sgd.init(&net);
    let before = net.used.clone();
    panics(&["step", "`forgotten.0.weight`", "not recorded"], || sgd.step(&mut net, &grads, &mut state));
    assert!(net.used == before && state.steps == 0, "a step that cannot be made changes nothing");
}

#[test]
fn the_state_of_another_model() {
    let adam = Adam::new(0.1);
    let step = |state_of: &[usize], words: &[&str]| {
        let mut net = mlp(&[2, 3, 1]);
        let tape = Tape::new();
        let grads = net.forward(zeros(&tape, 2, 4)).sum().backward();
        let mut state = adam.init(&mlp(state_of));
        panics(words, || adam.step(&mut net, &grads, &mut state));
    };
    step(&[2, 5, 1], &["state", "`layers.0.weight`"]);
    step(&[2, 1], &["state", "`layers.0.weight`", "6 numbers", "2"]);
    step(&[2, 3], &["state", "no place", "`layers.1.weight`"]);
    step(&[2, 3, 1, 1], &["state", "more parameters"]);
    let (mut w, tape) = (Param::new(Matrix::full(1, 1, 1.0)), Tape::new());
    let mut state = Sgd { lr: 0.1 }.init(&w);
    let grads = tape.param(&w).square().backward();
    panics(&["state", "optimizer sgd, not of adam"], || adam.step(&mut w, &grads, &mut state));
    let mut state = Adam::amsgrad(0.1).init(&w);
    panics(&["state", "should be 2 moments"], || adam.step(&mut w, &grads, &mut state));

    #[derive(Module)]
    struct Named<T> {
        scale: T,
    }
    let mut named = Named { scale: Param::new(Matrix::full(1, 1, 1.0)) };
    let tape = Tape::new();
    let grads = tape.param(&named.scale).square().backward();
    let mut state = adam.init(&w);
    panics(&["another model", "`scale`"], || adam.step(&mut named, &grads, &mut state));
}

/// The file cannot be read as a table: the message has the file, the line, the column, and what was found there.
#[track_caller]
fn check_csv(name: &str, text: &str, words: &[&str]) {
    let path = folder("wrong_input").join(name);
    std::fs::write(&path, text).unwrap();
    let error: CsvError = read_csv::<f64>(&path).unwrap_err();
    says(&error, &[name]);
    says(&error, words);
}

#[test]
fn tables_with_a_wrong_cell() {
    check_csv("missing.csv", "width,height,kind\n1,2,0\n3,,1\n", &["line 3, column 2 (height)", "empty cell"]);
    check_csv("letters.csv", "width,height,kind\n1,2,0\n3,4,1\nfive,6,0\n", &["line 4, column 1 (width)", "\"five\""]);
    check_csv("short.csv", "1,2,0\n3,1\n", &["line 2, column 3", "found 2, expected 3"]);
    check_csv("long.csv", "1,2,0\n3,4,5,1\n", &["line 2, column 4", "found 4, expected 3"]);
    says(read_csv::<f64>("no/such.csv").unwrap_err(), &["no/such.csv", "not found"]);
}
