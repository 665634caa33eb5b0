//! Checking: is this gradient right, where is it wrong, where does the NaN come from.
//!
//! # A closure
//!
//! [`check`](fn@crate::check) compares every derivative of a function with finite differences whose error is known, and
//! the ways to compute it with one another. It passes, fails or says that it cannot decide; [the module](mod@crate::check)
//! tells how.
//!
//! ```
//! use autograd::{Matrix, check};
//! check(|v| v[0].matmul(v[1]).softplus(), &[Matrix::from([[0.3, -1.2]]), Matrix::from([[0.5], [2.0]])]);
//! ```
//!
//! # An op of yours
//!
//! The same, of the op alone and in the middle of something, with an operand used twice: rules lose a second use more
//! often than anything else.
//!
//! ```
//! use autograd::{Matrix, check, formula};
//! let x = Matrix::from([[0.3, -1.2], [0.7, 0.1]]);
//! check(|v| v[0].map(formula!(|x| x * x.sigmoid())) + v[0] * v[0].sin(), &[x]);
//! ```
//!
//! # A model
//!
//! Hand its parameters over as inputs. Large models are checked along random directions; ask for the first order alone
//! where time counts.
//!
//! ```
//! use autograd::check::{Check, Verdict};
//! use autograd::{Axis, Matrix, affine};
//! let (w, b) = (Matrix::from_fn(4, 3, |i, j| 0.2 * i as f64 - 0.3 * j as f64), Matrix::full(4, 1, 0.1));
//! let x = Matrix::from_fn(3, 5, |i, j| 0.5 - 0.3 * i as f64 + 0.2 * j as f64);
//! let report = Check::new().order(1).run(
//!     |p| affine(&[(p[0], p[0].tape().constant(x.clone()))], Some(p[1])).tanh().log_softmax(Axis::Rows),
//!     &[w, b],
//! );
//! assert_eq!(report.verdict, Verdict::Pass, "{report}");
//! ```
//!
//! # A tape that is there already
//!
//! [`Var::verify`](crate::Var::verify) checks the rule of every node of a recorded tape by itself, and names the wrong one
//! with its op and line.
//!
//! ```
//! use autograd::{Matrix, Tape};
//! let tape = Tape::new();
//! let x = tape.variable(Matrix::from([[0.5, 1.5]]));
//! let found = (x.ln() * x).sum().verify();
//! assert_eq!((found.passed, found.failed.len()), (3, 0));
//! ```
//!
//! # Graphs drawn at random
//!
//! With the feature `proptest`, `autograd::strategies` draws whole graphs, of every function of the table, with skips
//! and shared operands; a failure shrinks to a small program that reproduces it.
//!
//! # NaN
//!
//! A tape keeps every value, so the first at which an op made a NaN or an infinity can be found after the fact: [`Tape::anomaly`](crate::Tape::anomaly)
//! forward, [`Var::backward_checked`](crate::Var::backward_checked) backward too, with the op, its line and the ranges of its
//! operands.
//!
//! # How far the checker can be trusted
//!
//! What the verdicts say, and what a pass does not say, is in [the module](mod@crate::check). Three tests hold it to that:
//!
//! - Right functions that are hard to check (fast, flat, tiny, huge, nearly singular, cancelling, composed at random) are not blamed:
//!   `HARD_FUNCTIONS=10000 cargo test -p tape-autograd --lib -- check::hard` draws as many, an ordinary test 300 of them.
//! - The same functions with a derivative that is a tenth too large do not pass, in 99 % of the cases at least.
//! - Of graphs drawn at random with a wrong rule put in, 99 % at least fail, at 1, at 10 and at 1000 entries each by itself;
//!   `cargo run --release --example checker_mutations -- 250` counts them up to 100,000 entries, by kind of mistake and by size.
//!
//! A wrong rule counts if it changes an entry of the gradient by a hundredth of that entry, or of 10⁻⁸ of the largest where the
//! entry is smaller than that.
