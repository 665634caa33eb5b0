//! Nonlinear least squares with exact derivatives.
//!
//! [`Curve`] fits a model to data, and [`least_squares`] minimizes the squares of any residuals. The result, a [`Fit`], has the
//! parameters, their standard errors, covariance and correlation, says why it stopped and how far each criterion was from its
//! tolerance, and prints as a table.
//!
//! ```
//! use autograd::Matrix;
//! use solve::Curve;
//! let x = Matrix::row(&[0.0, 1.0, 2.0, 3.0, 4.0]);
//! let y = Matrix::row(&[4.1, 2.4, 1.5, 0.9, 0.5]);
//! let fit = Curve::new(|x, [a, rate]| a * (-(rate * x)).exp(), &x, &y).names(["a", "rate"]).fit([1.0, 1.0])?;
//! assert!((fit.x[1] - 0.51).abs() < 0.01, "{fit}");
//! # Ok::<(), solve::FitError>(())
//! ```
#![forbid(unsafe_code)]

mod least_squares;
mod residuals;

pub use least_squares::{Criteria, Curve, Fit, FitError, LeastSquares, Method, Reason, Sum, least_squares};
pub use residuals::Residuals;
