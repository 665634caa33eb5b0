//! What residuals add to the sum: their squares, or less for large ones.

use serde::{Deserialize, Serialize};

use super::model::dot;

/// The sum F = δ² Σ ρ(rᵢ² / δ²) that is minimized. For squares, ρ(z) = z. The others grow more slowly, so that a few wrong data hardly
/// change the fit; δ is the size of a residual from which on it counts less.
///
/// An iteration minimizes the squares with the weights ρ'(rᵢ² / δ²) of the point where it starts, which bound the sum from above
/// (Holland & Welsch, *Robust regression using iteratively reweighted least-squares*, 1977). Standard errors are those of the
/// weighted squares at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum RobustLoss {
    /// ρ(z) = z: the sum of squares.
    #[default]
    Squares,
    /// ρ(z) = z up to 1 and 2 √z − 1 beyond (Huber 1964): squares, then lines.
    Huber(f64),
    /// ρ(z) = 2 (√(1 + z) − 1), a smooth form of Huber's.
    SoftL1(f64),
    /// ρ(z) = ln(1 + z): the likelihood of Cauchy's distribution. It has several minima if there are many wrong data, so start from a
    /// fit with [`Huber`](RobustLoss::Huber).
    Cauchy(f64),
}

impl RobustLoss {
    pub(crate) fn check(self) -> Result<(), String> {
        match self {
            Self::Huber(delta) | Self::SoftL1(delta) | Self::Cauchy(delta) if !(delta > 0.0 && delta.is_finite()) => {
                Err(format!("least squares: loss: {delta} should be positive and finite"))
            }
            _ => Ok(()),
        }
    }

    fn delta(self) -> f64 {
        match self {
            Self::Squares => 1.0,
            Self::Huber(delta) | Self::SoftL1(delta) | Self::Cauchy(delta) => delta,
        }
    }

    /// ρ(z) and ρ'(z).
    fn rho(self, z: f64) -> [f64; 2] {
        match self {
            Self::Huber(_) if z > 1.0 => [2.0 * z.sqrt() - 1.0, 1.0 / z.sqrt()],
            Self::Squares | Self::Huber(_) => [z, 1.0],
            // 2 (√(1 + z) − 1) without cancellation.
            Self::SoftL1(_) => [2.0 * z / ((1.0 + z).sqrt() + 1.0), 1.0 / (1.0 + z).sqrt()],
            Self::Cauchy(_) => [z.ln_1p(), 1.0 / (1.0 + z)],
        }
    }

    /// F.
    pub(crate) fn value(self, r: &[f64]) -> f64 {
        if self == Self::Squares {
            return dot(r, r);
        }
        let delta = self.delta();
        r.iter().map(|r| delta * delta * self.rho((r / delta) * (r / delta))[0]).sum()
    }

    /// √ρ' of each residual, by which it and its row of J are multiplied; empty if all are 1.
    pub(crate) fn root_weights(self, r: &[f64]) -> Vec<f64> {
        let root = |r: &f64| self.rho((r / self.delta()).powi(2))[1].sqrt();
        if self == Self::Squares { Vec::new() } else { r.iter().map(root).collect() }
    }
}
