//! Memory: the adding problem (Hochreiter & Schmidhuber, "Long short-term memory", 1997, §5.4). Two of many random
//! numbers are marked, far apart. After the last number the network must output the sum of the two.
//!
//! ```text
//! cargo run --release --example sequence
//! cargo run --release --example sequence -- --steps 50 --length 20 --out out/sequence
//! ```
//!
//! All networks are trained in the same way, by Adam with an initial α of 0.01. A run is one draw of weights and sequences, and `--seed`
//! makes another. If a network is bad here, this training does not teach it the task; other training may.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use autograd::hstack;
use nn::plot::Chart;
use nn::{
    Activation, Adam, Hyperparameters, Init, Layer, Linear, Matrix, Mlp, Module, Optimizer, Reduction, Tape, Var, loss,
};
use nn::{Gru, Lstm, Recurrent, RecurrentLayer, RecurrentRule, Rnn};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tape_examples::wrote;

const HIDDEN: usize = 32;
const BATCH: usize = 32;
/// The variance of the sum of two numbers from [0, 1): the error of always answering 1.
const IGNORANT: f64 = 1.0 / 6.0;

/// Sequences of different lengths, padded with zeros.
struct Sequences {
    /// A number and its mark, 2 × batch, at every step.
    xs: Vec<Matrix<f32>>,
    lengths: Vec<usize>,
    /// 1 × batch.
    sums: Matrix<f32>,
}

/// Lengths between half of `longest` and `longest`. One mark is in the first half of a sequence, one in the second.
fn sequences(longest: usize, batch: usize, rng: &mut ChaCha8Rng) -> Sequences {
    let mut xs = vec![Matrix::zeros(2, batch); longest];
    let mut sums = Matrix::zeros(1, batch);
    let lengths: Vec<usize> =
        (0..batch).map(|_| rng.random_range(longest.div_ceil(2).max(2)..=longest.max(2))).collect();
    for (j, &length) in lengths.iter().enumerate() {
        let marked = [rng.random_range(0..length / 2), rng.random_range(length / 2..length)];
        for (t, x) in xs[..length].iter_mut().enumerate() {
            x[(0, j)] = rng.random();
            if marked.contains(&t) {
                x[(1, j)] = 1.0;
                sums[(0, j)] += x[(0, j)];
            }
        }
    }
    Sequences { xs, lengths, sums }
}

/// A network that reads a sequence and outputs one number.
trait Reader: Module<f32> {
    fn read<'t>(&'t self, xs: &[Var<'t, f32>], lengths: &[usize]) -> Var<'t, f32>;
}

/// The sum, from the state after the last step.
#[derive(Module)]
struct Remembering<R> {
    cell: RecurrentLayer<f32, R>,
    head: Linear<f32>,
}

impl<R: RecurrentRule<f32> + 'static> Remembering<R> {
    fn boxed(cell: RecurrentLayer<f32, R>, rng: &mut ChaCha8Rng) -> Box<dyn Reader> {
        let head = Linear::new(cell.hidden(), 1, Init::Xavier, rng);
        Box::new(Remembering { cell, head })
    }
}

impl<R: RecurrentRule<f32>> Reader for Remembering<R> {
    fn read<'t>(&'t self, xs: &[Var<'t, f32>], lengths: &[usize]) -> Var<'t, f32> {
        let (_, state) = self.cell.run_padded(xs, lengths, None);
        self.head.forward(state.as_ref()[0])
    }
}

/// The sum, from the last step only, which is at a different time in each sequence.
#[derive(Module)]
struct Memoryless(Mlp<f32>);

impl Reader for Memoryless {
    fn read<'t>(&'t self, xs: &[Var<'t, f32>], lengths: &[usize]) -> Var<'t, f32> {
        let last: Vec<usize> = lengths.iter().enumerate().map(|(j, length)| (length - 1) * lengths.len() + j).collect();
        self.0.forward(hstack(xs).select_columns(&last))
    }
}

fn error<'t>(net: &'t dyn Reader, tape: &'t Tape<'t, f32>, data: &'t Sequences) -> Var<'t, f32> {
    let xs: Vec<_> = data.xs.iter().map(|x| tape.constant(x)).collect();
    loss::mse(net.read(&xs, &data.lengths), tape.constant(&data.sums), Reduction::Mean)
}

/// Trains on the same sequences for every network; returns the mean error of every 25 steps.
fn train(net: &mut dyn Reader, options: &Options) -> Vec<(f64, f64)> {
    let rng = &mut ChaCha8Rng::seed_from_u64(options.seed);
    let mut adam = Adam::new(0.0).with().clip_norm(1.0);
    let mut state = adam.init(&*net);
    let mut errors = Vec::new();
    for step in 0..options.steps {
        let data = sequences(options.length, BATCH, rng);
        let tape = Tape::new();
        let error = error(net, &tape, &data);
        errors.push(f64::from(error.item()));
        let grads = error.backward();
        adam.set_lr(0.01 * (1.0 - step as f64 / options.steps as f64));
        adam.step(net, &grads, &mut state);
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    errors.chunks(25).enumerate().map(|(k, part)| ((25 * k) as f64 + 0.5 * part.len() as f64, mean(part))).collect()
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let rng = &mut ChaCha8Rng::seed_from_u64(options.seed + 1);
    let mut nets: [(&str, Box<dyn Reader>); 4] = [
        ("no memory", Box::new(Memoryless(Mlp::new(&[2, HIDDEN, 1], Activation::Tanh, rng)))),
        ("Rnn", Remembering::boxed(Rnn::new(2, HIDDEN, rng), rng)),
        ("Gru", Remembering::boxed(Gru::new(2, HIDDEN, rng), rng)),
        ("Lstm", Remembering::boxed(Lstm::new(2, HIDDEN, rng).with_forget_bias(1.0), rng)),
    ];
    let Options { steps, length, .. } = *options;
    let test = |length| sequences(length, 1000, &mut ChaCha8Rng::seed_from_u64(options.seed + 2));
    let (usual, longer) = (test(length), test(2 * length));

    println!("The sum of two marked numbers among {} to {length}: mean squared error", length.div_ceil(2));
    println!("{steps} steps of {BATCH} sequences; always answering 1 has the error {IGNORANT:.4}\n");
    println!("{:10} {:>10} {:>10} {:>14} {:>8}", "", "parameters", "new data", "twice as long", "time");
    let mut chart = Chart::new("The adding problem").axes("step", "squared error").log_y();
    for (name, net) in &mut nets {
        let start = Instant::now();
        chart = chart.line(name, train(&mut **net, options));
        let seconds = start.elapsed().as_secs_f64();
        let [new, long] = [&usual, &longer].map(|data| {
            let tape = Tape::new();
            error(&**net, &tape, data).item()
        });
        println!("{name:10} {:>10} {new:>10.4} {long:>14.4} {seconds:>6.1} s", net.count_params());
    }
    let chart = chart.dashed("always 1", [(0.0, IGNORANT), (steps as f64, IGNORANT)]);
    let file = options.out.join("errors.svg");
    chart.save(&file)?;
    println!();
    wrote(&file, "the error of each network by step");
    Ok(())
}

struct Options {
    steps: usize,
    length: usize,
    seed: u64,
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let number = |name: &str, usual: usize| option(name).map_or(Ok(usual), |text| text.parse());
    run(&Options {
        steps: number("--steps", 2000)?,
        length: number("--length", 50)?,
        seed: number("--seed", 1)? as u64,
        out: option("--out").map_or("out/sequence".into(), PathBuf::from),
    })
}
