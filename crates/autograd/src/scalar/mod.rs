//! A tape for scalars, which stores nothing but the one rule.
//!
//! A recorded number is a list of connections to earlier numbers, y = Σ w x + …, and the sweep is δx += w δy from the
//! last to the first. It has no values, shapes, ops or lines, which the matrix tape also stores. It takes 12 bytes a
//! connection and one byte a number.

mod connections;
mod gradients;
mod number;
mod recording;
mod table;
mod tape;

pub use gradients::ScalarGradients;
pub use number::Scalar;
pub use tape::ScalarTape;
