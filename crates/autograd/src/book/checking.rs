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
//! A tape keeps every value, so the first that is not finite can be found after the fact: [`Tape::anomaly`](crate::Tape::anomaly)
//! forward, [`Var::backward_checked`](crate::Var::backward_checked) backward too, with the op, its line and the ranges of its
//! operands.
//!
//! # How far the checker can be trusted
//!
//! It is tested with wrong rules in graphs drawn at random, of 1 to 100,000 entries in an input, and with right graphs,
//! kinks included. This is what `cargo run --release --example checker_mutations -- 250` counts: of the graphs with
//! a wrong rule, those that fail; of the right ones, those that fail + those it cannot decide.
//!
//! | wrong rule | 1 | 10 | 100 | 1000 | 10000 | 100000 | caught |
//! |---|--:|--:|--:|--:|--:|--:|--:|
//! | sign | 250/250 | 250/250 | 250/250 | 249/250 | 63/63 | 13/13 | 99.91 % |
//! | factor 2 | 250/250 | 250/250 | 250/250 | 250/250 | 62/63 | 13/13 | 99.91 % |
//! | dropped second use | 250/250 | 250/250 | 249/250 | 250/250 | 63/63 | 12/13 | 99.81 % |
//! | zeroed entry | 250/250 | 250/250 | 248/250 | 247/250 | 60/63 | 8/13 | 98.79 % |
//! | wrong axis | 11/11 | 250/250 | 250/250 | 250/250 | 63/63 | 12/13 | 99.88 % |
//! | missing transpose | 19/19 | 250/250 | 250/250 | 250/250 | 63/63 | 13/13 | 100.00 % |
//! | none: blamed + undecided | 0+0/1000 | 0+0/1000 | 0+1/1000 | 0+2/1000 | 0+4/252 | 0+7/52 | 0.00 % |
//!
//! All in all: caught 5968 of 5986: 99.70 %; blamed 0 of 4304 right graphs.
//!
//! A wrong rule counts if it changes the gradient by at least 10⁻⁵ of its length. Most of those that are missed pass:
//! one wrong entry among many lies below the tolerance, which is relative to all that a derivative adds up. Look at
//! fewer entries at a time, or lower [`tolerance`](crate::check::Check::tolerance), where one entry counts.
