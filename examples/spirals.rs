//! "Why linear classifiers are not enough?" Two spirals, and which networks can separate them.
//!
//! ```text
//! cargo run --release --example spirals
//! ```
//!
//! A linear classifier, a shallow network and a deep network learn on which arm a point is. The deep network has no more
//! parameters than the shallow one.
//!
//! A shallow network can approximate any function, so it can separate the arms, and 280 units are enough. The result depends on the
//! training. Xavier's rule draws the weights of its first layer with a deviation of √(2 / 282) = 0.08: all units are nearly linear on this
//! plane, and 400 epochs of Adam do not bend them. With the same number of steps they learn the arms if the units bend at the start, with
//! weights of deviation 1 and biases up to 2. L-BFGS also succeeds with the small weights. The first layer of the deep network starts with
//! a deviation of √(2 / 34) = 0.24, which is enough for Adam. A linear classifier stays at an accuracy of about two thirds.

use std::error::Error;
use std::f64::consts::PI;

use nn::data::Dataset;
use nn::loss::{BinaryCrossEntropy, bce_with_logits};
use nn::plot::{Chart, Figure};
use nn::train::{TrainError, Trainer};
use nn::{Activation, Adam, Init, Layer, Lbfgs, Matrix, MinimizeModel, Mlp, Module, Reduction, Tape};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use tape_examples::{options, wrote};

type Spirals = Dataset<f64, Matrix<f64>>;

/// Two noisy arms of one and a half turns, and the arm of each point.
fn spirals(n: usize, rng: &mut ChaCha8Rng) -> Spirals {
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

fn accuracy(net: &Mlp<f64>, data: &Spirals) -> f64 {
    let y = scores(net, &data.x);
    let right = y.as_slice().iter().zip(data.t.as_slice()).filter(|(y, t)| (**y > 0.0) == (**t > 0.5));
    right.count() as f64 / data.len() as f64
}

/// A network, and how it is trained.
struct Way {
    name: &'static str,
    sizes: &'static [usize],
    training: &'static str,
    start: fn(&mut Mlp<f64>, &mut ChaCha8Rng),
    train: fn(&mut Mlp<f64>, &Spirals, quick: bool) -> Result<u64, TrainError>,
    /// Whether the network is drawn in the picture.
    drawn: bool,
}

/// Leaves the initial weights as they are.
fn usual(_: &mut Mlp<f64>, _: &mut ChaCha8Rng) {}

/// The weights of units that bend at random places.
fn bent(net: &mut Mlp<f64>, rng: &mut ChaCha8Rng) {
    let (units, layer) = (net.layers[0].outputs(), &mut net.layers[0]);
    *layer.weight.value_mut() = Init::Normal(1.0).sample(units, 2, rng);
    layer.bias.iter_mut().for_each(|bias| *bias.value_mut() = Init::Uniform(2.0).sample(units, 1, rng));
}

/// 400 epochs of batches of 32; returns how many gradients it took.
fn adam(net: &mut Mlp<f64>, training: &Spirals, quick: bool) -> Result<u64, TrainError> {
    let trainer = Trainer::with_loss(BinaryCrossEntropy::default().into(), Adam::new(0.01));
    Ok(trainer.epochs(if quick { 30 } else { 400 }).quiet().fit(net, training)?.step)
}

/// All points at once.
fn lbfgs(net: &mut Mlp<f64>, training: &Spirals, quick: bool) -> Result<u64, TrainError> {
    let max_iterations = if quick { 50 } else { 1000 };
    let lbfgs = Lbfgs { memory: 20, max_iterations, gradient_tolerance: 1e-5, ..Lbfgs::default() };
    let report = lbfgs.minimize_model(net, |net| {
        let tape = Tape::new();
        let (y, t) = (net.forward(tape.constant(&training.x)), tape.constant(&training.t));
        let loss = bce_with_logits(y, t, Reduction::Mean);
        (loss.item(), loss.backward())
    });
    Ok(report.evaluations)
}

const SHALLOW: &str = "shallow, 2-280-1";
const DEEP: &str = "deep, 2-32-32-1";
const WAYS: [Way; 5] = [
    Way { name: "linear", sizes: &[2, 1], training: "Adam", start: usual, train: adam, drawn: true },
    Way { name: SHALLOW, sizes: &[2, 280, 1], training: "Adam", start: usual, train: adam, drawn: false },
    Way { name: SHALLOW, sizes: &[2, 280, 1], training: "Adam, bent units", start: bent, train: adam, drawn: true },
    Way { name: SHALLOW, sizes: &[2, 280, 1], training: "L-BFGS", start: usual, train: lbfgs, drawn: false },
    Way { name: DEEP, sizes: &[2, 32, 32, 1], training: "Adam", start: usual, train: adam, drawn: true },
];

fn main() -> Result<(), Box<dyn Error>> {
    let options = options::options("spirals");
    let seeds = if options.quick { 1..2 } else { 1..6 };

    println!("two spirals: 400 training points, 400 test points; the mean of {} seeds\n", seeds.clone().count());
    println!("network           parameters  trained by        gradients  training    test  worst");
    let mut figure = Figure::new();
    for Way { name, sizes, training: how, start, train, drawn } in WAYS {
        let (mut learnt, mut found, mut gradients, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for seed in seeds.clone() {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let (training, test) = (spirals(400, rng), spirals(400, rng));
            let mut net = Mlp::new(sizes, Activation::Tanh, rng);
            start(&mut net, rng);
            gradients.push(train(&mut net, &training, options.quick)? as f64);
            learnt.push(100.0 * accuracy(&net, &training));
            found.push(100.0 * accuracy(&net, &test));
            count = net.count_params();
            if drawn && seed == seeds.start {
                figure = figure.with(picture(&format!("{name}: {:.0} % of the test set", found[0]), &net, &training));
            }
        }
        let [gradients, learnt, of_test] =
            [&gradients, &learnt, &found].map(|all| all.iter().sum::<f64>() / all.len() as f64);
        let worst = found.into_iter().fold(100.0, f64::min);
        println!(
            "{name:<16}  {count:>10}  {how:<16}  {gradients:>9.0}  {learnt:>6.1} %  {of_test:>4.0} %  {worst:>3.0} %"
        );
        let bends = sizes.len() > 2 && !(how == "Adam" && name == SHALLOW);
        assert!(options.quick || !bends || worst > 95.0, "{name}, {how}: {worst} %");
    }
    let path = options.out.join("spirals.svg");
    figure.panel_size(400, 420).save(&path)?;
    println!();
    wrote(&path, "the decision regions of three networks");
    Ok(())
}

fn picture(title: &str, net: &Mlp<f64>, training: &Spirals) -> Chart {
    let arm = |k: usize| (0..training.len()).skip(k).step_by(6).map(|n| (training.x[(0, n)], training.x[(1, n)]));
    Chart::new(title)
        .axes("x₁", "x₂")
        .square()
        .regions(-2.3..2.3, -2.3..2.3, 70, |x| scores(net, x))
        .dots("one arm", arm(0))
        .dots("the other", arm(1))
}
