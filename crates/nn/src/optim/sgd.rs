//! Stochastic gradient descent, plain and with momentum.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Hyperparameters, Optimizer, Step, called};
use crate::Real;

/// w ← w − α g, with a fresh minibatch at each step (Robbins & Monro 1951; the lecture's SGD).
///
/// α is usually 0.001 – 0.5 for losses that are means. It converges if α decreases like
/// [`InverseTime`](crate::schedule::InverseTime).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sgd {
    /// α.
    pub lr: f64,
}

impl Hyperparameters for Sgd {
    called!("sgd");
    #[inline]
    fn moments(&self) -> usize {
        0
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Sgd {
    fn update(&self, step: Step<'_, T>) {
        step.each(|lr| {
            let lr = T::from_f64(lr);
            move |w, g, []| (w - lr * g, [])
        });
    }
}

/// v ← μ v + (1 − d) g, w ← w − α v (Polyak 1964), as in PyTorch: v = g at the first step. With Nesterov's
/// acceleration w ← w − α (g + μ v) (Sutskever et al. 2013, in the form of PyTorch).
///
/// Papers often put α inside: v ← μ v + α g and w ← w − v. This is the same if α is constant. α is usually 0.0005 – 0.1: with μ = 0.9 a
/// step is up to ten times as long as that of [`Sgd`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Momentum {
    /// α.
    pub lr: f64,
    /// μ, usually 0.9.
    pub momentum: f64,
    /// d, the dampening of the gradient in v. Default: 0.
    pub dampening: f64,
    /// Whether the step looks ahead along v.
    pub nesterov: bool,
}

impl Momentum {
    /// Without dampening, which is PyTorch's default.
    pub fn new(lr: f64, momentum: f64) -> Self {
        Momentum { lr, momentum, dampening: 0.0, nesterov: false }
    }

    /// With Nesterov's acceleration.
    pub fn nesterov(lr: f64, momentum: f64) -> Self {
        Momentum { nesterov: true, ..Momentum::new(lr, momentum) }
    }
}

impl Hyperparameters for Momentum {
    called!("momentum", momentum: DECAY, dampening: SHARE);
    #[inline]
    fn moments(&self) -> usize {
        1
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Momentum {
    fn update(&self, step: Step<'_, T>) {
        let rest = if step.k() == 1 { 1.0 } else { 1.0 - self.dampening };
        // g + μ v, or v.
        let [ahead, along] = if self.nesterov { [1.0, self.momentum] } else { [0.0, 1.0] };
        let [mu, rest, ahead, along] = [self.momentum, rest, ahead, along].map(T::from_f64);
        step.each(|lr| {
            let lr = T::from_f64(lr);
            move |w, g, [v]| {
                let v = mu * v + rest * g;
                (w - lr * (ahead * g + along * v), [v])
            }
        });
    }
}
