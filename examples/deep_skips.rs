//! "These rules work also in case there are skip-layer connections." A network of 100 layers that trains with skips and
//! fails without them.
//!
//! ```text
//! cargo run --release --example deep_skips
//! ```
//!
//! Two networks start from the same weights and see the same batches of digits. One computes z ← tanh(W z + b) in each of its
//! hidden layers, the other z ← z + tanh(W z + b). Without skips the gradient vanishes before it reaches the first
//! layers, and the network learns nothing from the remaining noise. This holds for PyTorch's initial weights, which shrink the signals
//! from layer to layer. A third network has no skips either, but orthogonal initial weights, which keep the size of the signals.

use std::error::Error;

use nn::data::{Csv, Dataset, Sampler, Standardize, stratified_split};
use nn::loss::softmax_cross_entropy;
use nn::metrics::{accuracy, argmax_cols};
use nn::plot::{Chart, Figure};
use nn::{Activation, Adam, Diagnosis, Init, Layer, Matrix, Mlp, Optimizer, Reduction, Tape, diagnose_step};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tape_examples::{options, wrote};

const DIGITS: &[u8] = include_bytes!("data/digits.csv");
const WIDTH: usize = 32;

/// 64 inputs, `depth` layers, 10 outputs.
fn network(depth: usize, skips: bool, init: Init) -> Mlp<f32> {
    let sizes = [&[64], &vec![WIDTH; depth - 1][..], &[10]].concat();
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    Mlp::builder(&sizes).activation(Activation::Tanh).skips(skips).init(init).build(rng)
}

/// Loss after every epoch.
fn train(net: &mut Mlp<f32>, data: &Dataset<f32>, epochs: u64) -> Vec<f64> {
    let (adam, sampler) = (Adam::new(0.001), Sampler::shuffled(data.len(), 100, 1));
    let mut state = adam.init(net);
    let epoch = |epoch| {
        let mut sum = 0.0;
        for batch in sampler.epoch(epoch) {
            let (x, t) = data.batch(&batch);
            let tape = Tape::training(epoch);
            let loss = softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean);
            sum += f64::from(loss.item()) * t.len() as f64 / data.len() as f64;
            let grads = loss.backward();
            adam.step(net, &grads, &mut state);
        }
        sum
    };
    (0..epochs).map(epoch).collect()
}

fn examine(net: &Mlp<f32>, data: &Dataset<f32>) -> Diagnosis {
    let (x, t) = data.batch(&(0..100).collect::<Vec<_>>());
    let (adam, tape) = (Adam::new(0.001), Tape::new());
    let loss = softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean);
    diagnose_step(net, loss, &adam, &adam.init(net))
}

fn right(net: &Mlp<f32>, data: &Dataset<f32>) -> f64 {
    let tape = Tape::new();
    let y: Matrix<f32> = net.forward(tape.constant(&data.x)).value();
    accuracy(&argmax_cols(&y), &data.t)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options::options("deep_skips");
    let (depth, epochs) = if options.quick { (50, 3) } else { (100, 15) };

    let data: Dataset<f32> = Csv::new().from_reader(DIGITS, "digits.csv")?;
    let (training, test) = stratified_split(&data.t, 0.8, &mut ChaCha8Rng::seed_from_u64(0));
    let (mut training, mut test) = (data.select(&training), data.select(&test));
    let standardize = Standardize::fit(&training.x);
    (training.x, test.x) = (standardize.apply(&training.x), standardize.apply(&test.x));

    let mut charts = ["Gradient δ of each layer, at the start", "At the end"]
        .map(|title| Chart::new(title).axes("layer", "root mean square").log_y());
    let mut losses = Chart::new("Loss").axes("epoch", "cross-entropy");
    let mut results = Vec::new();
    let usual = Init::Uniform(1.0 / (WIDTH as f64).sqrt()); // as PyTorch draws the weights of a linear layer
    let networks = [
        ("without skips", false, usual),
        ("with skips", true, usual),
        ("without, orthogonal", false, Init::Orthogonal(1.0)),
    ];
    for (name, skips, init) in networks {
        let mut net = network(depth, skips, init);
        println!("{depth} layers {name}, before training:\n\n{}\n", examine(&net, &training));
        let delta = |net: &Mlp<f32>| -> Vec<(f64, f64)> {
            let layers = examine(net, &training).layers;
            (1..).map(f64::from).zip(layers.iter().map(|layer| layer.delta.unwrap_or(0.0))).collect()
        };
        charts[0] = charts[0].clone().line(name, delta(&net));
        let curve = train(&mut net, &training, epochs);
        charts[1] = charts[1].clone().line(name, delta(&net));
        losses = losses.curve(name, &curve);
        results.push((name, curve[curve.len() - 1], right(&net, &test), right(&net, &training)));
    }

    println!("after {epochs} epochs of Adam:");
    for (name, loss, test, training) in &results {
        let [training, test] = [training, test].map(|right| 100.0 * right);
        println!("  {name:<19}  loss {loss:.4}, accuracy {training:.1} % in training, {test:.1} % in test");
    }
    let path = options.out.join("skips.svg");
    let [before, after] = charts;
    Figure::new().with(before).with(losses).with(after).save(&path)?;
    println!();
    wrote(&path, "gradients by layer before and after training, and the loss");
    assert!(results[0].2 < 0.3 && results[1].2 > 0.7, "{results:?}");
    Ok(())
}
