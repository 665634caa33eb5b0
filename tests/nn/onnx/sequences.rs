//! Imported recurrent models.

use std::fs;

use autograd::hstack;
use nn::onnx::{self, OnnxError};
use nn::{Adam, AnyRecurrent, Matrix, Module, Optimizer, Real, RecurrentNet, Tape};
use tape_tests::says;

use super::graphs::{float, floats, int, message, model_of, node, number, tensor};
use super::theirs;

/// The numbers of a step, a row for each sample, as a matrix with a column for each.
fn steps(case: &serde_json::Value) -> Vec<Matrix<f64>> {
    let steps: Vec<Vec<Vec<f64>>> = serde_json::from_value(case.clone()).unwrap();
    steps.iter().map(|rows| Matrix::from_fn(rows[0].len(), rows.len(), |i, j| rows[j][i])).collect()
}

fn case(name: &str) -> [Vec<Matrix<f64>>; 2] {
    let text = fs::read_to_string(theirs(&format!("{}.json", name.trim_end_matches("_script")))).unwrap();
    let case: serde_json::Value = serde_json::from_str(&text).unwrap();
    ["x", "y"].map(|name| steps(&case[name]))
}

pub fn outputs<T: Real>(net: &RecurrentNet<T>, xs: &[Matrix<f64>]) -> Vec<Matrix<f64>> {
    let tape = Tape::new();
    let xs: Vec<_> = xs.iter().map(|x| tape.constant(x.map(T::from_f64))).collect();
    net.run(&xs).iter().map(|y| y.value().map(|y| y.to_f64())).collect()
}

/// The name, the number of recurrent layers, and whether it has an output for every step. Those of PyTorch are by both exporters.
const MODELS: [(&str, usize, bool); 11] = [
    ("lstm", 2, false),
    ("gru", 1, true),
    ("rnn", 2, false),
    ("gru_after", 2, false),
    ("torch_lstm", 2, false),
    ("torch_lstm_script", 2, false),
    ("torch_gru", 1, true),
    ("torch_gru_script", 1, true),
    ("torch_states", 2, false),
    ("torch_states_script", 2, false),
    ("torch_rnn_script", 2, false),
];

#[test]
fn onnxruntime_and_the_imported_model_compute_the_same() {
    for (name, layers, every_step) in MODELS {
        let path = theirs(&format!("{name}.onnx"));
        let single: RecurrentNet<f32> = onnx::import_sequence(&path).unwrap();
        let double: RecurrentNet<f64> = onnx::import_sequence(&path).unwrap();
        let [xs, ys] = case(name);
        assert_eq!((single.recurrent.len(), single.every_step), (layers, every_step), "{name}");
        for found in [outputs(&single, &xs), outputs(&double, &xs)] {
            assert_eq!(found.len(), ys.len(), "{name}");
            for (found, y) in found.iter().zip(&ys) {
                assert_eq!(found.shape(), y.shape(), "{name}");
                let errors =
                    found.as_slice().iter().zip(y.as_slice()).map(|(found, y)| (found - y).abs() / y.abs().max(0.1));
                let error = errors.fold(0.0, f64::max);
                assert!(error < 1e-6, "{name}: differs by {error:e}");
            }
        }
        // The number of steps is free.
        assert_eq!(outputs(&double, &xs[..2]).len(), if every_step { 2 } else { 1 });
        let value = serde_json::to_value(&double).unwrap();
        assert_eq!(serde_json::from_value::<RecurrentNet<f64>>(value).unwrap(), double);
    }
    let kind = |name| onnx::import_sequence::<f32>(theirs(name)).unwrap().recurrent.remove(0);
    assert!(matches!(kind("lstm.onnx"), AnyRecurrent::Lstm(_)));
    assert!(matches!(kind("gru.onnx"), AnyRecurrent::Gru(_)));
    assert!(matches!(kind("rnn.onnx"), AnyRecurrent::Rnn(layer) if layer.rule.activation == nn::Activation::Relu));
}

/// A step on all parameters lowers the loss, and every parameter has a gradient.
#[test]
fn imported_models_are_trained_on() {
    for (name, ..) in MODELS {
        let mut net: RecurrentNet<f64> = onnx::import_sequence(theirs(&format!("{name}.onnx"))).unwrap();
        let [xs, ys] = case(name);
        let before = net.clone();
        let mut losses = Vec::new();
        let adam = Adam::new(1e-3);
        let mut state = adam.init(&net);
        for _ in 0..3 {
            let tape = Tape::new();
            let inputs: Vec<_> = xs.iter().map(|x| tape.constant(x.clone())).collect();
            let errors: Vec<_> = net
                .run(&inputs)
                .into_iter()
                .zip(&ys)
                .map(|(y, target)| y - tape.constant(target.map(|y| y + 0.5)))
                .collect();
            let loss = hstack(&errors).square().mean();
            losses.push(loss.value()[(0, 0)]);
            let grads = loss.backward();
            adam.step(&mut net, &grads, &mut state);
        }
        assert!(losses.is_sorted_by(|a, b| a > b), "{name}: {losses:?}");
        for ((path, old), (_, new)) in before.named_params().into_iter().zip(net.named_params()) {
            assert!(old.value() != new.value(), "{name}: `{path}` was not trained");
        }
    }
}

/// An attribute that is a text.
fn text(name: &str, text: &str) -> Vec<u8> {
    message(5, &[message(1, name.as_bytes()), message(4, text.as_bytes()), number(20, 3)].concat())
}

/// An attribute that is a list of texts.
fn texts(name: &str, list: &[&str]) -> Vec<u8> {
    let list: Vec<u8> = list.iter().flat_map(|text| message(9, text.as_bytes())).collect();
    message(5, &[message(1, name.as_bytes()), list, number(20, 8)].concat())
}

/// A recurrent node of 3 features and a state of 2, with these further inputs and attributes, and its outputs without the directions.
fn one(op: &str, inputs: &str, attributes: &[u8]) -> Vec<Vec<u8>> {
    let rows = 2 * match op {
        "LSTM" => 4,
        "GRU" => 3,
        _ => 1,
    };
    let axes = tensor("one", 7, &[1], &message(9, &1i64.to_le_bytes()));
    vec![
        floats("w", &[1, rows, 3], 0.1),
        floats("r", &[1, rows, 2], 0.2),
        floats("b", &[1, 2 * rows], 0.3),
        floats("s", &[1, 1, 2], 0.4),
        floats("p", &[1, 6], 0.5),
        floats("zeros", &[1, 1, 2], 0.0),
        axes,
        node(op, &format!("x w r {inputs}"), "all last", attributes),
        node("Squeeze", "all one", "y", &[]),
    ]
}

fn read(parts: &[Vec<u8>]) -> Result<RecurrentNet<f32>, OnnxError> {
    onnx::sequence_from_bytes(&model_of(parts, 3))
}

#[test]
fn what_a_recurrent_node_has_is_read_or_named() {
    let before = int("linear_before_reset", 1);
    for (op, inputs, attributes, words) in [
        ("LSTM", "b", text("direction", "reverse"), "`reverse`; export layers of one direction"),
        ("GRU", "b", [text("direction", "bidirectional"), before.clone()].concat(), "`bidirectional`"),
        ("RNN", "b", int("layout", 1), "`layout 1`"),
        ("LSTM", "b", float("clip", 3.0), "`clip`"),
        ("LSTM", "b", int("input_forget", 1), "`input_forget`"),
        ("LSTM", "b", texts("activations", &["Sigmoid", "Relu", "Tanh"]), "`Sigmoid`, `Tanh`, `Tanh` are imported"),
        ("GRU", "b", [texts("activations", &["Tanh", "Tanh"]), before.clone()].concat(), "`Sigmoid`, `Tanh` are"),
        ("GRU", "b", vec![], "`linear_before_reset` = 1"),
        ("RNN", "b", texts("activations", &["Affine"]), "one of `Tanh`, `Relu`"),
        ("RNN", "b", message(5, &[message(1, b"activation_alpha"), number(20, 6)].concat()), "`activation_alpha`"),
        ("LSTM", "b one", vec![], "`sequence_lens`"),
        ("LSTM", "b  s", vec![], "`initial_h`"),
        ("LSTM", "b  zeros s", vec![], "`initial_c`"),
        ("LSTM", "b  zeros zeros p", vec![], "`P`"),
        ("LSTM", "b      ", vec![], "8 inputs"),
        ("RNN", "b", int("hidden_size", 3), "its hidden_size is 3"),
        ("RNN", "w", vec![], "its `B` has the dimensions [1, 2, 3]"),
    ] {
        says(read(&one(op, inputs, &attributes)).unwrap_err(), &[&format!("({op})"), words]);
    }
    for (op, inputs, attributes) in [
        ("LSTM", "b", vec![]),
        ("LSTM", "", vec![]),
        ("LSTM", "b  zeros zeros", texts("activations", &["Sigmoid", "tanh", "Tanh"])),
        ("GRU", "b", before),
        ("RNN", "b", int("hidden_size", 2)),
        ("RNN", "b", texts("activations", &["Softsign"])),
    ] {
        let net = read(&one(op, inputs, &attributes)).unwrap_or_else(|error| panic!("{op} {inputs}: {error}"));
        assert!(net.every_step && net.head.layers.is_empty());
        assert_eq!(net.recurrent[0].hidden(), 2);
        assert_eq!(net.count_params() % 2, 0);
    }
    says(onnx::from_bytes::<f32>(&model_of(&one("LSTM", "b", &[]), 3)).unwrap_err(), &["3 axes", "`import_sequence`"]);
    says(onnx::from_bytes::<f32>(&model_of(&one("LSTM", "b", &[]), 2)).unwrap_err(), &["(LSTM)", "`import_sequence`"]);
    says(onnx::import_sequence::<f32>(theirs("mlp.onnx")).unwrap_err(), &["2 axes", "`import` reads"]);
    says(read(&[node("Relu", "x", "y", &[])]).unwrap_err(), &["no recurrent node", "`import`"]);
    says(onnx::import_sequence::<f32>(theirs("torch_rnn.onnx")).unwrap_err(), &["step by step", "`dynamo=False`"]);
}

/// Lengths that the graph computes: those of a recurrent layer's outputs with its directions and features in one axis.
#[test]
fn what_a_reshape_computes_of_lengths() {
    let ints = |name: &str, list: &[i64]| {
        let bytes: Vec<u8> = list.iter().flat_map(|n| n.to_le_bytes()).collect();
        tensor(name, 7, &[list.len() as u64], &message(9, &bytes))
    };
    let reshaped = |turned: &[i64], ends: [&str; 3]| {
        let perm = turned.iter().flat_map(|&axis| number(8, axis as u64)).collect::<Vec<_>>();
        let mut parts = one("RNN", "b", &[]);
        parts.pop();
        parts.extend((0..5).map(|k| ints(&format!("n{k}"), &[k])));
        parts.push(node("Transpose", "all", "t", &message(5, &[message(1, b"perm"), perm, number(20, 7)].concat())));
        parts.push(node("Shape", "t", "lengths", &[]));
        parts.push(node("Shape", "x", "other", &[]));
        parts.extend((0..4).map(|k| node("Slice", &format!("lengths n{k} n{}", k + 1), &format!("d{k}"), &[])));
        parts.push(node("Gather", "other n0", "x0", &[]));
        parts.push(node("Mul", "d2 d3", "both", &[]));
        parts.push(node("Mul", "d1 d2", "front", &[]));
        parts.push(node("Concat", &ends.join(" "), "to", &int("axis", 0)));
        parts.push(node("Reshape", "t to", "y", &[]));
        read(&parts)
    };
    // Axes of the outputs: steps, directions, samples, features. The transpose moves the directions behind the samples.
    let net = reshaped(&[0, 2, 1, 3], ["d0", "d1", "both"]).unwrap();
    assert!(net.every_step);
    let net = reshaped(&[0, 1, 2, 3], ["d0", "front", "d3"]).unwrap();
    assert!(net.every_step);
    for (turned, ends) in [
        ([0, 2, 1, 3], ["d1", "d0", "both"]), // steps and samples exchanged without moving them
        ([0, 2, 1, 3], ["d0", "front", "d2"]), // features missing
        ([0, 2, 1, 3], ["x0", "d1", "both"]), // of another value
        ([0, 2, 1, 3], ["n2", "d1", "both"]), // a fixed number
        ([0, 1, 2, 3], ["d0", "d1", "both"]), // samples and features in one
    ] {
        says(reshaped(&turned, ends).unwrap_err(), &["(Reshape)", "other lengths of [Steps"]);
    }
}

/// Nodes behind a recurrent one that have another meaning for three axes, or another step than the last one.
#[test]
fn what_follows_a_recurrent_node() {
    let index = |name, k: i64| tensor(name, 7, &[], &message(9, &k.to_le_bytes()));
    let behind = |parts: &[Vec<u8>]| {
        let mut all = one("RNN", "b", &[]);
        let last = all.len() - 1;
        all[last] = node("Squeeze", "all one", "h", &[]);
        all.extend_from_slice(parts);
        read(&all)
    };
    let list = |name| floats(name, &[2], 1.0);
    for (parts, words) in [
        (vec![index("k", 0), node("Gather", "h k", "y", &[])], "takes step 0"),
        (vec![index("k", -1), node("Gather", "h k", "y", &int("axis", 1))], "part of the axis Batch"),
        (vec![index("k", -1), node("Gather", "h k", "y", &int("axis", 7))], "axis 7 of 3"),
        (vec![node("Softmax", "h", "y", &int("axis", 1))], "runs along axis 1, and features are axis 2"),
        (vec![floats("v", &[2, 2], 1.0), node("Gemm", "h v", "y", &[])], "3 axes"),
        (
            vec![["g", "h0", "m", "s2"].map(list).concat(), node("BatchNormalization", "h g h0 m s2", "y", &[])],
            "3 axes",
        ),
        (vec![node("Flatten", "h", "y", &[])], "3 axes"),
        (vec![node("Transpose", "h", "y", &[])], "features"),
        (vec![node("Transpose", "last", "y", &message(5, &[message(1, b"perm"), number(8, 5)].concat()))], "[5]"),
    ] {
        match behind(&parts) {
            Err(error) => says(error, &[words]),
            Ok(net) => panic!("{words}: {net:?}"),
        }
    }
    let last = behind(&[index("k", -1), node("Gather", "h k", "z", &[]), node("Softmax", "z", "y", &[])]).unwrap();
    assert!(!last.every_step && last.head.layers.len() == 1);
    let state = behind(&[index("k", 0), node("Gather", "last k", "z", &[]), node("Tanh", "z", "y", &[])]).unwrap();
    assert!(!state.every_step && state.head.layers.len() == 1);
    let xs = [Matrix::from([[1.0], [2.0], [3.0]]), Matrix::from([[-1.0], [0.5], [2.0]])];
    assert!(outputs(&last, &xs) != outputs(&state, &xs));
}
