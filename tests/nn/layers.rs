//! Layers: PyTorch's values, gradients compared with finite differences, and the promises of each layer.

use autograd::check::{Check, Function, check_f32};
use autograd::checkpoint;
use nn::{
    Activation, AnyLayer, Axis, BatchNorm, DenseBlock, Dropout, Init, Layer, LayerNorm, Linear, Matrix, Mlp, Module,
    Norm, PRelu, Param, Path, Real, Residual, RmsNorm, Sequential, Shortcut, Tape, TiedAutoencoder, Var, grad,
};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tape_tests::oracle::{close_all, is_close, numbers, parse, samples};

use crate::{rng, some};

// ---------------------------------------------------------------- against PyTorch

/// The layer with this name in the file, without its values.
fn layer_named(name: &str) -> AnyLayer<f64> {
    match name {
        "linear" => Linear::new(4, 3, Init::Zeros, &mut rng(7)).into(),
        "linear_no_bias" => Linear::new(4, 3, Init::Zeros, &mut rng(7)).without_bias().into(),
        "layer_norm" => LayerNorm::new(4).into(),
        "batch_norm_train_first_step" | "batch_norm_eval_after" => BatchNorm::new(4).into(),
        "rms_norm" => RmsNorm::new(4).into(),
        "softmax" => Activation::Softmax.into(),
        "log_softmax" => Activation::LogSoftmax.into(),
        "prelu_per_feature" => PRelu::new(4).into(),
        name => panic!("layers.json has a new layer {name}"),
    }
}

/// Rows of a file's matrix are rows; a list is a column.
fn parameter(value: &Value) -> Matrix<f64> {
    if value[0].is_array() { samples(value).transpose() } else { Matrix::column(&numbers(value)) }
}

#[test]
fn values_gradients_and_statistics_of_pytorch() {
    let file = parse(include_str!("../oracle/layers.json"));
    for case in file.as_array().unwrap() {
        let name = case["layer"].as_str().unwrap();
        let training = name.contains("train");
        let mut layer = layer_named(name);
        layer.params_mut(&Path::Root, &mut |path, param| {
            let saved = [&case["params"], &case["extra"]].map(|from| &from[path.to_string()]);
            if let Some(value) = saved.into_iter().find(|value| value.is_array())
                && !(training && path.to_string().starts_with("running"))
            {
                *param.value_mut() = parameter(value);
            }
        });

        let tape = if training { Tape::training(0) } else { Tape::new() };
        let x = tape.variable(samples(&case["x"]));
        let y = layer.forward(x);
        let grads = y.backward_with(&samples(&case["upstream"]));
        close_all(name, y.value().as_slice(), samples(&case["y"]).as_slice());
        close_all(name, grads.wrt(x).as_slice(), samples(&case["grad_x"]).as_slice());
        let mut compared = 0;
        for (param_name, param) in layer.named_params() {
            let what = format!("{name}, {param_name}");
            if param.is_trained() {
                let expected = parameter(&case["grad_params"][&param_name]);
                close_all(&what, grads.wrt(param).as_slice(), expected.as_slice());
                compared += 1;
            } else {
                let after = grads.updated(param).unwrap_or(param.value());
                close_all(&what, after.as_slice(), &numbers(&case["extra"][&param_name]));
            }
        }
        assert_eq!(compared, case["params"].as_object().unwrap().len(), "{name}");
    }
}

// ---------------------------------------------------------------- against finite differences

/// The layers that are checked; with `training` in training mode.
pub const LAYERS: &[&str] = &[
    "linear",
    "leaky_relu",
    "gelu",
    "softmax",
    "prelu",
    "prelu_shared",
    "dropout training",
    "layer_norm",
    "rms_norm",
    "batch_norm",
    "batch_norm training",
    "residual",
    "shortcut",
    "dense_block",
    "sequential training",
    "mlp",
    "mlp training",
    "tied_autoencoder",
];

/// A layer of 4 inputs.
pub fn layer<T: Real>(name: &str) -> AnyLayer<T> {
    let rng = &mut rng(7);
    let linear = |inputs, outputs, rng: &mut ChaCha8Rng| Linear::new(inputs, outputs, Init::Xavier, rng);
    match name.trim_end_matches(" training") {
        "linear" => linear(4, 3, rng).into(),
        "prelu" => PRelu::new(4).into(),
        "prelu_shared" => PRelu::shared().into(),
        "dropout" => Dropout::new(0.3).into(),
        "layer_norm" => LayerNorm::new(4).into(),
        "rms_norm" => RmsNorm::new(4).into(),
        "batch_norm" => {
            let (mean, var) = (some(4, 1, 1), some(4, 1, 2).map(|v: T| v * v));
            BatchNorm { running_mean: Param::buffer(mean), running_var: Param::buffer(var), ..BatchNorm::new(4) }.into()
        }
        "residual" => {
            Residual(Sequential::new().then(LayerNorm::new(4)).then(Activation::Tanh).then(linear(4, 4, rng))).into()
        }
        "shortcut" => Shortcut {
            inner: Sequential::new().then(linear(4, 2, rng)).then(Activation::Silu),
            shortcut: Sequential::new().then(linear(4, 2, rng).without_bias()),
        }
        .into(),
        "dense_block" => DenseBlock::new(4, 2, 3, Activation::Tanh, rng).into(),
        "sequential" => Sequential::new()
            .then(BatchNorm::new(4))
            .then(linear(4, 5, rng))
            .then(Activation::Mish)
            .then(Dropout::new(0.5))
            .then(linear(5, 2, rng))
            .into(),
        "mlp" => {
            let mlp = Mlp::builder(&[4, 5, 5, 2]).activation(Activation::Tanh).norm(Norm::Batch);
            mlp.dropout(0.25).skips(true).build(rng).into()
        }
        "tied_autoencoder" => TiedAutoencoder::new(&[4, 3, 2], Activation::Tanh, rng).into(),
        name => name.parse::<Activation>().unwrap().into(),
    }
}

/// A layer as a function of its inputs and its parameters.
struct Case(&'static str);

impl Function for Case {
    fn call<'t, T: Real>(&self, v: &[Var<'t, T>]) -> Var<'t, T> {
        // It has to outlive a tape of any lifetime.
        let layer: &'static AnyLayer<T> = Box::leak(Box::new(layer(self.0)));
        let (x, tape) = (v[0], v[0].tape());
        trained(layer).into_iter().zip(&v[1..]).for_each(|(param, &v)| tape.bind(param, v));
        let forward = || layer.forward(x);
        if self.0.ends_with(" training") { tape.as_in_training(5, forward) } else { forward() }
    }
}

fn trained<T: Real>(layer: &AnyLayer<T>) -> Vec<&Param<T>> {
    layer.named_params().into_iter().map(|(_, param)| param).filter(|param| param.is_trained()).collect()
}

/// A layer that is added to the library must be added here.
#[test]
fn every_layer_is_checked() {
    let unknown = serde_json::from_str::<AnyLayer<f64>>(r#"{"":0}"#).unwrap_err().to_string();
    let (_, all) = unknown.split_once("expected one of `").unwrap();
    let all = all.split_once("` at line").unwrap().0.split("`, `");
    let tag =
        |name: &&str| serde_json::to_value(layer::<f64>(name)).unwrap().as_object().unwrap().keys().next().cloned();
    let checked: Vec<_> = LAYERS.iter().filter_map(tag).collect();
    all.for_each(|name| assert!(checked.iter().any(|tag| tag == name), "{name}: {checked:?}"));
}

#[test]
fn gradients_to_second_order_and_in_single_precision() {
    for &name in LAYERS {
        let layer = layer::<f32>(name);
        let shapes = trained(&layer).into_iter().map(|param| param.value().shape());
        let all = [(4, 3)].into_iter().chain(shapes).zip(10..);
        let inputs: Vec<Matrix<f32>> = all.map(|((m, n), seed)| some(m, n, seed)).collect();
        println!("{name}");
        check_f32(&Case(name), &inputs);
        let inputs: Vec<_> = inputs.iter().map(|x| x.map(f64::from)).collect();
        let settings = Check::new().directions(2).entries(if inputs.len() > 5 { 0 } else { 30 });
        settings.run(|v| Case(name).call(v), &inputs).unwrap();
    }
}

// ---------------------------------------------------------------- normalisations

/// The outputs, the gradient of a weighted sum of them, and the new running statistics.
fn pass<T: Real>(layer: &AnyLayer<T>, x: &Matrix<T>) -> Vec<Matrix<T>> {
    let tape = Tape::training(0);
    let x = tape.variable(x);
    let y = layer.forward(x);
    let grads = y.backward_with(&some(y.rows(), y.cols(), 3));
    let buffers = layer.named_params().into_iter().filter_map(|(_, param)| grads.updated(param).cloned());
    [y.value(), grads.wrt(x).to_owned()].into_iter().chain(buffers).collect()
}

/// After adding 10⁶ to every entry the results are equal up to `digits` relative to the largest entry. The inputs are
/// such that the sums are exact.
#[track_caller]
fn check_offset<T: Real>(grid: f64, digits: f64) {
    let round = |x: T| T::from_f64((x.to_f64() / grid).round() * grid);
    let x = some::<T>(33, 17, 1).map(round);
    let far = x.map(|x| x + T::from_f64(1e6));
    for layer in [AnyLayer::from(LayerNorm::new(33)), BatchNorm::new(33).into()] {
        for (k, (near, far)) in pass(&layer, &x).iter().zip(pass(&layer, &far)).enumerate() {
            let (near, far) = (near.map(T::to_f64), far.map(T::to_f64));
            // The running mean has moved by a tenth of the offset.
            let (shift, digits) = if k == 2 { (1e5, 1e5 * digits) } else { (0.0, digits) };
            for (a, b) in near.as_slice().iter().zip(far.as_slice()) {
                assert!(is_close(*b, a + shift, digits), "result {k}: {b} far away, {a} near");
            }
        }
    }
}

#[test]
fn norms_far_from_zero() {
    check_offset::<f64>(2f64.powi(-20), 1e-13);
    check_offset::<f32>(2f64.powi(-4), 1e-5);
}

/// y = b and δx = w r (δy − mean of δy) with r = 1/√ε if x̂ is 0, that is if the features of a sample or the
/// samples of a feature are equal.
#[test]
fn nothing_varies() {
    let x = Matrix::full(3, 4, 0.1);
    let dy = some::<f64>(3, 4, 1);
    for (layer, axis) in [(AnyLayer::from(LayerNorm::new(3)), Axis::Rows), (BatchNorm::new(3).into(), Axis::Cols)] {
        let tape = Tape::training(0);
        let x = tape.variable(&x);
        let y = layer.forward(x);
        assert!(y.value().as_slice().iter().all(|y: &f64| y.abs() < 1e-12));
        let dx = y.backward_with(&dy).wrt(x).to_owned();
        let dy = tape.constant(&dy);
        let expected = (dy - dy.mean_over(axis)) / 1e-5f64.sqrt();
        close_all("gradient", dx.as_slice(), expected.value().as_slice());
    }
}

#[test]
fn a_batch_of_one_sample() {
    let mut norm = BatchNorm::new(3);
    *norm.bias.value_mut() = Matrix::column(&[1.0, 2.0, 3.0]);
    let layer = AnyLayer::from(norm.clone());
    let found = pass(&layer, &Matrix::column(&[5.0, -6.0, 7.0]));
    assert_eq!(found[0].as_slice(), [1.0, 2.0, 3.0]);
    assert_eq!(found[1].as_slice(), [0.0; 3]);
    assert_eq!(found[2].as_slice(), [0.1 * 5.0, 0.1 * -6.0, 0.1 * 7.0]);
    assert_eq!(found.len(), 3, "the running variance stays");
    // The statistics of an empty batch do not count either.
    assert_eq!(pass(&layer, &Matrix::zeros(3, 0)).len(), 2);
    // A single sample is normalised by the running statistics of other samples.
    let tape = Tape::new();
    let y = norm.forward(tape.constant(Matrix::column(&[5.0, -6.0, 7.0]))).value();
    close_all(
        "evaluation",
        y.as_slice(),
        &[5.0, -6.0, 7.0]
            .map(|x| x / (1.0 + 1e-5f64).sqrt())
            .as_slice()
            .iter()
            .zip([1.0, 2.0, 3.0])
            .map(|(x, b)| x + b)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn running_statistics_reach_those_of_the_data() {
    let mut norm = BatchNorm::<f64>::new(2);
    let x = Matrix::from_fn(2, 50, |i, j| (3 * i) as f64 + ((j * 7 + i) % 11) as f64);
    for _ in 0..300 {
        let tape = Tape::training(0);
        let grads = norm.forward(tape.variable(&x)).sum().backward();
        for param in [&mut norm.running_mean, &mut norm.running_var] {
            let new = grads.updated(param).unwrap().clone();
            *param.value_mut() = new;
        }
    }
    for i in 0..2 {
        let row: Vec<f64> = (0..50).map(|j| x[(i, j)]).collect();
        let mean = row.iter().sum::<f64>() / 50.0;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 49.0;
        close_all("mean", &[norm.running_mean.value()[(i, 0)]], &[mean]);
        close_all("variance", &[norm.running_var.value()[(i, 0)]], &[variance]);
    }
}

// ---------------------------------------------------------------- dropout

#[test]
fn dropout_keeps_the_mean_and_says_what_it_kept() {
    for p in [0.1, 0.5, 0.9] {
        let dropout = Dropout::new(p);
        let tape = Tape::training(3);
        let x = tape.variable(Matrix::full(100, 400, 1.0));
        let (y, other) = (dropout.forward(x), dropout.forward(x));
        // A share with deviation √(p (1 − p) / 40000): four deviations are exceeded once in 16000 seeds.
        let out = y.value().as_slice().iter().filter(|&&y| y == 0.0).count() as f64 / 40_000.0;
        assert!((out - p).abs() < 4.0 * (p * (1.0 - p) / 40_000.0).sqrt(), "{out} left out, not {p}");
        let kept = 1.0 / (1.0 - p);
        assert!(y.value().as_slice().iter().all(|&y| y == 0.0 || y == kept));
        assert_ne!(y.value(), other.value(), "every use draws anew");
        // The gradient is masked like the values.
        assert_eq!(y.sum().backward().wrt(x).to_owned(), y.value());
        // The same seed gives the same entries: those of ChaCha8, on every machine.
        let again = Tape::<f64>::training(3);
        let seed = again.draw().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let expected =
            Matrix::from_fn(
                100,
                400,
                |_, _| if f64::from(rng.next_u32()) < (p * 2f64.powi(32)).floor() { 0.0 } else { kept },
            );
        assert_eq!(y.value(), expected);
    }
    let tape = Tape::training(3);
    let x = tape.variable(some::<f64>(2, 2, 0));
    assert_eq!(Dropout::new(0.0).forward(x).value(), x.value());
}

#[test]
fn invalid_probabilities_are_refused() {
    let error = serde_json::from_str::<Dropout>(r#"{"p":1.0}"#).unwrap_err().to_string();
    assert!(error.contains("at least 0 and below 1, and is 1"), "{error}");
    assert!(std::panic::catch_unwind(|| Dropout::new(f64::NAN)).is_err());
    let text = serde_json::to_string(&Dropout::new(0.25)).unwrap();
    assert_eq!(serde_json::from_str::<Dropout>(&text).unwrap(), Dropout::new(0.25));
}

/// A checkpoint draws the same numbers again, in every kind of sweep, and requests each update of a buffer once.
#[test]
fn a_checkpoint_in_training() {
    static DROPOUT: std::sync::LazyLock<Dropout> = std::sync::LazyLock::new(|| Dropout::new(0.5));
    let seen: &'static Param<f64> = Box::leak(Box::new(Param::buffer(Matrix::full(1, 1, 0.0))));
    let count = move |tape: &Tape<'_, f64>| tape.update(seen, |n| n.map(|n| n + 1.0));

    let tape = Tape::training(11);
    count(&tape);
    let x = tape.variable(some::<f64>(6, 5, 0));
    let y = checkpoint(
        move |v| {
            count(v[0].tape());
            let y = DROPOUT.forward(v[0].square());
            // With the same random numbers, whatever else was drawn.
            checkpoint(|v| DROPOUT.forward(v[0] * 3.0), &[y])
        },
        &[x],
    );
    let after = DROPOUT.forward(x);
    count(&tape);
    let kept = y.value();
    assert!(kept.as_slice().contains(&0.0) && kept.as_slice().iter().any(|&y| y != 0.0));
    assert!(after.value() != kept);

    // 4 · 3 · x², where it was kept: δx = 24 x.
    let expected = |k: usize| if kept.as_slice()[k] == 0.0 { 0.0 } else { 24.0 * x.value().as_slice()[k] };
    let number = y.sum();
    let recorded = grad(number, &[x])[0];
    let grads = number.backward();
    let second = recorded.sum().backward();
    for k in 0..30 {
        let slope = if expected(k) == 0.0 { 0.0 } else { 24.0 };
        assert_eq!(grads.wrt(x).as_slice()[k], expected(k));
        assert_eq!(recorded.value().as_slice()[k], expected(k));
        assert_eq!(second.wrt(x).as_slice()[k], slope);
    }
    for grads in [&grads, &second] {
        assert_eq!(grads.updated(seen).unwrap()[(0, 0)], 3.0, "before, in and after the checkpoint, once each");
    }
}

/// The output of a normalisation does not depend on the size of its input, however large: no square overflows.
#[test]
fn norms_of_any_size() {
    fn check<T: Real>(sizes: &[f64], close: f64) {
        let x = some::<T>(5, 7, 3);
        let of = |layer: &dyn Layer<T>, size: f64| {
            let tape = Tape::training(0);
            layer.forward(tape.constant(x.map(|x| T::from_f64(x.to_f64() * size)))).value()
        };
        let layers: [&dyn Layer<T>; 3] = [&LayerNorm::new(5), &RmsNorm::new(5), &BatchNorm::new(5)];
        for (k, layer) in layers.into_iter().enumerate() {
            let expected = of(layer, sizes[0]);
            for &size in &sizes[1..] {
                let found = of(layer, size);
                let near = |(a, b): (&T, &T)| (a.to_f64() - b.to_f64()).abs() < close;
                assert!(
                    found.as_slice().iter().zip(expected.as_slice()).all(near),
                    "layer {k}: {size:e} gives {found:?}"
                );
            }
        }
    }
    check::<f64>(&[1e6, 1e155, 1e200, 1e300], 1e-12);
    check::<f32>(&[1e6, 1e20, 1e30, 1e37], 1e-5);
}

// ---------------------------------------------------------------- activations

#[test]
fn activations_are_read_and_stored_by_name() {
    for &activation in Activation::ALL {
        assert_eq!(activation.to_string().parse(), Ok(activation));
        let text = serde_json::to_string(&activation).unwrap();
        assert_eq!(text, format!("\"{activation}\""));
        assert_eq!(serde_json::from_str::<Activation>(&text).unwrap(), activation);
    }
    assert_eq!("leaky_relu".parse(), Ok(Activation::LeakyRelu(0.01)));
    assert_eq!("celu(0.5)".parse(), Ok(Activation::Celu(0.5)));
    let error = |text: &str| text.parse::<Activation>().unwrap_err();
    assert!(error("rellu").starts_with("unknown activation `rellu`: choose one of identity, relu, leaky_relu, "));
    assert_eq!(error("elu(x)"), "activation `elu(x)`: `x` is not a finite number");
    assert_eq!(error("elu(inf)"), "activation `elu(inf)`: `inf` is not a finite number");
    assert_eq!(error("tanh(2)"), "activation `tanh(2)`: `tanh` takes no number");
}

/// Equal to the bit, as flipping a sign requires.
#[test]
fn odd_activations_are_odd() {
    let tape = Tape::new();
    let x = tape.constant(some::<f64>(20, 20, 1));
    for activation in Activation::ALL {
        let (y, mirrored) = (activation.forward(x), activation.forward(-x));
        assert_eq!(y.value() == (-mirrored).value(), activation.is_odd(), "{activation}");
    }
}
