//! Exported models, run by other programs if they are installed; imported models of PyTorch; round trips, and damaged files.

mod damaged;
mod errors;
mod graphs;
mod run;
mod sequences;
mod tails;

use std::fs;
use std::path::{Path, PathBuf};

use nn::onnx::{self, Export};
use nn::train::predict;
use nn::{
    Activation, AnyLayer, BatchNorm, DenseBlock, Dropout, Init, Layer, LayerNorm, Linear, Matrix, Mlp, Module, Norm,
    PRelu, Param, Path as ParamPath, Real, Residual, RmsNorm, Sequential, Shortcut, TiedAutoencoder, Var,
};
use proptest::prelude::*;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::{rng, some};

/// A file that is stored with the tests.
fn theirs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/onnx").join(name)
}

/// A function without parameters as a model.
struct Of<F>(F);

impl<T: Real, F> Module<T> for Of<F> {
    fn params<'m>(&'m self, _: &ParamPath<'_>, _: &mut dyn FnMut(&ParamPath<'_>, &'m Param<T>)) {}
    fn params_mut<'m>(&'m mut self, _: &ParamPath<'_>, _: &mut dyn FnMut(&ParamPath<'_>, &'m mut Param<T>)) {}
}

impl<T: Real, F: for<'v> Fn(Var<'v, T>) -> Var<'v, T>> Layer<T> for Of<F> {
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        (self.0)(x)
    }
}

fn of<T: Real, F: for<'v> Fn(Var<'v, T>) -> Var<'v, T>>(f: F) -> Of<F> {
    Of(f)
}

fn linear<T: Real>(inputs: usize, outputs: usize, rng: &mut ChaCha8Rng) -> Linear<T> {
    Linear { weight: Param::new(Init::Xavier.sample(outputs, inputs, rng)), bias: Some(column(outputs, rng)) }
}

fn column<T: Real>(rows: usize, rng: &mut ChaCha8Rng) -> Param<T> {
    Param::new(Init::Uniform(1.0).sample(rows, 1, rng))
}

/// A random layer of as many outputs as inputs, except for a `DenseBlock`; `deep` says how many may be within each other.
fn layer<T: Real>(n: usize, deep: usize, rng: &mut ChaCha8Rng) -> (AnyLayer<T>, usize) {
    let kinds = if deep == 0 { 7 } else { 12 };
    let list = |rng: &mut _| net(n, n, 2, deep.saturating_sub(1), rng);
    let layer = match rng.random_range(0..kinds) {
        0 => linear(n, n, rng).into(),
        1 => linear(n, n, rng).without_bias().into(),
        2 => Activation::ALL[rng.random_range(0..Activation::ALL.len())].into(),
        3 if size_of::<T>() == 4 => PRelu { weight: column(if rng.random() { n } else { 1 }, rng) }.into(),
        4 if size_of::<T>() == 4 => {
            let [weight, bias, running_mean, var] = [(); 4].map(|()| column::<T>(n, rng));
            let running_var = Param::buffer(var.value().map(|v| T::from_f64(v.to_f64().abs() + 0.1)));
            let running_mean = Param::buffer(running_mean.value().clone());
            BatchNorm { weight, bias, running_mean, running_var, ..BatchNorm::new(n) }.into()
        }
        5 if size_of::<T>() == 4 => LayerNorm { weight: column(n, rng), bias: column(n, rng), eps: 1e-4 }.into(),
        6 if rng.random() => RmsNorm { weight: column(n, rng), eps: 1e-3 }.into(),
        3..=6 => Dropout::new(0.3).into(),
        7 => Residual(list(rng)).into(),
        8 => Shortcut { inner: list(rng), shortcut: list(rng) }.into(),
        9 => {
            let block = DenseBlock { layers: vec![net(n, 2, 1, 0, rng), net(n + 2, 1, 1, 0, rng)] };
            return (block.into(), n + 3);
        }
        10 => {
            let norm = if rng.random() && size_of::<T>() == 4 { Norm::Batch } else { return (list(rng).into(), n) };
            Mlp::builder(&[n, 3, 3, n]).activation(Activation::Silu).norm(norm).skips(true).build(rng).into()
        }
        _ => TiedAutoencoder::new(&[n, 3, 2], Activation::Tanh, rng).into(),
    };
    (layer, n)
}

/// A random list of layers that ends in a linear one.
fn net<T: Real>(inputs: usize, outputs: usize, length: usize, deep: usize, rng: &mut ChaCha8Rng) -> Sequential<T> {
    let (mut list, mut n) = (Sequential::new(), inputs);
    for _ in 0..length {
        let (next, m) = layer(n, deep, rng);
        (list, n) = (list.then(next), m);
    }
    list.then(linear(n, outputs, rng))
}

// ---------------------------------------------------------------- round trips

fn check_round_trip<T: Real>(seed: u64, length: usize, tolerance: f64) -> Result<(), TestCaseError> {
    let model: Sequential<T> = net(4, 3, length, 2, &mut rng(seed));
    let again: Sequential<T> = onnx::from_bytes(&Export::new(4).to_bytes(&model).unwrap()).unwrap();
    let x = some(4, 6, seed);
    let (y, z) = (predict(&model, &x), predict(&again, &x));
    let scale = y.as_slice().iter().fold(1.0, |scale: f64, y| scale.max(y.to_f64().abs()));
    for (y, z) in y.as_slice().iter().zip(z.as_slice()) {
        prop_assert!((y.to_f64() - z.to_f64()).abs() <= tolerance * scale, "{y} {z}: {model:?}");
    }
    let trained = |net: &Sequential<T>| net.named_params().iter().filter(|(_, param)| param.is_trained()).count();
    prop_assert!(trained(&again) >= trained(&model));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A random list of layers, exported and imported, computes the same.
    #[test]
    fn round_trips(seed in 0u64..1_000_000, length in 0usize..6) {
        check_round_trip::<f32>(seed, length, 2e-5)?;
        check_round_trip::<f64>(seed, length, 1e-12)?;
    }
}

/// The same bits, layer by layer, with the kinds of layers kept where the graph has them.
#[test]
fn a_network_comes_back_as_it_was() {
    let rng = &mut rng(1);
    let list: Sequential<f32> = Sequential::new()
        .then(linear(4, 5, rng))
        .then(BatchNorm { momentum: 0.1, ..BatchNorm::new(5) })
        .then(Activation::LeakyRelu(0.1))
        .then(PRelu::new(5))
        .then(LayerNorm::new(5))
        .then(RmsNorm { weight: column(5, rng), eps: 1e-6 })
        .then(Residual(Sequential::new().then(linear(5, 5, rng)).then(Activation::Silu)))
        .then(linear(5, 2, rng).without_bias())
        .then(Activation::LogSoftmax);
    let again: Sequential<f32> = onnx::from_bytes(&Export::new(4).to_bytes(&list).unwrap()).unwrap();
    assert_eq!(again, list);
}

// ---------------------------------------------------------------- models of PyTorch

#[test]
fn models_of_pytorch() {
    for (file, case) in [
        ("mlp", "mlp"),
        ("mlp_script", "mlp"),
        ("mlp_outside", "mlp"),
        ("norms", "norms"),
        ("norms_script", "norms"),
        ("skips", "skips"),
        ("skips_script", "skips"),
        ("activations", "activations"),
        ("activations_script", "activations"),
    ] {
        let case: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(theirs(&format!("{case}.json"))).unwrap()).unwrap();
        let [x, y] = ["x", "y"].map(|name| {
            let rows: Vec<Vec<f64>> = serde_json::from_value(case[name].clone()).unwrap();
            Matrix::from_fn(rows[0].len(), rows.len(), |i, j| rows[j][i])
        });
        let path = theirs(&format!("{file}.onnx"));
        let net: Sequential<f32> = onnx::import(&path).unwrap();
        let double: Sequential<f64> = onnx::import(&path).unwrap();
        let outputs = predict(&net, &x.map(|x| x as f32)).map(f64::from);
        for found in [outputs, predict(&double, &x)] {
            assert_eq!(found.shape(), y.shape());
            let errors = found.as_slice().iter().zip(y.as_slice()).map(|(found, y)| (found - y).abs());
            let error = errors.fold(0.0, f64::max);
            assert!(error < 1e-6, "{file}: differs by {error:e}");
        }
        assert!(net.count_params() > 0);
    }
}
