//! The result of a minimization.

use std::fmt;

use autograd::Matrix;

use super::{MinimizeSettings, Minimizer};
use crate::{Criteria, Reason};

/// The minimum of a function, and how it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimum {
    /// The best point.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// The gradient there.
    pub gradient: Vec<f64>,
    /// The largest |x − P(x − g)| of an entry, where P is the nearest point of the box; without bounds, the largest |g|.
    pub gradient_norm: f64,
    /// The least eigenvalue of H among the entries that are not held by a bound: positive at a minimum, negative at a saddle. Known from
    /// [`Minimizer::TrustRegion`].
    pub least_curvature: Option<f64>,
    /// H⁻¹: from [`Minimizer::TrustRegion`] exact, if H is positive definite and no bound holds an entry; from [`Minimizer::Bfgs`] what
    /// the changes of the gradient made of it, which is exact only along the last steps. `None` if it is not known.
    pub inverse: Option<Matrix<f64>>,
    /// The method.
    pub method: Minimizer,
    /// Why it stopped.
    pub reason: Reason,
    /// How far each criterion is from its tolerance.
    pub criteria: Criteria<MinimizeSettings>,
    /// The number of steps.
    pub iterations: u64,
    /// The number of evaluations of f and ∇f.
    pub evaluations: u64,
    /// The number of products H v.
    pub products: u64,
    /// The names of the entries in the table; empty if they are numbered.
    pub names: Vec<String>,
}

/// Why a minimization did not begin.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MinimizeError {
    /// A setting is out of its range: which one, its value, and the range.
    #[error("{0}")]
    Setting(String),
    /// The method needs products H v, and the function does not have them.
    #[error("minimize: {0} needs products H v: hand over `Smooth::new`, `Scalars::new`, or a pair of closures")]
    NoProducts(Minimizer),
    /// An entry of the start is not finite.
    #[error("entry {entry} starts at {value}: give a finite number")]
    Start {
        /// Which entry, from 0 on.
        entry: usize,
        /// Its start.
        value: f64,
    },
    /// The value at the start is not finite.
    #[error("the function is {value} at the start: start where it is defined")]
    Value {
        /// Its value.
        value: f64,
    },
    /// A derivative at the start is not finite.
    #[error("the derivative with respect to entry {entry} is {value} at the start: start elsewhere")]
    Derivative {
        /// Which entry, from 0 on.
        entry: usize,
        /// Its value.
        value: f64,
    },
}

impl fmt::Display for Minimum {
    /// A table of the entries and their derivatives, then the value and the criteria.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |k: usize| self.names.get(k).cloned().unwrap_or(format!("x{k}"));
        let width = (0..self.x.len()).map(|k| name(k).chars().count()).max().unwrap_or(0).max(5);
        writeln!(f, "{:width$} {:>17} {:>12}", "entry", "value", "derivative")?;
        for (k, (x, g)) in self.x.iter().zip(&self.gradient).enumerate() {
            writeln!(f, "{:width$} {x:>17.9e} {g:>12.2e}", name(k))?;
        }
        write!(f, "f = {:.9e}, gradient {:.1e}", self.value, self.gradient_norm)?;
        if let Some(curvature) = self.least_curvature {
            write!(f, ", least curvature {curvature:.3e}")?;
        }
        writeln!(f)?;
        let Minimum { method, iterations, evaluations, products, reason, .. } = self;
        writeln!(f, "{method}: {iterations} iterations, {evaluations} evaluations, {products} products: {reason}")?;
        let of = &self.criteria.tolerances;
        f.write_str(&self.criteria.line([of.gradient_tolerance, of.decrease_tolerance, of.step_tolerance]))
    }
}
