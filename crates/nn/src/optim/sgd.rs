//! Stochastic gradient descent, plain and with momentum.

use autograd::{Lane, compiled_once};
use serde::{Deserialize, Serialize};

use super::{Hyperparameters, Optimizer, Step, called, formula};
use crate::Real;

/// w ← w − α g, with a fresh minibatch at each step (Robbins & Monro 1951; the lecture's SGD).
///
/// α is usually 0.001 to 0.5 for losses that are means. It converges if α decreases like
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
    fn formula(&self, _: u64) -> Option<formula::Formula> {
        Some(formula::Formula { kind: formula::Kind::Sgd, rate: [1.0; 2], constants: Vec::new() })
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Sgd {
    fn update(&self, step: Step<'_, T>) {
        step.each(|lr| {
            let lr = T::from_f64(lr);
            move |w, g, []| (formula::sgd(Lane(lr), Lane(w), Lane(g)).0, [])
        });
    }
}

/// v ← μ v + (1 − d) g, w ← w − α v (Polyak 1964), as in PyTorch: v = g at the first step. With Nesterov's
/// acceleration w ← w − α (g + μ v) (Sutskever et al. 2013, in the form of PyTorch).
///
/// Papers often put α inside: v ← μ v + α g and w ← w − v. This is the same if α is constant. α is usually 0.0005 to 0.1: with μ = 0.9 a
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
    fn formula(&self, k: u64) -> Option<formula::Formula> {
        Some(formula::Formula { kind: formula::Kind::Momentum, rate: [1.0; 2], constants: self.at(k).to_vec() })
    }
}

impl Momentum {
    /// μ, 1 − d, and the factors of g + μ v, or of v.
    fn at(&self, k: u64) -> [f64; 4] {
        let rest = if k == 1 { 1.0 } else { 1.0 - self.dampening };
        let [ahead, along] = if self.nesterov { [1.0, self.momentum] } else { [0.0, 1.0] };
        [self.momentum, rest, ahead, along]
    }
}

#[compiled_once]
impl<T: Real> Optimizer<T> for Momentum {
    fn update(&self, step: Step<'_, T>) {
        let constants = self.at(step.k()).map(|c| Lane(T::from_f64(c)));
        step.each(|lr| {
            let lr = Lane(T::from_f64(lr));
            move |w, g, [v]| {
                let (w, [v]) = formula::momentum(constants, lr, Lane(w), Lane(g), Lane(v));
                (w.0, [v.0])
            }
        });
    }
}
