//! How the learning rate goes: pure functions of the step, and [`Plateau`], which watches a metric. [`LrFinder`] says where
//! to begin.
//!
//! ```
//! use nn::schedule::{Cosine, Schedule};
//! use nn::{Optimizer, Sgd};
//!
//! // From 0.01 up to 0.1 in ten steps, then down along a cosine.
//! let schedule = Cosine { lr: 0.1, min: 1e-4, steps: 90 }.warmup(10);
//! let mut sgd = Sgd { lr: schedule.lr(0) };
//! for step in 0..100 {
//!     Optimizer::<f32>::set_lr(&mut sgd, schedule.lr(step));
//!     // … a step of training
//! }
//! ```
//!
//! A schedule is data without a hidden state. Where training stopped at step k, it goes on with `lr(k)`. A unit is whatever
//! the caller counts: steps, or epochs (and [`every`](Schedule::every) turns one into the other).

mod cyclic;
mod decay;
mod lr_finder;
mod plateau;

use serde::{Deserialize, Serialize};

use crate::setting::{AT_LEAST_1, NOT_NEGATIVE};

pub use cyclic::{Cosine, CosineRestarts, OneCycle, Triangular};
pub use decay::{Exponential, InverseSqrt, InverseTime, Linear, MultiStep, Polynomial, StepDecay};
pub use lr_finder::{LrCurve, LrFinder, LrPoint, LrSuggestion};
pub use plateau::{Goal, Plateau, Threshold};

/// The learning rate as a function of the step. A number is a constant one.
///
/// ```
/// use nn::schedule::{Exponential, Linear, Schedule};
/// assert_eq!(0.1.lr(1000), 0.1);
/// let schedule = Linear { from: 0.0, to: 0.5, steps: 2 }.then(2, 0.5).then(4, Exponential { lr: 0.25, factor: 0.5 });
/// assert_eq!(schedule.curve(7), [0.0, 0.25, 0.5, 0.5, 0.25, 0.125, 0.0625]);
/// ```
pub trait Schedule {
    /// αₖ at step k = 0, 1, …
    fn lr(&self, step: u64) -> f64;

    /// Whether its settings are in their ranges: the message says which is not, its value, and what it should be.
    /// [`Trainer::schedule`](crate::train::Trainer::schedule) asks.
    ///
    /// # Errors
    /// If one is not.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The learning rates of the first steps, for a picture.
    fn curve(&self, steps: u64) -> Vec<f64> {
        (0..steps).map(|k| self.lr(k)).collect()
    }

    /// This one up to step `at`, then `next`, which starts from its own step 0.
    fn then<S: Schedule>(self, at: u64, next: S) -> Then<Self, S>
    where
        Self: Sized,
    {
        Then { first: self, at, next }
    }

    /// The product of both: one is a factor of the other.
    ///
    /// ```
    /// use nn::schedule::{InverseTime, Schedule, StepDecay};
    /// let schedule = StepDecay { lr: 0.5, every: 2, factor: 0.5 }.times(InverseTime { lr: 1.0, tau: 1.0 });
    /// assert_eq!(schedule.curve(3), [0.5, 0.5 / 2.0, 0.25 / 3.0]);
    /// ```
    fn times<S: Schedule>(self, factor: S) -> Times<Self, S>
    where
        Self: Sized,
    {
        Times { schedule: self, factor }
    }

    /// Begins with `steps` steps up a line, α₀ (k + 1) / steps, before its own step 0 (Goyal et al. 2017, section 2.2).
    fn warmup(self, steps: u64) -> Warmup<Self>
    where
        Self: Sized,
    {
        Warmup { steps, schedule: self }
    }

    /// Each of its steps lasts `steps` steps: a schedule of epochs as one of the steps in them.
    ///
    /// ```
    /// use nn::schedule::{Exponential, Schedule};
    /// assert_eq!(Exponential { lr: 1.0, factor: 0.5 }.every(3).curve(7), [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]);
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
        // With one that is not finite the first step says that it diverges.
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

/// One schedule after another: see [`Schedule::then`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Then<A, B> {
    /// Up to here.
    pub first: A,
    /// The first step of `next`.
    pub at: u64,
    /// From there on.
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
    /// By what it is multiplied.
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

/// A line up before a schedule: see [`Schedule::warmup`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warmup<S> {
    /// How long it is.
    pub steps: u64,
    /// What follows.
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
    /// How many steps a unit has.
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

/// How much of `steps` is over at step k: from 0 to 1.
fn share(k: u64, steps: u64) -> f64 {
    if k < steps { k as f64 / steps as f64 } else { 1.0 }
}

/// On the line from a to b.
fn line(a: f64, b: f64, share: f64) -> f64 {
    a + (b - a) * share
}

/// On the half wave of a cosine from a to b.
fn half_wave(a: f64, b: f64, share: f64) -> f64 {
    b + (a - b) * ((std::f64::consts::PI * share).cos() + 1.0) / 2.0
}
