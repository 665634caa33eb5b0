//! Small graphs, written field by field, and the error or the model that each is.

use std::fs;
use std::process::Command;

use nn::onnx::{self, OnnxError};
use nn::{Matrix, Param, RmsNorm, Sequential, train::predict};
use tape_tests::says;

use crate::folder;

fn varint(mut n: u64) -> Vec<u8> {
    let mut all = Vec::new();
    while n >= 128 {
        all.push(n as u8 | 128);
        n >>= 7;
    }
    all.push(n as u8);
    all
}

/// A field with bytes: a text, or a message.
pub fn message(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

pub fn number(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

pub fn int(name: &str, n: u64) -> Vec<u8> {
    message(5, &[message(1, name.as_bytes()), number(3, n), number(20, 2)].concat())
}

pub fn float(name: &str, x: f32) -> Vec<u8> {
    message(5, &[message(1, name.as_bytes()), varint(2 << 3 | 5), x.to_le_bytes().to_vec(), number(20, 1)].concat())
}

pub fn tensor(name: &str, kind: u64, dims: &[u64], rest: &[u8]) -> Vec<u8> {
    let dims = dims.iter().flat_map(|&n| number(1, n)).collect();
    message(5, &[dims, number(2, kind), message(8, name.as_bytes()), rest.to_vec()].concat())
}

/// A tensor of equal numbers.
pub fn floats(name: &str, dims: &[u64], x: f32) -> Vec<u8> {
    let count: u64 = dims.iter().product();
    tensor(name, 1, dims, &message(9, &x.to_le_bytes().repeat(count as usize)))
}

/// 2 × 2 numbers in another file.
fn outside(name: &str, entries: &[(&str, &str)]) -> Vec<u8> {
    let entry =
        |(key, value): &(&str, &str)| message(13, &[message(1, key.as_bytes()), message(2, value.as_bytes())].concat());
    tensor(name, 1, &[2, 2], &[entries.iter().flat_map(entry).collect(), number(14, 1)].concat())
}

/// A node with inputs and outputs that are separated by spaces.
pub fn node(op: &str, inputs: &str, outputs: &str, attributes: &[u8]) -> Vec<u8> {
    let names = |field, names: &str| names.split(' ').flat_map(|name| message(field, name.as_bytes())).collect();
    message(1, &[names(1, inputs), names(2, outputs), message(4, op.as_bytes()), attributes.to_vec()].concat())
}

/// A graph from `x` to `y`.
fn model(parts: &[Vec<u8>]) -> Vec<u8> {
    model_of(parts, 2)
}

/// The same with an input of this number of axes.
pub fn model_of(parts: &[Vec<u8>], axes: usize) -> Vec<u8> {
    let shape = message(2, &message(1, &[]).repeat(axes));
    let input = [message(1, b"x"), message(2, &message(1, &[number(1, 1), shape].concat()))].concat();
    let graph = [parts.concat(), message(11, &input), message(12, &message(1, b"y"))].concat();
    [message(7, &graph), message(8, &number(2, 20))].concat()
}

fn refused(parts: &[Vec<u8>]) -> OnnxError {
    onnx::from_bytes::<f32>(&model(parts)).unwrap_err()
}

#[test]
fn more_layers_or_numbers_than_the_file_has() {
    let mut skips = vec![node("Relu", "x", "p0", &[]), node("Tanh", "x", "q0", &[])];
    for k in 1..45 {
        let before = format!("p{0} q{0}", k - 1);
        skips.extend(["p", "q"].map(|name| node("Add", &before, &format!("{name}{k}"), &[])));
    }
    skips.push(node("Add", "p44 q44", "y", &[]));
    says(refused(&skips), &["make more than 20000 layers"]);

    let products = |count: usize| {
        let name = |k: usize| {
            if k == 0 {
                "x".to_owned()
            } else if k == count {
                "y".to_owned()
            } else {
                format!("z{k}")
            }
        };
        let mut parts = vec![floats("w", &[128, 128], 0.5)];
        parts.extend((0..count).map(|k| node("MatMul", &format!("{} w", name(k)), &name(k + 1), &[])));
        model(&parts)
    };
    assert_eq!(onnx::from_bytes::<f32>(&products(100)).unwrap().layers.len(), 100);
    says(onnx::from_bytes::<f32>(&products(700)).unwrap_err(), &["(MatMul)", "uses numbers again"]);

    says(refused(&[node("Concat", &["x"; 11].join(" "), "y", &[])]), &["11 inputs or outputs, more than 10"]);
}

#[test]
fn nodes_that_change_what_a_layer_is() {
    let large = |name| floats(name, &[2, 2], 1e30);
    let column = |name, x| floats(name, &[2], x);
    let normed = [1, 2, 3, 4].map(|k| column(["", "a", "b", "c", "d"][k], 1.0)).concat();
    let truth = |n: u8| tensor("t", 9, &[], &message(9, &[n]));
    let ratio = tensor("r", 1, &[], &message(9, &0.25f32.to_le_bytes()));
    let shape = |list: [i64; 2]| tensor("s", 7, &[2], &message(9, &list.map(i64::to_le_bytes).concat()));
    for (parts, words) in [
        (vec![large("w"), node("Gemm", "x w", "y", &float("alpha", 1e30))], "not finite in the type"),
        (
            vec![floats("w", &[2, 2], 1.0), column("v", 1e30), node("Gemm", "x w v", "y", &float("beta", 1e30))],
            "not finite in the type",
        ),
        (
            vec![large("w"), column("v", 3e38), node("Gemm", "x w v", "z", &[]), node("Add", "z v", "y", &[])],
            "not finite in the type",
        ),
        (vec![shape([0, -1]), node("Reshape", "x s", "y", &int("allowzero", 1))], "changes the two axes"),
        (vec![ratio.clone(), truth(1), node("Dropout", "x r t", "y", &[])], "training mode"),
        (vec![normed.clone(), node("BatchNormalization", "x a b c d", "y m v", &[])], "training mode"),
        (vec![normed.clone(), node("BatchNormalization", "x a b c d", "y", &int("training_mode", 1))], "training mode"),
        (vec![node("Cast", "x", "y", &int("to", 7))], "changes the two axes"),
    ] {
        says(refused(&parts), &[words]);
    }
    for (parts, layers) in [
        (vec![shape([0, -1]), node("Reshape", "x s", "y", &[])], 0),
        (vec![node("Cast", "x", "y", &int("to", 11))], 0),
        (vec![ratio, truth(0), node("Dropout", "x r t", "y m", &[])], 1),
        (vec![normed, node("BatchNormalization", "x a b c d", "y", &[])], 1),
    ] {
        assert_eq!(onnx::from_bytes::<f32>(&model(&parts)).unwrap().layers.len(), layers);
    }
}

/// A root mean square, written as other programs write it, is one layer; with another axis or without that axis kept it is none.
#[test]
fn root_mean_squares_of_other_programs() {
    let written = |axis: i64, mean: &[u8]| {
        let axes = tensor("i", 7, &[1], &message(9, &axis.to_le_bytes()));
        let numbers = [floats("e", &[], 1e-5), floats("two", &[], 2.0), floats("w", &[3], 0.5), axes].concat();
        let steps =
            ["x two p Pow", "p i m ReduceMean", "m e a Add", "a s Sqrt", "s r Reciprocal", "x r n Mul", "w n y Mul"];
        let nodes = steps.iter().flat_map(|step| {
            let (rest, op) = step.rsplit_once(' ').unwrap();
            let (inputs, output) = rest.rsplit_once(' ').unwrap();
            node(op, inputs, output, if op == "ReduceMean" { mean } else { &[] })
        });
        onnx::from_bytes::<f32>(&model(&[numbers, nodes.collect()]))
    };
    for axis in [-1, 1] {
        let net = written(axis, &[]).unwrap();
        let expected = RmsNorm { weight: Param::new(Matrix::full(3, 1, 0.5)), eps: 1e-5 };
        assert_eq!(net, Sequential::new().then(expected));
    }
    says(written(0, &[]).unwrap_err(), &["not imported"]);
    says(written(1, &int("keepdims", 0)).unwrap_err(), &["not imported"]);
}

/// Every operator that the error of an unknown one lists is read, and is in the documentation.
#[test]
fn the_list_of_operators() {
    let message = refused(&[node("Sinh", "x", "y", &[])]).to_string();
    let docs = include_str!("../../../crates/nn/src/onnx/mod.rs");
    let (_, list) = message.split_once("supported are ").unwrap();
    assert_eq!(list.split(", ").count(), 30, "{list}");
    for op in list.split(", ") {
        assert!(docs.contains(&format!("`{op}`")), "`{op}` is not in the documentation");
        if let Err(error) = onnx::from_bytes::<f32>(&model(&[node(op, "x", "y", &[])])) {
            assert!(!error.to_string().contains("supported are"), "{error}");
        }
    }
}

#[test]
fn numbers_in_other_files() {
    let folder = folder("onnx_outside");
    let file = folder.join("net.onnx");
    fs::write(folder.join("numbers"), [1f32, 2.0, 3.0, 4.0].map(f32::to_le_bytes).concat()).unwrap();
    let import = |entries: &[(&str, &str)]| {
        fs::write(&file, model(&[outside("w", entries), node("MatMul", "x w", "y", &[])])).unwrap();
        onnx::import::<f32>(&file)
    };
    let net: Sequential<f32> = import(&[("location", "numbers"), ("length", "16")]).unwrap();
    assert_eq!(predict(&net, &Matrix::from([[1.0], [10.0]])), Matrix::from([[31.0], [42.0]]));
    let path = folder.join("numbers").display().to_string();
    for (entries, words) in [
        (vec![("location", "../numbers")], "`../numbers`, which is not beside"),
        (vec![("location", &path[..])], "which is not beside"),
        (vec![("location", "")], "``, which is not beside"),
        (vec![], "``, which is not beside"),
        (vec![("location", "numbers"), ("length", "12")], "has 12 bytes"),
        (vec![("location", "numbers"), ("length", "x")], "has x bytes"),
        (vec![("location", "numbers"), ("offset", "1")], "outside the 16 bytes"),
    ] {
        says(import(&entries).unwrap_err(), &["`w`", words]);
    }
    let _ = fs::create_dir(folder.join("inner"));
    says(import(&[("location", "inner")]).unwrap_err(), &["`inner`, which is not a file"]);
    let pipe = folder.join("pipe");
    if pipe.exists() || Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
        says(import(&[("location", "pipe")]).unwrap_err(), &["`pipe`, which is not a file"]);
    }
    // Numbers that no layer has are not read.
    let unused = model(&[outside("w", &[("location", "nothing")]), node("Relu", "x", "y", &[])]);
    assert_eq!(onnx::from_bytes::<f32>(&unused).unwrap().layers.len(), 1);
}
