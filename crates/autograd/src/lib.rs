//! Reverse-mode automatic differentiation on a tape: gradients of any computation over matrices and
//! scalars, to any order, and a checker that proves them against finite differences.
//!
//! # One idea
//!
//! Every value is a sum of connections, and every connection follows one rule:
//!
//! ```text
//! y += w x   ⇒   δx += w δy,   ∇w += δy x
//! ```
//!
//! It holds unchanged where a value skips ahead and where a weight is used twice, so a [`Tape`] needs nothing
//! else: a node is a sum of terms, each an [`Op`] of earlier nodes; the rule of an op says which op of δy goes to
//! which operand; and the sweep adds. A rule is data, so the same table runs over buffers
//! ([`backward`](Var::backward)) and records itself again ([`grad`]), which gives derivatives of any order.
//!
//! ```
//! use autograd::{Matrix, Tape, affine, grad};
//!
//! let (w, b) = (Matrix::from([[0.5, -0.3], [0.8, 0.2]]), Matrix::column(&[0.1, -0.1]));
//! let x = Matrix::from([[1.0, -1.0, 2.0], [0.5, 0.0, -2.0]]); // columns are samples
//!
//! let tape = Tape::new();
//! let (w, b) = (tape.variable(&w), tape.variable(&b));
//! let x = tape.constant(&x);
//! let h = affine(&[(w, x)], Some(b)).tanh(); // W x + b is one node
//! let y = (affine(&[(w, h)], Some(b)) + x).square().mean(); // W shared, x skips ahead
//!
//! let grads = y.backward();
//! assert_eq!(grads.wrt(w).shape(), (2, 2));
//! assert_eq!(y.backward_all().wrt(h).shape(), (2, 3)); // of intermediate values too
//!
//! let dw = grad(y, &[w])[0]; // the same, recorded: differentiate it again
//! let penalty = dw.square().sum().backward();
//! assert_eq!(penalty.wrt(w).shape(), (2, 2));
//! ```
//!
//! # Conventions
//!
//! - Columns are samples: X is features × batch, a layer is W X + b. Matrices lie column by column, without gaps.
//! - `f32` or `f64`; a scalar is 1 × 1.
//! - Binary operators accept equal shapes, or an operand that is 1 × 1, m × 1 or 1 × n. Nothing else repeats.
//! - Shape mistakes panic at the caller's line with the op and all shapes.
//! - At a kink: relu'(0) = 0, |·|'(0) = 0, a tie of a maximum sends all to the first.
//!
//! # Reading on
//!
//! [The book](mod@book) goes from here through recording, differentiating, checking and extending to performance.
//! Of the code, `op` holds every rule that is not elementwise and `map` the table of those that are; `run` computes
//! one term; `sweep`, `forward` and `recorded` apply the rules; [`check`](mod@check) proves the result.

mod matrix;
mod param;
mod parts;
mod tape;
mod var;
#[macro_use]
mod elementwise;
mod anomaly;
pub mod book;
mod branch;
pub mod check;
mod checkpoint;
mod columns;
mod custom;
mod deltas;
pub mod entries;
mod explain;
mod forward;
mod functional;
mod gemm;
mod gradients;
mod graph;
mod inner;
mod inspect;
mod leaves;
mod linalg;
mod linear;
mod map;
mod number;
mod op;
mod pass;
mod per_sample;
mod pool;
mod product;
mod program;
mod real;
mod recorded;
mod reduce;
mod rule;
mod run;
mod scalar;
mod small;
#[cfg(feature = "proptest")]
pub mod strategies;
mod structure;
mod sums;
mod sweep;
mod tile;
mod transpose;
mod transposes;

pub use anomaly::{Anomaly, Range};
pub use check::check;
pub use checkpoint::checkpoint;
pub use custom::{CustomOp, Formula, map};
pub use elementwise::vectorised;
pub use explain::{Cut, NoGradient, explain_no_gradient};
pub use forward::Tangents;
pub use functional::{gradient, hessian, hvp, jacobian, laplacian, several, value_and_gradient};
pub use gradients::{Gradients, Wrt};
pub use graph::Picture;
pub use linalg::{LinalgError, Triangle};
pub use map::{Binary, Number, Unary};
pub use matrix::{Matrix, MatrixRef};
pub use number::{Arithmetic, Dual};
pub use op::{Axis, Custom, Index, Op, Order, Trans};
pub use param::{Param, Role};
pub use per_sample::PerSample;
pub use program::{Compiled, Program, Stale};
pub use real::Real;
pub use recorded::{grad, jvp, vjp};
pub use scalar::{Scalar, ScalarGradients, ScalarTape};
pub use structure::{hstack, matrix, vstack};
pub use tape::{Leaf, Tape};
pub use var::{Var, affine};
