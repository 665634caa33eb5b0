//! Reverse-mode automatic differentiation on a tape.

mod matrix;
mod param;
mod tape;
mod var;
#[macro_use]
mod elementwise;
mod map;
mod op;
mod run;
mod real;
mod sweep;
mod gradients;
mod functional;
pub mod check;
mod pool;

pub use check::check;
pub use elementwise::vectorised;
pub use functional::{gradient, value_and_gradient};
pub use gradients::{Gradients, Wrt};
pub use map::{Binary, Unary};
pub use matrix::{Matrix, MatrixRef};
pub use op::{Axis, Op, Trans};
pub use param::Param;
pub use real::Real;
pub use sweep::grad;
pub use tape::{Leaf, Tape};
pub use var::{Var, affine};
