//! Adam.

use serde::{Deserialize, Serialize};

use super::{Optimizer, each2};
use crate::Real;

/// v ← β₁ v + (1 − β₁) g, MS ← β₂ MS + (1 − β₂) g², w ← w − α v̂ / (√(M̂S + ε) + ε')
/// (Kingma & Ba 2015, algorithm 1).
///
/// With bias correction v̂ = v / (1 − β₁ᵏ) and M̂S = MS / (1 − β₂ᵏ) at step k; without, as they are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// α, in practice 0.0001 – 0.05, slowly decreased.
    pub lr: f64,
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε inside the root.
    pub eps_inside: f64,
    /// ε' added to the root.
    pub eps_outside: f64,
    /// Whether the averages are corrected for starting at 0.
    pub bias_correction: bool,
}

impl Adam {
    /// The paper's defaults: β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸ added to the root, bias corrected.
    pub fn new(lr: f64) -> Self {
        Adam { lr, beta1: 0.9, beta2: 0.999, eps_inside: 0.0, eps_outside: 1e-8, bias_correction: true }
    }

    /// The lecture's formula: both decays 0.9, ε = 10⁻⁸ inside the root, no bias correction.
    pub fn lecture(lr: f64) -> Self {
        Adam { lr, beta1: 0.9, beta2: 0.9, eps_inside: 1e-8, eps_outside: 0.0, bias_correction: false }
    }
}

impl<T: Real> Optimizer<T> for Adam {
    fn lr(&self) -> f64 {
        self.lr
    }
    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }
    fn moments(&self) -> usize {
        2
    }
    /// 1 − β₁ᵏ and 1 − β₂ᵏ.
    fn shared(&self, k: u64) -> [f64; 2] {
        let correction = |beta: f64| if self.bias_correction { -(k as f64 * beta.ln()).exp_m1() } else { 1.0 };
        [self.beta1, self.beta2].map(correction)
    }
    fn update(&self, [c1, c2]: [f64; 2], w: &mut [T], g: &[T], moments: &mut [Vec<T>]) {
        // v̂ / (√(M̂S + ε) + ε') with the corrections taken out: (√c₂ / c₁) v / (√(MS + c₂ ε) + √c₂ ε').
        let rate = T::from_f64(self.lr * c2.sqrt() / c1);
        let [inside, outside] = [c2 * self.eps_inside, c2.sqrt() * self.eps_outside].map(T::from_f64);
        let [b1, r1, b2, r2] = [self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2].map(T::from_f64);
        each2(w, g, moments, move |w, g, [v, ms]| {
            let v = b1 * v + r1 * g;
            let ms = b2 * ms + r2 * g * g;
            (w - rate * v / (Real::sqrt(ms + inside) + outside), [v, ms])
        });
    }
}
