//! Learning rates that decrease.

use serde::{Deserialize, Serialize};

use super::{Schedule, line, share};
use crate::setting::{AT_LEAST_1, NOT_NEGATIVE, POSITIVE, all};

/// αₖ = α γ^⌊k / n⌋: by the factor γ every n steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepDecay {
    /// α.
    pub lr: f64,
    /// n.
    pub every: u64,
    /// γ.
    pub factor: f64,
}

impl StepDecay {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{StepDecay, Schedule};
    /// assert_eq!(StepDecay::new(1.0, 2, 0.5).curve(5), [1.0, 1.0, 0.5, 0.5, 0.25]);
    /// ```
    pub fn new(lr: f64, every: u64, factor: f64) -> Self {
        StepDecay { lr, every, factor }
    }
}

impl Schedule for StepDecay {
    fn lr(&self, step: u64) -> f64 {
        self.lr * power(self.factor, step / self.every.max(1))
    }
    fn check(&self) -> Result<(), String> {
        all(
            "StepDecay",
            &[
                ("lr", self.lr, NOT_NEGATIVE),
                ("every", self.every as f64, AT_LEAST_1),
                ("factor", self.factor, NOT_NEGATIVE),
            ],
        )
    }
}

/// αₖ = α γ^m, where m is the number of milestones ≤ k.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiStep {
    /// α.
    pub lr: f64,
    /// The steps at which it decreases.
    pub milestones: Vec<u64>,
    /// γ.
    pub factor: f64,
}

impl MultiStep {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{MultiStep, Schedule};
    /// assert_eq!(MultiStep::new(1.0, [1, 3], 0.5).curve(4), [1.0, 0.5, 0.5, 0.25]);
    /// ```
    pub fn new(lr: f64, milestones: impl Into<Vec<u64>>, factor: f64) -> Self {
        MultiStep { lr, milestones: milestones.into(), factor }
    }
}

impl Schedule for MultiStep {
    fn lr(&self, step: u64) -> f64 {
        let passed = self.milestones.iter().filter(|&&milestone| milestone <= step).count();
        self.lr * power(self.factor, passed as u64)
    }
    fn check(&self) -> Result<(), String> {
        all("MultiStep", &[("lr", self.lr, NOT_NEGATIVE), ("factor", self.factor, NOT_NEGATIVE)])
    }
}

/// αₖ = α γᵏ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exponential {
    /// α.
    pub lr: f64,
    /// γ.
    pub factor: f64,
}

impl Exponential {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{Exponential, Schedule};
    /// assert_eq!(Exponential::new(1.0, 0.5).curve(3), [1.0, 0.5, 0.25]);
    /// ```
    pub fn new(lr: f64, factor: f64) -> Self {
        Exponential { lr, factor }
    }
}

impl Schedule for Exponential {
    fn lr(&self, step: u64) -> f64 {
        self.lr * power(self.factor, step)
    }
    fn check(&self) -> Result<(), String> {
        all("Exponential", &[("lr", self.lr, NOT_NEGATIVE), ("factor", self.factor, NOT_NEGATIVE)])
    }
}

/// αₖ = α_end + (α − α_end) (1 − k / n)ᵖ up to step n, then α_end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Polynomial {
    /// α.
    pub lr: f64,
    /// α_end.
    pub end: f64,
    /// n.
    pub steps: u64,
    /// p.
    pub power: f64,
}

impl Polynomial {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{Polynomial, Schedule};
    /// assert_eq!(Polynomial::new(1.0, 0.0, 2, 2.0).curve(3), [1.0, 0.25, 0.0]);
    /// ```
    pub fn new(lr: f64, end: f64, steps: u64, power: f64) -> Self {
        Polynomial { lr, end, steps, power }
    }
}

impl Schedule for Polynomial {
    fn lr(&self, step: u64) -> f64 {
        line(self.end, self.lr, (1.0 - share(step, self.steps)).powf(self.power))
    }
    fn check(&self) -> Result<(), String> {
        all(
            "Polynomial",
            &[("lr", self.lr, NOT_NEGATIVE), ("end", self.end, NOT_NEGATIVE), ("power", self.power, NOT_NEGATIVE)],
        )
    }
}

/// αₖ = α₀ + (α₁ − α₀) k / n up to step n, then α₁. It may rise or fall.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearRamp {
    /// α₀.
    pub from: f64,
    /// α₁.
    pub to: f64,
    /// n.
    pub steps: u64,
}

impl LinearRamp {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{LinearRamp, Schedule};
    /// assert_eq!(LinearRamp::new(0.0, 1.0, 2).curve(4), [0.0, 0.5, 1.0, 1.0]);
    /// ```
    pub fn new(from: f64, to: f64, steps: u64) -> Self {
        LinearRamp { from, to, steps }
    }
}

impl Schedule for LinearRamp {
    fn lr(&self, step: u64) -> f64 {
        line(self.from, self.to, share(step, self.steps))
    }
    fn check(&self) -> Result<(), String> {
        all("LinearRamp", &[("from", self.from, NOT_NEGATIVE), ("to", self.to, NOT_NEGATIVE)])
    }
}

/// αₖ = α / (1 + k / τ): the slow decrease of the lecture's αₖ.
///
/// Σ αₖ = ∞ and Σ αₖ² < ∞, so stochastic gradient descent converges (Robbins & Monro 1951, equations 6 and 7).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InverseTime {
    /// α.
    pub lr: f64,
    /// τ: the step at which it has halved.
    pub tau: f64,
}

impl InverseTime {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{InverseTime, Schedule};
    /// assert_eq!(InverseTime::new(1.0, 1.0).curve(4), [1.0, 0.5, 1.0 / 3.0, 0.25]);
    /// ```
    pub fn new(lr: f64, tau: f64) -> Self {
        InverseTime { lr, tau }
    }
}

impl Schedule for InverseTime {
    fn lr(&self, step: u64) -> f64 {
        self.lr / (1.0 + step as f64 / self.tau)
    }
    fn check(&self) -> Result<(), String> {
        all("InverseTime", &[("lr", self.lr, NOT_NEGATIVE), ("tau", self.tau, POSITIVE)])
    }
}

/// αₖ = α min((k + 1) / n, √(n / (k + 1))): linear for n steps, then like 1/√k (Vaswani et al. 2017, equation 3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InverseSqrt {
    /// α, the peak.
    pub lr: f64,
    /// n; 1 for no warm-up.
    pub warmup: u64,
}

impl InverseSqrt {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{InverseSqrt, Schedule};
    /// assert_eq!(InverseSqrt::new(1.0, 2).curve(2), [0.5, 1.0]);
    /// ```
    pub fn new(lr: f64, warmup: u64) -> Self {
        InverseSqrt { lr, warmup }
    }

    /// The schedule of the paper for a model of this width d: αₖ = d^(−1/2) min((k + 1)^(−1/2), (k + 1) n^(−3/2)).
    pub fn noam(width: usize, warmup: u64) -> Self {
        InverseSqrt { lr: (width as f64 * warmup as f64).powf(-0.5), warmup }
    }
}

impl Schedule for InverseSqrt {
    fn lr(&self, step: u64) -> f64 {
        let time = (step as f64 + 1.0) / self.warmup.max(1) as f64;
        self.lr * time.min(time.powf(-0.5))
    }
    fn check(&self) -> Result<(), String> {
        all("InverseSqrt", &[("lr", self.lr, NOT_NEGATIVE), ("warmup", self.warmup as f64, AT_LEAST_1)])
    }
}

fn power(base: f64, exponent: u64) -> f64 {
    base.powf(exponent as f64)
}
