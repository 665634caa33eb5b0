//! "Why linear classifiers are not enough?" Two spirals, and who can tell them apart.
//!
//! ```text
//! cargo run --release --example spirals
//! ```
//!
//! A linear classifier, a shallow and a deep network learn which arm a point is on. The deep one has no more
//! parameters than the shallow one.

use std::error::Error;
use std::f64::consts::PI;

use nn::data::Dataset;
use nn::loss::{BinaryCrossEntropy, Loss};
use nn::plot::{Chart, Figure};
use nn::train::Trainer;
use nn::{Activation, Adam, Layer, Matrix, Mlp, Module, Tape};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use tape_examples::options;

/// Two arms of one and a half turns with noise, and which arm each point is on.
fn spirals(n: usize, rng: &mut ChaCha8Rng) -> Dataset<f64, Matrix<f64>> {
    let noise = Normal::new(0.0, 0.04).expect("a deviation");
    let mut x = Matrix::zeros(2, n);
    for k in 0..n {
        let radius = 0.1 + 0.9 * (k / 2) as f64 / (n / 2) as f64;
        let angle = 3.0 * PI * radius + PI * (k % 2) as f64;
        x[(0, k)] = 2.0 * radius * angle.cos() + noise.sample(rng);
        x[(1, k)] = 2.0 * radius * angle.sin() + noise.sample(rng);
    }
    Dataset::new(x, Matrix::from_fn(1, n, |_, k| (k % 2) as f64))
}

/// The score of arm 1.
fn scores(net: &Mlp<f64>, x: &Matrix<f64>) -> Matrix<f64> {
    let tape = Tape::new();
    net.forward(tape.constant(x)).value()
}

fn accuracy(net: &Mlp<f64>, data: &Dataset<f64, Matrix<f64>>) -> f64 {
    let y = scores(net, &data.x);
    let right = y.as_slice().iter().zip(data.t.as_slice()).filter(|(y, t)| (**y > 0.0) == (**t > 0.5));
    right.count() as f64 / data.len() as f64
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options::options("spirals");
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let (training, test) = (spirals(400, rng), spirals(400, rng));
    let epochs = if options.quick { 30 } else { 400 };

    println!("two spirals: {} points to learn from, {} others to test\n", training.len(), test.len());
    println!("network                parameters  training    test");
    let mut figure = Figure::new();
    for (name, sizes) in
        [("linear", &[2, 1][..]), ("shallow, 2-280-1", &[2, 280, 1]), ("deep, 2-32-32-1", &[2, 32, 32, 1])]
    {
        let mut net = Mlp::new(sizes, Activation::Tanh, rng);
        Trainer::with_loss(Loss::BceWithLogits(BinaryCrossEntropy::default()), Adam::new(0.01))
            .epochs(epochs)
            .fit(&mut net, &training)?;
        let (learnt, found) = (accuracy(&net, &training), accuracy(&net, &test));
        println!("{name:<22} {:>10}  {:>6.1} %  {:>4.1} %", net.count_params(), 100.0 * learnt, 100.0 * found);

        let arm = |k: usize| (0..training.len()).skip(k).step_by(6).map(|n| (training.x[(0, n)], training.x[(1, n)]));
        figure = figure.with(
            Chart::new(&format!("{name}: {:.0} % of the test set", 100.0 * found))
                .axes("x₁", "x₂")
                .square()
                .regions(-2.3..2.3, -2.3..2.3, 70, |x| scores(&net, x))
                .dots("one arm", arm(0))
                .dots("the other", arm(1)),
        );
    }
    let path = options.out.join("spirals.svg");
    figure.panel_size(400, 420).save(&path)?;
    println!("\n{}   what each of them takes for which arm", path.display());
    Ok(())
}
