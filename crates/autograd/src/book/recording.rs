//! Recording: tapes, variables, shapes, structure, scalar programs.
//!
//! # A tape and its variables
//!
//! A [`Tape`](crate::Tape) keeps every computed value and the operation that computed it. Its leaves are variables (with a
//! gradient), constants (without a gradient) and [`Param`](crate::Param)s. A `Param` has an identity: if it is recorded twice, it is still
//! one leaf. A leaf may borrow its matrix, which is then not copied.
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
//! A [`Var`](crate::Var) is `Copy`. Its operators take operands of equal shapes, plain numbers, and operands that are 1 × 1, m × 1 or
//! 1 × n, which are repeated. A mistake panics at your line with the op and all shapes.
//!
//! # What can be recorded
//!
//! - Elementwise functions: the methods of [`Number`](crate::Number), on variables of any shape.
//! - Products: [`matmul`](crate::Var::matmul) and its transposed variants, [`affine`](crate::affine) for Σ W X + b in one node.
//! - Reductions over all entries or an [`Axis`](crate::Axis): sum, mean, maximum, minimum, product, variance, norm; cumulative
//!   sums; the softmax family.
//! - Structure: [`t`](crate::Var::t), [`reshape`](crate::Var::reshape), ranges of rows and columns, [`vstack`](crate::vstack)
//!   and [`hstack`](crate::hstack), [`gather`](crate::Var::gather) and [`scatter_add`](crate::Var::scatter_add), diagonals,
//!   triangles, padding, tiles, [`windows`](crate::Var::windows), [`one_hot`](crate::Tape::one_hot).
//! - Choices: [`max`](crate::Var::max), [`clamp`](crate::Var::clamp), [`select`](crate::Var::select) by a mask.
//! - Linear algebra: [`solve`](crate::Var::solve), [`cholesky`](crate::Var::cholesky), [`qr`](crate::Var::qr),
//!   [`symmetric_eigen`](crate::Var::symmetric_eigen), [`svd`](crate::Var::svd), [`least_squares`](crate::Var::least_squares),
//!   [`matrix_exp`](crate::Var::matrix_exp), determinants, inverses. [`LinearAlgebra`](crate::LinearAlgebra) has the same functions for
//!   plain matrices.
//!
//! ```
//! use autograd::{Matrix, Tape, Triangle, Trans};
//! // Half the squared Mahalanobis length of y plus half the log-determinant: −ln of a Gaussian density, up to a constant.
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
//! # Scalar programs
//!
//! A function that is generic in [`Number`](crate::Number) runs unchanged on `f64`, on variables and on [`Dual`](crate::Dual)
//! numbers. It may branch on comparisons of 1 × 1 variables; the tape notes their outcomes.
//!
//! ```
//! use autograd::{Dual, Number, Tape};
//! /// The smoothed payoff of an option at its expiry: a call above the strike, nothing below.
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
//! A plain number may be the right operand of any number type, as in `x * 2.0`, and `y += x` works too. A generic function that uses
//! `2.0 * x` needs the bound `where f64: LeftOf<N>`: see [`LeftOf`](crate::LeftOf). Variables and numbers of known types need no such
//! bound.
//!
//! [`Arithmetic::sum`](crate::Arithmetic::sum) and [`Arithmetic::dot`](crate::Arithmetic::dot) record a whole sum as one node.
//!
//! The same function runs about twenty times as fast on a [`ScalarTape`](crate::ScalarTape). [Which tape](super::tapes) says when to use
//! which tape.
//!
//! # Printing a tape
//!
//! `println!("{tape}")` prints a line for each value, [`Tape::picture`](crate::Tape::picture) draws a graph, and
//! [`grads.steps(&tape)`](crate::Gradients::steps) is the table of all steps forward and backward, with formulas and values:
//!
//! ```
//! use autograd::{Matrix, Tape};
//! let tape = Tape::new();
//! let (w, x) = (tape.variable(Matrix::from([[0.5, -1.0]])), tape.constant(Matrix::column(&[2.0, 1.0])));
//! let y = w.matmul(x).tanh();
//! println!("{}", y.backward_all().steps(&tape).name(w, "W").name(x, "x"));
//! ```
