//! Ordinary differential equations y' = f(t, y, p) with gradients.
//!
//! # The equation
//!
//! A [`System`] has a few single numbers, and [`system!`](crate::system) writes one from expressions. It runs on plain numbers, on both tapes and
//! on dual numbers. A [`Flow`] is a closure over matrices; the columns may be a batch of initial values.
//!
//! ```
//! use autograd::ScalarTape;
//! use solve::ode::{Adaptive, Method, system};
//! // Prey and predators (Lotka 1925, Volterra 1926).
//! let animals = system!(|_t, [x, y], [a, b, c, d]| [a * x - b * x * y, d * x * y - c * y]);
//! let tape = ScalarTape::new();
//! let p = [1.1, 0.4, 0.4, 0.1].map(|p| tape.variable(p));
//! let y0 = [10.0, 5.0].map(|y| tape.variable(y));
//!
//! let run = Method::default().solve(&animals, p, y0, &[0.0, 5.0, 10.0])?;
//! let slope = run.y[2][0].backward().wrt(p[0]); // of the prey at t = 10 with respect to a
//!
//! let exact = Method::DormandPrince(Adaptive { rtol: 1e-12, atol: 1e-12, ..Adaptive::default() });
//! let prey = |a| Ok(exact.solve(&animals, [a, 0.4, 0.4, 0.1], [10.0, 5.0], &[0.0, 10.0])?.y[1][0]);
//! let difference = (prey(1.1 + 1e-4)? - prey(1.1 - 1e-4)?) / 2e-4;
//! assert!((slope / difference - 1.0).abs() < 1e-5);
//! # Ok::<(), solve::ode::OdeError>(())
//! ```
//!
//! `times` go in one direction, forward or backward. The first is that of the initial values, and y is returned for all of them: the steps of an
//! adaptive method do not end there, but are interpolated.
//!
//! # The method
//!
//! | [`Method`] | order | for |
//! |---|---|---|
//! | `Rk4` | 4, interpolation 3 | steps of a given length |
//! | `DormandPrince` | 5, interpolation 4 | most equations |
//! | `Rodas5P` | 5, interpolation 4, L-stable | stiff equations: some parts of y change much faster than the solution |
//!
//! The explicit methods need several evaluations of f for a step. Rodas5P also needs ∂f/∂y, which it computes exactly, and solves linear systems
//! with it. It is a Rosenbrock method: a step is a formula without iterations, so its derivatives of any order are those of the formula, and there
//! is no iteration that might not converge. `DormandPrince` measures whether its stability limits the steps. If it runs out of steps for
//! this reason, the error says that the problem is stiff.
//!
//! ```
//! use solve::ode::{Adaptive, Method, system};
//! // Robertson's reaction, with rates from 0.04 to 3·10⁷.
//! let reaction = system!(|_t, [a, b, c], [slow, fast, join]| {
//!     let (first, second, third) = (slow * a, fast * b * b, join * b * c);
//!     [third - first, first - third - second, second]
//! });
//! let method = Method::Rodas5P(Adaptive { atol: 1e-12, ..Adaptive::default() });
//! let run = method.solve(&reaction, [0.04, 3e7, 1e4], [1.0, 0.0, 0.0], &[0.0, 4e5])?;
//! assert!((run.y[1][0] - 4.93828e-3).abs() < 1e-6 && run.steps < 200);
//! # Ok::<(), solve::ode::OdeError>(())
//! ```
//!
//! # The gradient
//!
//! The steps are found in plain numbers first. Then the accepted ones are made again in the numbers of the caller, so the tape holds no
//! estimates of errors and no rejected steps. The derivatives are those of the computed solution, to any order and to rounding. The times
//! between steps count as constants in them, because the control of the step length is not a smooth function. This matters little where
//! the solution hardly depends on the steps. The times that you ask for are variables in `solve_at`; they change the lengths of the
//! first and the last step, and of all steps of `Rk4`.
//!
//! **How exact it is.** The error of a step is about the tolerance, but its derivative need not be. If the solution has jumps of the duration τ
//! that move with a parameter, the error moves with them while the steps stay, and the gradient over a time T has an error of up to rtol · T / τ.
//! For smooth solutions the gradient is as exact as the solution. For van der Pol's equation with μ = 1000 over two jumps it is off by 10⁵ to 10⁶
//! times rtol (`cargo test -p tape-solve --test solve reference -- --nocapture` prints it), so it needs rtol = 10⁻¹¹ for five digits. That is 10⁴
//! to 10⁵ times the error of y. SciPy's Radau on the equations of the sensitivities has the same factor where its steps follow y alone; where they
//! follow the sensitivities, too, the gradient is off by 500 to 1,300 times rtol, for up to twice as many evaluations
//! (`tests/oracle/stiff_gradients.py` prints both). The digits are lost by the choice of the steps, and the sweep is exact; a smaller rtol
//! costs about as much. Solve again with a tenth of rtol and compare if in doubt.
//!
//! - [`Flow::checkpointed`] needs memory for 2 √n steps instead of n, and computes each step once more.
//! - [`Method::adjoint`] and [`Flow::adjoint`] integrate the adjoint equation and record nothing. [`Method::adjoint`] says how large their
//!   error is.
//! - [`Event`]s are roots of functions of the solution. Their times and states have derivatives, too.
//!
//! ```
//! use autograd::ScalarTape;
//! use solve::ode::{Event, Method, system};
//! let ball = system!(|_t, [height, v], [g]| [v, -g], [Event::falling(height).terminal()]);
//! let tape = ScalarTape::new();
//! let (g, v) = (tape.variable(9.81), tape.variable(3.0));
//! let flight = Method::default().solve(&ball, [g], [tape.constant(0.0), v], &[0.0, 10.0])?;
//! let landing = &flight.events[0]; // at t = 2 v / g
//! assert!((landing.t.backward().wrt(v) - 2.0f64 / 9.81).abs() < 1e-9);
//! # Ok::<(), solve::ode::OdeError>(())
//! ```
//!
//! # What cannot be integrated
//!
//! An integration that cannot go on returns an [`OdeError`]. It says at which t it stopped, what happened and what to do. There is no
//! solution and no gradient then.

mod adjoint;
mod error;
mod event;
mod explicit;
mod field;
mod flow;
mod length;
mod matrices;
mod path;
mod replay;
mod rosenbrock;
mod scalars;
mod settings;
mod step;
mod system;

#[doc(hidden)]
pub use autograd::Number;

pub use crate::system;
pub use adjoint::{AdjointGradient, MatrixAdjointGradient};
pub use error::OdeError;
pub use event::{Event, Occurrence};
pub use flow::{Flow, RightHandSide};
pub use settings::{Adaptive, Method};
pub use system::{Quantity, Solution, System};
