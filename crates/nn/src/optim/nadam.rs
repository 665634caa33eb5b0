//! NAdam.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Hyperparameters, Optimizer, Step, bias_correction, called};
use crate::Real;

/// Adam with Nesterov's acceleration (Dozat 2016, algorithm 2, with the schedule of μ and the defaults of PyTorch):
///
/// - μₖ = β₁ (1 − 0.96^(k ψ) / 2),
/// - v ← β₁ v + (1 − β₁) g, MS ← β₂ MS + (1 − β₂) g², M̂S = MS / (1 − β₂ᵏ),
/// - w ← w − α ((1 − μₖ) / (1 − Π₁ᵏ μᵢ) g + μₖ₊₁ / (1 − Π₁ᵏ⁺¹ μᵢ) v) / (√M̂S + ε).
///
/// α is usually 0.0002 to 0.02, by default in PyTorch 0.002.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NAdam {
    /// α.
    pub lr: f64,
    /// β₁, by default 0.9.
    pub beta1: f64,
    /// β₂, by default 0.999.
    pub beta2: f64,
    /// ε, by default 10⁻⁸.
    pub eps: f64,
    /// ψ, by default 0.004.
    pub momentum_decay: f64,
}

impl NAdam {
    /// PyTorch's defaults.
    pub fn new(lr: f64) -> Self {
        NAdam { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, momentum_decay: 0.004 }
    }

    /// μₖ.
    fn mu(&self, k: u64) -> f64 {
        self.beta1 * (1.0 - 0.5 * 0.96f64.powf(k as f64 * self.momentum_decay))
    }

    /// 1 − Π₁ᵏ μᵢ. Factors that no longer change the product are left out. With the defaults only about sixty factors remain.
    fn lacking(&self, k: u64) -> f64 {
        let mut product = 1.0;
        for i in 1..=k {
            product *= self.mu(i);
            if product < f64::EPSILON / 4.0 {
                break;
            }
        }
        1.0 - product
    }
}

impl Hyperparameters for NAdam {
    called!("nadam", beta1: DECAY, beta2: DECAY, eps: NOT_NEGATIVE, momentum_decay: NOT_NEGATIVE);
    #[inline]
    fn moments(&self) -> usize {
        2
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for NAdam {
    fn update(&self, step: Step<'_, T>) {
        let k = step.k();
        let c2 = bias_correction(self.beta2, k);
        let of_g = (1.0 - self.mu(k)) / self.lacking(k);
        let of_v = self.mu(k + 1) / self.lacking(k + 1);
        let [b1, r1, b2, r2] = [self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2].map(T::from_f64);
        let eps = T::from_f64(c2.sqrt() * self.eps);
        step.each(|lr| {
            let [of_g, of_v] = [of_g, of_v].map(|of| T::from_f64(lr * c2.sqrt() * of));
            move |w, g, [v, ms]| {
                let v = b1 * v + r1 * g;
                let ms = b2 * ms + r2 * g * g;
                (w - (of_g * g + of_v * v) / (ms.sqrt() + eps), [v, ms])
            }
        });
    }
}
