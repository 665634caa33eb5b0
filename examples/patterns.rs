//! Which of two patterns does a noisy series contain? A convolution and self-attention, written by hand from products of matrices, against
//! an LSTM and the best possible answer.
//!
//!     cargo run --release --example patterns -- [epochs]
//!
//! A series is a matrix with one column for each time. Series have different lengths, so the network runs on each of them separately, and
//! nothing is padded or masked. The LSTM runs on all series of a batch at once.

use nn::metrics::{self, answers};
use nn::prelude::*;
use nn::schedule::Cosine;
use nn::train::TrainError;
use std::time::Instant;

const PATTERNS: [[f64; 6]; 2] = [[0.8, 1.6, 0.8, -0.8, -1.6, -0.8], [-0.8, -1.6, -0.8, 0.8, 1.6, 0.8]];
/// The number of features of each time within the networks.
const WIDTH: usize = 12;

/// Series of different lengths, each 1 × length.
type Series = Vec<Matrix<f64>>;

/// Noise of 12 to 30 times, to which one of the patterns is added somewhere, and the number of the pattern.
fn draw(count: usize, rng: &mut ChaCha8Rng) -> Samples<Series> {
    let series = |k: usize| {
        let (length, class) = (rng.random_range(12..=30), k % 2);
        let start = rng.random_range(0..=length - 6);
        let mut x = Init::Normal(0.5).sample(1, length, rng);
        for (k, p) in PATTERNS[class].iter().enumerate() {
            x[(0, start + k)] += p;
        }
        (x, class)
    };
    (0..count).map(series).collect()
}

/// Y = Σₖ Wₖ X(k) + b, where X(k) has the columns of X from k on: a product of (W₀ W₁ …) with the windows of X.
#[derive(Module)]
struct Convolution {
    linear: Linear<f64>,
    #[module(skip)]
    taps: usize,
}

impl Convolution {
    fn new(inputs: usize, outputs: usize, taps: usize, rng: &mut ChaCha8Rng) -> Self {
        let linear = Linear::new(inputs * taps, outputs, Init::He, rng);
        Convolution { linear, taps }
    }
}

impl Layer<f64> for Convolution {
    fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
        self.linear.forward(x.windows(self.taps))
    }
}

/// V softmax(Kᵀ Q / √d), a weighted mean of the values for each time (Vaswani et al., "Attention is all you need", 2017).
#[derive(Module)]
struct Attention {
    q: Linear<f64>,
    k: Linear<f64>,
    v: Linear<f64>,
}

impl Layer<f64> for Attention {
    fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
        let [q, k, v] = [&self.q, &self.k, &self.v].map(|linear| linear.forward(x));
        let scores = k.matmul_tn(q) / (WIDTH as f64).sqrt();
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
        let mut linear = |outputs| Linear::new(WIDTH, outputs, Init::TorchLinear, rng);
        let [q, k, v] = [(); 3].map(|()| linear(WIDTH));
        Attending {
            convolution,
            attention: Attention { q, k, v },
            norm: LayerNorm::new(WIDTH),
            dropout: Dropout::new(0.1),
            output: linear(2),
        }
    }
}

/// One series, 1 × length → 2 × 1.
impl Layer<f64> for Attending {
    fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
        let z = self.convolution.forward(x).relu();
        let z = z + x.tape().constant(positions(z.cols()));
        let attended = self.dropout.forward(self.attention.forward(z));
        let z = self.norm.forward(z + attended).relu();
        let mean = z.mean_over(Axis::Cols);
        self.output.forward(self.dropout.forward(mean))
    }
}

#[derive(Module)]
struct Remembering {
    lstm: Lstm<f64>,
    dropout: Dropout,
    output: Linear<f64>,
}

/// All series at once.
impl Model<f64, Series> for Remembering {
    fn predictions<'t>(&'t self, tape: &'t Tape<'t, f64>, x: &'t Series) -> Var<'t, f64> {
        let (_, [h, _]) = self.lstm.run_sequences(tape, x);
        self.output.forward(self.dropout.forward(h))
    }
}

/// Returns the accuracy on the test set.
fn train<M: Model<f64, Series> + Send + Sync>(
    name: &str,
    mut net: M,
    [data, test]: [&Samples<Series>; 2],
    epochs: usize,
    lr: f64,
) -> Result<f64, TrainError> {
    let start = Instant::now();
    let steps = (epochs * data.len().div_ceil(20)) as u64;
    let cosine = Cosine::new(lr, lr / 100.0, steps * 9 / 10);
    let adam = Adam::new(lr).with().clip_norm(1.0);
    let trained = Trainer::with_loss(CrossEntropy::default().into(), adam)
        .epochs(epochs)
        .batch(20)
        .schedule(cosine.warmup(steps / 10))
        .metric("accuracy", accuracy)
        .watch("train", data)
        .watch("test", test)
        .print_every(epochs.div_ceil(5))
        .fit(&mut net, data)?;
    println!("{name}: {} weights, {:.1?}", net.count_params(), start.elapsed());
    Ok(trained.history["test_accuracy"][epochs - 1])
}

fn main() -> Result<(), TrainError> {
    let epochs = std::env::args().nth(1).map_or(20, |arg| arg.parse().expect("the number of epochs"));
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let (data, test) = (draw(600, rng), draw(400, rng));

    let conv = Convolution::new(2, 3, 4, rng);
    let x = Init::Normal(1.0).sample(2, 9, rng);
    let w = conv.linear.weight.value();
    let definition = |o, t| (0..8).map(|j| w[(o, j)] * x[(j % 2, t + j / 2)]).sum();
    assert!((predict(&conv, &x) - Matrix::from_fn(3, 6, definition)).norm() < 1e-12);
    check_model(&Attending::new(rng), &data.x[0], |tape, net, x| net.forward(tape.constant(x)));

    let attending = Each(Attending::new(rng));
    let attention = train("attention", attending, [&data, &test], epochs, 0.01)?;
    let remembering = Remembering {
        lstm: Lstm::new(1, WIDTH, rng),
        dropout: Dropout::new(0.1),
        output: Linear::new(WIDTH, 2, Init::TorchLinear, rng),
    };
    let lstm = train("LSTM", remembering, [&data, &test], epochs, 0.01)?;

    // The best answer knows both patterns, and chooses the one that correlates most with a part of the series.
    let tape = Tape::new();
    let patterns = tape.constant(Matrix::from(PATTERNS));
    let fit = |x| patterns.matmul(tape.constant(x).windows(6));
    let fits = test.x.iter().map(|x| fit(x).max_over(Axis::Cols));
    let known = answers(&hstack(&Vec::from_iter(fits)).value());
    let best = metrics::accuracy(&known, &test.t);
    println!("attention {attention:.3}, LSTM {lstm:.3}, knowing the patterns {best:.3}");
    Ok(())
}
