//! RMSProp.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Hyperparameters, Optimizer, Step, called};
use crate::Real;

/// MS ← ρ MS + (1 − ρ) g², w ← w − α g / (√(MS + ε) + ε') (Tieleman & Hinton 2012, lecture 6.5).
///
/// With momentum, b ← μ b + g / (√(MS + ε) + ε') and w ← w − α b. If centered, the square of the mean gradient
/// m ← ρ m + (1 − ρ) g is subtracted from MS, which gives the variance (Graves 2013, equations 38 to 45).
///
/// Libraries differ in the position of ε, which matters for small gradients:
///
/// | | ρ | ε inside the root | ε' outside | MS at the start |
/// |---|---|---|---|---|
/// | [`RmsProp::lecture`] | 0.9 | 10⁻⁸ | 0 | 0 |
/// | [`RmsProp::torch`] | 0.99 | 0 | 10⁻⁸ | 0 |
/// | [`RmsProp::optax`] | 0.9 | 10⁻⁸ | 0 | 0 |
///
/// α is usually 0.0001 to 0.01. A step is about α long, whatever the size of the gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RmsProp {
    /// α.
    pub lr: f64,
    /// ρ.
    pub decay: f64,
    /// ε inside the root.
    pub eps_inside: f64,
    /// ε' added to the root.
    pub eps_outside: f64,
    /// μ, by default 0: no momentum.
    pub momentum: f64,
    /// Whether the square of the mean gradient is subtracted.
    pub centered: bool,
    /// MS before the first step.
    pub initial_scale: f64,
}

impl RmsProp {
    /// The lecture's formula: ρ = 0.9, ε = 10⁻⁸ inside the root.
    pub fn lecture(lr: f64) -> Self {
        RmsProp {
            lr,
            decay: 0.9,
            eps_inside: 1e-8,
            eps_outside: 0.0,
            momentum: 0.0,
            centered: false,
            initial_scale: 0.0,
        }
    }

    /// As in PyTorch, whose defaults are ρ = 0.99 and ε' = 10⁻⁸ added to the root.
    pub fn torch(lr: f64) -> Self {
        RmsProp { decay: 0.99, eps_inside: 0.0, eps_outside: 1e-8, ..RmsProp::lecture(lr) }
    }

    /// As in Optax, whose defaults are the lecture's: ρ = 0.9, ε = 10⁻⁸ inside the root, MS = 0 at the start. (Optax
    /// multiplies by α before the momentum, which is the same as long as α is constant.)
    pub fn optax(lr: f64) -> Self {
        RmsProp::lecture(lr)
    }

    fn is_plain(&self) -> bool {
        self.momentum == 0.0 && !self.centered
    }
}

impl Hyperparameters for RmsProp {
    called!("rmsprop", decay: DECAY, eps_inside: NOT_NEGATIVE, eps_outside: NOT_NEGATIVE, momentum: DECAY, initial_scale: NOT_NEGATIVE);
    /// MS; with momentum or centered also the mean gradient and b.
    #[inline]
    fn moments(&self) -> usize {
        if self.is_plain() { 1 } else { 3 }
    }
    #[inline]
    fn start(&self, moment: usize) -> f64 {
        if moment == 0 { self.initial_scale } else { 0.0 }
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for RmsProp {
    fn update(&self, step: Step<'_, T>) {
        let [decay, rest, inside, outside] =
            [self.decay, 1.0 - self.decay, self.eps_inside, self.eps_outside].map(T::from_f64);
        if self.is_plain() {
            return step.each(|lr| {
                let lr = T::from_f64(lr);
                move |w, g, [ms]| {
                    let ms = decay * ms + rest * g * g;
                    (w - lr * g / ((ms + inside).sqrt() + outside), [ms])
                }
            });
        }
        let [mu, centered] = [self.momentum, f64::from(self.centered)].map(T::from_f64);
        step.each(|lr| {
            let lr = T::from_f64(lr);
            move |w, g, [ms, mean, b]| {
                let ms = decay * ms + rest * g * g;
                let mean = decay * mean + rest * g;
                // A variance, which rounding must not make negative.
                let variance = (ms - centered * mean * mean).relu();
                let b = mu * b + g / ((variance + inside).sqrt() + outside);
                (w - lr * b, [ms, mean, b])
            }
        });
    }
}
