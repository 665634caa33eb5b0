//! Exchange of models with PyTorch: files made by `torch_interchange.py` are loaded, and saving
//! them again gives the bytes that PyTorch wrote.

use std::fs;
use std::path::PathBuf;

use nn::persist::{Misfit, Safetensors};
use nn::{Activation, Init, Layer, LoadError, Matrix, Mlp, Module, Param, SaveError, Sequential, Tape};
use nn::{BatchNorm, LayerNorm, Linear, PRelu, RmsNorm, load_safetensors, save_safetensors};
use nn::{Bidirectional, Embedding, Gru, Lstm, Real, Recurrent, Rnn};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use safetensors::SafeTensors;

use crate::folder;

mod hostile;

fn theirs(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/nn/interchange")).join(name)
}

/// A file for PyTorch, which the script reads.
fn ours(name: &str) -> PathBuf {
    folder("interchange").join(name)
}

/// Rows of PyTorch are samples, and columns here.
fn samples<T: Real>(rows: &serde_json::Value) -> Matrix<T> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(rows.clone()).unwrap();
    Matrix::from_fn(rows[0].len(), rows.len(), |i, j| T::from_f64(rows[j][i]))
}

fn case(name: &str) -> serde_json::Value {
    let text = fs::read_to_string(theirs("cases.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    cases[name].clone()
}

#[track_caller]
fn close<T: Real>(name: &str, y: &Matrix<T>) {
    let expected = samples::<T>(&case(name)["y"]);
    assert_eq!(y.shape(), expected.shape());
    let errors = y.as_slice().iter().zip(expected.as_slice()).map(|(y, t)| (y.to_f64() - t.to_f64()).abs());
    let error = errors.fold(0.0, f64::max);
    assert!(error <= 1e-6, "{name}: outputs differ by {error:e}");
}

/// The model with their weights. Its file equals theirs: names, types, shapes and bytes.
fn exchange<T: Real, M: Module<T>>(name: &str, options: &Safetensors<'_>, model: &mut M) {
    let (theirs, ours) = (theirs(&format!("{name}.safetensors")), ours(&format!("{name}.safetensors")));
    options.load(&theirs, model).unwrap();
    options.save(&ours, model).unwrap();
    let (theirs, ours) = (fs::read(theirs).unwrap(), fs::read(ours).unwrap());
    if theirs.windows(19).any(|window| window == b"num_batches_tracked") {
        let (theirs, ours) = (SafeTensors::deserialize(&theirs).unwrap(), SafeTensors::deserialize(&ours).unwrap());
        let mut theirs = theirs.tensors();
        theirs.retain(|(name, _)| !name.ends_with("num_batches_tracked"));
        theirs.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut ours = ours.tensors();
        ours.sort_by(|(a, _), (b, _)| a.cmp(b));
        assert_eq!(ours, theirs);
    } else {
        assert!(ours == theirs, "{name}: not the same bytes");
    }
}

fn apply<T: Real>(name: &str, model: &impl Layer<T>) {
    let (tape, x) = (Tape::new(), samples(&case(name)["x"]));
    close(name, &model.forward(tape.constant(&x)).value());
}

fn linear<T: Real>(inputs: usize, outputs: usize) -> Linear<T> {
    Linear::new(inputs, outputs, Init::Xavier, &mut ChaCha8Rng::seed_from_u64(0))
}

fn sequential() -> Sequential<f32> {
    Sequential::new()
        .then(linear(4, 5))
        .then(Activation::Tanh)
        .then(linear(5, 5).without_bias())
        .then(Activation::Gelu)
        .then(linear(5, 3))
}

#[test]
fn a_sequential_is_one_of_theirs() {
    let mut net = sequential();
    exchange("mlp", &Safetensors::new(), &mut net);
    apply("mlp", &net);
    // A tuple works too, and so does f64.
    let (a, b, c) = (linear::<f64>(4, 5), linear(5, 5).without_bias(), linear(5, 3));
    let mut tuple = (a, Activation::Tanh, b, Activation::Gelu, c);
    load_safetensors(theirs("mlp.safetensors"), &mut tuple).unwrap();
    apply("mlp", &tuple);
}

#[test]
fn buffers_and_columns_go_too() {
    let mut net: Sequential<f64> = Sequential::new()
        .then(linear(1, 6))
        .then(BatchNorm::new(6))
        .then(PRelu::new(6))
        .then(LayerNorm::new(6))
        .then(linear(6, 6))
        .then(RmsNorm::new(6))
        .then(PRelu::shared())
        .then(linear(6, 2));
    exchange("norms", &Safetensors::new(), &mut net);
    apply("norms", &net);
}

#[test]
fn two_bytes_a_number_are_read() {
    for name in ["half", "brain"] {
        let mut net = sequential();
        load_safetensors(theirs(&format!("{name}.safetensors")), &mut net).unwrap();
        apply(name, &net);
    }
}

/// PyTorch stores an embedding table transposed, index by index.
#[test]
fn tables() {
    let mut table: Embedding<f32> = Embedding::new(9, 3, &mut ChaCha8Rng::seed_from_u64(0));
    exchange("embedding", &Safetensors::new(), &mut table);
    let indices: Vec<usize> = serde_json::from_value(case("embedding")["x"].clone()).unwrap();
    close("embedding", &table.lookup(&Tape::new(), &indices).value());
}

/// In PyTorch the number of layer k is at the end, `weight_ih_l0`, and the backward direction has a suffix.
#[test]
fn recurrent_layers() {
    fn check<T: Real, R: Recurrent<T>>(name: &str, renamed: fn(&str) -> String, mut net: R) {
        exchange(name, &Safetensors::new().prefix("rnn.").rename(renamed), &mut net);
        let (tape, x) = (Tape::new(), samples::<T>(&case(name)["x"]));
        let steps: Vec<_> = (0..x.cols()).map(|j| tape.constant(Matrix::column(x.col(j)))).collect();
        let ys = net.run(&steps, None).0;
        let y: Vec<T> = ys.iter().flat_map(|y| y.value().into_vec()).collect();
        close(name, &Matrix::from_vec(y.len() / ys.len(), ys.len(), y));
    }
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    check("rnn", |name| format!("{name}_l0"), Rnn::<f32>::new(1, 3, rng));
    let layers = |name: &str| name.split_once('.').map(|(layer, rest)| format!("{rest}_l{layer}")).unwrap();
    check("gru", layers, vec![Gru::<f32>::new(2, 3, rng), Gru::new(3, 3, rng)]);
    let directions = |name: &str| match name.split_once('.').unwrap() {
        ("forward", rest) => format!("{rest}_l0"),
        (_, rest) => format!("{rest}_l0_reverse"),
    };
    let (forward, backward) = (Lstm::<f64>::new(2, 1, rng), Lstm::new(2, 1, rng));
    check("lstm", directions, Bidirectional { forward, backward });
}

/// `layers.1.weight` is `2.weight` there, in the part `net` of a larger model.
#[test]
fn other_names() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut net: Mlp<f32> = Mlp::new(&[4, 5, 3], Activation::Tanh, rng);
    let numbered = |name: &str| {
        let mut parts = name.split('.').skip(1);
        let layer: usize = parts.next().unwrap().parse().unwrap();
        format!("{}.{}", 2 * layer, parts.next().unwrap())
    };
    let options = || Safetensors::new().prefix("net.").rename(numbered);
    let path = ours("names.safetensors");
    options().save(&path, &net).unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut names = SafeTensors::deserialize(&bytes).unwrap().names().into_iter().map(String::from).collect::<Vec<_>>();
    names.sort();
    assert_eq!(names, ["net.0.bias", "net.0.weight", "net.2.bias", "net.2.weight"]);

    let mut again: Mlp<f32> = Mlp::new(&[4, 5, 3], Activation::Tanh, rng);
    options().load(&path, &mut again).unwrap();
    assert_eq!(again, net);
    // Only names with the prefix count: the other layer is not extra.
    let mut last = linear::<f32>(5, 3);
    Safetensors::new().prefix("net.2.").load(&path, &mut last).unwrap();
    assert_eq!(last, net.layers[1]);
    // Two parameters with the same name are one tensor, if they are equal.
    let one = || Safetensors::new().rename(|name| name[name.len() - 1..].to_owned());
    let mut tied = [linear::<f32>(2, 2), linear(2, 2)].map(Linear::without_bias).to_vec();
    one().save(&path, &tied).unwrap();
    tied[0].weight.value_mut()[(0, 0)] += 1.0;
    one().load(&path, &mut tied).unwrap();
    assert_eq!(tied[0], tied[1]);
    tied[0].weight.value_mut()[(0, 0)] += 1.0;
    let error = one().save(&path, &tied).unwrap_err();
    assert!(matches!(&error, SaveError::SameName { name, .. } if name == "t"), "{error}");
    net.layers[0].weight.value_mut()[(1, 2)] = f32::NAN;
    let error = save_safetensors(&path, &net).unwrap_err().to_string();
    assert!(error.contains("entry (1, 2) of parameter `layers.0.weight` is NaN"), "{error}");
}

/// A vector may be stored as a matrix, and a number as a vector; roles do not change.
#[test]
fn shapes_of_the_same_numbers() {
    let path = ours("shapes.safetensors");
    let mut matrix = linear::<f32>(1, 3).without_bias();
    save_safetensors(&path, &matrix).unwrap(); // [3, 1]
    let mut row = Linear { weight: Param::new(Matrix::<f32>::zeros(1, 3)), bias: None };
    load_safetensors(&path, &mut row).unwrap();
    assert_eq!(row.weight.value().as_slice(), matrix.weight.value().as_slice());
    let mut norm = RmsNorm::<f32>::new(3);
    norm.weight.freeze();
    load_safetensors(&path, &mut norm).unwrap();
    assert!(!norm.weight.is_trained());
    save_safetensors(&path, &norm).unwrap(); // [3]
    load_safetensors(&path, &mut matrix).unwrap();
    assert!(matrix.weight.is_trained());
    assert_eq!(matrix.weight.value(), norm.weight.value());
}

#[test]
fn one_error_lists_all_that_does_not_fit() {
    let mut net: Sequential<f32> =
        Sequential::new().then(linear(4, 5)).then(linear(4, 2)).then(linear(4, 5)).then(PRelu::new(2));
    let before = net.clone();
    let error = load_safetensors(theirs("mlp.safetensors"), &mut net).unwrap_err();
    let LoadError::Tensors { misfits, .. } = &error else { panic!("{error}") };
    assert_eq!(misfits.len(), 7);
    assert!(matches!(&misfits[0], Misfit::Missing { name, .. } if name == "1.weight"));
    let message = error.to_string();
    for line in [
        "`1.weight`, of shape [2, 4], is missing",
        "`1.bias`, of shape [2], is missing",
        "`2.weight` is [5, 5], expected [5, 4]",
        "`2.bias`, of shape [5], is missing",
        "`3.weight`, of shape [2], is missing",
        "`4.bias` is extra",
        "`4.weight` is extra",
        "load them into a model of the same layers",
    ] {
        assert!(message.contains(line), "no {line} in {message}");
    }
    assert_eq!(net, before);

    // Extra tensors can be ignored.
    let mut first = (linear::<f32>(4, 5),);
    assert!(load_safetensors(theirs("mlp.safetensors"), &mut first).is_err());
    Safetensors::new().ignore_extra().load(theirs("mlp.safetensors"), &mut first).unwrap();
}
