//! Fits, minimization, implicit functions, differential equations, sparse derivatives and enclosures, all with exact derivatives.
//!
//! [`Curve`] fits a model to data, and [`least_squares`] minimizes the squares of any residuals. The result, a [`Fit`], has the
//! parameters, their standard errors, covariance and correlation, says why it stopped and how far each criterion was from its
//! tolerance, and prints as a table. [`mod@minimize`] is for functions of any other form, [`implicit`] for solutions
//! of equations as recorded operations, and [`ode`] for differential equations.
//!
//! ```
//! use autograd::Matrix;
//! use solve::Curve;
//! let x = Matrix::row(&[0.0, 1.0, 2.0, 3.0, 4.0]);
//! let y = Matrix::row(&[4.1, 2.4, 1.5, 0.9, 0.5]);
//! let fit = Curve::new(|x, [a, rate]| a * (-(rate * x)).exp(), &x, &y).names(["a", "rate"]).fit([1.0, 1.0])?;
//! assert!((fit.parameters[1] - 0.51).abs() < 0.01, "{fit}");
//! # Ok::<(), solve::FitError>(())
//! ```
//!
//! [`SparseJacobian`] and [`SparseHessian`] compute and store only the entries that may differ from 0, by a few products each.
//! The feature `sparse` adds factors of sparse matrices, which large fits use automatically.
//! [`Interval`] runs programs on intervals, which proves bounds of functions and gradients over a box. [`check`] lets them decide where the
//! differences of [`autograd::check`](fn@autograd::check) cannot.
#![forbid(unsafe_code)]

mod enclosure;
pub mod implicit;
mod least_squares;
pub mod minimize;
mod objective;
pub mod ode;
mod residuals;
mod sparse;

pub use enclosure::{
    EnclosureError, Interval, IntervalMatrix, check, derivative_bounds, enclose, enclose_gradient,
    enclose_scalar_gradient,
};
pub use implicit::{Implicit, ImplicitError, LinearSolver, argmin, fixed_point, root};
pub use least_squares::{
    Criteria, Curve, Fit, FitError, LeastSquares, Method, Progress, Reason, RobustLoss, least_squares,
};
pub use minimize::{Iterate, Minimize, MinimizeError, MinimizeSettings, Minimizer, Minimum, minimize};
pub use objective::{Objective, ScalarFunction, Scalars, Smooth};
pub use residuals::Residuals;
#[cfg(feature = "sparse")]
pub use sparse::SparseFactor;
pub use sparse::{
    JacobianPlan, Pattern, SparseHessian, SparseJacobian, SparseMatrix, Sweep, sparse_hessian, sparse_jacobian,
    sparsity,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
