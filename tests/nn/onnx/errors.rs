//! Models that have no graph.

use autograd::checkpoint;
use nn::onnx::{self, Export, OnnxError};
use nn::{Axis, Layer, Linear, Matrix, Var};
use tape_tests::{panic_of, says};

use super::{linear, of};
use crate::{folder, rng};

fn refused(model: &impl Layer<f64>) -> OnnxError {
    Export::new(4).to_bytes(model).unwrap_err()
}

#[test]
fn what_has_no_graph_is_named_with_its_line() {
    let next = format!("onnx/errors.rs:{}:", line!() + 1);
    says(refused(&of(|x: Var<'_, f64>| x.digamma())), &["no ONNX op for `digamma`", &next]);
    says(refused(&of(|x: Var<'_, f64>| checkpoint(|v| v[0].tanh(), &[x]))), &["`checkpoint`"]);
    says(refused(&of(|x: Var<'_, f64>| x - x.mean_over(Axis::Cols))), &["no graph for any number of samples"]);
    says(refused(&of(|x: Var<'_, f64>| x.columns(0..1) + x)), &["part of the samples"]);
    says(refused(&of(|x: Var<'_, f64>| if x.sum() > 0.0 { x } else { -x })), &["reads a number", "`select`"]);
    says(refused(&of(|x: Var<'_, f64>| x * x.value()[(0, 0)])), &["reads a number"]);
    let by_batch = of(|x: Var<'_, f64>| if x.cols() > 4 { x.tanh() } else { x.sin() });
    says(refused(&by_batch), &["another operation for another number of samples"]);
    let more = of(|x: Var<'_, f64>| (0..x.cols()).fold(x, |x, _| x.tanh()));
    says(refused(&more), &["other operations for another number of samples"]);
    let each = of(|x: Var<'_, f64>| x + x.tape().constant(Matrix::from_fn(4, x.cols(), |_, j| j as f64)));
    says(refused(&each), &["not the same for every sample"]);
    says(refused(&of(|x: Var<'_, f64>| x.select_columns(&[0, 1]))), &["entries of other samples"]);

    let mut net: Linear<f64> = linear(4, 2, &mut rng(0));
    net.bias.as_mut().unwrap().value_mut()[(1, 0)] = f64::NAN;
    says(refused(&net), &["`bias`", "NaN", "learning rate"]);
    net.bias.as_mut().unwrap().value_mut()[(1, 0)] = 1e300;
    let same = panic_of(|| Export::new(4).output("input").to_bytes(&net)).message;
    says(same, &["the input `input` and the output `input`"]);
    says(Export::new(4).single().to_bytes(&net).unwrap_err(), &["`bias`", "1e300"]);
    says(
        onnx::export(&net, 4, folder("onnx_errors").join("none/net.onnx")).unwrap_err(),
        &["net.onnx", "cannot be written"],
    );
}
