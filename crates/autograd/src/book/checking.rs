//! Checking: is this gradient right, where is it wrong, and where does the NaN come from?
//!
//! # A closure
//!
//! [`check`](fn@crate::check) compares every derivative of a function with finite differences whose error is known. It also
//! compares the different ways to compute the derivative with one another. The verdict is pass, fail or inconclusive;
//! [the module](mod@crate::check) describes the method.
//!
//! ```
//! use autograd::{Matrix, check};
//! check(|v| v[0].matmul(v[1]).softplus(), &[Matrix::from([[0.3, -1.2]]), Matrix::from([[0.5], [2.0]])]);
//! ```
//!
//! # Your own op
//!
//! Check the op alone and inside a larger expression, with an operand used twice. The most common mistake in a rule is to lose
//! the second use.
//!
//! ```
//! use autograd::{Matrix, check, formula};
//! let x = Matrix::from([[0.3, -1.2], [0.7, 0.1]]);
//! check(|v| v[0].map(formula!(|x| x * x.sigmoid())) + v[0] * v[0].sin(), &[x]);
//! ```
//!
//! # A model
//!
//! `nn::check_model` checks a network: `check_model(&net, &x, |tape, net, x| net.forward(tape.constant(x)))` compares the gradients of all its
//! parameters, and a report names them.
//!
//! It is [`Check::run_with`](crate::check::Check::run_with), which checks a function of any model, with parameters that are
//! [bound](crate::Tape::bind) to the variables of the check. A tape can borrow the model, but not what the closure captures, so x
//! is a part of the model here. Large models are checked along random directions. Check only the first order if time matters.
//!
//! ```
//! use autograd::check::{Check, Verdict};
//! use autograd::{Axis, Matrix, Param, Var, affine};
//!
//! struct Layer {
//!     w: Param<f64>,
//!     b: Param<f64>,
//! }
//!
//! impl Layer {
//!     fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
//!         let tape = x.tape();
//!         affine(&[(tape.param(&self.w), x)], Some(tape.param(&self.b))).tanh().log_softmax(Axis::Rows)
//!     }
//! }
//!
//! let w = Matrix::from_fn(4, 3, |i, j| 0.2 * i as f64 - 0.3 * j as f64);
//! let layer = Layer { w: Param::new(w), b: Param::new(Matrix::full(4, 1, 0.1)) };
//! let x = Matrix::from_fn(3, 5, |i, j| 0.5 - 0.3 * i as f64 + 0.2 * j as f64);
//! let report = Check::new().order(1).run_with(
//!     &(&layer, &x),
//!     |tape, &(layer, x), v| {
//!         tape.bind(&layer.w, v[0]);
//!         tape.bind(&layer.b, v[1]);
//!         layer.forward(tape.constant(x))
//!     },
//!     &[layer.w.value(), layer.b.value()],
//! );
//! assert_eq!(report.verdict, Verdict::Pass, "{report}");
//! ```
//!
//! # A recorded tape
//!
//! [`Var::verify`](crate::Var::verify) checks the rule of every node of a recorded tape separately, and names the wrong one
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
//! # Random graphs
//!
//! With the feature `proptest`, `autograd::strategies` draws whole graphs with every function of the table, skips
//! and shared operands. A failure shrinks to a small program that reproduces it.
//!
//! # NaN
//!
//! A tape keeps every value, so the first NaN or infinity can be found after the fact. [`Tape::anomaly`](crate::Tape::anomaly)
//! searches the forward pass. [`Var::backward_checked`](crate::Var::backward_checked) searches the backward pass too. Both report the op,
//! its line and the ranges of its operands.
//!
//! # Bounds
//!
//! Differences see no digit of a slope that is lost in the rounding of the value, and nothing beside a kink. `solve::check` of the crate
//! `tape-solve` lets intervals decide there: it is [`Check::bounded_by`](crate::check::Check::bounded_by) with bounds that it computes.
//!
//! # How far the checker can be trusted
//!
//! [The module](mod@crate::check) says what a verdict means and what a pass does not show. Three tests check the checker:
//!
//! - It does not blame right functions that are hard to check (fast, flat, tiny, huge, nearly singular, cancelling, composed at random).
//!   `HARD_FUNCTIONS=10000 cargo test -p tape-autograd --lib -- check::hard` draws 10,000 of them. An ordinary test run draws 300.
//! - It fails at least 99 % of the same functions if their derivative is 10 % too large.
//! - It fails at least 99 % of the random graphs with a wrong rule, separately at 1, 10 and 1000 entries.
//!   `cargo run --release --example checker_mutations -- 250` counts them up to 100,000 entries, by kind of mistake and by size.
//!
//! A wrong rule counts if it changes an entry of the gradient by at least 1 % of that entry. If the entry is smaller than 10⁻⁸ times the
//! largest entry, it must change by 1 % of that product.
