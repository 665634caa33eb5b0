//! Training: a [`Trainer`], and the building blocks for your own loop.
//!
//! ```
//! use nn::data::Dataset;
//! use nn::loss::CrossEntropy;
//! use nn::train::{Trainer, accuracy};
//! use nn::{Activation, Adam, Matrix, Mlp};
//! # use rand::SeedableRng;
//! # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(1);
//! let x = Matrix::from_fn(2, 200, |i, n| ((n * (7 + 4 * i)) % 20) as f32 / 10.0 - 1.0);
//! let t = (0..200).map(|n| usize::from(x[(0, n)] * x[(1, n)] > 0.0)).collect();
//! let data = Dataset::new(x, t);
//!
//! let mut net = Mlp::new(&[2, 16, 2], Activation::Tanh, rng);
//! let trained = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.02))
//!     .epochs(40)
//!     .hold_out(0.1)
//!     .metric("accuracy", accuracy)
//!     .fit(&mut net, &data)?;
//! assert!(trained.history.last("validation_accuracy") > Some(0.9));
//! # Ok::<(), nn::train::TrainError>(())
//! ```
//!
//! The inputs need not be one matrix. A trainer [with a loss](Trainer::with_loss) takes any [`Model`](crate::Model), for example of series of
//! different lengths or of several matrices, on [`Samples`](crate::data::Samples). If that is not enough, a loss is any function of a
//! model and a batch, and a batch is whatever the [data](Batches) returns:
//!
//! ```
//! # use nn::{Activation, Adam, Layer, Matrix, Mlp, Reduction, data::Dataset, loss, train::Trainer};
//! # use rand::SeedableRng;
//! # let mut net = Mlp::new(&[1, 4, 1], Activation::Tanh, &mut rand::rngs::ChaCha8Rng::seed_from_u64(1));
//! # let data = Dataset::new(Matrix::row(&[0.0, 1.0]), Matrix::row(&[0.0, 1.0]));
//! let penalised = Trainer::new(
//!     |tape, net: &Mlp<f64>, (x, t): &(Matrix<f64>, Matrix<f64>)| {
//!         let error = loss::mse(net.forward(tape.constant(x)), tape.constant(t), Reduction::Mean);
//!         error + tape.param(&net.layers[0].weight).square().sum() * 1e-3
//!     },
//!     Adam::new(0.01),
//! )
//! .fit(&mut net, &data)?;
//! assert_eq!(penalised.history.epochs(), 100);
//! # Ok::<(), nn::train::TrainError>(())
//! ```
//!
//! # A training loop
//!
//! Your own loop can do everything that a trainer does:
//!
//! ```
//! # use nn::{Activation, Adam, Layer, Matrix, Mlp, Optimizer, Reduction, Tape, data::{Dataset, Sampler}, loss};
//! # use rand::{RngExt, SeedableRng};
//! # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(1);
//! # let mut net = Mlp::new(&[1, 4, 1], Activation::Tanh, rng);
//! # let data = Dataset::new(Matrix::row(&[0.0, 1.0]), Matrix::row(&[0.0, 1.0]));
//! let (adam, sampler) = (Adam::new(0.01), Sampler::shuffled(data.len(), 32, 1));
//! let mut state = adam.init(&net);
//! for epoch in 0..20 {
//!     for batch in sampler.epoch(epoch) {
//!         let (x, t) = data.batch(&batch);
//!         let tape = Tape::training(rng.random());
//!         let loss = loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
//!         let grads = loss.backward();
//!         adam.step(&mut net, &grads, &mut state);
//!     }
//! }
//! ```
//!
//! [`Parallel`](crate::parallel::Parallel) computes the gradients of a batch on all cores, and [`History`] stores and writes
//! the measurements.
//!
//! # The same bits
//!
//! The results of a run depend only on the seed, the data and the initial weights. The order of the samples is a function of the seed and
//! the epoch. The random numbers of a step are a function of the seed and the number of the step. The way in which a batch is split does
//! not depend on the number of threads.
//!
//! The following results are equal to the bit, for one version of this crate and one compiler:
//!
//! | what | on |
//! |---|---|
//! | everything | processors of one model under one system, on any number of threads |
//! | random numbers, orders of samples, splits; sums; +, −, ×, ÷, √; `exp`, `ln`, `tanh`, σ, erf and functions made of them | every processor |
//! | products of matrices whose rows are a multiple of 16 with a side of at most 32, and those of at least 2²⁷ multiplications | processors with fused multiply-adds: AVX2, AVX-512 or Neon |
//! | other products; factorisations, eigenvalues, determinants | processors of one model only, because faer's block sizes depend on the vectors and caches |
//! | sine, cosine, tangent, their inverses, the hyperbolic functions except tanh, powers, cube roots, logarithms to other bases | systems with one C library |
//!
//! Most runs use products of the fourth row. L-BFGS does too, and its steps depend on the losses. A checkpoint therefore stores four
//! properties of the program and machine that wrote it: the version of this crate, the operating system, the architecture of the processor
//! and the width of its vectors. If one of these four differs, the resumed run has a warning. Other differences are not detected, such as
//! another model of processor with vectors of the same width, another compiler or another C library.
//!
//! A run that was stopped, or killed at any moment, resumes from its last [checkpoint](Trainer::checkpoint) and ends with the same bits
//! as an uninterrupted run. Files are replaced atomically:
//!
//! ```
//! # use nn::{Activation, Adam, Matrix, Mlp, data::Dataset, loss::Loss, train::{Trainer, End}};
//! # use rand::SeedableRng;
//! # use std::ops::ControlFlow::{Break, Continue};
//! # let data = Dataset::new(Matrix::from_fn(1, 64, |_, n| n as f64), Matrix::from_fn(1, 64, |_, n| (n % 2) as f64));
//! # let path = std::env::temp_dir().join(format!("nn-train-{}.checkpoint", std::process::id()));
//! let new = || Mlp::new(&[1, 4, 1], Activation::Tanh, &mut rand::rngs::ChaCha8Rng::seed_from_u64(1));
//! let trainer = || Trainer::with_loss(Loss::Mse, Adam::new(0.01)).epochs(10);
//! let mut whole = new();
//! trainer().fit(&mut whole, &data)?;
//!
//! let mut net = new();
//! let stop = |at: &nn::train::Progress<'_>, _: &_| if at.step == 13 { Break(()) } else { Continue(()) };
//! let stopped = trainer().checkpoint(&path).on_step(stop).fit(&mut net, &data)?;
//! assert_eq!(stopped.end, End::Callback);
//! let mut net = new(); // in another process, another day
//! trainer().checkpoint(&path).resume().fit(&mut net, &data)?;
//! assert_eq!(net, whole);
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), nn::train::TrainError>(())
//! ```

mod answers;
mod batches;
mod begin;
#[cfg(feature = "save")]
mod believed;
mod bits;
#[cfg(feature = "tensorboard")]
mod board;
#[cfg(not(feature = "tensorboard"))]
#[path = "boardless.rs"]
mod board;
mod callback;
#[cfg(feature = "save")]
mod checkpoint;
#[cfg(not(feature = "save"))]
#[path = "unsaved.rs"]
mod checkpoint;
mod config;
mod curves;
mod device;
mod error;
mod history;
#[cfg(feature = "interrupt")]
mod interrupt;
mod objective;
mod plan;
mod planned;
mod progress;
mod ranked;
mod run;
mod stages;
mod steps;
mod task;
mod trainer;
mod with_loss;

pub use answers::{AsTarget, Given, accuracy, predict};
pub use batches::Batches;
pub use callback::{Callback, Progress};
pub use device::{DeviceFound, DevicePart, DeviceRun, DeviceShares, DeviceStep, TrainDevice};
pub use error::TrainError;
pub use history::History;
pub use run::{End, Trained};
#[cfg(feature = "csv")]
pub(crate) use steps::stream;
pub use trainer::Trainer;
