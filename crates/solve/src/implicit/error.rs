//! Why there is no solution.

use crate::{MinimizeError, Reason};

/// Why an equation has no solution that can be differentiated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ImplicitError {
    /// A setting is out of its range: which one, its value, and the range.
    #[error("{0}")]
    Setting(String),
    /// A number is NaN or infinite.
    #[error("{name}: {what} is not finite: start where the function is defined")]
    NotFinite {
        /// The function that was called.
        name: &'static str,
        /// Which number.
        what: String,
    },
    /// Newton's method did not converge.
    #[error(
        "{name}: no solution after {iterations} steps: |F| is {residual:.1e} and the next step {step:.1e}; start nearer, or there is none"
    )]
    NotConverged {
        /// The function that was called.
        name: &'static str,
        /// The number of steps.
        iterations: u64,
        /// |F| at the last point.
        residual: f64,
        /// The largest entry of the next step.
        step: f64,
    },
    /// J is singular, so the solution is not a differentiable function of the parameters.
    #[error("{name}: the Jacobian is singular {at}: the solution has no derivative there")]
    Singular {
        /// The function that was called.
        name: &'static str,
        /// Where, and how it was noticed.
        at: String,
    },
    /// Conjugate gradients or GMRES did not solve a system with J.
    #[error(
        "{name}: a linear system was not solved after {iterations} products: its residual is {residual:.1e}; factorize, or rescale x"
    )]
    Linear {
        /// The function that was called.
        name: &'static str,
        /// The number of products with J.
        iterations: usize,
        /// The residual as a share of the right side.
        residual: f64,
    },
    /// The minimization did not converge.
    #[error("argmin: {reason}")]
    NotMinimized {
        /// Why it stopped.
        reason: Reason,
    },
    /// The minimization did not begin.
    #[error("argmin: {0}")]
    Minimize(#[from] MinimizeError),
    /// The Hessian is not positive definite at the end.
    #[error("argmin: the Hessian is not positive definite at the end: it is a saddle or a plateau, not a minimum")]
    NotMinimum,
}
