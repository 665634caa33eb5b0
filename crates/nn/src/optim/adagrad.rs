//! Adagrad and Adadelta.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Hyperparameters, Optimizer, Step, called};
use crate::Real;

/// S ← S + g², w ← w − αₖ g / (√S + ε) with αₖ = α / (1 + (k − 1) η) at step k = 1, 2, … (Duchi, Hazan, Singer 2011,
/// figure 1 with diagonal matrices; ε, η and the defaults as in PyTorch).
///
/// Steps only become shorter. This is good for sparse gradients and slow in the long run. α is usually 0.01 to 0.1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adagrad {
    /// α.
    pub lr: f64,
    /// η, by default 0.
    pub lr_decay: f64,
    /// ε, by default 10⁻¹⁰.
    pub eps: f64,
    /// S before the first step, by default 0.
    pub initial: f64,
}

impl Adagrad {
    /// PyTorch's defaults.
    pub fn new(lr: f64) -> Self {
        Adagrad { lr, lr_decay: 0.0, eps: 1e-10, initial: 0.0 }
    }
}

impl Hyperparameters for Adagrad {
    called!("adagrad", lr_decay: NOT_NEGATIVE, eps: NOT_NEGATIVE, initial: NOT_NEGATIVE);
    #[inline]
    fn moments(&self) -> usize {
        1
    }
    #[inline]
    fn start(&self, _: usize) -> f64 {
        self.initial
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Adagrad {
    fn update(&self, step: Step<'_, T>) {
        let slower = 1.0 + (step.k() - 1) as f64 * self.lr_decay;
        let eps = T::from_f64(self.eps);
        step.each(|lr| {
            let lr = T::from_f64(lr / slower);
            move |w, g, [s]| {
                let s = s + g * g;
                (w - lr * g / (s.sqrt() + eps), [s])
            }
        });
    }
}

/// MS ← ρ MS + (1 − ρ) g², d = g √(D + ε) / √(MS + ε), D ← ρ D + (1 − ρ) d², w ← w − α d (Zeiler 2012, algorithm 1).
///
/// The paper uses α = 1, which need not be tuned because d has the unit of w. It starts slowly, with steps of about √ε.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adadelta {
    /// α.
    pub lr: f64,
    /// ρ.
    pub decay: f64,
    /// ε.
    pub eps: f64,
}

impl Adadelta {
    /// PyTorch's defaults: ρ = 0.9, ε = 10⁻⁶. (The paper tries ρ = 0.95.)
    pub fn new(lr: f64) -> Self {
        Adadelta { lr, decay: 0.9, eps: 1e-6 }
    }
}

impl Hyperparameters for Adadelta {
    called!("adadelta", decay: DECAY, eps: NOT_NEGATIVE);
    #[inline]
    fn moments(&self) -> usize {
        2
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Adadelta {
    fn update(&self, step: Step<'_, T>) {
        let [decay, rest, eps] = [self.decay, 1.0 - self.decay, self.eps].map(T::from_f64);
        step.each(|lr| {
            let lr = T::from_f64(lr);
            move |w, g, [ms, deltas]| {
                let ms = decay * ms + rest * g * g;
                let d = g * (deltas + eps).sqrt() / (ms + eps).sqrt();
                (w - lr * d, [ms, decay * deltas + rest * d * d])
            }
        });
    }
}
