//! The base of `tape-autograd`: matrices, the table of elementwise functions, and vectorized loops over matrices.
//! It knows nothing of tapes. Programs use it through `autograd`, which re-exports what they need.
//!
//! From the bottom up:
//!
//! - [`float`]: `f32` and `f64`, and exp, ln, tanh, … as formulas that vectorize;
//! - [`matrix`]: the matrix, its arithmetic, and its format in files;
//! - [`simd`], [`threads`], [`pool`]: vectorized loops, loops on several threads, buffers that are reused;
//! - [`blocks`], [`columns`], [`along`], [`transpose`]: sums and repeats, maxima and softmax, along rows or columns;
//! - [`table`]: every elementwise function in one line, and the code that is generated from it.

// `compiled_once` refers to this crate by this name.
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
pub use table::{Arithmetic, Binary, Dual, Elementary, LeftOf, Number, Real, Unary};

/// The traits that the attribute `compiled_once` dispatches on.
pub mod dispatch {
    pub use crate::float::CompiledOnce as Float;
    pub use crate::table::CompiledOnce as Real;
}
