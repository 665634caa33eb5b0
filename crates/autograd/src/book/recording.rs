//! Recording: tapes, variables, shapes, structure, programs in scalars.
//!
//! # A tape and its variables
//!
//! A [`Tape`](crate::Tape) keeps every value that is computed and how it came about. Leaves are variables (with a
//! gradient), constants (without) and [`Param`](crate::Param)s, which have an identity: recorded twice, they are one leaf.
//! A leaf may borrow its matrix, which then stays where it is.
//!
//! ```
//! use autograd::{Matrix, Param, Tape};
//! let data = Matrix::from([[1.0, 2.0], [3.0, 4.0]]); // columns are samples
//! let w = Param::new(Matrix::from([[0.5, -0.5]]));
//! let tape = Tape::new();
//! let y = tape.param(&w).matmul(tape.constant(&data)).tanh();
//! assert_eq!(y.shape(), (1, 2));
//! ```
//!
//! A [`Var`](crate::Var) is `Copy`. Its operators take equal shapes, plain numbers, and operands that are 1 × 1, m × 1 or
//! 1 × n, which are repeated; a mistake panics at your line with the op and all shapes.
//!
//! # What can be recorded
//!
//! - Elementwise functions: the methods of [`Number`](crate::Number), on variables of any shape.
//! - Products: [`matmul`](crate::Var::matmul) and its transposed kin, [`affine`](crate::affine) for Σ W X + b in one node.
//! - Reductions over all entries or an [`Axis`](crate::Axis): sum, mean, maximum, minimum, product, variance, norm; cumulative
//!   sums; the softmax family.
//! - Structure: [`t`](crate::Var::t), [`reshape`](crate::Var::reshape), ranges of rows and columns, [`vstack`](crate::vstack)
//!   and [`hstack`](crate::hstack), [`gather`](crate::Var::gather) and [`scatter_add`](crate::Var::scatter_add), diagonals,
//!   triangles, padding, tiles, [`one_hot`](crate::Tape::one_hot).
//! - Choices: [`max`](crate::Var::max), [`clamp`](crate::Var::clamp), [`select`](crate::Var::select) by a mask.
//! - Linear algebra: [`solve`](crate::Var::solve), [`cholesky`](crate::Var::cholesky), [`qr`](crate::Var::qr),
//!   [`symmetric_eigen`](crate::Var::symmetric_eigen), determinants, inverses.
//!
//! ```
//! use autograd::{Matrix, Tape, Triangle, Trans};
//! // Half the squared Mahalanobis length of y, and half the log-determinant: a Gaussian's log-density, but for a constant.
//! let tape = Tape::new();
//! let k = tape.variable(Matrix::from([[2.0, 0.5], [0.5, 1.0]]));
//! let y = tape.constant(Matrix::column(&[1.0, -1.0]));
//! let l = k.cholesky()?;
//! let z = l.solve_triangular(y, Triangle::Lower, Trans::No)?;
//! let loss = z.square().sum() * 0.5 + l.diagonal().ln().sum();
//! assert_eq!(loss.backward().wrt(k).shape(), (2, 2));
//! # Ok::<(), autograd::LinalgError>(())
//! ```
//!
//! # Programs in scalars
//!
//! A function that is generic in [`Number`](crate::Number) runs on `f64`, on variables and on [`Dual`](crate::Dual) numbers
//! unchanged. Comparisons of 1 × 1 variables may steer it: the tape notes how they came out.
//!
//! ```
//! use autograd::{Dual, Number, Tape};
//! /// What an option is worth at its end, smoothed: a call above the strike, nothing below.
//! fn payoff<N: Number>(price: N, strike: f64) -> N {
//!     if price > strike { (price - strike) * (-price + strike).sigmoid() } else { price.zero() }
//! }
//! let tape = Tape::new();
//! let x = tape.variable(103.0);
//! let reverse = payoff(x, 100.0).backward().wrt(x)[(0, 0)];
//! assert_eq!(reverse, payoff(Dual::variable(103.0), 100.0).tangent);
//! assert_eq!(payoff(99.0, 100.0), 0.0);
//! ```
//!
//! [`Arithmetic::sum`](crate::Arithmetic::sum) and [`Arithmetic::dot`](crate::Arithmetic::dot) record a whole sum as one node.
//!
//! # Which tape
//!
//! The same function runs on a [`ScalarTape`](crate::ScalarTape), whose numbers carry their value with them and record
//! little more than the rule itself: some twenty times as fast as 1 × 1 variables.
//!
//! ```
//! use autograd::{Number, ScalarTape};
//! /// A pendulum's energy after some steps, by the symplectic Euler method.
//! fn energy<N: Number>(angle: N, speed: N) -> N {
//!     let (mut angle, mut speed) = (angle, speed);
//!     for _ in 0..100 {
//!         speed = speed - angle.sin() * 0.05;
//!         angle = angle + speed * 0.05;
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
//! | the program | the tape |
//! |---|---|
//! | computes with matrices | [`Tape`](crate::Tape) |
//! | computes with single numbers, and branches as it likes | [`ScalarTape`](crate::ScalarTape); for Hessians of [`Dual`](crate::Dual) numbers of its numbers |
//! | is the same for many inputs, in single numbers | either; [`Compiled`](crate::Compiled) on a [`Tape`](crate::Tape) replays without recording |
//! | shall be replayed, drawn, verified, or differentiated more than twice | [`Tape`](crate::Tape) |
//! | has few inputs and many outputs | [`Dual`](crate::Dual) numbers, no tape |
//!
//! # Looking at it
//!
//! `println!("{tape}")` writes a line for each value, [`Tape::picture`](crate::Tape::picture) draws it.
