//! Learning-rate schedules: pure functions of the step, and [`Plateau`], which watches a metric. [`LrFinder`] suggests an
//! initial rate.
//!
//! ```
//! use nn::schedule::{Cosine, Schedule};
//! use nn::{Hyperparameters, Sgd};
//!
//! // From 0.01 up to 0.1 in ten steps, then down along a cosine.
//! let schedule = Cosine::new(0.1, 1e-4, 90).warmup(10);
//! let mut sgd = Sgd { lr: schedule.lr(0) };
//! for step in 0..100 {
//!     sgd.set_lr(schedule.lr(step));
//!     // … a step of training
//! }
//! ```
//!
//! A schedule is data without hidden state: a struct, whose `new` takes its settings in the order of its fields. A trainer
//! [checks](Schedule::check) them when it is given the schedule; a loop of your own can check them itself. Training that stopped at step k
//! resumes with `lr(k)`. The unit is whatever the caller counts: steps, or epochs ([`every`](Schedule::every) converts one into the other).

mod cyclic;
mod decay;
mod lr_finder;
mod plateau;

use serde::{Deserialize, Serialize};

use crate::setting::{AT_LEAST_1, NOT_NEGATIVE};

pub use cyclic::{Cosine, CosineRestarts, OneCycle, Triangular};
pub use decay::{Exponential, InverseSqrt, InverseTime, LinearRamp, MultiStep, Polynomial, StepDecay};
pub use lr_finder::{LrCurve, LrFinder, LrPoint, LrSuggestion};
pub use plateau::{Goal, Plateau, Threshold};

/// The learning rate as a function of the step. A number is a constant schedule.
///
/// ```
/// use nn::schedule::{Exponential, LinearRamp, Schedule};
/// assert_eq!(0.1.lr(1000), 0.1);
/// let schedule = LinearRamp::new(0.0, 0.5, 2).then(2, 0.5).then(4, Exponential::new(0.25, 0.5));
/// assert_eq!(schedule.curve(7), [0.0, 0.25, 0.5, 0.5, 0.25, 0.125, 0.0625]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a schedule",
    note = "a schedule is a number (`0.01`, as `f64`), or one of those in `nn::schedule`"
)]
pub trait Schedule {
    /// αₖ at step k = 0, 1, …
    fn lr(&self, step: u64) -> f64;

    /// Checks that its settings are in their ranges. The message gives the setting, its value, and the allowed range.
    /// [`Trainer::schedule`](crate::train::Trainer::schedule) calls it.
    ///
    /// # Errors
    /// If a setting is out of its range.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The learning rates of the first steps, for a plot.
    fn curve(&self, steps: u64) -> Vec<f64> {
        (0..steps).map(|k| self.lr(k)).collect()
    }

    /// This schedule up to step `at`, then `next`, which starts from its own step 0.
    fn then<S: Schedule>(self, at: u64, next: S) -> Then<Self, S>
    where
        Self: Sized,
    {
        Then { first: self, at, next }
    }

    /// The product of both, so that one is a factor of the other.
    ///
    /// ```
    /// use nn::schedule::{InverseTime, Schedule, StepDecay};
    /// let schedule = StepDecay::new(0.5, 2, 0.5).times(InverseTime::new(1.0, 1.0));
    /// assert_eq!(schedule.curve(3), [0.5, 0.5 / 2.0, 0.25 / 3.0]);
    /// ```
    fn times<S: Schedule>(self, factor: S) -> Times<Self, S>
    where
        Self: Sized,
    {
        Times { schedule: self, factor }
    }

    /// Starts with a linear warm-up of `steps` steps, α₀ (k + 1) / steps, before its own step 0 (Goyal et al. 2017, section 2.2).
    fn warmup(self, steps: u64) -> Warmup<Self>
    where
        Self: Sized,
    {
        Warmup { steps, schedule: self }
    }

    /// Each of its steps lasts `steps` steps: converts a schedule of epochs into one of steps.
    ///
    /// ```
    /// use nn::schedule::{Exponential, Schedule};
    /// assert_eq!(Exponential::new(1.0, 0.5).every(3).curve(7), [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]);
    /// ```
    fn every(self, steps: u64) -> Every<Self>
    where
        Self: Sized,
    {
        Every { steps, schedule: self }
    }
}

/// αₖ = α.
impl Schedule for f64 {
    fn lr(&self, _: u64) -> f64 {
        *self
    }
    fn check(&self) -> Result<(), String> {
        // If it is not finite, the first step reports that training diverges.
        NOT_NEGATIVE.check("schedule: lr", if self.is_finite() { *self } else { 0.0 }).map(drop)
    }
}

impl<S: Schedule + ?Sized> Schedule for &S {
    fn lr(&self, step: u64) -> f64 {
        (**self).lr(step)
    }
    fn check(&self) -> Result<(), String> {
        (**self).check()
    }
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn lr(&self, step: u64) -> f64 {
        (**self).lr(step)
    }
    fn check(&self) -> Result<(), String> {
        (**self).check()
    }
}

/// Two schedules in sequence: see [`Schedule::then`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Then<A, B> {
    /// The schedule up to `at`.
    pub first: A,
    /// The first step of `next`.
    pub at: u64,
    /// The schedule from there on.
    pub next: B,
}

impl<A: Schedule, B: Schedule> Schedule for Then<A, B> {
    fn lr(&self, step: u64) -> f64 {
        if step < self.at { self.first.lr(step) } else { self.next.lr(step - self.at) }
    }
    fn check(&self) -> Result<(), String> {
        self.first.check().and(self.next.check())
    }
}

/// The product of two schedules: see [`Schedule::times`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times<A, B> {
    /// α.
    pub schedule: A,
    /// The factor.
    pub factor: B,
}

impl<A: Schedule, B: Schedule> Schedule for Times<A, B> {
    fn lr(&self, step: u64) -> f64 {
        self.schedule.lr(step) * self.factor.lr(step)
    }
    fn check(&self) -> Result<(), String> {
        self.schedule.check().and(self.factor.check())
    }
}

/// A linear warm-up before a schedule: see [`Schedule::warmup`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warmup<S> {
    /// The number of steps of the warm-up.
    pub steps: u64,
    /// The schedule that follows.
    pub schedule: S,
}

impl<S: Schedule> Schedule for Warmup<S> {
    fn lr(&self, step: u64) -> f64 {
        match step.checked_sub(self.steps) {
            Some(step) => self.schedule.lr(step),
            None => self.schedule.lr(0) * (step + 1) as f64 / self.steps as f64,
        }
    }
    fn check(&self) -> Result<(), String> {
        self.schedule.check()
    }
}

/// A schedule of longer units: see [`Schedule::every`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Every<S> {
    /// The number of steps of a unit.
    pub steps: u64,
    /// The schedule of units.
    pub schedule: S,
}

impl<S: Schedule> Schedule for Every<S> {
    fn lr(&self, step: u64) -> f64 {
        self.schedule.lr(step / self.steps.max(1))
    }
    fn check(&self) -> Result<(), String> {
        AT_LEAST_1.check("Every: steps", self.steps as f64)?;
        self.schedule.check()
    }
}

/// The fraction of `steps` that has passed at step k: from 0 to 1.
fn share(k: u64, steps: u64) -> f64 {
    if k < steps { k as f64 / steps as f64 } else { 1.0 }
}

/// Linear interpolation from a to b.
fn line(a: f64, b: f64, share: f64) -> f64 {
    a + (b - a) * share
}

/// Half a cosine wave from a to b.
fn half_wave(a: f64, b: f64, share: f64) -> f64 {
    b + (a - b) * ((std::f64::consts::PI * share).cos() + 1.0) / 2.0
}
