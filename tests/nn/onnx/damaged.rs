//! Damaged, changed and foreign files.

use std::fs;

use nn::onnx::{self, Export, OnnxError};
use nn::{Linear, Matrix, Param, Sequential, Var};
use rand::RngExt;
use tape_tests::says;

use super::graphs::message;
use super::sequences::outputs;
use super::{of, theirs};
use crate::{folder, rng};

/// Reads a file and uses what it has.
type Feed = fn(&[u8]) -> Result<(), OnnxError>;

const LISTS: (&[&str], Feed) = (&["mlp", "norms", "skips", "activations_script", "mlp_outside"], feed);
const SEQUENCES: (&[&str], Feed) = (&["lstm", "gru", "rnn", "gru_after"], feed_sequence);

fn files(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| fs::read(theirs(&format!("{name}.onnx"))).unwrap()).collect()
}

/// What was read can be used: it fits together, as loading it again shows.
fn feed(bytes: &[u8]) -> Result<(), OnnxError> {
    let net: Sequential<f32> = onnx::from_bytes(bytes)?;
    let value = serde_json::to_value(&net).unwrap();
    serde_json::from_value::<Sequential<f32>>(value).unwrap();
    Ok(())
}

/// A sequence of two steps runs through what was read.
fn feed_sequence(bytes: &[u8]) -> Result<(), OnnxError> {
    let net = onnx::sequence_from_bytes::<f32>(bytes)?;
    let x = Matrix::full(net.recurrent[0].inputs(), 3, 0.5);
    outputs(&net, &[x.clone(), x]);
    Ok(())
}

#[test]
fn a_file_that_ends_too_early() {
    for (names, feed) in [LISTS, SEQUENCES] {
        for file in files(names) {
            (0..file.len())
                .step_by(1 + file.len() / 1000)
                .for_each(|end| assert!(feed(&file[..end]).is_err(), "{end} bytes"));
        }
    }
}

#[test]
fn changed_files_are_errors_or_models() {
    [LISTS, SEQUENCES].into_iter().for_each(check_changed);
}

fn check_changed((names, feed): (&[&str], Feed)) {
    let files = files(names);
    let mut read = 0;
    for round in 0..4000 {
        let rng = &mut rng(round);
        let mut bytes = files[rng.random_range(0..files.len())].clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] ^= 1 << rng.random_range(0..8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, rng.random()),
            }
        }
        read += usize::from(feed(&bytes).is_ok());
    }
    assert!(read > 100, "only {read} files were models");
}

/// Two bytes of a file are an empty message, which takes far more memory when it is read.
#[test]
fn many_empty_messages() {
    let input = message(11, &message(1, b"x"));
    let opset = message(8, &[0x10, 20]);
    for (graph, words) in [
        (message(1, &[]).repeat(1 << 20), ["1048576 nodes", "more than 20000"]),
        (message(5, &[]).repeat(1 << 20), ["not an ONNX model", "defined twice"]),
        (message(1, &message(5, &[]).repeat(1 << 20)), ["node", "no output"]),
    ] {
        let graph = message(7, &[&input[..], &graph].concat());
        says(onnx::from_bytes::<f32>(&[&graph[..], &opset].concat()).unwrap_err(), &words);
    }
}

#[test]
fn messages_of_an_import() {
    let error = |bytes: &[u8]| onnx::from_bytes::<f32>(bytes).unwrap_err();
    says(error(b""), &["not an ONNX model", "no graph"]);
    says(error(b"no model"), &["not an ONNX model"]);
    says(onnx::import::<f32>("nothing.onnx").unwrap_err(), &["nothing.onnx", "file not found"]);
    let file = |name: &str| fs::read(theirs(&format!("{name}.onnx"))).unwrap();
    let replaced = |name: &str, from: &[u8], to: &[u8]| {
        let mut bytes = file(name);
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        bytes[at..at + from.len()].copy_from_slice(to);
        error(&bytes)
    };
    says(replaced("mlp", b"Relu", b"Sinh"), &["(Sinh)", "supported are Gemm", "Relu"]);
    says(replaced("mlp", b"Gemm", b"Gelu"), &["(Gelu)"]);
    says(replaced("mlp_script", b"0.weight", b"1.weight"), &["`1.weight` is not defined before it"]);
    says(error(&file("mlp_outside")), &["`0.weight`", "another file", "mlp_outside.data"]);
    let folder = folder("onnx_errors");
    let outside = folder.join("outside.onnx");
    let _ = fs::remove_file(folder.join("mlp_outside.data")); // of an earlier run
    fs::write(&outside, file("mlp_outside")).unwrap();
    says(onnx::import::<f32>(&outside).unwrap_err(), &["mlp_outside.data", "file not found"]);
    fs::write(folder.join("mlp_outside.data"), [0; 50]).unwrap();
    says(onnx::import::<f32>(&outside).unwrap_err(), &["`0.weight`", "outside the 50 bytes"]);
    let double = Linear { weight: Param::new(Matrix::full(1, 2, 1e300)), bias: None };
    says(error(&Export::new(2).to_bytes(&double).unwrap()), &["1e300", "not finite"]);
    let wrong = of(|x: Var<'_, f32>| x.sin());
    says(error(&Export::new(2).to_bytes(&wrong).unwrap()), &["(Sin)", "not imported"]);
    let scaled = of(|x: Var<'_, f32>| x * 2.0);
    says(error(&Export::new(2).to_bytes(&scaled).unwrap()), &["(Mul)", "not imported"]);
}
