//! What most programs need: `use nn::prelude::*`.
//!
//! It has the tape and its variables, the layers, losses and optimizers, data sets and training. From the crate [`rand`] it has the
//! generator of the examples, with the traits that seed it and draw from it.
//!
//! ```
//! use nn::prelude::*;
//!
//! let rng = &mut ChaCha8Rng::seed_from_u64(1);
//! let net: Sequential<f32> = Sequential::new()
//!     .then(Linear::new(2, 8, Init::He, rng))
//!     .then(Activation::Relu)
//!     .then(Linear::new(8, 1, Init::Xavier, rng));
//! let tape = Tape::new();
//! assert_eq!(net.forward(tape.constant(Matrix::zeros(2, 5))).shape(), (1, 5));
//! ```

pub use autograd::{LinearAlgebra, check, hstack, vstack};
pub use rand::rngs::ChaCha8Rng;
pub use rand::{Rng, RngExt, SeedableRng};

#[cfg(feature = "csv")]
pub use crate::data::{Csv, Table, read_csv};
pub use crate::data::{Dataset, MinMax, Sampler, Samples, Standardize, random_split, stratified_split};
pub use crate::estimator::{MlpClassifier, MlpRegressor};
pub use crate::loss::{self, BinaryCrossEntropy, CrossEntropy, Loss, Reduction};
pub use crate::schedule::Schedule;
pub use crate::train::{Trainer, accuracy, predict};
pub use crate::{
    Activation, Adam, Axis, BatchNorm, Dropout, Each, Embedding, Gradients, Gru, Hyperparameters, Init, Layer,
    LayerNorm, Lbfgs, Linear, Lstm, Matrix, MinimizeModel, Mlp, Model, Module, Momentum, Optimizer, Param, Real,
    Recurrent, Residual, RmsProp, Rnn, Sequential, Sgd, Tape, Var, affine, check_model, grad, gradient, minimize,
    minimize_within, value_and_gradient,
};
#[cfg(feature = "save")]
pub use crate::{load, save};
