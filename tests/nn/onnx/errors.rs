//! Models that have no graph.

use autograd::checkpoint;
use nn::onnx::{self, Export, OnnxError};
use nn::{Axis, BatchNorm, Layer, Linear, Matrix, Module, Param, Path, Var};
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
    let all = of(|x: Var<'_, f64>| x.t().select_rows(&(0..x.cols()).collect::<Vec<_>>()).t());
    says(refused(&all), &["entries of other samples"]);

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

/// A number that the file cannot hold is an error, also where it is only a part of another number.
#[test]
fn numbers_that_a_file_cannot_hold() {
    let norm = BatchNorm::<f64>::new(4);
    for (k, (name, _)) in norm.named_params().iter().enumerate() {
        for (single, wrong) in [(false, f64::NAN), (false, f64::INFINITY), (true, 1e300)] {
            let (mut norm, mut at) = (BatchNorm::<f64>::new(4), 0);
            norm.params_mut(&Path::Root, &mut |_, param: &mut Param<f64>| {
                if at == k {
                    param.value_mut()[(2, 0)] = wrong;
                }
                at += 1;
            });
            let export = Export::new(4);
            let export = if single { export.single() } else { export };
            says(export.to_bytes(&norm).unwrap_err(), &[&format!("`{name}`"), &format!("{wrong:e}")]);
        }
    }
    fn single(model: &impl Layer<f64>) -> OnnxError {
        Export::new(4).single().to_bytes(model).unwrap_err()
    }
    says(single(&BatchNorm { eps: 1e300, ..BatchNorm::new(4) }), &["`epsilon of", "1e300"]);
    says(single(&of(|x: Var<'_, f64>| x * 1e300)), &["`number of", "onnx/errors.rs", "1e300"]);
    let tensor = of(|x: Var<'_, f64>| x + x.tape().constant(Matrix::full(4, 1, 1e300)));
    says(single(&tensor), &["`constant_", "onnx/errors.rs", "1e300"]);
}

#[test]
fn names() {
    let net: Linear<f32> = linear(4, 2, &mut rng(0));
    let bytes = Export::new(4).input("weight").output("weight__2").to_bytes(&net).unwrap();
    assert_eq!(onnx::from_bytes::<f32>(&bytes).unwrap().layers.len(), 1);
    says(panic_of(|| Export::<f32>::new(4).input("")).message, &["the name of the input is empty"]);
    says(panic_of(|| Export::<f32>::new(4).output("")).message, &["the name of the output is empty"]);
    says(panic_of(|| Export::<f32>::new(4).batch("")).message, &["the name of the free dimension is empty"]);
}
