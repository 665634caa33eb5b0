//! Cosine and cyclic learning rates.

use serde::{Deserialize, Serialize};

use super::{Schedule, half_wave, line, share};
use crate::setting::{AT_LEAST_1, NOT_NEGATIVE, POSITIVE, SHARE, all};

/// αₖ = α_min + (α − α_min) (1 + cos(π k / n)) / 2 up to step n, then α_min (Loshchilov & Hutter 2017,
/// equation 5, without restarts).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cosine {
    /// α.
    pub lr: f64,
    /// α_min.
    pub min: f64,
    /// n.
    pub steps: u64,
}

impl Cosine {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{Cosine, Schedule};
    /// assert_eq!(Cosine::new(1.0, 0.0, 2).curve(3), [1.0, 0.5, 0.0]);
    /// ```
    pub fn new(lr: f64, min: f64, steps: u64) -> Self {
        Cosine { lr, min, steps }
    }
}

impl Schedule for Cosine {
    fn lr(&self, step: u64) -> f64 {
        half_wave(self.lr, self.min, share(step, self.steps))
    }
    fn check(&self) -> Result<(), String> {
        all("Cosine", &[("lr", self.lr, NOT_NEGATIVE), ("min", self.min, NOT_NEGATIVE)])
    }
}

/// A [`Cosine`] of n steps that restarts at α, each time `growth` times as long (Loshchilov & Hutter 2017, SGDR).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CosineRestarts {
    /// α.
    pub lr: f64,
    /// α_min.
    pub min: f64,
    /// n, the length of the first cycle.
    pub period: u64,
    /// The factor by which each cycle is longer than the one before; 1 for equal lengths.
    pub growth: u64,
}

impl CosineRestarts {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{CosineRestarts, Schedule};
    /// assert_eq!(CosineRestarts::new(1.0, 0.0, 2, 1).curve(4), [1.0, 0.5, 1.0, 0.5]);
    /// ```
    pub fn new(lr: f64, min: f64, period: u64, growth: u64) -> Self {
        CosineRestarts { lr, min, period, growth }
    }
}

impl Schedule for CosineRestarts {
    fn lr(&self, step: u64) -> f64 {
        let (mut step, mut period) = (step, self.period.max(1));
        if self.growth <= 1 {
            step %= period;
        }
        while step >= period {
            step -= period;
            period = period.saturating_mul(self.growth);
        }
        half_wave(self.lr, self.min, share(step, period))
    }
    fn check(&self) -> Result<(), String> {
        all(
            "CosineRestarts",
            &[
                ("lr", self.lr, NOT_NEGATIVE),
                ("min", self.min, NOT_NEGATIVE),
                ("period", self.period as f64, AT_LEAST_1),
                ("growth", self.growth as f64, AT_LEAST_1),
            ],
        )
    }
}

/// Rises from α / d to α in a share of the n steps, then falls to α / (d d_end), both along half a cosine (Smith & Topin 2018,
/// as in PyTorch).
///
/// For straight lines use [`LinearRamp`](super::LinearRamp) [`then`](Schedule::then) another one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneCycle {
    /// α, the peak.
    pub max: f64,
    /// n.
    pub steps: u64,
    /// The share of rising steps, by default 0.3.
    pub rise: f64,
    /// d, by default 25.
    pub div: f64,
    /// d_end, by default 10⁴.
    pub final_div: f64,
}

impl OneCycle {
    /// The schedule with this peak and this number of steps, and PyTorch's defaults for the rest.
    pub fn new(max: f64, steps: u64) -> Self {
        OneCycle { max, steps, rise: 0.3, div: 25.0, final_div: 1e4 }
    }
}

impl Schedule for OneCycle {
    fn lr(&self, step: u64) -> f64 {
        let (k, last, start) = (step as f64, self.steps as f64 - 1.0, self.max / self.div);
        let top = self.rise * self.steps as f64 - 1.0;
        if k <= top && top > 0.0 {
            half_wave(start, self.max, k / top)
        } else {
            let down = if k < last { (k - top) / (last - top) } else { 1.0 };
            half_wave(self.max, start / self.final_div, down)
        }
    }
    fn check(&self) -> Result<(), String> {
        all(
            "OneCycle",
            &[
                ("max", self.max, NOT_NEGATIVE),
                ("steps", self.steps as f64, AT_LEAST_1),
                ("rise", self.rise, SHARE),
                ("div", self.div, POSITIVE),
                ("final_div", self.final_div, POSITIVE),
            ],
        )
    }
}

/// Rises linearly from α_min to α in `up` steps and falls in `down` steps, again and again (Smith 2017, figure 2). Each peak is lower
/// by a factor: α_min + (α − α_min) γᶜ in cycle c = 0, 1, …
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Triangular {
    /// α_min.
    pub min: f64,
    /// α.
    pub max: f64,
    /// The number of rising steps.
    pub up: u64,
    /// The number of falling steps.
    pub down: u64,
    /// γ: 1 for the paper's `triangular`, 1/2 for `triangular2`.
    pub factor: f64,
}

impl Triangular {
    /// The schedule with these settings, which [`check`](Schedule::check) checks.
    ///
    /// ```
    /// use nn::schedule::{Triangular, Schedule};
    /// assert_eq!(Triangular::new(0.0, 1.0, 2, 2, 0.5).curve(6), [0.0, 0.5, 1.0, 0.5, 0.0, 0.25]);
    /// ```
    pub fn new(min: f64, max: f64, up: u64, down: u64, factor: f64) -> Self {
        Triangular { min, max, up, down, factor }
    }
}

impl Schedule for Triangular {
    fn lr(&self, step: u64) -> f64 {
        let length = self.up.saturating_add(self.down).max(1);
        let (cycle, at) = (step / length, step % length);
        let height = if at < self.up { share(at, self.up) } else { 1.0 - share(at - self.up, self.down) };
        line(self.min, self.max, height * self.factor.powf(cycle as f64))
    }
    fn check(&self) -> Result<(), String> {
        all(
            "Triangular",
            &[("min", self.min, NOT_NEGATIVE), ("max", self.max, NOT_NEGATIVE), ("factor", self.factor, NOT_NEGATIVE)],
        )
    }
}
