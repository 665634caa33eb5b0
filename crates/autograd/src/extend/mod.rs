//! Functions with a custom rule: formulas, custom ops, checkpoints, linear algebra.

mod checkpoint;
mod custom;
mod linalg;
mod rules;

pub use checkpoint::checkpoint;
pub use custom::{CustomOp, Formula, map};
pub use linalg::{LinalgError, LinearAlgebra};
