//! Which of two patterns does a noisy series contain? A convolution and self-attention, written by hand from products of matrices, against
//! an LSTM and the best possible answer.
//!
//!     cargo run --release --example patterns [-- --epochs 20]
//!
//! A series is a matrix with one column for each time. Series have different lengths, so the network runs on each of them separately, and
//! nothing is padded or masked. The LSTM runs on all series of a batch at once.

use clap::Parser;
use nn::loss::softmax_cross_entropy;
use nn::prelude::*;
use nn::schedule::Cosine;
use rand_distr::StandardNormal;

#[derive(Parser)]
struct Options {
    /// How often each network sees all series
    #[arg(long, default_value_t = 20)]
    epochs: u64,
}

const PATTERNS: [[f64; 6]; 2] = [[0.8, 1.6, 0.8, -0.8, -1.6, -0.8], [-0.8, -1.6, -0.8, 0.8, 1.6, 0.8]];
const NOISE: f64 = 0.5;
/// The number of features of each time within the networks.
const WIDTH: usize = 12;

struct Series {
    /// 1 × length.
    x: Matrix<f64>,
    class: usize,
}

/// Noise of 12 to 30 times, to which one of the patterns is added somewhere.
fn draw(count: usize, rng: &mut ChaCha8Rng) -> Vec<Series> {
    let series = |k: usize| {
        let (length, class) = (rng.random_range(12..=30), k % 2);
        let start = rng.random_range(0..=length - 6);
        let mut x = Matrix::from_fn(1, length, |_, _| NOISE * rng.sample::<f64, _>(StandardNormal));
        PATTERNS[class].iter().enumerate().for_each(|(k, p)| x[(0, start + k)] += p);
        Series { x, class }
    };
    (0..count).map(series).collect()
}

/// Y = Σₖ Wₖ X(k), where X(k) has the columns of X from k on: one product for each of the taps.
#[derive(Module)]
struct Convolution {
    taps: Vec<Param<f64>>,
    bias: Param<f64>,
}

impl Convolution {
    fn new(inputs: usize, outputs: usize, taps: usize, rng: &mut ChaCha8Rng) -> Self {
        let init = Init::Normal((2.0 / (inputs * taps) as f64).sqrt());
        let taps = (0..taps).map(|_| Param::new(init.sample(outputs, inputs, rng))).collect();
        Convolution { taps, bias: Param::new(Matrix::zeros(outputs, 1)) }
    }
}

impl Layer<f64> for Convolution {
    fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
        let (tape, length) = (x.tape(), x.cols() + 1 - self.taps.len());
        let tap = |(k, w)| (tape.param(w), x.columns(k..k + length));
        affine(&self.taps.iter().enumerate().map(tap).collect::<Vec<_>>(), Some(tape.param(&self.bias)))
    }
}

/// V softmax(Kᵀ Q / √d), a weighted mean of the values for each time (Vaswani et al., "Attention is all you need", 2017).
#[derive(Module)]
struct Attention {
    queries: Linear<f64>,
    keys: Linear<f64>,
    values: Linear<f64>,
}

impl Layer<f64> for Attention {
    fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
        let (q, k, v) = (self.queries.forward(x), self.keys.forward(x), self.values.forward(x));
        let scores = k.matmul_tn(q) / (q.rows() as f64).sqrt();
        v.matmul(scores.softmax(Axis::Rows))
    }
}

/// Sines and cosines of each time, from which attention learns the order (the same paper, section 3.5).
fn positions(length: usize) -> Matrix<f64> {
    Matrix::from_fn(WIDTH, length, |i, t| {
        let angle = t as f64 / 100f64.powf((i / 2 * 2) as f64 / WIDTH as f64);
        if i % 2 == 0 { angle.sin() } else { angle.cos() }
    })
}

/// A network that answers a batch of series by their logits, 2 × batch.
trait Classifier: Module<f64> {
    fn logits<'t>(&'t self, tape: &'t Tape<'t, f64>, batch: &[&'t Series]) -> Var<'t, f64>;
}

#[derive(Module)]
struct Attending {
    convolution: Convolution,
    attention: Attention,
    norm: LayerNorm<f64>,
    dropout: Dropout,
    output: Linear<f64>,
}

impl Attending {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        let convolution = Convolution::new(1, WIDTH, 5, rng);
        let mut linear = |outputs| Linear::new(WIDTH, outputs, Init::Xavier, rng);
        let attention = Attention { queries: linear(WIDTH), keys: linear(WIDTH), values: linear(WIDTH) };
        let (norm, dropout, output) = (LayerNorm::new(WIDTH), Dropout::new(0.1), linear(2));
        Attending { convolution, attention, norm, dropout, output }
    }
}

impl Layer<f64> for Attending {
    fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
        let z = self.convolution.forward(x).relu();
        let z = z + x.tape().constant(positions(z.cols()));
        let z = self.norm.forward(z + self.dropout.forward(self.attention.forward(z)));
        self.output.forward(self.dropout.forward(z.relu().mean_over(Axis::Cols)))
    }
}

impl Classifier for Attending {
    fn logits<'t>(&'t self, tape: &'t Tape<'t, f64>, batch: &[&'t Series]) -> Var<'t, f64> {
        hstack(&batch.iter().map(|series| self.forward(tape.constant(&series.x))).collect::<Vec<_>>())
    }
}

#[derive(Module)]
struct Remembering {
    lstm: Lstm<f64>,
    dropout: Dropout,
    output: Linear<f64>,
}

impl Classifier for Remembering {
    fn logits<'t>(&'t self, tape: &'t Tape<'t, f64>, batch: &[&'t Series]) -> Var<'t, f64> {
        let lengths: Vec<usize> = batch.iter().map(|series| series.x.cols()).collect();
        // The steps after the end of a series are not read.
        let at = |t: usize, n: usize| batch[n].x.as_slice().get(t).copied().unwrap_or(0.0);
        let step = |t| tape.constant(Matrix::from_fn(1, batch.len(), |_, n| at(t, n)));
        let steps: Vec<_> = (0..*lengths.iter().max().expect("a batch has series")).map(step).collect();
        let (_, [h, _]) = self.lstm.run_padded(&steps, &lengths, None);
        self.output.forward(self.dropout.forward(h))
    }
}

/// The share of series that are recognized.
fn accuracy(net: &impl Classifier, data: &[Series]) -> f64 {
    let (tape, all) = (Tape::new(), data.iter().collect::<Vec<_>>());
    let answers = nn::metrics::answers(&net.logits(&tape, &all).value());
    answers.iter().zip(data).filter(|(answer, series)| **answer == series.class).count() as f64 / data.len() as f64
}

fn train(net: &mut impl Classifier, data: &[Series], epochs: u64) {
    let sampler = Sampler::shuffled(data.len(), 20, 1);
    let steps = epochs * sampler.epoch(0).count() as u64;
    let schedule = Cosine { lr: 0.01, min: 1e-4, steps: steps * 9 / 10 }.warmup(steps / 10);
    let mut adam = Adam::new(0.01).with().clip_norm(1.0);
    let mut state = adam.init(net);
    for (step, indices) in (0..epochs).flat_map(|epoch| sampler.epoch(epoch)).enumerate() {
        let batch: Vec<&Series> = indices.iter().map(|&n| &data[n]).collect();
        let classes: Vec<usize> = batch.iter().map(|series| series.class).collect();
        let tape = Tape::training(step as u64);
        let grads = softmax_cross_entropy(net.logits(&tape, &batch), &classes, Reduction::Mean).backward();
        adam.set_lr(schedule.lr(step as u64));
        adam.step(net, &grads, &mut state);
    }
}

/// The accuracy of a classifier that knows both patterns and chooses the one that correlates most with a part of the series.
fn best_possible(data: &[Series]) -> f64 {
    let fit = |series: &Series, pattern: &[f64; 6]| {
        let products = |part: &[f64]| part.iter().zip(pattern).map(|(a, b)| a * b).sum::<f64>();
        series.x.as_slice().windows(6).map(products).fold(f64::NEG_INFINITY, f64::max)
    };
    let right = |series: &&Series| (fit(series, &PATTERNS[1]) > fit(series, &PATTERNS[0])) == (series.class == 1);
    data.iter().filter(right).count() as f64 / data.len() as f64
}

fn main() {
    let Options { epochs } = Options::parse();
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let (data, test) = (draw(600, rng), draw(400, rng));

    let mut attending = Attending::new(rng);
    println!("{}\n", attending.summary());
    train(&mut attending, &data, epochs);
    println!("convolution and attention  {:.3}", accuracy(&attending, &test));

    let output = Linear::new(WIDTH, 2, Init::Xavier, rng);
    let mut remembering = Remembering { lstm: Lstm::new(1, WIDTH, rng), dropout: Dropout::new(0.1), output };
    train(&mut remembering, &data, epochs);
    println!("LSTM                       {:.3}", accuracy(&remembering, &test));
    println!("knowing the patterns       {:.3}", best_possible(&test));
}
