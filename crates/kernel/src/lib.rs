//! What `tape-autograd` computes with: matrices, the table of elementwise functions, and loops over matrices in vector code.
//! It knows no tape. Programs use it through `autograd`, which re-exports what they need.
//!
//! From the bottom up:
//!
//! - [`matrix`]: the matrix, and how its entries are written to files;
//! - [`float`]: `f32` and `f64`, and exp, ln, tanh, … as formulas that become vector code;
//! - [`simd`], [`threads`], [`pool`]: loops in vector code, loops on several threads, buffers that are used again;
//! - [`blocks`], [`columns`], [`along`], [`transpose`]: sums and repeats, maxima and softmax, along rows or columns;
//! - [`table`]: every elementwise function in one line, and what follows from a line.

// `compiled_once` names this crate.
extern crate self as kernel;

pub mod along;
pub mod blocks;
pub mod columns;
pub mod cross_entropy;
pub mod float;
pub mod matrix;
pub mod pool;
pub mod simd;
pub mod split_mix;
pub mod table;
pub mod threads;
pub mod transpose;

pub use along::{Axis, AxisFunction, Order};
pub use compiled_once::compiled_once;
pub use float::Float;
pub use matrix::{Matrix, MatrixRef, entries};
pub use split_mix::split_mix;
pub use table::{Arithmetic, Binary, Dual, Number, Real, Unary};

/// What the attribute `compiled_once` dispatches by.
pub mod dispatch {
    pub use crate::float::CompiledOnce as Float;
    pub use crate::table::CompiledOnce as Real;
}
