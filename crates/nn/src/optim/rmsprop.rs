//! RMSProp.

use serde::{Deserialize, Serialize};

use super::{Optimizer, each1};
use crate::Real;

/// MS ← ρ MS + (1 − ρ) g², w ← w − α g / √(MS + ε) (Tieleman & Hinton 2012, lecture 6.5).
///
/// Libraries differ in where ε stands: [`RmsProp::lecture`] has it inside the root,
/// [`RmsProp::torch`] outside.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RmsProp {
    /// α.
    pub lr: f64,
    /// ρ.
    pub decay: f64,
    /// ε inside the root.
    pub eps_inside: f64,
    /// ε added to the root.
    pub eps_outside: f64,
}

impl RmsProp {
    /// The lecture's formula: ρ = 0.9, ε = 10⁻⁸ inside the root.
    pub fn lecture(lr: f64) -> Self {
        RmsProp { lr, decay: 0.9, eps_inside: 1e-8, eps_outside: 0.0 }
    }

    /// As in PyTorch, whose defaults are ρ = 0.99 and ε = 10⁻⁸ added to the root.
    pub fn torch(lr: f64) -> Self {
        RmsProp { lr, decay: 0.99, eps_inside: 0.0, eps_outside: 1e-8 }
    }
}

impl<T: Real> Optimizer<T> for RmsProp {
    fn lr(&self) -> f64 {
        self.lr
    }
    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }
    fn moments(&self) -> usize {
        1
    }
    fn update(&self, _: [f64; 2], w: &mut [T], g: &[T], moments: &mut [Vec<T>]) {
        let [lr, decay, rest, inside, outside] =
            [self.lr, self.decay, 1.0 - self.decay, self.eps_inside, self.eps_outside].map(T::from_f64);
        each1(w, g, moments, move |w, g, [ms]| {
            let ms = decay * ms + rest * g * g;
            (w - lr * g / (Real::sqrt(ms + inside) + outside), [ms])
        });
    }
}
