//! Optimizers that read only the sign of the gradient: Rprop and Lion.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Hyperparameters, Optimizer, Step, With, called};
use crate::Real;

/// w ← w − α s sign(g), where every entry has its own step s, initially 1 (Riedmiller & Braun 1993, without
/// weight backtracking, as in PyTorch):
///
/// - if g has the same sign as before: s ← min(η⁺ s, s_max),
/// - if the sign has changed: s ← max(η⁻ s, s_min), no step now, and no sign to compare with next time,
/// - if either is 0: s does not change.
///
/// It is for gradients of the whole training set; those of minibatches change sign at random. α is the first step; changing it
/// later rescales all steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rprop {
    /// α, usually 0.001 to 0.1.
    pub lr: f64,
    /// η⁻, by default 0.5.
    pub eta_minus: f64,
    /// η⁺, by default 1.2.
    pub eta_plus: f64,
    /// s_min, in units of α.
    pub min_step: f64,
    /// s_max, in units of α.
    pub max_step: f64,
}

impl Rprop {
    /// PyTorch's defaults: η⁻ = 0.5, η⁺ = 1.2, steps α s from 10⁻⁶ to 50.
    pub fn new(lr: f64) -> Self {
        Rprop { lr, eta_minus: 0.5, eta_plus: 1.2, min_step: 1e-6 / lr, max_step: 50.0 / lr }
    }
}

impl Hyperparameters for Rprop {
    called!("rprop", eta_minus: SHARE, eta_plus: AT_LEAST_1, min_step: NOT_NEGATIVE, max_step: NOT_BELOW_0);
    /// The previous gradient, and s.
    #[inline]
    fn moments(&self) -> usize {
        2
    }
    #[inline]
    fn start(&self, moment: usize) -> f64 {
        [0.0, 1.0][moment]
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Rprop {
    fn update(&self, step: Step<'_, T>) {
        let [one, minus, plus] = [1.0, self.eta_minus, self.eta_plus].map(T::from_f64);
        let [min, max] = [self.min_step, self.max_step].map(T::from_f64);
        step.each(|lr| {
            let lr = T::from_f64(lr);
            move |w, g, [before, s]| {
                // Signs are multiplied instead of gradients, because the product of small gradients is 0.
                let turn = g.sign() * before.sign();
                let [same, changed] = [turn.step(), (-turn).step()];
                let factor = one + same * (plus - one) + changed * (minus - one);
                let s = -(-max).larger(-min.larger(factor * s));
                let g = (one - changed) * g;
                (w - lr * s * g.sign(), [g, s])
            }
        });
    }
}

/// c = β₁ v + (1 − β₁) g, v ← β₂ v + (1 − β₂) g, w ← w − α sign(c) (Chen et al. 2023, algorithm 2).
///
/// Every entry moves by α at each step, so α is a third to a tenth of Adam's: usually 0.00003 to 0.003. The paper uses
/// decoupled decay, three to ten times that of AdamW: [`Lion::optax`], or
/// [`with().decoupled_decay`](With::decoupled_decay).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lion {
    /// α.
    pub lr: f64,
    /// β₁, by default 0.9.
    pub beta1: f64,
    /// β₂, by default 0.99.
    pub beta2: f64,
}

impl Lion {
    /// The paper's defaults, without decay.
    pub fn new(lr: f64) -> Self {
        Lion { lr, beta1: 0.9, beta2: 0.99 }
    }

    /// As in Optax: with decoupled decay of 10⁻³.
    pub fn optax(lr: f64) -> With<Lion> {
        Lion::new(lr).with().decoupled_decay(1e-3)
    }
}

impl Hyperparameters for Lion {
    called!("lion", beta1: DECAY, beta2: DECAY);
    #[inline]
    fn moments(&self) -> usize {
        1
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Lion {
    fn update(&self, step: Step<'_, T>) {
        let [b1, r1, b2, r2] = [self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2].map(T::from_f64);
        step.each(|lr| {
            let lr = T::from_f64(lr);
            move |w, g, [v]| (w - lr * (b1 * v + r1 * g).sign(), [b2 * v + r2 * g])
        });
    }
}
