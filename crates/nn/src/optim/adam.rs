//! Adam, AMSGrad, AdamW.

use autograd::{Lane, compiled_once};
use serde::{Deserialize, Serialize};

use super::{Hyperparameters, Optimizer, Step, With, bias_correction, called, formula};
use crate::Real;

/// v ← β₁ v + (1 − β₁) g, MS ← β₂ MS + (1 − β₂) g², w ← w − α v̂ / (√(M̂S + ε) + ε')
/// (Kingma & Ba 2015, algorithm 1).
///
/// With bias correction v̂ = v / (1 − β₁ᵏ) and M̂S = MS / (1 − β₂ᵏ) at step k; otherwise v̂ = v and M̂S = MS. AMSGrad uses the
/// largest MS so far instead of MS (Reddi, Kale, Kumar 2018, algorithm 2, with PyTorch's bias correction).
///
/// | | β₁ | β₂ | ε inside the root | ε' outside | bias correction |
/// |---|---|---|---|---|---|
/// | [`Adam::new`], as in the paper and PyTorch | 0.9 | 0.999 | 0 | 10⁻⁸ | yes |
/// | [`Adam::lecture`] | 0.9 | 0.9 | 10⁻⁸ | 0 | no |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// α, in practice 0.0001 to 0.05, slowly decreased.
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
    /// Whether the largest MS so far is used.
    pub amsgrad: bool,
}

impl Adam {
    /// The paper's defaults: β₁ = 0.9, β₂ = 0.999, ε' = 10⁻⁸ added to the root, bias corrected.
    pub fn new(lr: f64) -> Self {
        Adam { lr, beta1: 0.9, beta2: 0.999, eps_inside: 0.0, eps_outside: 1e-8, bias_correction: true, amsgrad: false }
    }

    /// The lecture's formula: both decays 0.9, ε = 10⁻⁸ inside the root, no bias correction.
    pub fn lecture(lr: f64) -> Self {
        Adam { beta2: 0.9, eps_inside: 1e-8, eps_outside: 0.0, bias_correction: false, ..Adam::new(lr) }
    }

    /// AMSGrad: steps do not become longer when gradients become smaller.
    pub fn amsgrad(lr: f64) -> Self {
        Adam { amsgrad: true, ..Adam::new(lr) }
    }

    /// AdamW: Adam with decoupled decay, w ← (1 − α λ) w before each update (Loshchilov & Hutter 2019, algorithm 2).
    /// PyTorch's default of λ is 0.01.
    pub fn adamw(lr: f64, decay: f64) -> With<Adam> {
        Adam::new(lr).with().decoupled_decay(decay)
    }
}

impl Hyperparameters for Adam {
    called!("adam", beta1: DECAY, beta2: DECAY, eps_inside: NOT_NEGATIVE, eps_outside: NOT_NEGATIVE);
    #[inline]
    fn moments(&self) -> usize {
        if self.amsgrad { 3 } else { 2 }
    }
    fn formula(&self, k: u64) -> Option<formula::Formula> {
        let (constants, rate) = self.at(k);
        let kind = if self.amsgrad { formula::Kind::AmsGrad } else { formula::Kind::Adam };
        Some(formula::Formula { kind, rate, constants: constants.to_vec() })
    }
}

impl Adam {
    /// v̂ / (√(M̂S + ε) + ε') with the corrections taken out: (√c₂ / c₁) v / (√(MS + c₂ ε) + √c₂ ε').
    fn at(&self, k: u64) -> ([f64; 6], [f64; 2]) {
        let correction = |beta| if self.bias_correction { bias_correction(beta, k) } else { 1.0 };
        let [c1, c2] = [self.beta1, self.beta2].map(correction);
        let [inside, outside] = [c2 * self.eps_inside, c2.sqrt() * self.eps_outside];
        ([self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2, inside, outside], [c2.sqrt(), c1])
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Adam {
    fn update(&self, step: Step<'_, T>) {
        let (constants, [over, under]) = self.at(step.k());
        let constants = constants.map(|c| Lane(T::from_f64(c)));
        let rate = |lr: f64| Lane(T::from_f64(lr * over / under));
        if self.amsgrad {
            return step.each(|lr| {
                let rate = rate(lr);
                move |w, g, moments| {
                    let (w, moments) = formula::amsgrad(constants, rate, Lane(w), Lane(g), moments.map(Lane));
                    (w.0, moments.map(|m| m.0))
                }
            });
        }
        step.each(|lr| {
            let rate = rate(lr);
            move |w, g, moments| {
                let (w, moments) = formula::adam(constants, rate, Lane(w), Lane(g), moments.map(Lane));
                (w.0, moments.map(|m| m.0))
            }
        });
    }
}
