//! Graphs made of steps that any bytes give, and, with the feature `proptest`, strategies of the `proptest` crate for what a tape is
//! made of: shapes, matrices, functions, whole graphs.
//!
//! A test draws graphs with skips and shared operands, of every function of the table, and checks a property of
//! derivatives; one that fails shrinks to a small graph, which is printed as a program.

#[cfg(feature = "proptest")]
mod drawn;
mod graph;

#[cfg(feature = "proptest")]
pub use drawn::{binary_functions, graphs, matrices, numbers, shapes, unary_functions};
pub use graph::{Graph, Step};
