//! Digits through a bottleneck: an autoencoder whose decoder is its transposed encoder, compared with the same number of principal
//! components.
//!
//! ```text
//! cargo run --release --example autoencoder
//! cargo run --release --example autoencoder -- --epochs 10 --code 8 --out out/autoencoder
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use nn::data::{Components, Csv, Dataset, Pca, minibatches, stratified_split};
use nn::plot::Images;
use nn::{Activation, Adam, Layer, Matrix, Module, Optimizer, Reduction, Tape, TiedAutoencoder, loss};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tape_examples::wrote;

/// 1797 digits of 8 × 8 pixels. Each line has 64 numbers, from 0 for paper to 16 for ink, and the digit.
const DIGITS: &[u8] = include_bytes!("data/digits.csv");

/// Minimises the mean squared error of the pixels, with a learning rate that falls to 0.
fn train(net: &mut TiedAutoencoder<f32>, x: &Matrix<f32>, epochs: usize, rng: &mut ChaCha8Rng) {
    let mut adam = Adam::new(0.0);
    let mut state = adam.init(net);
    for epoch in 0..epochs {
        adam.lr = 0.003 * (1.0 - epoch as f64 / epochs as f64);
        for batch in minibatches(x.cols(), 32, rng) {
            let batch = x.select_cols(&batch);
            let tape = Tape::new();
            let x = tape.constant(&batch);
            let grads = loss::mse(net.forward(x), x, Reduction::Mean).backward();
            adam.step(net, &grads, &mut state);
        }
    }
}

fn through(net: &TiedAutoencoder<f32>, x: &Matrix<f32>) -> Matrix<f32> {
    let tape = Tape::new();
    net.forward(tape.constant(x)).value()
}

/// The mean squared error of a pixel, where paper is 0 and ink 1.
fn error(y: &Matrix<f32>, x: &Matrix<f32>) -> f64 {
    let squares = y.as_slice().iter().zip(x.as_slice()).map(|(y, x)| f64::from(y - x).powi(2));
    squares.sum::<f64>() / x.as_slice().len() as f64
}

/// Weights as a picture: 0 is grey.
fn ink(weights: &[f32]) -> Vec<f64> {
    let largest = weights.iter().fold(0.0f32, |max, w| max.max(w.abs()));
    weights.iter().map(|w| f64::from(0.5 + 0.5 * w / largest)).collect()
}

fn run(epochs: usize, code: usize, seed: u64, out: PathBuf) -> Result<(), Box<dyn Error>> {
    let data: Dataset<f32> = Csv::new().from_reader(DIGITS, "digits.csv")?;
    let (training, test) = stratified_split(&data.t, 0.8, &mut ChaCha8Rng::seed_from_u64(0));
    let [training, test] = [training, test].map(|samples| {
        let data = data.select(&samples);
        Dataset { x: data.x.map(|pixel| pixel / 16.0), ..data }
    });

    println!("Digits of 64 pixels, reconstructed from {code} numbers: mean squared error of a pixel\n");
    println!("{:34} {:>10} {:>9} {:>9}", "", "parameters", "training", "test");
    let line = |what: &str, count: usize, f: &dyn Fn(&Matrix<f32>) -> Matrix<f32>| {
        let [training, test] = [&training.x, &test.x].map(|x| error(&f(x), x));
        println!("{what:34} {count:>10} {training:>9.5} {test:>9.5}");
        test
    };
    let pca = Pca::fit(&training.x, Components::Count(code));
    let by_pca = |x: &Matrix<f32>| pca.invert(&pca.apply(x));
    let linear = line("principal components", 64 * (code + 1), &by_pca);

    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let start = Instant::now();
    let mut nets = [vec![64, code], vec![64, 128, code]]
        .map(|sizes| (format!("tied autoencoder {sizes:?}"), TiedAutoencoder::new(&sizes, Activation::Tanh, rng)));
    let errors = nets.each_mut().map(|(name, net)| {
        train(net, &training.x, epochs, rng);
        line(name, net.count_params(), &|x| through(net, x))
    });
    println!("\n{epochs} epochs, trained in {:.1} s", start.elapsed().as_secs_f64());
    let deep = &nets[1].1;

    let mut pictures = Images::new("Through the bottleneck").columns(10);
    let each: Vec<usize> = (0..10).filter_map(|digit| test.t.iter().position(|&t| t == digit)).collect();
    let x = test.x.select_cols(&each);
    for (words, y) in [("input", x.clone()), ("autoencoder", through(deep, &x)), ("PCA", by_pca(&x))] {
        for j in 0..y.cols() {
            pictures = pictures.image(8, &y.map(f64::from).into_vec()[64 * j..][..64], words);
        }
    }
    pictures.note(&format!("64 pixels → {code} numbers → 64 pixels, test digits")).save(out.join("digits.svg"))?;

    // The units with the largest weights: what they detect, and what they draw.
    let w = deep.layers[0].weight.value().transpose();
    let norm = |unit: &usize| w.col(*unit).iter().map(|w| w * w).sum::<f32>();
    let mut units: Vec<usize> = (0..w.cols()).collect();
    units.sort_by(|a, b| norm(b).total_cmp(&norm(a)));
    let mut features = Images::new("Learned features").columns(10);
    features = features.note("input and output weights of hidden units; then principal axes");
    for (rank, &unit) in units.iter().take(20).enumerate() {
        features = features.image(8, &ink(w.col(unit)), &format!("unit {}", rank + 1));
    }
    for k in 0..pca.components().min(10) {
        features = features.image(8, &ink(pca.axes().col(k)), &format!("axis {}", k + 1));
    }
    features.save(out.join("features.svg"))?;
    wrote(&out.join("digits.svg"), "digits, and what is left of them");
    wrote(&out.join("features.svg"), "what the units of the first layer see, and the principal axes");
    println!();
    println!(
        "test error / that of principal components: {:.3} with one layer, {:.3} with two",
        errors[0] / linear,
        errors[1] / linear
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let number = |name: &str, usual: usize| option(name).map_or(Ok(usual), |text| text.parse());
    let out = option("--out").map_or("out/autoencoder".into(), PathBuf::from);
    run(number("--epochs", 500)?, number("--code", 8)?, number("--seed", 1)? as u64, out)
}
