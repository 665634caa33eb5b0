//! Which tape for which program: [`Tape`](crate::Tape), [`ScalarTape`](crate::ScalarTape), [`Dual`](crate::Dual) numbers,
//! [`Compiled`](crate::Compiled).
//!
//! | the program | the tape |
//! |---|---|
//! | computes with matrices | [`Tape`](crate::Tape) |
//! | computes with single numbers, with any branches | [`ScalarTape`](crate::ScalarTape); for Hessians with [`Dual`](crate::Dual) numbers of its numbers |
//! | is a chain of dependent steps in single numbers, such as an ODE solver | [`ScalarTape`](crate::ScalarTape), also if it runs many times |
//! | is the same for many inputs, in many similar and independent terms of single numbers | [`Compiled`](crate::Compiled) on a [`Tape`](crate::Tape), which replays without recording |
//! | is to be replayed, drawn, verified, or differentiated more than twice | [`Tape`](crate::Tape) |
//! | has few inputs and many outputs | [`Dual`](crate::Dual) numbers, no tape |
//!
//! A function that is generic in [`Number`](crate::Number) runs on all of them and computes the same values.
//!
//! # A node that is a matrix, and a node that is a number
//!
//! A node of a [`Tape`](crate::Tape) costs some twenty times the arithmetic of one number. This is negligible for a matrix of a
//! thousand entries, but it is most of the time for a single number. The [`ScalarTape`](crate::ScalarTape) stores little more than the rule
//! itself, so it is about twenty times as fast as a tape of 1 × 1 matrices.
//!
//! ```
//! use autograd::{Number, ScalarTape};
//! /// A pendulum's energy after some steps, by the symplectic Euler method.
//! fn energy<N: Number>(angle: N, speed: N) -> N {
//!     let (mut angle, mut speed) = (angle, speed);
//!     for _ in 0..100 {
//!         speed -= angle.sin() * 0.05;
//!         angle += speed * 0.05;
//!     }
//!     speed.square() * 0.5 - angle.cos()
//! }
//! let tape = ScalarTape::new();
//! let (angle, speed) = (tape.variable(1.0), tape.variable(0.0));
//! let y = energy(angle, speed);
//! assert_eq!(y.value(), energy(1.0, 0.0));
//! let h = 1e-6;
//! let difference = (energy(1.0 + h, 0.0) - energy(1.0 - h, 0.0)) / (2.0 * h);
//! assert!((y.backward().wrt(angle) - difference).abs() < 1e-9);
//! ```
//!
//! # The same program many times
//!
//! [`Compiled`](crate::Compiled) records a closure once and replays it. A closure in single numbers becomes vector loops, and
//! [`kind`](crate::Compiled::kind) says whether it did, or which line prevents it. Terms that do the same and do not depend on each other
//! are one loop, and `kind` also says how many terms a loop has on average. If there are hundreds, a replay takes 0.3 to 0.9 times as long
//! as recording on a [`ScalarTape`](crate::ScalarTape); on ADBench's programs it takes 0.3 to 0.6 times as long.
//!
//! A step that needs the result of the step before cannot share a loop with it. In a chain of such steps every loop has one term or a few,
//! and starting a loop costs more than its arithmetic. There a replay takes 2 to 20 times as long as recording on a
//! [`ScalarTape`](crate::ScalarTape): about 10 times for x ← x + x (1 − x) p h, and twice for the method of Runge and Kutta with two unknowns.
//!
//! ```
//! use autograd::{Compiled, Matrix, ProgramKind};
//! let mut f = Compiled::new(|x| x[0].at(0, 0) * x[0].at(1, 0) + x[0].at(1, 0));
//! for a in [1.0, 2.0, 3.0] {
//!     let (value, gradient) = f.value_and_gradient(&[&Matrix::column(&[a, 4.0])]);
//!     assert_eq!((value, gradient[0].as_slice()), (4.0 * a + 4.0, &[4.0, a + 1.0][..]));
//! }
//! assert!(matches!(f.kind(), ProgramKind::Loops { .. }) && f.recordings() == 1);
//! ```
//!
//! # Hessians
//!
//! A [`Dual`](crate::Dual) number of numbers of a [`ScalarTape`](crate::ScalarTape) has a derivative that is on the tape. A sweep from this
//! derivative gives a column of the Hessian.
//!
//! ```
//! use autograd::{Dual, Number, Scalar, ScalarTape};
//! /// Every column, from the gradients of the first derivatives.
//! fn hessian(f: impl for<'t> Fn(&[Dual<Scalar<'t, f64>>]) -> Dual<Scalar<'t, f64>>, x: &[f64]) -> Vec<Vec<f64>> {
//!     let column = |j: usize| {
//!         let tape = ScalarTape::new();
//!         let moved = |(i, x)| if i == j { Dual::variable(x) } else { Dual::constant(x) };
//!         let x: Vec<_> = tape.variables(x).into_iter().enumerate().map(moved).collect();
//!         f(&x).tangent.backward().as_slice().to_vec()
//!     };
//!     (0..x.len()).map(column).collect()
//! }
//! assert_eq!(hessian(|x| x[0].square() * x[1], &[2.0, 3.0]), [[6.0, 4.0], [4.0, 0.0]]);
//! ```
//!
//! The example `predator_prey` computes the standard errors of a fit with it.
//!
//! # One input
//!
//! [`Dual`](crate::Dual) numbers carry one derivative with them and record nothing. The derivatives of any number of outputs with respect
//! to one input therefore cost about twice the computation. A gradient with respect to n inputs takes n such runs, so a tape is better if
//! there are more than a few inputs.
//!
//! ```
//! use autograd::{Dual, Number};
//! fn path<N: Number>(time: N) -> [N; 2] {
//!     [time.cos() * 2.0, time.sin()]
//! }
//! let [x, y] = path(Dual::variable(0.0));
//! assert_eq!((x.tangent, y.tangent), (0.0, 1.0)); // the speed
//! ```
//!
//! # Measure it
//!
//! ```text
//! cargo bench -p tape-autograd --bench scalars
//! ```
//!
//! It runs ADBench's programs and a chain of dependent steps on plain numbers, the [`ScalarTape`](crate::ScalarTape), the
//! [`Tape`](crate::Tape) and a recorded [`Program`](crate::Program) in turn. It prints the time of each and its ratio to the scalar tape.
