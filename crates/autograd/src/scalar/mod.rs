//! A tape for single numbers: the one rule, and nothing else.
//!
//! A recorded number is a list of connections to numbers before it, y = Σ w x + …, and the sweep is δx += w δy from the
//! last to the first. What a matrix tape keeps beside that (values, shapes, ops, lines) is not there: 12 bytes a
//! connection and one a number.

mod connections;
mod gradients;
mod number;
mod recording;
mod table;
mod tape;

pub use gradients::ScalarGradients;
pub use number::Scalar;
pub use tape::ScalarTape;
