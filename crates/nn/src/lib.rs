//! Neural networks on the tape of [`autograd`].
//!
//! A model is plain data: a struct of layers that derives [`Module`]. A loss is recorded on a [`Tape`], its gradients
//! are owned, an [`Optimizer`] is a struct of hyperparameters with a state of its own. A step reads as it is meant:
//!
//! ```
//! use nn::prelude::*;
//!
//! let x = Matrix::from([[0.0f32, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]); // columns are samples
//! let t = Matrix::row(&[0.0f32, 1.0, 1.0, 0.0]);
//!
//! let mut model = Mlp::new(&[2, 8, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
//! let adam = Adam::new(0.05);
//! let mut state = adam.init(&model);
//! let mut error = 0.0;
//! for _ in 0..200 {
//!     let tape = Tape::new();
//!     let loss = loss::mse(model.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
//!     error = loss.item();
//!     let grads = loss.backward();
//!     adam.step(&mut model, &grads, &mut state);
//! }
//! assert!(error < 1e-2, "exclusive or is learnt");
//! ```

// The text links to what the features of the default add.
#![cfg_attr(not(all(feature = "csv", feature = "safetensors")), allow(rustdoc::broken_intra_doc_links))]

extern crate self as nn;

mod atomic;
pub mod coming_from;
pub mod data;
pub mod diagnose;
mod ema;
pub mod estimator;
mod gradients;
pub mod init;
mod layer;
pub mod lecture;
pub mod loss;
pub mod metrics;
mod module;
mod optim;
pub mod parallel;
#[cfg(feature = "save")]
pub mod persist;
#[cfg(feature = "plot")]
pub mod plot;
pub mod prelude;
pub mod regions;
pub mod schedule;
mod setting;
pub mod train;
mod weights;

// A program that depends on this crate alone finds the others here.
pub use {autograd, rand};

pub use autograd::{
    Axis, Float, Gradients, Leaf, Matrix, MatrixRef, Param, Real, Role, Tape, Var, Wrt, affine, grad, gradient,
    value_and_gradient,
};
pub use diagnose::{Diagnosis, diagnose, diagnose_step};
pub use ema::Ema;
pub use gradients::{GradientSum, ParamGradients};
pub use init::{Fan, Init, Law};
pub use layer::{
    Activation, AnyLayer, BatchNorm, DenseBlock, Dropout, LayerNorm, Linear, Mlp, MlpBuilder, Norm, NormLayer, PRelu,
    Residual, RmsNorm, Sequential, Shortcut,
};
pub use layer::{
    Bidirectional, Embedding, Gates, Gru, GruRule, Lstm, LstmRule, Recurrent, RecurrentLayer, RecurrentRule, Rnn,
    RnnRule, Tied, TiedAutoencoder, torch_name,
};
pub use loss::Reduction;
pub use module::{Axes, Kind, Layer, Module, Path};
pub use optim::{
    Adadelta, Adagrad, Adam, Adamax, Group, Lbfgs, LbfgsReport, LineSearch, Lion, Momentum, NAdam, Optimizer, RAdam,
    RmsProp, Rprop, Rules, Sgd, State, StateError, Step, Stop, With, gradient_norm,
};
#[cfg(feature = "save")]
pub use persist::{LoadError, SaveError, load, save};
#[cfg(feature = "safetensors")]
pub use persist::{load_safetensors, save_safetensors};
