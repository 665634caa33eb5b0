//! Which tape for which program: [`Tape`](crate::Tape), [`ScalarTape`](crate::ScalarTape), [`Dual`](crate::Dual) numbers,
//! [`Compiled`](crate::Compiled).
//!
//! | the program | the tape |
//! |---|---|
//! | computes with matrices | [`Tape`](crate::Tape) |
//! | computes with single numbers, with any branches | [`ScalarTape`](crate::ScalarTape); for Hessians with [`Dual`](crate::Dual) numbers of its numbers |
//! | is the same for many inputs, in single numbers | [`Compiled`](crate::Compiled) on a [`Tape`](crate::Tape), which replays without recording |
//! | is to be replayed, drawn, verified, or differentiated more than twice | [`Tape`](crate::Tape) |
//! | has few inputs and many outputs | [`Dual`](crate::Dual) numbers, no tape |
//!
//! A function that is generic in [`Number`](crate::Number) runs on all of them and computes the same values.
//!
//! # A node that is a matrix, and a node that is a number
//!
//! A node of a [`Tape`](crate::Tape) costs a few dozen nanoseconds in addition to its arithmetic. This is negligible for a matrix of a
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
//! [`kind`](crate::Compiled::kind) says whether it did, or which line prevents it. On ADBench's programs a replay takes 0.3 to 0.6 times as
//! long as recording on a [`ScalarTape`](crate::ScalarTape).
//!
//! ```
//! use autograd::{Compiled, Matrix, ProgramKind};
//! let mut f = Compiled::new(|x| x[0].at(0, 0) * x[0].at(1, 0) + x[0].at(1, 0));
//! for a in [1.0, 2.0, 3.0] {
//!     let (value, gradient) = f.value_and_gradient(&[&Matrix::column(&[a, 4.0])]);
//!     assert_eq!((value, gradient[0].as_slice()), (4.0 * a + 4.0, &[4.0, a + 1.0][..]));
//! }
//! assert_eq!((f.kind(), f.recordings()), (ProgramKind::Loops, 1));
//! ```
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
//! It runs ADBench's programs on plain numbers, the [`ScalarTape`](crate::ScalarTape), the [`Tape`](crate::Tape) and a recorded
//! [`Program`](crate::Program) in turn. It prints the time of each and its ratio to the scalar tape.
