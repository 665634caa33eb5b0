//! The seven training steps, their weights and their data: the same numbers for every implementation in this benchmark.
//!
//! Columns are samples: inputs are features × batch, weights outputs × inputs, all column-major.

use autograd::{Float, Real};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// Tiny, so that the fixed batch is never memorized and no gradient becomes subnormal.
pub const LEARNING_RATE: f64 = 1e-6;

/// The names of all workloads.
pub const NAMES: [&str; 7] = ["xor", "digits", "mnist", "tanh", "wide", "resid", "rnn"];

/// A training step: forward, mean loss, backward, Adam.
pub trait Step {
    /// Updates every parameter and returns the mean loss before the update.
    fn step(&mut self) -> f64;
}

/// A network and the batch it is trained on.
#[derive(Clone, Debug)]
pub struct Workload {
    pub network: Network,
    pub loss: Loss,
    pub batch: usize,
}

#[derive(Clone, Debug)]
pub enum Network {
    /// Dense layers with the activation between them.
    Mlp { sizes: Vec<usize>, activation: Activation },
    /// `depth` blocks h ← h + tanh(W h + b), then a dense layer to `outputs`.
    Residual { width: usize, depth: usize, outputs: usize },
    /// h ← tanh(W h + U xₜ + b) from h = 0 with the same W, U, b at every time, then a dense layer to `outputs`.
    Recurrent { inputs: usize, width: usize, times: usize, outputs: usize },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    Relu,
    Tanh,
}

/// A mean over the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    SoftmaxCrossEntropy,
    SquaredError,
}

/// A fixed batch.
#[derive(Clone, Debug)]
pub struct Data<T> {
    /// features × batch; for a recurrent network features × (batch · time steps), the batch of one time step after the other.
    pub inputs: Vec<T>,
    pub targets: Targets<T>,
}

#[derive(Clone, Debug)]
pub enum Targets<T> {
    /// A class per sample, for the softmax cross-entropy.
    Classes(Vec<usize>),
    /// outputs × batch, for the squared error.
    Values(Vec<T>),
}

/// The workload with this name.
pub fn workload(name: &str) -> Workload {
    use Activation::{Relu, Tanh};
    use Loss::{SoftmaxCrossEntropy, SquaredError};
    let mlp = |sizes: &[usize], activation| Network::Mlp { sizes: sizes.to_vec(), activation };
    let (network, loss, batch) = match name {
        "xor" => (mlp(&[2, 8, 1], Tanh), SquaredError, 4),
        "digits" => (mlp(&[64, 128, 10], Relu), SoftmaxCrossEntropy, 100),
        "mnist" => (mlp(&[784, 256, 128, 10], Relu), SoftmaxCrossEntropy, 128),
        "tanh" => (mlp(&[784, 1024, 1024, 10], Tanh), SoftmaxCrossEntropy, 256),
        "wide" => (mlp(&[1024, 4096, 4096, 1000], Relu), SoftmaxCrossEntropy, 512),
        "resid" => (Network::Residual { width: 64, depth: 50, outputs: 10 }, SoftmaxCrossEntropy, 100),
        "rnn" => (Network::Recurrent { inputs: 8, width: 32, times: 100, outputs: 1 }, SquaredError, 32),
        _ => panic!("unknown workload {name:?}, expected one of {NAMES:?}"),
    };
    Workload { network, loss, batch }
}

impl Network {
    /// Rows and columns of the parameters, layer by layer: W, b, W, b, …; for a recurrent network W, b, U, then the head.
    pub fn shapes(&self) -> Vec<(usize, usize)> {
        let dense = |inputs, outputs| [(outputs, inputs), (outputs, 1)];
        match *self {
            Network::Mlp { ref sizes, .. } => sizes.windows(2).flat_map(|s| dense(s[0], s[1])).collect(),
            Network::Residual { width, depth, outputs } => {
                let blocks = std::iter::repeat_n(dense(width, width), depth);
                blocks.chain([dense(width, outputs)]).flatten().collect()
            }
            Network::Recurrent { inputs, width, outputs, .. } => {
                [&dense(width, width)[..], &[(width, inputs)], &dense(width, outputs)].concat()
            }
        }
    }

    /// Rows and columns of the inputs for this batch, and the rows of the outputs.
    fn sizes(&self, batch: usize) -> (usize, usize, usize) {
        match *self {
            Network::Mlp { ref sizes, .. } => (sizes[0], batch, sizes[sizes.len() - 1]),
            Network::Residual { width, outputs, .. } => (width, batch, outputs),
            Network::Recurrent { inputs, times, outputs, .. } => (inputs, batch * times, outputs),
        }
    }
}

/// Rows, columns and values of every parameter in the order of [`Network::shapes`]:
/// weights uniform in ±1/√inputs, biases zero.
pub fn weights<T: Real>(workload: &Workload, seed: u64) -> Vec<(usize, usize, Vec<T>)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let uniform = |(m, n): (usize, usize)| {
        let bound = if n == 1 { 0.0 } else { 1.0 / (n as f64).sqrt() };
        (m, n, (0..m * n).map(|_| Float::from_f64(bound * rng.random_range(-1.0..1.0))).collect())
    };
    workload.network.shapes().into_iter().map(uniform).collect()
}

/// Standard normal inputs; uniform classes or standard normal values as targets.
pub fn data<T: Real>(workload: &Workload, seed: u64) -> Data<T> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1); // independent of the weights
    let (features, columns, outputs) = workload.network.sizes(workload.batch);
    let inputs = normal(features * columns, &mut rng);
    let targets = match workload.loss {
        Loss::SoftmaxCrossEntropy => {
            Targets::Classes((0..workload.batch).map(|_| rng.random_range(0..outputs)).collect())
        }
        Loss::SquaredError => Targets::Values(normal(outputs * workload.batch, &mut rng)),
    };
    Data { inputs, targets }
}

fn normal<T: Real>(n: usize, rng: &mut impl Rng) -> Vec<T> {
    (0..n).map(|_| Float::from_f64(StandardNormal.sample(rng))).collect()
}
