//! Graphs made of steps, which any bytes can encode. The feature `proptest` adds strategies of the `proptest` crate for
//! shapes, matrices, functions and whole graphs.
//!
//! A test draws graphs with skips and shared operands, with every function of the table, and checks a property of
//! derivatives. A failing graph shrinks to a small one, which is printed as a program.

#[cfg(feature = "proptest")]
mod drawn;
mod graph;

#[cfg(feature = "proptest")]
pub use drawn::{binary_functions, graphs, matrices, numbers, shapes, unary_functions};
pub use graph::{Graph, GraphStep};
