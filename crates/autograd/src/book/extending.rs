//! Extending: your own functions and ops, with the same capabilities as the built-in ones.
//!
//! # An elementwise function: one line
//!
//! [`formula!`](crate::formula!) takes an expression in the methods of [`Number`](crate::Number). Dual numbers compute its slope in the
//! same vector loop. You can also write the slopes yourself, and they may use the value. In both cases the function can be differentiated
//! to any order.
//!
//! ```
//! use autograd::{Matrix, check, formula, map};
//! let x = Matrix::from([[0.5, -1.0, 2.0]]);
//! check(|v| v[0].map(formula!(|x| x * (x * 1.702).sigmoid())), &[&x]);
//! check(|v| map(formula!(|a, b| a * b / (a + b), |y| [(b / (a + b)).square(), (a / (a + b)).square()]), [v[0].exp(), v[1].exp()]), &[&x, &x]);
//! ```
//!
//! A formula with parameters is a struct that implements [`Formula`](crate::Formula). Do not branch on values inside:
//! a formula is evaluated for whole vectors. Use `max`, `step` or `keep` instead.
//!
//! # An op of any kind
//!
//! [`CustomOp`](crate::CustomOp) has a forward function in matrices and a pullback in variables. The pullback is recorded like
//! anything else, so the op has derivatives of any order. It is linear in δy, so forward mode follows from it. If the
//! derivative of an operand is missing, you get an error with the name of the op, never zero.
//!
//! ```
//! use autograd::{CustomOp, Matrix, MatrixRef, Var, check};
//! /// The running maximum of a column. The table does not have it; its rule is a selection.
//! struct RunningMax;
//! impl CustomOp<f64> for RunningMax {
//!     fn name(&self) -> &str {
//!         "running_max"
//!     }
//!     fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
//!         let mut max = f64::NEG_INFINITY;
//!         x[0].to_owned().map(|x| {
//!             max = max.max(x);
//!             max
//!         })
//!     }
//!     fn pullback<'t>(&self, x: &[Var<'t, f64>], y: Var<'t, f64>, dy: Var<'t, f64>) -> Vec<Option<Var<'t, f64>>> {
//!         let (x, y) = (x[0].value(), y.value());
//!         let from = |i: usize| (0..=i).find(|&k| x[(k, 0)] == y[(i, 0)]).unwrap();
//!         vec![Some(dy.scatter_add(dy.shape(), |i, _| (from(i), 0)))]
//!     }
//! }
//! check(|v| v[0].tape().custom(RunningMax, v).sin(), &[Matrix::column(&[0.1, -0.5, 0.8, 0.2])]);
//! ```
//!
//! A formula also runs on a GPU. A custom op does if it brings its value and gradients in WGSL, by [`CustomOp::wgsl`](crate::CustomOp::wgsl).
//!
//! # A library of functions
//!
//! Rust compiles a generic function again in each crate that calls it. The attribute [`compiled_once`](macro@crate::compiled_once)
//! compiles it where it is defined, once for `f32` and once for `f64`, and does not change its signature:
//!
//! ```
//! use autograd::{Axis, Real, Tape, Var, compiled_once};
//!
//! /// Each column less its mean.
//! #[compiled_once]
//! #[track_caller]
//! pub fn centred<'t, T: Real>(x: Var<'t, T>) -> Var<'t, T> {
//!     x - x.mean_over(Axis::Rows)
//! }
//!
//! let tape = Tape::new();
//! let x = tape.variable(autograd::Matrix::column(&[1.0f32, 3.0]));
//! assert_eq!(centred(x).value().as_slice(), [-1.0, 1.0]);
//! ```
//!
//! On an `impl` block it does this for every method, except for methods that have their own type parameters or are marked `#[inline]`.
//! Pass a closure as `&dyn Fn`, so that the caller compiles only the closure.
//!
//! # An op in the table
//!
//! Inside the library an elementwise function is one line of the table in the crate `tape-kernel`. A linear op is a variant of
//! [`Op`](crate::Op) with its lines beside it. ARCHITECTURE.md says in which file each of them belongs.
