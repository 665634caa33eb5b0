//! Whole training runs on the device and on the processor.

mod networks;
mod runs;

use gpu::DeviceNumber;
use nn::data::Dataset;
use nn::loss::CrossEntropy;
use nn::train::Trainer;
use nn::{Activation, BatchNorm, Init, Layer, LayerNorm, Linear, Matrix, Mlp, Module, Optimizer, Sequential};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(3)
}

fn inputs<T: DeviceNumber>(features: usize, samples: usize) -> Matrix<T> {
    Matrix::from_fn(features, samples, |i, n| T::from_f64(((n * (7 + 4 * i) + 3 * i) % 23) as f64 / 11.0 - 1.0))
}

fn classes<T: DeviceNumber>(samples: usize) -> Dataset<T> {
    Dataset::new(inputs(6, samples), (0..samples).map(|n| n * n % 3).collect::<Vec<_>>())
}

fn mlp<T: DeviceNumber>() -> Mlp<T> {
    Mlp::new(&[6, 17, 9, 3], Activation::Gelu, &mut rng())
}

/// The first layer has no bias, because the normalisation subtracts it: its gradient would consist of rounding errors, which Adam divides by
/// their own size.
fn normalised<T: DeviceNumber>() -> Sequential<T> {
    let rng = &mut rng();
    let first = Linear { bias: None, ..Linear::new(6, 10, Init::He, rng) };
    Sequential::new()
        .then(first)
        .then(BatchNorm::new(10))
        .then(Activation::Relu)
        .then(Linear::new(10, 8, Init::He, rng))
        .then(LayerNorm::new(8))
        .then(Activation::Silu)
        .then(Linear::new(8, 3, Init::Xavier, rng))
}

fn numbers<T: DeviceNumber>(model: &dyn Module<T>) -> Vec<f64> {
    let all = model.named_params().into_iter().flat_map(|(_, param)| param.value().as_slice().to_vec());
    all.map(|x| x.to_f64()).collect()
}

/// The largest difference of two models, relative to the largest number.
fn difference<T: DeviceNumber, S: DeviceNumber>(a: &dyn Module<T>, b: &dyn Module<S>) -> f64 {
    let (a, b) = (numbers(a), numbers(b));
    let largest = a.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    assert!(a.len() == b.len() && a.iter().chain(&b).all(|x| x.is_finite()));
    a.iter().zip(&b).fold(0.0, |max: f64, (x, y)| max.max((x - y).abs())) / largest
}

/// 52 steps in batches of 32 of 100 samples, of which the last of an epoch has 4.
fn trainer<'a, T: DeviceNumber, M: Module<T> + Layer<T>>(
    optimizer: impl Optimizer<T> + Send + 'a,
) -> Trainer<'a, T, M, (Matrix<T>, Vec<usize>)> {
    Trainer::with_loss(CrossEntropy::default().into(), optimizer).epochs(13).batch(32).seed(5).quiet()
}

fn weighted() -> CrossEntropy {
    CrossEntropy { class_weights: Some(vec![1.0, 3.0, 0.25]), ..CrossEntropy::default() }
}
