//! Differentiating: every way to compute a derivative, and when to use it.
//!
//! | you want | you call | it costs |
//! |---|---|---|
//! | the gradient of a number | [`backward`](crate::Var::backward) | about twice the computation |
//! | of several outputs with weights | [`Tape::backward`](crate::Tape::backward), [`backward_with`](crate::Var::backward_with) | the same |
//! | a gradient to differentiate again | [`grad`](crate::grad), [`vjp`](crate::vjp) | the same, recorded |
//! | a derivative along a direction | [`Tape::tangents`](crate::Tape::tangents), recorded [`jvp`](crate::jvp) | about the computation |
//! | a product H v of the Hessian with a vector | [`hvp`](crate::hvp) | two to five gradients, for any number of inputs |
//! | a Jacobian, Hessian, Laplacian | [`jacobian`](crate::jacobian), [`hessian`](crate::hessian), [`laplacian`](crate::laplacian); [`several`](crate::several) | a sweep for each row or column |
//! | a Hessian of a program in single numbers | [`Dual`](crate::Dual) numbers of a [`ScalarTape`](crate::ScalarTape), see [`tapes`](super::tapes#hessians) | a recording and a sweep for each column |
//! | each sample's gradient | [`backward_per_sample`](crate::Var::backward_per_sample) | one sweep |
//! | the same computation on other numbers | [`Var::program`](crate::Var::program), [`Compiled`](crate::Compiled) | no recording |
//! | the same loss with other parameters and data | [`Var::plan`](crate::Var::plan) | no recording |
//! | the minimum of a function | [`minimize`](fn@crate::minimize), [`minimize_within`](crate::minimize_within) bounds | some gradients |
//! | less memory | [`checkpoint`](crate::checkpoint) | a second computation |
//!
//! All of them use one table of rules. A sweep over buffers runs the rules, a recorded sweep records them, and forward mode
//! applies them to tangents instead of gradients.
//!
//! # Gradients
//!
//! ```
//! use autograd::{Tape, grad, jvp};
//! let tape = Tape::new();
//! let (x, y) = (tape.variable(2.0f64), tape.variable(3.0));
//! let h = x * y;
//! let z = h.sin() + x;
//! let grads = z.backward(); // owned: the tape may go
//! assert!((grads.wrt(x)[(0, 0)] - (3.0 * 6f64.cos() + 1.0)).abs() < 1e-15);
//! assert_eq!(z.backward_all().wrt(h)[(0, 0)], 6f64.cos()); // of an intermediate value too
//!
//! let dx = grad(z, &[x])[0]; // a variable: differentiate it again
//! let dxdy = dx.backward().wrt(y)[(0, 0)];
//! let forward = jvp(dx, &[(y, tape.constant(1.0))]); // forward over reverse: the same
//! assert!((dxdy - forward.item()).abs() < 1e-15);
//! ```
//!
//! # Which variables get no gradient, and why
//!
//! [`stop_gradient`](crate::Var::stop_gradient) cuts a path. A constant is constant for every derivative:
//!
//! - [`grad`](crate::grad), [`vjp`](crate::vjp) and a [`Program`](crate::Program) give 0 with respect to a constant.
//! - [`tangents`](crate::Tape::tangents) and [`jvp`](crate::jvp) panic if a constant is given a direction.
//!   [`Program::tangent`](crate::Program::tangent), which takes a direction for every input, ignores that of a constant.
//! - [`backward`](crate::Var::backward) computes no gradient for a constant, so asking its result for one panics.
//!
//! [`explain_no_gradient`](crate::explain_no_gradient) says in words why a variable gets no gradient.
//!
//! If a variable is given two directions, it moves along their sum. If its gradient is requested twice, the whole derivative is
//! returned in both places.
//!
//! ```
//! use autograd::{Tape, explain_no_gradient};
//! let tape = Tape::new();
//! let x = tape.variable(2.0);
//! let target = (x * 0.99).stop_gradient();
//! assert!(explain_no_gradient(target.square(), x).unwrap().to_string().contains("the gradient is stopped"));
//! assert!(explain_no_gradient((x - target).square(), x).is_none());
//! ```
//!
//! # The same computation, many times
//!
//! ```
//! use autograd::{Compiled, Matrix};
//! // Newton's method needs the value and slope of one function at many points; it is recorded once.
//! let mut f = Compiled::new(|x| x[0].exp() - x[0] * 3.0);
//! let mut x = 2.0f64;
//! for _ in 0..8 {
//!     let (value, slope) = f.value_and_gradient(&[Matrix::full(1, 1, x)]);
//!     x -= value / slope[0][(0, 0)];
//! }
//! assert!((x.exp() - 3.0 * x).abs() < 1e-12 && f.recordings() == 1);
//! ```
//!
//! # Minimizing a function
//!
//! [`minimize`](fn@crate::minimize) takes values and gradients from any source: a closure, a [`Compiled`](crate::Compiled) closure, or a
//! program on a [`ScalarTape`](crate::ScalarTape). [`minimize_within`](crate::minimize_within) keeps each entry between two bounds.
//!
//! ```
//! use autograd::{Compiled, Stop, minimize_within};
//! // Least squares of a line through three points, with a slope of at most 1.
//! let mut error = Compiled::new(|x| {
//!     let (a, b) = (x[0].at(0, 0), x[0].at(1, 0));
//!     (a - 1.0).square() + (a + b - 3.0).square() + (a + b * 2.0 - 4.0).square()
//! });
//! let free = (f64::NEG_INFINITY, f64::INFINITY);
//! let found = minimize_within(&mut error, &[0.0, 0.0], &[free, (0.0, 1.0)]);
//! assert_eq!((found.stop, found.x[1]), (Stop::Gradient, 1.0));
//! assert!((found.x[0] - 5.0 / 3.0).abs() < 1e-8 && error.recordings() == 1);
//! ```
