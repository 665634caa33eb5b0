//! Neural networks on the tape of [`autograd`].
//!
//! A model is plain data: a struct of layers that derives [`Module`]. A loss is recorded on a [`Tape`], and its gradients
//! are owned. An [`Optimizer`] is a struct of hyperparameters with a separate state. A training loop looks like this:
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
//!
//! # Where things are
//!
//! | module | what is in it |
//! |---|---|
//! | [`prelude`] | what most programs import |
//! | [`module`] | the traits of models and layers; visiting, freezing and summarizing parameters |
//! | [`layer`] | layers: linear, recurrent, normalisations, dropout, skips, lists of them |
//! | [`init`] | initial weights |
//! | [`loss`], [`metrics`] | the losses that are minimised, and measures of predictions |
//! | [`optim`] | optimizers, with decay, clipping and groups of parameters; averages of weights |
//! | [`schedule`] | learning rates that change |
//! | [`data`] | tables, arrays, samples, and maps of features |
//! | [`train`], [`parallel`], [`ranks`] | the trainer, and batches that are split over cores and over machines |
//! | [`estimator`] | classifiers and regressors with scikit-learn's interface |
#![cfg_attr(
    feature = "solve",
    doc = "| [`least_squares`] | small networks fitted by Levenberg and Marquardt's method |"
)]
#![cfg_attr(feature = "save", doc = "| [`persist`] | files of models and runs |")]
#![cfg_attr(feature = "onnx", doc = "| [`onnx`] | models for other programs, and from them |")]
#![cfg_attr(feature = "tensorboard", doc = "| [`tensorboard`] | events that TensorBoard shows |")]
//! | [`diagnose`](mod@diagnose), [`regions`] | the problems of a network, and its linear regions |
#![cfg_attr(feature = "plot", doc = "| [`plot`] | pictures |")]
//! | [`guide`] | where lifetimes go, how to check gradients, save and resume, tables, images, sequences |
//! | [`lecture`], [`coming_from`] | the lecture item by item; the names of PyTorch, JAX and scikit-learn, and the corresponding names here |
//!
//! The items of the modules that a model is made of are re-exported at the root: `nn::Linear` is [`layer::Linear`], `nn::Adam` is
//! [`optim::Adam`]. The tape and its variables come from [`autograd`], which is a crate of its own.

// The documentation links to items of the default features.
#![cfg_attr(not(all(feature = "csv", feature = "safetensors")), allow(rustdoc::broken_intra_doc_links))]

extern crate self as nn;

mod atomic;
mod check;
pub mod coming_from;
pub mod data;
pub mod diagnose;
mod ema;
pub mod estimator;
mod gradients;
pub mod guide;
pub mod init;
pub mod layer;
#[cfg(feature = "solve")]
pub mod least_squares;
pub mod lecture;
pub mod loss;
pub mod metrics;
pub mod module;
mod nearest;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod optim;
pub mod parallel;
#[cfg(feature = "save")]
pub mod persist;
#[cfg(feature = "csv")]
pub mod pipeline;
mod planned;
#[cfg(feature = "plot")]
pub mod plot;
pub mod prelude;
pub mod ranks;
pub mod regions;
pub mod schedule;
mod setting;
#[cfg(feature = "tensorboard")]
pub mod tensorboard;
pub mod train;
mod weights;

// Re-exported, so that a program needs to depend only on this crate.
pub use {autograd, rand};

pub use autograd::{
    Axis, Float, Gradients, Lbfgs, Leaf, LineSearch, Matrix, MatrixRef, Minimum, Param, Real, Role, Stop, Tape, Var,
    Wrt, affine, grad, gradient, minimize, minimize_within, value_and_gradient,
};

// All other names are re-exported from the modules for programs; the documentation shows each of them in its module.
pub use check::{CheckModel, check_model};
#[doc(hidden)]
pub use diagnose::{Diagnosis, diagnose, diagnose_step};
pub use ema::Ema;
#[doc(hidden)]
pub use gradients::{GradientSum, ParamGradients};
#[doc(hidden)]
pub use init::{Fan, Init, Law};
#[doc(hidden)]
pub use layer::{
    Activation, AnyLayer, AnyRecurrent, BatchNorm, Bidirectional, DenseBlock, Dropout, Embedding, Gates, Gru, GruRule,
    LayerNorm, Linear, Lstm, LstmRule, Mlp, MlpBuilder, Norm, NormLayer, PRelu, Recurrent, RecurrentLayer,
    RecurrentNet, RecurrentRule, Residual, RmsNorm, Rnn, RnnRule, Sequential, Shortcut, Tied, TiedAutoencoder,
    torch_name,
};
#[doc(hidden)]
pub use loss::Reduction;
#[doc(hidden)]
pub use module::{Axes, Each, Layer, Model, Module, ParamKind, ParamSummary, Path, Summary};
#[doc(hidden)]
pub use optim::{
    Adadelta, Adagrad, Adam, Adamax, Group, Hyperparameters, Lion, MinimizeModel, Momentum, NAdam, Optimizer, RAdam,
    RmsProp, Rprop, Rules, Sgd, State, StateError, Step, With, gradient_norm,
};
#[doc(hidden)]
#[cfg(feature = "save")]
pub use persist::{LoadError, SaveError, load, save};
#[doc(hidden)]
#[cfg(feature = "safetensors")]
pub use persist::{load_safetensors, save_safetensors};
pub use planned::{PlanUse, RecordedLoss};
