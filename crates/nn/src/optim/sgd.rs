//! Stochastic gradient descent, plain and with momentum.

use serde::{Deserialize, Serialize};

use super::{Optimizer, each0, each1};
use crate::Real;

/// w ← w − α g, with a fresh minibatch at each step (Robbins & Monro 1951).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sgd {
    /// α.
    pub lr: f64,
}

impl<T: Real> Optimizer<T> for Sgd {
    fn lr(&self) -> f64 {
        self.lr
    }
    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }
    fn moments(&self) -> usize {
        0
    }
    fn update(&self, _: [f64; 2], w: &mut [T], g: &[T], moments: &mut [Vec<T>]) {
        let lr = T::from_f64(self.lr);
        each0(w, g, moments, move |w, g, []| (w - lr * g, []));
    }
}

/// v ← μ v + g, w ← w − α v (Polyak 1964).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Momentum {
    /// α.
    pub lr: f64,
    /// μ, usually 0.9.
    pub momentum: f64,
}

impl<T: Real> Optimizer<T> for Momentum {
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
        let [lr, mu] = [self.lr, self.momentum].map(T::from_f64);
        each1(w, g, moments, move |w, g, [v]| {
            let v = mu * v + g;
            (w - lr * v, [v])
        });
    }
}
