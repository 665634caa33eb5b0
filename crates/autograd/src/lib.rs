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
//! The rule also holds where a value skips ahead and where a weight is used twice, so a [`Tape`] needs nothing
//! else. A node is a sum of terms, each an [`Op`] of earlier nodes. The rule of an op says which op of δy goes to
//! which operand, and the sweep adds. A rule is data, so the same table runs over buffers
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
//! - Columns are samples: X is features × batch, a layer is W X + b. Matrices are stored column by column, without gaps.
//! - Numbers are `f32` or `f64`; a scalar is 1 × 1.
//! - Binary operators accept equal shapes, or an operand that is 1 × 1, m × 1 or 1 × n. No other shape is repeated.
//! - Shape mistakes panic at the caller's line with the op and all shapes.
//! - At a kink: relu'(0) = 0, |·|'(0) = 0; if several entries are the maximum, the first one gets the whole derivative.
//!
//! # Further reading
//!
//! [The book](mod@book) covers recording, lifetimes, the choice of a tape, differentiating, checking, extending and performance.
//! In the code, `rule` holds every op and its rule, `tape` records, and `sweep` applies the rules. The table of elementwise functions is
//! in the crate `tape-kernel`. [`check`](mod@check) compares the result with finite differences.

// `compiled_once` refers to this crate by this name.
extern crate self as autograd;

pub mod book;
pub mod check;
mod extend;
mod functional;
mod inspect;
mod minimize;
mod ops;
mod replay;
mod rule;
mod scalar;
pub mod strategies;
mod sweep;
mod tape;

pub use check::check;
pub use extend::{CustomOp, Formula, LinalgError, LinearAlgebra, checkpoint, map};
pub use functional::{gradient, hessian, hvp, jacobian, laplacian, several, value_and_gradient};
pub use inspect::{Anomaly, Cut, NoGradient, PassStep, Picture, Steps, ValueRange, explain_no_gradient};
pub use kernel::pool::free_buffers;
pub use kernel::simd::{vector_bits, vectorised};
pub use kernel::{
    Arithmetic, Axis, AxisFunction, Binary, Dual, Elementary, Float, LeftOf, Matrix, MatrixRef, Number, Order, Real,
    Unary, compiled_once, entries,
};
pub use linalg::{Trans, Triangle};
#[doc(hidden)]
pub use minimize::descent;
pub use minimize::{Lbfgs, LineSearch, Minimum, Objective, Stop, minimize, minimize_within};
pub use ops::{hstack, matrix, vstack};
pub use replay::{Compiled, NotPlanned, NotSingle, Plan, PlanMisfit, PlanRun, Program, ProgramKind, Stale};
pub use rule::op::{Index, Op};

#[doc(hidden)]
pub use kernel::table::Lane;

/// A plan as data, for a crate that runs it on another device.
#[doc(hidden)]
pub mod plan_view {
    pub use crate::replay::{PlacedMatrix, PlacedRule, PlacedStep, PlanView, Told, ViewedParam};
    pub use crate::rule::op::LinearTerm;
    pub use crate::sweep::backward::DELTA;
    pub use crate::sweep::log::DeltaStep;
    pub use crate::tape::custom_rule::{FormulaTerms, RuleCode};
}
pub use scalar::{Scalar, ScalarGradients, ScalarTape};
pub use sweep::{Gradients, PerSample, Tangents, Wrt, grad, jvp, vjp};
pub use tape::{Leaf, Means, Param, Role, Tape, Var, Wgsl, affine};

/// Makes `{:?}` of an error print the same text as `{}`. `fn main() -> Result<(), E>` and `unwrap` print the former, and the advice
/// is in the latter.
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

/// The traits that the attribute `compiled_once` dispatches on.
#[doc(hidden)]
pub use kernel::dispatch;
