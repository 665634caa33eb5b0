//! Nonlinear least squares.

mod conjugate;
mod curve;
mod descend;
mod factor;
mod fit;
mod jacobian;
mod model;
mod normal;
mod region;
mod robust;
mod rotations;
#[cfg_attr(not(feature = "sparse"), path = "without_sparse_steps.rs")]
mod sparse_steps;

use std::ops::ControlFlow;

use autograd::descent::Bounds;
use serde::{Deserialize, Serialize};

use crate::Residuals;
pub(crate) use conjugate::boundary;
pub use curve::Curve;
pub use fit::{Criteria, Fit, FitError, Progress, Reason};
pub(crate) use model::{dot, norm};
pub use robust::RobustLoss;

/// How a sum of squared residuals is minimized, with the default settings of [`least_squares`].
///
/// Around a point θ the residuals are nearly r + J p. An iteration minimizes |r + J p|² within a region |D p| ≤ Δ, where D holds the
/// largest lengths that the columns of J have had, so that the units of the parameters do not matter. The step is taken if the sum
/// decreases. Δ follows from the ratio of the decrease to that of the model. The rules are those of MINPACK (Moré, *The
/// Levenberg–Marquardt algorithm: implementation and theory*, 1978); the singular values of J D⁻¹ give the step for every λ, also where
/// the columns of J depend on each other.
///
/// ```
/// use autograd::{Compiled, vstack};
/// use solve::{LeastSquares, Method, Reason};
/// // Rosenbrock's valley as residuals: 10 (x₁ − x₀²) and 1 − x₀.
/// let valley = Compiled::new(|x| {
///     let (a, b) = (x[0].at(0, 0), x[0].at(1, 0));
///     vstack(&[10.0 * (b - a * a), 1.0 - a])
/// });
/// let fit = LeastSquares { method: Method::Dogleg, ..LeastSquares::default() }.fit(valley, &[-1.2, 1.0])?;
/// assert_eq!(fit.parameters, [1.0, 1.0]);
/// assert_eq!(fit.reason, Reason::Exact);
/// # Ok::<(), solve::FitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeastSquares {
    /// How a step is found, by default Levenberg and Marquardt's.
    pub method: Method,
    /// What each residual adds to the sum, by default its square.
    #[serde(alias = "sum")]
    pub loss: RobustLoss,
    /// The largest number of evaluations of the residuals, by default 2,000.
    pub max_evaluations: u64,
    /// It is done when |cos| of the angle between the residuals and each column of J is at most this, by default 10⁻¹². It has no unit.
    /// Conjugate gradients have no columns. For them it is √((|r|² − |r + J p|²) / F), the share of the residuals that a step p can
    /// remove, where F is the sum at the point.
    pub gradient_tolerance: f64,
    /// It is done when an iteration decreases the sum by at most this share, and its model predicts no more, by default 10⁻¹⁵.
    pub decrease_tolerance: f64,
    /// It is done when Δ is at most this share of |D θ|, by default 10⁻¹².
    pub step_tolerance: f64,
    /// The first Δ is this multiple of |D θ|, or of √F if |D θ| is below √ε √F, as where θ is 0; F is the sum; by default 1. Larger values reach a far minimum in fewer steps, and
    /// may leave the valley that the start is in.
    pub first_step: f64,
}

impl Default for LeastSquares {
    fn default() -> Self {
        LeastSquares {
            method: Method::LevenbergMarquardt,
            loss: RobustLoss::Squares,
            max_evaluations: 2000,
            gradient_tolerance: 1e-12,
            decrease_tolerance: 1e-15,
            step_tolerance: 1e-12,
            first_step: 1.0,
        }
    }
}

/// How a step within the region is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// The minimum within the region, p = −(Jᵀ J + λ D²)⁻¹ Jᵀ r (Levenberg 1944, Marquardt 1963). With the feature
    /// `sparse`, and if a sparse Jacobian [pays](Residuals::sparse_jacobian), the step comes from a sparse Cholesky factor of these
    /// equations, and there are no standard errors if m n² is more than 2³⁰.
    #[default]
    LevenbergMarquardt,
    /// A path along the gradient and then to the Gauss–Newton step (Powell, *A hybrid method for nonlinear equations*, 1970).
    Dogleg,
    /// Levenberg and Marquardt's step from Cholesky's factors of Jᵀ J + λ D², which take a fraction of the time for many parameters. Jᵀ J
    /// has half the digits of J, so directions in which the residuals change by less than n 10⁻⁸ of the largest change count as flat. The
    /// minimum is the same where it is determined. There are no standard errors.
    NormalEquations,
    /// Conjugate gradients, which need products J v and Jᵀ w only. This is for thousands of parameters and more, where J would be too
    /// large. D is 1, so the parameters should have similar units. There are no standard errors.
    ConjugateGradients,
}

/// The parameters θ that minimize Σ r(θ)², from a start, by [Levenberg and Marquardt](LeastSquares).
///
/// NIST's certified regressions take 0.3 of the time of SciPy's `curve_fit` in the median, from the recording of the model to the standard
/// errors, and no more than 0.7 of it where both find the certified parameters (`crates/solve/benches/compare.py`).
///
/// ```
/// use autograd::Compiled;
/// use solve::least_squares;
/// // The point with the least squared distances to three others.
/// let (points, start) = (autograd::Matrix::from([[0.0, 4.0, 2.0], [0.0, 0.0, 6.0]]), [5.0, -3.0]);
/// let fit = least_squares(Compiled::new(|x| x[0] - x[0].tape().constant(points.clone())), &start)?;
/// assert!((fit.parameters[0] - 2.0).abs() < 1e-12 && (fit.parameters[1] - 2.0).abs() < 1e-12);
/// # Ok::<(), solve::FitError>(())
/// ```
///
/// # Errors
/// If a residual or a derivative is not finite at the start, or the sum of the squares overflows or underflows there.
pub fn least_squares(residuals: impl Residuals, start: &[f64]) -> Result<Fit, FitError> {
    LeastSquares::default().fit(residuals, start)
}

impl LeastSquares {
    /// [`least_squares`] with these settings. A step to a point where a residual is not finite counts as too long.
    ///
    /// # Errors
    /// If a setting is out of its range, a residual or a derivative is not finite at the start, or the sum of the squares overflows or
    /// underflows there.
    pub fn fit(&self, mut residuals: impl Residuals, start: &[f64]) -> Result<Fit, FitError> {
        descend::run(self, &mut residuals, start, &Bounds::none(), &mut |_| ControlFlow::Continue(()))
    }

    /// [`fit`](LeastSquares::fit) with a callback, which is called after every step that decreased the sum. If it returns `Break`, the fit
    /// ends with [`Reason::Stopped`].
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use autograd::Compiled;
    /// use solve::{LeastSquares, Reason};
    /// let enough = |now: &solve::Progress<'_>| if now.sum < 1e-3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    /// let fit = LeastSquares::default().fit_while(Compiled::new(|x| x[0].exp() - 3.0), &[5.0], enough)?;
    /// assert!(fit.reason == Reason::Stopped && fit.sum < 1e-3);
    /// # Ok::<(), solve::FitError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`fit`](LeastSquares::fit).
    pub fn fit_while(
        &self,
        mut residuals: impl Residuals,
        start: &[f64],
        mut each: impl FnMut(&Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Fit, FitError> {
        descend::run(self, &mut residuals, start, &Bounds::none(), &mut each)
    }

    /// [`fit`](LeastSquares::fit) within bounds: the least and the largest value of each parameter, which may be infinite. The nearest point of the box
    /// replaces a start outside. Parameters on a bound whose gradient leads outside are held, the others move, and a
    /// step that leaves the box is projected onto it (Kanzow, Yamashita & Fukushima, *Journal of Computational and Applied Mathematics*
    /// 172, 2004). A parameter that ends on its bound is known: its standard error is 0.
    ///
    /// ```
    /// use autograd::Compiled;
    /// use solve::LeastSquares;
    /// let residuals = Compiled::new(|x| x[0] - 3.0);
    /// let fit = LeastSquares::default().fit_within(residuals, &[0.5, 0.5], &[(0.0, 1.0), (0.0, 10.0)])?;
    /// assert_eq!(fit.parameters, [1.0, 3.0]);
    /// # Ok::<(), solve::FitError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`fit`](LeastSquares::fit), or if between two bounds there is no number.
    ///
    /// # Panics
    /// If there are not as many bounds as parameters.
    #[track_caller]
    pub fn fit_within(
        &self,
        mut residuals: impl Residuals,
        start: &[f64],
        bounds: &[(f64, f64)],
    ) -> Result<Fit, FitError> {
        let (n, m) = (start.len(), bounds.len());
        assert!(n == m, "fit_within: {m} bounds for {n} parameters");
        let bounds =
            Bounds::new(bounds.to_vec()).map_err(|problem| FitError::Setting(format!("least squares: {problem}")))?;
        descend::run(self, &mut residuals, start, &bounds, &mut |_| ControlFlow::Continue(()))
    }

    fn check(&self) -> Result<(), FitError> {
        self.loss.check().map_err(FitError::Setting)?;
        let tolerances = [
            ("gradient_tolerance", self.gradient_tolerance),
            ("decrease_tolerance", self.decrease_tolerance),
            ("step_tolerance", self.step_tolerance),
        ];
        if let Some((name, x)) = tolerances.into_iter().find(|(_, x)| !(0.0..1.0).contains(x)) {
            return Err(FitError::Setting(format!("least squares: {name}: {x} should be at least 0 and below 1")));
        }
        let first = self.first_step;
        if !(first > 0.0 && first.is_finite()) {
            return Err(FitError::Setting(format!("least squares: first_step: {first} should be positive and finite")));
        }
        Ok(())
    }
}
