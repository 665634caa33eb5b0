//! Reverse-mode automatic differentiation on a tape: gradients of any computation over matrices and
//! scalars, to any order, and a checker that compares them with finite differences.
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
//! Of the code, `rule` holds every op and its rule, `tape` records, `sweep` applies the rules; the table of elementwise functions is
//! in the crate `tape-kernel`; [`check`](mod@check) compares the result with finite differences.

// `compiled_once` names this crate.
extern crate self as autograd;

pub mod book;
pub mod check;
mod extend;
mod functional;
mod inspect;
mod ops;
mod replay;
mod rule;
mod scalar;
pub mod strategies;
mod sweep;
mod tape;

pub use check::check;
pub use extend::{CustomOp, Formula, LinalgError, checkpoint, map};
pub use functional::{gradient, hessian, hvp, jacobian, laplacian, several, value_and_gradient};
pub use inspect::{Anomaly, Cut, NoGradient, Picture, Range, explain_no_gradient};
pub use kernel::pool::free_buffers;
pub use kernel::simd::vectorised;
pub use kernel::{
    Arithmetic, Axis, AxisFunction, Binary, Dual, Float, Matrix, MatrixRef, Number, Order, Real, Unary, compiled_once,
    entries,
};
pub use linalg::{Trans, Triangle};
pub use ops::{hstack, matrix, vstack};
pub use replay::{Compiled, Program, Stale};
pub use rule::op::{Index, Op};
pub use scalar::{Scalar, ScalarGradients, ScalarTape};
pub use sweep::{Gradients, PerSample, Tangents, Wrt, grad, jvp, vjp};
pub use tape::{Leaf, Means, Param, Role, Tape, Var, affine};

/// Lets errors read in `{:?}` as in `{}`: `fn main() -> Result<(), E>` and `unwrap` print the former, and what to do is said in the
/// latter.
#[doc(hidden)]
#[macro_export]
macro_rules! debug_as_display {
    ($($Error:ty),+) => {$(
        impl std::fmt::Debug for $Error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    )+};
}

/// What the attribute `compiled_once` dispatches by.
#[doc(hidden)]
pub use kernel::dispatch;
