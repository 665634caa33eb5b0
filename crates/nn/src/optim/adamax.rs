//! Adamax.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Hyperparameters, Optimizer, Step, bias_correction, called};
use crate::Real;

/// v ← β₁ v + (1 − β₁) g, u ← max(β₂ u, |g| + ε), w ← w − α / (1 − β₁ᵏ) · v / u at step k (Kingma & Ba 2015,
/// algorithm 2; ε as in PyTorch, the paper has none).
///
/// [`Adam`](super::Adam) in the maximum norm. The paper's α is 0.002; usually 0.0005 to 0.05.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adamax {
    /// α.
    pub lr: f64,
    /// β₁, by default 0.9.
    pub beta1: f64,
    /// β₂, by default 0.999.
    pub beta2: f64,
    /// ε, by default 10⁻⁸.
    pub eps: f64,
}

impl Adamax {
    /// The defaults of the paper and of PyTorch.
    pub fn new(lr: f64) -> Self {
        Adamax { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Hyperparameters for Adamax {
    called!("adamax", beta1: DECAY, beta2: DECAY, eps: NOT_NEGATIVE);
    #[inline]
    fn moments(&self) -> usize {
        2
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Adamax {
    fn update(&self, step: Step<'_, T>) {
        let c1 = bias_correction(self.beta1, step.k());
        let [b1, r1, b2, eps] = [self.beta1, 1.0 - self.beta1, self.beta2, self.eps].map(T::from_f64);
        step.each(|lr| {
            let rate = T::from_f64(lr / c1);
            move |w, g, [v, u]| {
                let v = b1 * v + r1 * g;
                let u = (b2 * u).larger(g.abs() + eps);
                (w - rate * v / u, [v, u])
            }
        });
    }
}
