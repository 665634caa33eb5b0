//! What other programs compute from exported models.

use std::fs;
use std::process::Command;

use autograd::{Binary, Unary, hstack, vstack};
use nn::data::{Components, Preprocessing, PreprocessingStep};
use nn::onnx::{Export, OnnxError};
use nn::train::predict;
use nn::{
    Activation, Axis, DenseBlock, Gru, Layer, LayerNorm, Lstm, Matrix, Mlp, Module, Norm, PRelu, Path, Real, Recurrent,
    Residual, RmsNorm, Rnn, Sequential, Shortcut, TiedAutoencoder, Var,
};
use serde_json::json;
use tape_tests::says;

use super::{column, linear, net, of, theirs};
use crate::{folder, rng, some};

/// A recurrent layer over the features, two for each step: its last output.
#[derive(Module)]
struct Steps<R>(R);

impl<T: Real, R: Recurrent<T>> Layer<T> for Steps<R> {
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let xs: Vec<_> = (0..x.rows() / 2).map(|t| x.rows_in(2 * t..2 * t + 2)).collect();
        let (ys, _) = self.0.run(&xs, None);
        ys[ys.len() - 1]
    }
}

/// Writes the model and what it computes for a few samples.
fn exported<T: Real>(
    name: &str,
    export: &Export<'_, T>,
    model: &impl Layer<T>,
    x: &Matrix<T>,
    y: &Matrix<T>,
    single: bool,
) {
    let folder = folder("onnx");
    export.save(model, folder.join(format!("{name}.onnx"))).unwrap_or_else(|error| panic!("{name}: {error}"));
    let rows =
        |m: &Matrix<T>| (0..m.cols()).map(|j| m.col(j).iter().map(|x| x.to_f64()).collect()).collect::<Vec<Vec<_>>>();
    let dtype = if single { "float32" } else { "float64" };
    let case = json!({ "dtype": dtype, "x": rows(x), "y": rows(y) });
    fs::write(folder.join(format!("{name}.json")), case.to_string()).unwrap();
}

/// A model of both number types, on a batch of another size than those of the export.
macro_rules! both {
    ($name:expr, $features:expr, |$rng:ident| $model:expr) => {{
        both!(@ f32, true, $name, $features, |$rng| $model);
        both!(@ f64, false, $name, $features, |$rng| $model);
    }};
    (@ $T:ident, $single:expr, $name:expr, $features:expr, |$rng:ident| $model:expr) => {{
        type Num = $T;
        let $rng = &mut rng(3);
        let model = $model;
        let x: Matrix<Num> = some($features, 7, 5);
        let name = format!("{}_{}", $name, stringify!($T));
        exported(&name, &Export::new($features), &model, &x, &predict(&model, &x), $single);
    }};
}

/// Every layer, every activation, every function of the tables, and what models of your own may record.
#[test]
fn onnxruntime_and_the_reference_compute_the_same() {
    let _ = fs::remove_dir_all(folder("onnx"));
    both!("linear", 4, |rng| linear(4, 3, rng));
    both!("mlp", 4, |rng| Mlp::new(&[4, 8, 3], Activation::Relu, rng));
    for norm in [Norm::Batch, Norm::Layer, Norm::Rms] {
        both!(format!("mlp_{norm:?}"), 4, |rng| Mlp::builder(&[4, 6, 6, 3])
            .norm(norm)
            .dropout(0.5)
            .skips(true)
            .build(rng));
    }
    both!("prelu", 4, |rng| PRelu { weight: column(4, rng) });
    both!("prelu_shared", 4, |rng| PRelu { weight: column(1, rng) });
    both!("tied", 4, |rng| TiedAutoencoder::new(&[4, 3, 2], Activation::Tanh, rng));
    both!("dense_block", 4, |rng| DenseBlock::new(4, 2, 3, Activation::Gelu, rng));
    both!("shortcut", 4, |rng| Shortcut {
        inner: Sequential::new().then(linear(4, 2, rng)).then(Activation::Silu),
        shortcut: Sequential::new().then(linear(4, 2, rng).without_bias()),
    });
    both!("residual", 4, |rng| Residual(Sequential::new().then(LayerNorm::new(4)).then(linear(4, 4, rng))));
    both!("rms", 4, |rng| RmsNorm { weight: column(4, rng), eps: 1e-3 });
    both!("rnn", 6, |rng| Steps(Rnn::new(2, 3, rng)));
    both!("gru", 6, |rng| Steps(Gru::new(2, 3, rng)));
    both!("lstm", 6, |rng| Steps(Lstm::new(2, 3, rng)));
    for activation in Activation::ALL {
        both!(format!("activation_{activation}"), 3, |_rng| *activation);
    }
    for seed in 0..8 {
        both!(format!("net_{seed}"), 4, |_rng| net(4, 3, 4, 2, &mut rng(seed)));
    }

    both!("attention_over_features", 6, |_rng| of(|x: Var<'_, Num>| {
        let steps: Vec<_> = (0..3).map(|t| x.rows_in(2 * t..2 * t + 2)).collect();
        let scores: Vec<_> = steps.iter().map(|s| (*s * steps[0]).sum_over(Axis::Rows)).collect();
        let shares = vstack(&scores).softmax(Axis::Rows);
        (0..3).map(|t| steps[t] * shares.rows_in(t..t + 1)).reduce(|a, b| a + b).unwrap()
    }));
    both!("samples_beside_each_other", 6, |_rng| of(|x: Var<'_, Num>| {
        let parts = hstack(&[x.rows_in(0..3), x.rows_in(3..6).tanh(), x.rows_in(0..3)]); // 3 × 3 batches
        let n = x.cols();
        let first = parts.columns(0..n) - parts.columns(n..2 * n) * 2.0;
        vstack(&[first, parts.columns(2 * n..3 * n)]).square()
    }));
    both!("reshape", 6, |_rng| of(|x: Var<'_, Num>| {
        let n = x.cols();
        x.reshape(2, 3 * n).softmax(Axis::Rows).reshape(6, n) - 0.5
    }));
    both!("rows", 4, |_rng| of(|x: Var<'_, Num>| x.select_rows(&[3, 0, 3]) + x.rows_in(0..1)));
    both!("constants", 4, |_rng| of(|x: Var<'_, Num>| {
        let tape = x.tape();
        let zeros = tape.constant(Matrix::zeros(4, x.cols()));
        let table = tape.constant(Matrix::from_fn(2, 4, |i, j| nn_number(i + 2 * j)));
        let corner = table.gather((4, 1), |i, _| (1, 3 - i));
        (zeros + 0.25 - x * corner).matmul_tn(table.t()).t().t() / 3.0 + table.sum()
    }));
    both!("sums", 4, |_rng| of(|x: Var<'_, Num>| {
        let parts = [
            x.sum_over(Axis::Rows),
            x.mean_over(Axis::Rows),
            x.max_over(Axis::Rows),
            x.norm_over(Axis::Rows),
            x.log_sum_exp(Axis::Rows),
            x.variance_over(Axis::Rows),
        ];
        vstack(&[vstack(&parts), x.cumsum(Axis::Rows), x.arg_max(Axis::Rows), x.pad((1, 0), (6, x.cols()))])
    }));
    both!("over_samples", 4, |_rng| of(
        |x: Var<'_, Num>| x - x.max_over(Axis::Cols) + x.softmax(Axis::Cols) * x.sum_over(Axis::Cols)
    ));
    both!("gram", 4, |_rng| of(|x: Var<'_, Num>| x.matmul_nt(x).matmul(x) - x.matmul(x.matmul_tn(x))));
    both!("select", 4, |_rng| of(|x: Var<'_, Num>| x.step().select(x.sqrt(), x.square()).clamp(-0.5, 1.5)));
    both!("cross_entropy", 4, |_rng| of(|x: Var<'_, Num>| x.softmax_cross_entropy(x.square())));
    both!("stopped", 4, |_rng| of(|x: Var<'_, Num>| x.stop_gradient() + 2.0 / (x.square() + 1.0)));

    preprocessing::<f32>();
    preprocessing::<f64>();
    functions();

    let net: Mlp<f64> = Mlp::builder(&[4, 6, 3]).activation(Activation::Gelu).norm(Norm::Batch).build(&mut rng(0));
    let single: Mlp<f32> = {
        let mut values =
            net.named_params().into_iter().map(|(_, p)| p.value().map(|x| x as f32)).collect::<Vec<_>>().into_iter();
        let mut single = Mlp::builder(&[4, 6, 3]).activation(Activation::Gelu).norm(Norm::Batch).build(&mut rng(1));
        single.params_mut(&Path::Root, &mut |_, p| *p.value_mut() = values.next().unwrap());
        single
    };
    let x = some::<f64>(4, 6, 2).map(|x| f64::from(x as f32));
    let y = predict(&single, &x.map(|x| x as f32)).map(f64::from);
    exported("as_single", &Export::new(4).single(), &net, &x, &y, true);

    run_check_script();
}

fn nn_number<T: Real>(k: usize) -> T {
    T::from_f64((k as f64 * 1.7).sin())
}

fn preprocessing<T: Real>() {
    let x: Matrix<T> =
        Matrix::from_fn(3, 30, |i, j| T::from_f64(5.0 * (i + 1) as f64 + ((3 * i + 2 * j * j) % 13) as f64));
    let steps = [
        PreprocessingStep::MinMax { low: -1.0, high: 2.0 },
        PreprocessingStep::Standardize,
        PreprocessingStep::Zca { epsilon: 1e-3 },
        PreprocessingStep::Whiten { components: Components::Count(2), epsilon: 1e-3 },
    ];
    let preprocessing = Preprocessing::fit(&steps, &x);
    let net = Mlp::new(&[2, 5, 3], Activation::Tanh, &mut rng(1));
    let export = Export::new(3).input("raw").output("share").preprocessing(&preprocessing).then(Activation::Softmax);
    let y = predict(&Activation::Softmax, &predict(&net, &preprocessing.apply(&x)));
    let single = size_of::<T>() == 4;
    exported(&format!("preprocessing_{}", 8 * size_of::<T>()), &export, &net, &x, &y, single);
}

/// Every function of the tables has an operator, a composition, or an error that names it.
fn functions() {
    let inside = |(low, high): (f64, f64), k: usize| {
        let (low, high) = (low.max(-1.9), high.min(low.max(-1.9) + 3.0));
        low + (high - low) * (k as f64 + 0.5) / 8.0
    };
    let mut missing = Vec::new();
    for f in Unary::all() {
        let x = Matrix::from_fn(2, 4, |i, j| inside(f.domain(), 2 * j + i));
        let model = of(move |x: Var<'_, f64>| x.unary(f));
        match Export::new(2).to_bytes(&model) {
            Ok(_) => exported(&format!("{f:?}_f64"), &Export::new(2), &model, &x, &predict(&model, &x), false),
            Err(error @ OnnxError::NoOp { .. }) => {
                says(&error, &["no ONNX op for", f.name(), "onnx/run.rs:"]);
                missing.push(f.name());
                continue;
            }
            Err(error) => panic!("{f:?}: {error}"),
        }
        let model = of(move |x: Var<'_, f32>| x.unary(f));
        let x = x.map(|x| x as f32);
        exported(&format!("{f:?}_f32"), &Export::new(2), &model, &x, &predict(&model, &x), true);
    }
    for &f in Binary::ALL {
        let [a, b] = f.domain();
        let x = Matrix::from_fn(2, 8, |i, j| inside([a, b][i], (3 * j + 2 * i) % 8));
        let model = of(move |x: Var<'_, f64>| x.rows_in(0..1).binary(f, x.rows_in(1..2)));
        match Export::new(2).to_bytes(&model) {
            Ok(_) => exported(&format!("{f:?}_f64"), &Export::new(2), &model, &x, &predict(&model, &x), false),
            Err(OnnxError::NoOp { .. }) => missing.push(f.name()),
            Err(error) => panic!("{f:?}: {error}"),
        }
    }
    missing.dedup();
    let expected = ["erf_inv", "ln_gamma", "digamma", "polygamma", "sinc_derivative", "atan2", "copysign"];
    assert_eq!(missing, expected);
}

/// Runs the script on all exported models, if Python has ONNX and onnxruntime.
fn run_check_script() {
    let python = |args: &[&str]| Command::new("python3").args(args).output();
    if !python(&["-c", "import onnx, onnxruntime"]).is_ok_and(|output| output.status.success()) {
        println!("left out: the exported models are not run, because python3 has no onnx and onnxruntime");
        return;
    }
    let output = python(&[theirs("check.py").to_str().unwrap(), folder("onnx").to_str().unwrap()]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    println!("{text}");
}
