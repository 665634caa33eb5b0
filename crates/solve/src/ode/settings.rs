//! The methods and their settings.

use serde::{Deserialize, Serialize};

use super::error::OdeError;

/// A method with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Method {
    /// The classical method of Runge and Kutta, of order 4 (Kutta 1901), with steps of fixed lengths. There is no estimate of its error: halve
    /// the steps to see it. It interpolates for events only, by Hermite's cubic.
    Rk4 {
        /// The number of equal steps between two of the times that are asked for.
        steps: usize,
    },
    /// Dormand and Prince's method of order 5 with steps that follow the error, and an interpolation of order 4 (*Journal of Computational and
    /// Applied Mathematics* 6, 1980). This is the default.
    DormandPrince(Adaptive),
    /// The same for stiff equations, by Rodas5P, a Rosenbrock method of order 5 that is L-stable, with an interpolation of order 4 (Steinebach,
    /// *BIT Numerical Mathematics* 63:27, 2023). Its Jacobians are exact. A step takes n Jacobian products and n³ / 3 multiplications for n numbers.
    Rodas5P(Adaptive),
}

impl Default for Method {
    fn default() -> Self {
        Method::DormandPrince(Adaptive::default())
    }
}

/// How long the steps are.
///
/// A step is as long as its estimated error e allows: of each column of y, √(mean of (eᵢ / (atol + rtol |yᵢ|))²) ≤ 1. Errors of steps add up, so
/// the error of the solution is of the order of the tolerances but not bounded by them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adaptive {
    /// The relative tolerance, by default 10⁻⁷ (SciPy's is 10⁻³).
    pub rtol: f64,
    /// The absolute tolerance, in the unit of y, by default 10⁻⁹ (SciPy's is 10⁻⁶).
    pub atol: f64,
    /// The largest number of steps, accepted or not, by default 100,000.
    pub max_steps: usize,
    /// The length of the first step that is tried. By default it is estimated from f (Hairer, Nørsett & Wanner 1993, section II.4).
    pub first_step: Option<f64>,
}

impl Default for Adaptive {
    fn default() -> Self {
        Adaptive { rtol: 1e-7, atol: 1e-9, max_steps: 100_000, first_step: None }
    }
}

impl Method {
    pub(super) fn check(&self) -> Result<(), OdeError> {
        match self {
            Method::Rk4 { steps: 0 } => Err(OdeError::Setting("steps: 0 should be at least 1".into())),
            Method::Rk4 { .. } => Ok(()),
            Method::DormandPrince(adaptive) | Method::Rodas5P(adaptive) => adaptive.check(),
        }
    }
}

impl Adaptive {
    fn check(&self) -> Result<(), OdeError> {
        let wrong = |text| Err(OdeError::Setting(text));
        let Adaptive { rtol, atol, max_steps, first_step } = *self;
        // Below this, the estimate of the error is rounding.
        let least = 100.0 * f64::EPSILON;
        if !(least..1.0).contains(&rtol) {
            return wrong(format!("rtol: {rtol} should be at least {least:.1e} and below 1"));
        }
        if !(atol >= 0.0 && atol.is_finite()) {
            return wrong(format!("atol: {atol} should be finite and not negative"));
        }
        if max_steps == 0 {
            return wrong("max_steps: 0 should be at least 1".into());
        }
        match first_step {
            Some(h) if !(h > 0.0 && h.is_finite()) => wrong(format!("first_step: {h} should be positive and finite")),
            _ => Ok(()),
        }
    }
}

/// Checks that the times are finite and go in one direction.
pub fn check_times(times: &[f64]) -> Result<(), OdeError> {
    if times.is_empty() {
        return Err(OdeError::Times("there is no time: the first one is that of the initial values".into()));
    }
    if let Some(k) = times.iter().position(|t| !t.is_finite()) {
        return Err(OdeError::Times(format!("time {k} is {}: give a finite one", times[k])));
    }
    let forward = times[times.len() - 1] >= times[0];
    match times.windows(2).position(|pair| if forward { pair[1] < pair[0] } else { pair[1] > pair[0] }) {
        Some(k) => {
            let [a, b] = [times[k], times[k + 1]];
            Err(OdeError::Times(format!("time {} turns back from {a} to {b}: sort them, or integrate twice", k + 1)))
        }
        None => Ok(()),
    }
}
