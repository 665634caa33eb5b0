//! Differentiating: every way to a derivative, and when to take which.
//!
//! | you want | you call | it costs |
//! |---|---|---|
//! | the gradient of a number | [`backward`](crate::Var::backward) | about twice the computation |
//! | of several outputs with weights | [`Tape::backward`](crate::Tape::backward), [`backward_with`](crate::Var::backward_with) | the same |
//! | a gradient to differentiate again | [`grad`](crate::grad), [`vjp`](crate::vjp) | the same, recorded |
//! | a derivative along a direction | [`Tape::tangents`](crate::Tape::tangents), recorded [`jvp`](crate::jvp) | about the computation |
//! | a Jacobian, Hessian, Laplacian, H v | [`jacobian`](crate::jacobian), [`hessian`](crate::hessian), [`laplacian`](crate::laplacian), [`hvp`](crate::hvp); [`several`](crate::several) | a sweep for each row or column |
//! | each sample's gradient | [`backward_per_sample`](crate::Var::backward_per_sample) | one sweep |
//! | the same computation on other numbers | [`Var::program`](crate::Var::program), [`Compiled`](crate::Compiled) | no recording |
//! | less memory | [`checkpoint`](crate::checkpoint) | the computation once more |
//!
//! All of them come from one table of rules: what a sweep over buffers runs, a recorded sweep records, and forward mode
//! applies to tangents instead of gradients.
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
//! # What gets none, and why
//!
//! [`stop_gradient`](crate::Var::stop_gradient) cuts a path. A constant is one to every derivative: with respect to it
//! [`grad`](crate::grad), [`vjp`](crate::vjp) and a [`Program`](crate::Program) give 0, and it does not move:
//! [`tangents`](crate::Tape::tangents) and [`jvp`](crate::jvp) panic where it is given a direction, and
//! [`Program::tangent`](crate::Program::tangent), which has a direction for every input, does not use that of a constant. The sweep of [`backward`](crate::Var::backward) computes nothing for it, so asking those gradients for it panics, and
//! [`explain_no_gradient`](crate::explain_no_gradient) says in words why a variable gets none.
//!
//! A variable that comes twice among those that move does so along the sum of its directions; one that is asked for twice
//! has its whole derivative at both places.
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
