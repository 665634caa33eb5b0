//! A learning rate that decreases when a metric stops improving.

use serde::{Deserialize, Serialize};

use crate::setting::{NOT_NEGATIVE, SHARE, all};

/// α ← max(γ α, α_min) when a metric, such as the error on the validation set, has not improved for more than
/// `patience` observations (PyTorch's `ReduceLROnPlateau`, with its defaults and its state).
///
/// It is the only schedule with state. The state is in its fields, so as a serde value it continues where it stopped.
///
/// ```
/// use nn::schedule::Plateau;
/// let mut plateau = Plateau { patience: 1, factor: 0.5, ..Plateau::new(0.1) };
/// let lr = [1.0, 0.8, 0.8, 0.8, 0.8].map(|error| plateau.observe(error));
/// assert_eq!(lr, [0.1, 0.1, 0.1, 0.05, 0.05]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// The current α.
    pub lr: f64,
    /// Whether smaller or larger is better.
    pub goal: Goal,
    /// γ, by default 0.1.
    pub factor: f64,
    /// The number of consecutive observations without improvement that are allowed, by default 10.
    pub patience: u64,
    /// The smallest improvement, by default 10⁻⁴ of the best.
    pub threshold: Threshold,
    /// The number of observations after a decrease that are not counted, by default 0.
    pub cooldown: u64,
    /// α_min, by default 0.
    pub min_lr: f64,
    /// A decrease that is not larger than this is skipped, by default 10⁻⁸.
    pub eps: f64,
    /// The best metric so far.
    pub best: Option<f64>,
    /// The number of consecutive observations without improvement.
    pub bad: u64,
    /// The number of remaining observations of the cooldown.
    pub cooling: u64,
}

/// The direction in which a metric improves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goal {
    /// Smaller is better, as for an error.
    #[default]
    Min,
    /// Larger is better, as for an accuracy.
    Max,
}

/// The smallest improvement over the best that counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Threshold {
    /// This fraction of |best|.
    Relative(f64),
    /// This difference.
    Absolute(f64),
}

impl Goal {
    /// Whether `metric` is better than `best` by more than the threshold. NaN is never better.
    pub fn is_better(self, metric: f64, best: f64, threshold: Threshold) -> bool {
        let sign = if self == Goal::Min { 1.0 } else { -1.0 };
        let bar = match threshold {
            Threshold::Relative(share) => best - sign * share * best.abs(),
            Threshold::Absolute(amount) => best - sign * amount,
        };
        sign * metric < sign * bar
    }
}

impl Plateau {
    /// PyTorch's defaults, starting with this α.
    pub fn new(lr: f64) -> Self {
        Plateau {
            lr,
            goal: Goal::Min,
            factor: 0.1,
            patience: 10,
            threshold: Threshold::Relative(1e-4),
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
            best: None,
            bad: 0,
            cooling: 0,
        }
    }

    /// Checks that its settings are in their ranges, like [`Schedule::check`](super::Schedule::check).
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn check(&self) -> Result<(), String> {
        let (Threshold::Relative(threshold) | Threshold::Absolute(threshold)) = self.threshold;
        all(
            "Plateau",
            &[
                ("lr", self.lr, NOT_NEGATIVE),
                ("factor", self.factor, SHARE),
                ("threshold", threshold, NOT_NEGATIVE),
                ("min_lr", self.min_lr, NOT_NEGATIVE),
                ("eps", self.eps, NOT_NEGATIVE),
            ],
        )
    }

    /// Observes a metric, usually once an epoch, and returns the next α. A metric that is not finite is not an
    /// improvement.
    pub fn observe(&mut self, metric: f64) -> f64 {
        let better = self.best.is_none_or(|best| self.goal.is_better(metric, best, self.threshold));
        if better && metric.is_finite() {
            (self.best, self.bad) = (Some(metric), 0);
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            (self.cooling, self.bad) = (self.cooling - 1, 0);
        }
        if self.bad > self.patience {
            let lower = (self.lr * self.factor).max(self.min_lr);
            if self.lr - lower > self.eps {
                self.lr = lower;
            }
            (self.cooling, self.bad) = (self.cooldown, 0);
        }
        self.lr
    }
}
