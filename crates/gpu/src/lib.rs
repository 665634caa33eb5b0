//! Training steps on a GPU, by Vulkan or Metal, in safe code.
//!
//! A step that is recorded once is a [plan](autograd::Plan): lists of terms whose operands have fixed places. This crate writes them as
//! shaders. Weights, moments of the optimizer, values and gradients stay on the device. Only the batch goes up, and the loss comes back.
//!
//! ```no_run
//! use gpu::Device;
//! use nn::data::Dataset;
//! use nn::loss::CrossEntropy;
//! use nn::train::Trainer;
//! use nn::{Activation, Adam, Matrix, Mlp};
//! # use nn::rand::{SeedableRng, rngs::ChaCha8Rng};
//! # let data = Dataset::new(Matrix::from_fn(2, 64, |i, n| (n * (i + 2) % 7) as f32), (0..64).map(|n| n % 2).collect::<Vec<_>>());
//! let device = Device::new()?;
//! let mut net = Mlp::new(&[2, 64, 2], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(0));
//! Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.01)).device(device).fit(&mut net, &data)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [checkpoint](nn::train::Trainer::checkpoint) of such a run is the same file as without a device, so a run moves between processor and GPU.
//!
//! # Your own loop
//!
//! ```
//! use gpu::{Device, OnDevice, Weights};
//! use nn::{Adam, Matrix, Optimizer, Param, Tape};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let Ok(device) = Device::new() else { return Ok(()) };
//! let mut w = Param::new(Matrix::from([[0.0f32, 0.0]]));
//! let x = Matrix::from([[1.0, 2.0, 3.0], [1.0, 0.0, -1.0]]);
//! let t = Matrix::row(&[2.0, 1.0, 0.0]);
//! let plan = {
//!     let tape = Tape::new();
//!     let (x, t) = (tape.constant(&x), tape.constant(&t));
//!     tape.param(&w).matmul(x).squared_error(t).mean().plan(&[x, t])?
//! };
//! let adam = Adam::new(0.1);
//! let mut state = adam.init(&w);
//! let weights = Weights::new(&device, &w, &adam, &mut state)?;
//! let mut step = plan.on(&weights)?;
//! for k in 0..200 {
//!     step.run(&adam, k, &[x.view(), t.view()], &[], None)?;
//! }
//! assert!(step.loss()? < 1e-3);
//! weights.read_into(&mut w, &mut state)?;
//! assert!((w.value()[(0, 0)] - 0.5).abs() < 0.1 && (w.value()[(0, 1)] - 1.5).abs() < 0.1);
//! # Ok(())
//! # }
//! ```
//!
//! # How a plan becomes shaders
//!
//! - The formulas of the table of elementwise functions, their slopes, and the formulas of optimizers are generic in the number. A number
//!   that writes itself as WGSL makes shaders of them. exp, ln, tanh, erf and their relatives have the constants and the methods of the
//!   processor's formulas.
//! - Neighbouring terms that are computed entry by entry share a kernel, which does not read again what it has just computed. It may begin
//!   with a product: W x + b and its activation are one kernel.
//! - Other kernels are sums, softmax and its relatives, maxima, cumulative sums, norms and cross-entropies. One kernel updates all weights.
//! - No kernel uses atomics, and the order of every sum depends only on shapes. So a run gives the same bits every time on one device and
//!   driver. It differs from the processor by rounding.
//!
//! # What runs
//!
//! - Every op of a tape. Comparisons that a program branches on, custom rules, checkpoints and linear algebra are errors that name the
//!   op and its line.
//! - [`Sgd`](nn::Sgd), [`Momentum`](nn::Momentum), [`Adam`](nn::Adam) in all its forms, with decays, `clip_value`, groups and frozen
//!   parameters. Other optimizers, `clip_norm` and `skip_not_finite` are errors.
//! - `f32`, and `f64` where the device has it, as Mesa's lavapipe and most cards do.
//! - Random numbers, as those of dropout, are the same as without a device: the processor draws them and copies them up.
//!
//! Weights, each moment, values and derivatives are one buffer each. The device limits its size, lavapipe to 128 MiB and most cards to
//! 4 GiB. A larger one is an error that says by how much.
//!
//! Mesa's lavapipe acts as a GPU (on Debian `mesa-vulkan-drivers`). Without any device the tests are skipped with a message, or fail if
//! the variable `TAPE_GPU` is set.

mod along;
mod device;
mod error;
mod fused;
mod kernels;
mod number;
mod prelude;
mod product;
mod step;
mod sums;
mod tasks;
#[cfg(test)]
mod tests;
mod trainer;
mod update;
mod weights;

pub use device::Device;
pub use error::GpuError;
pub use step::{OnDevice, Step};
pub use weights::{Number, Weights};
