//! Activations of large and of very small numbers, as onnxruntime computes them from the exported models.
//!
//! `data/onnx/tails.json` has its outputs. If an exported graph changes, `data/onnx/make_tails.py` makes them again from the models that
//! this test writes.

use std::collections::BTreeMap;
use std::fs;

use nn::onnx::Export;
use nn::train::predict;
use nn::{Activation, Matrix, Real};
use serde::{Deserialize, Serialize};

use super::graphs::message;
use super::theirs;
use crate::folder;

/// What is stored of a model.
#[derive(Deserialize, Serialize)]
struct Tails {
    /// The checksum of the graph.
    graph: u32,
    /// The inputs, a row for each sample, for the script.
    #[serde(default)]
    x: Vec<Vec<f64>>,
    /// The outputs.
    y: Vec<Vec<f64>>,
}

/// Where functions saturate, overflow or lose digits, and a number below the normal ones.
fn inputs<T: Real>() -> Matrix<T> {
    let tiny = if size_of::<T>() == 4 { 1e-40 } else { 1e-310 };
    let sizes = [1e4, 750.0, 110.0, 90.0, 40.0, 20.5, 9.0, 1e-9, tiny, 0.0];
    let of = |k: usize| if k.is_multiple_of(2) { sizes[k / 2] } else { -sizes[k / 2] };
    Matrix::from_fn(2, 2 * sizes.len(), |i, j| T::from_f64(of(j) / [1.0, -2.0][i]))
}

/// The checksum of a file without its head, which has the version of this library.
fn checksum(bytes: &[u8]) -> u32 {
    let version = message(3, env!("CARGO_PKG_VERSION").as_bytes());
    let head = bytes.windows(version.len()).position(|window| window == version).unwrap() + version.len();
    crc32fast::hash(&bytes[head..])
}

fn check<T: Real>(stored: &BTreeMap<String, Tails>, dtype: &str, tolerance: f64) -> Vec<String> {
    let mut wrong = Vec::new();
    let folder = folder("onnx_tails");
    let rows = |m: &Matrix<T>| (0..m.cols()).map(|j| m.col(j).iter().map(|x| x.to_f64()).collect()).collect();
    for activation in Activation::ALL {
        let name = format!("{activation}_{dtype}");
        let bytes = Export::<T>::new(2).to_bytes(activation).unwrap();
        let x = inputs::<T>();
        let y = predict(activation, &x);
        let found = Tails { graph: checksum(&bytes), x: rows(&x), y: rows(&y) };
        fs::write(folder.join(format!("{name}.onnx")), &bytes).unwrap();
        fs::write(folder.join(format!("{name}.json")), serde_json::to_string(&found).unwrap()).unwrap();
        let Some(stored) = stored.get(&name).filter(|stored| stored.graph == found.graph) else {
            wrong.push(format!("{name}: the exported graph is not that of tails.json"));
            continue;
        };
        assert_eq!(stored.y.len(), found.y.len(), "{name}");
        for ((x, theirs), ours) in found.x.iter().flatten().zip(stored.y.iter().flatten()).zip(found.y.iter().flatten())
        {
            if (theirs - ours).abs() > tolerance * ours.abs().max(1.0) {
                wrong.push(format!("{name}: {ours:e} at {x:e}, and onnxruntime has {theirs:e}"));
            }
        }
    }
    wrong
}

#[test]
fn onnxruntime_computes_the_same_tails() {
    let text = fs::read_to_string(theirs("tails.json")).unwrap_or_else(|_| "{}".into());
    let stored: BTreeMap<String, Tails> = serde_json::from_str(&text).unwrap();
    let wrong = [check::<f32>(&stored, "float32", 1e-6), check::<f64>(&stored, "float64", 1e-12)].concat();
    // onnxruntime has no `Erf` of double.
    assert_eq!(wrong, ["gelu_float64: the exported graph is not that of tails.json"], "{}", wrong.join("\n"));
}
