//! Neural networks on a tape.

extern crate self as nn;

pub mod data;
mod init;
mod layer;
pub mod loss;
pub mod metrics;
mod module;
mod optim;
mod persist;

pub use autograd::{
    Axis, Gradients, Leaf, Matrix, MatrixRef, Param, Real, Tape, Var, Wrt, affine, grad, gradient, value_and_gradient,
};
pub use init::Init;
pub use layer::{Activation, Linear, Mlp, Residual};
pub use loss::Reduction;
pub use module::{Layer, Module, Path};
pub use optim::{Adam, Momentum, Optimizer, RmsProp, Sgd, State};
pub use persist::{LoadError, SaveError, load, save};
