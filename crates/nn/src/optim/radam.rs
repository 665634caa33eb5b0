//! RAdam.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Hyperparameters, Optimizer, Step, bias_correction, called};
use crate::Real;

/// Adam that waits until the variance of its step is known (Liu et al. 2020, algorithm 2; defaults of PyTorch):
///
/// - v ← β₁ v + (1 − β₁) g, MS ← β₂ MS + (1 − β₂) g², v̂ = v / (1 − β₁ᵏ), M̂S = MS / (1 − β₂ᵏ),
/// - ρ∞ = 2 / (1 − β₂) − 1, ρ = ρ∞ − 2 k β₂ᵏ / (1 − β₂ᵏ),
/// - if ρ > 5: w ← w − α r v̂ / (√M̂S + ε'), where r² = (ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ),
/// - otherwise w ← w − α v̂.
///
/// As in PyTorch ε is added to √MS before the correction, so ε' = ε / √(1 − β₂ᵏ). α is usually 0.0001 to 0.05.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RAdam {
    /// α.
    pub lr: f64,
    /// β₁, by default 0.9.
    pub beta1: f64,
    /// β₂, by default 0.999.
    pub beta2: f64,
    /// ε, by default 10⁻⁸.
    pub eps: f64,
}

impl RAdam {
    /// PyTorch's defaults.
    pub fn new(lr: f64) -> Self {
        RAdam { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }

    /// r √(1 − β₂ᵏ) at step k, or `None` while the variance is not known.
    fn rectified(&self, k: u64) -> Option<f64> {
        let c2 = bias_correction(self.beta2, k);
        let at_infinity = 2.0 / (1.0 - self.beta2) - 1.0;
        let rho = at_infinity - 2.0 * k as f64 * (1.0 - c2) / c2;
        let r = (rho - 4.0) * (rho - 2.0) * at_infinity / ((at_infinity - 4.0) * (at_infinity - 2.0) * rho);
        (rho > 5.0).then(|| (r * c2).sqrt())
    }
}

impl Hyperparameters for RAdam {
    called!("radam", beta1: DECAY, beta2: DECAY, eps: NOT_NEGATIVE);
    #[inline]
    fn moments(&self) -> usize {
        2
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for RAdam {
    fn update(&self, step: Step<'_, T>) {
        let c1 = bias_correction(self.beta1, step.k());
        // v̂ times r √c₂ / (√MS + ε), or times 1 = 1 / (0 √MS + 1).
        let (r, root, eps) = self.rectified(step.k()).map_or((1.0, 0.0, 1.0), |r| (r, 1.0, self.eps));
        let [b1, r1, b2, r2] = [self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2].map(T::from_f64);
        let [root, eps] = [root, eps].map(T::from_f64);
        step.each(|lr| {
            let rate = T::from_f64(lr * r / c1);
            move |w, g, [v, ms]| {
                let v = b1 * v + r1 * g;
                let ms = b2 * ms + r2 * g * g;
                (w - rate * v / (root * ms.sqrt() + eps), [v, ms])
            }
        });
    }
}
