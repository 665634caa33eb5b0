//! The result of a fit: parameters, their errors, and why it stopped.

use std::fmt;

use autograd::Matrix;
use serde::{Deserialize, Serialize};

use super::LeastSquares;

/// The parameters that minimize a sum of squared residuals, and how certain they are.
///
/// The errors are those of a linear model around the solution, with independent residuals of one unknown variance. They say nothing
/// about errors of the model itself. For a [robust loss](super::RobustLoss) they are those of its weighted residuals.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The parameters.
    pub parameters: Vec<f64>,
    /// The residuals there.
    pub residuals: Vec<f64>,
    /// The sum: Σ r², or that of a [robust loss](super::RobustLoss).
    pub sum: f64,
    /// Why it stopped.
    pub reason: Reason,
    /// How far each criterion is from its tolerance.
    pub criteria: Criteria,
    /// The number of steps.
    pub iterations: u64,
    /// The number of evaluations of the residuals.
    pub evaluations: u64,
    /// The names of the parameters in the table; empty if they are numbered.
    pub names: Vec<String>,
    /// Σ r² of the weighted residuals of the model.
    squares: f64,
    /// (Jᵀ J)⁻¹.
    inverse: Option<Matrix<f64>>,
    /// The number of residuals whose weight is 0.
    pub(super) unweighted: usize,
}

/// A fit after a step that decreased the sum.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The parameters.
    pub parameters: &'a [f64],
    /// The residuals there.
    pub residuals: &'a [f64],
    /// The sum there, as in [`Fit`].
    pub sum: f64,
    /// The number of steps.
    pub iterations: u64,
    /// The number of evaluations of the residuals.
    pub evaluations: u64,
}

/// Why a fit or a [minimization](crate::Minimize) stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// All residuals are 0.
    Exact,
    /// The gradient is within its tolerance. In a fit, the residuals are then perpendicular to the columns of J.
    Gradient,
    /// The value decreases by less than the tolerance.
    Decrease,
    /// The steps are shorter than the tolerance.
    Step,
    /// The value changes by rounding only: no smaller tolerance can be met.
    Precision,
    /// The largest number of evaluations was reached. The parameters are the best so far and may be far from a minimum.
    Evaluations,
    /// A derivative at the last point is not finite. The parameters are the best so far.
    NotFinite,
    /// No step downhill makes the value smaller, though the gradient is not small: it is probably not that of the function.
    NoDescent,
    /// A callback asked to stop, as in [`fit_while`](LeastSquares::fit_while). The parameters are the best so far and may be far from a
    /// minimum.
    Stopped,
}

impl Reason {
    /// Whether a criterion was met. The point is then a minimum, a saddle or a plateau; first derivatives cannot tell them apart, and
    /// [`Minimizer::TrustRegion`](crate::Minimizer::TrustRegion) can.
    pub fn is_converged(self) -> bool {
        !matches!(self, Reason::Evaluations | Reason::NotFinite | Reason::NoDescent | Reason::Stopped)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Exact => "all residuals are 0",
            Reason::Gradient => "the gradient is within its tolerance",
            Reason::Decrease => "the value decreases by less than the tolerance",
            Reason::Step => "the steps are shorter than the tolerance",
            Reason::Precision => "the value changes by rounding only",
            Reason::Evaluations => "NOT CONVERGED: the largest number of evaluations is reached",
            Reason::NotFinite => "NOT CONVERGED: a derivative is not finite",
            Reason::NoDescent => "NOT CONVERGED: no step downhill makes the value smaller; check the gradient",
            Reason::Stopped => "NOT CONVERGED: a callback asked to stop",
        })
    }
}

/// The criteria at the last point, each as the settings define its tolerance: those of [`LeastSquares`] or of
/// [`MinimizeSettings`](crate::MinimizeSettings). NaN if it was not computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Criteria<S = LeastSquares> {
    /// The largest |cos| between the residuals and a column of J; in a minimization, the gradient.
    pub gradient: f64,
    /// In a fit, the larger of the last change of the sum and the change that the model predicted, divided by the sum. In a minimization,
    /// the last change of the value, divided by the larger of |f| before and after.
    pub decrease: f64,
    /// Δ as a share of |D θ|; in a minimization, the length of the last step as a share of that of x.
    pub step: f64,
    /// The settings with the tolerances.
    pub tolerances: S,
}

impl<S> Criteria<S> {
    /// A line with each criterion and the tolerance of it.
    pub(crate) fn line(&self, [gradient, decrease, step]: [f64; 3]) -> String {
        let Criteria { gradient: g, decrease: d, step: s, .. } = self;
        format!("gradient {g:.1e} of {gradient:.0e}, decrease {d:.1e} of {decrease:.0e}, step {s:.1e} of {step:.0e}")
    }
}

/// Why a fit did not begin.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// A setting is out of its range: which one, its value, and the range.
    #[error("{0}")]
    Setting(String),
    /// A parameter is not finite.
    #[error("parameter {parameter} starts at {value}: give a finite number")]
    Start {
        /// Which parameter, from 0 on.
        parameter: usize,
        /// Its start.
        value: f64,
    },
    /// A residual is not finite at the start.
    #[error(
        "residual {residual} is {value} at the start: start where the model is defined, or look for it in the data"
    )]
    Residual {
        /// Which residual, from 0 on.
        residual: usize,
        /// Its value.
        value: f64,
    },
    /// The sum of the squares overflows or underflows at the start.
    #[error(
        "the sum of the squares of the residuals is too large or too small a number at the start: divide the residuals by their unit"
    )]
    Sum,
    /// A derivative is not finite at the start.
    #[error("the derivative of {} with respect to parameter {parameter} is not finite at the start: start elsewhere", of(.residual))]
    Derivative {
        /// Which residual, from 0 on; none if it is the gradient of the sum.
        residual: Option<usize>,
        /// Which parameter, from 0 on.
        parameter: usize,
    },
    /// A number among the data is not finite.
    #[error("{what} {sample} is {value}: remove the sample, or give it the weight 0 and a finite number")]
    Data {
        /// Which number: `y`, `x` or `weight`.
        what: &'static str,
        /// The sample, from 0 on.
        sample: usize,
        /// The number.
        value: f64,
    },
}

fn of(residual: &Option<usize>) -> String {
    residual.map_or("the sum".into(), |k| format!("residual {k}"))
}

impl Fit {
    #[expect(clippy::too_many_arguments, reason = "it is called once")]
    pub(super) fn new(
        parameters: Vec<f64>,
        residuals: Vec<f64>,
        sum: f64,
        weighted: Vec<f64>,
        inverse: Option<Matrix<f64>>,
        reason: Reason,
        criteria: Criteria,
        [iterations, evaluations]: [u64; 2],
    ) -> Fit {
        let squares = weighted.iter().map(|r| r * r).sum();
        let (names, unweighted) = (Vec::new(), 0);
        Fit {
            parameters,
            residuals,
            sum,
            reason,
            criteria,
            iterations,
            evaluations,
            names,
            squares,
            inverse,
            unweighted,
        }
    }

    /// The number of residuals minus that of parameters. Samples of the weight 0 do not count.
    pub fn degrees_of_freedom(&self) -> usize {
        self.residuals.len().saturating_sub(self.unweighted + self.parameters.len())
    }

    /// The standard deviation of the residuals, s = √(Σ r² / (m − n)). `None` without more residuals than parameters.
    pub fn deviation(&self) -> Option<f64> {
        let free = self.degrees_of_freedom();
        (free > 0).then(|| (self.squares / free as f64).sqrt())
    }

    /// The covariance of the parameters, s² (Jᵀ J)⁻¹, n × n; J has the rows of the weighted residuals. The variance of a parameter that the
    /// residuals do not determine is infinite, and that of one on a bound is 0. It is `None` if there are not more residuals than
    /// parameters, after conjugate gradients or normal equations, and if J is sparse and m n² is more than 2³⁰.
    ///
    /// If the standard deviation of every residual is known and the residuals are divided by it, divide the covariance by s².
    pub fn covariance(&self) -> Option<Matrix<f64>> {
        let s = self.deviation()?;
        Some(self.inverse.as_ref()?.map(|c| s * s * c))
    }

    /// The standard errors of the parameters, √Cᵢᵢ. `None` as for the [covariance](Fit::covariance).
    pub fn standard_errors(&self) -> Option<Vec<f64>> {
        let (s, inverse) = (self.deviation()?, self.inverse.as_ref()?);
        Some((0..self.parameters.len()).map(|k| s * inverse[(k, k)].sqrt()).collect())
    }

    /// The correlations of the parameters, Cᵢⱼ / √(Cᵢᵢ Cⱼⱼ). `None` as for the [covariance](Fit::covariance), but
    /// also known if there are not more residuals than parameters; NaN beside a
    /// parameter on a bound or one that is not determined.
    pub fn correlation(&self) -> Option<Matrix<f64>> {
        let c = self.inverse.as_ref()?;
        let root = |k: usize| Some(c[(k, k)].sqrt()).filter(|root| root.is_finite()).unwrap_or(f64::NAN);
        Some(Matrix::from_fn(c.rows(), c.cols(), |i, j| c[(i, j)] / root(i) / root(j)))
    }
}

impl fmt::Display for Fit {
    /// A table of the parameters and their standard errors, then the sum and the criteria.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.standard_errors();
        let name = |k: usize| self.names.get(k).cloned().unwrap_or(format!("θ{k}"));
        let width = (0..self.parameters.len()).map(|k| name(k).chars().count()).max().unwrap_or(0).max(9);
        writeln!(f, "{:width$} {:>17} {:>15}", "parameter", "value", "standard error")?;
        for (k, x) in self.parameters.iter().enumerate() {
            let error = errors.as_ref().map_or("-".into(), |errors| format!("{:.5e}", errors[k]));
            writeln!(f, "{:width$} {x:>17.9e} {error:>15}", name(k))?;
        }
        let s = self.deviation().map_or("no degree of freedom is left".into(), |s| format!("deviation {s:.6e}"));
        writeln!(f, "{} residuals, sum {:.9e}, {s}", self.residuals.len(), self.sum)?;
        writeln!(f, "{} iterations, {} evaluations: {}", self.iterations, self.evaluations, self.reason)?;
        let of = &self.criteria.tolerances;
        f.write_str(&self.criteria.line([of.gradient_tolerance, of.decrease_tolerance, of.step_tolerance]))
    }
}
