//! A box that the parameters stay in.

use super::FitError;

/// The least and the largest value of each parameter; empty if there are no bounds.
pub struct Bounds(Vec<(f64, f64)>);

impl Bounds {
    pub fn none() -> Self {
        Bounds(Vec::new())
    }

    pub fn new(bounds: &[(f64, f64)]) -> Result<Self, FitError> {
        let wrong = bounds.iter().position(|(low, high)| {
            low.partial_cmp(high).is_none_or(|order| order.is_gt())
                || *low == f64::INFINITY
                || *high == f64::NEG_INFINITY
        });
        match wrong {
            None => Ok(Bounds(bounds.to_vec())),
            Some(k) => {
                let (low, high) = bounds[k];
                Err(FitError::Setting(format!("least squares: bound {k}: from {low} to {high} there is no number")))
            }
        }
    }

    /// The nearest point of the box.
    pub fn nearest(&self, mut x: Vec<f64>) -> Vec<f64> {
        x.iter_mut().zip(&self.0).for_each(|(x, (low, high))| *x = x.max(*low).min(*high));
        x
    }

    /// Whether the parameter is on a bound, and the sum decreases only outside.
    pub fn holds(&self, k: usize, x: f64, gradient: f64) -> bool {
        self.0
            .get(k)
            .is_some_and(|&(low, high)| (x <= low && gradient > 0.0) || (x >= high && gradient < 0.0) || low == high)
    }
}
