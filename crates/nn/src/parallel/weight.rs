//! The weight of a part of a batch.

use autograd::Means;

use crate::Reduction;

/// The weight of a part of a batch in the mean over the batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight {
    /// The sum of the weights of its samples, or their number.
    pub sum: f64,
    pub samples: usize,
    /// The loss is a sum over samples: parts are simply added.
    pub is_sum: bool,
    pub means: Means,
}

impl Weight {
    /// # Panics
    /// If [`checked`](Weight::checked) returns an error.
    pub fn of(reduction: Reduction, means: Means, samples: usize) -> Self {
        Self::checked(reduction, means, samples).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// # Errors
    /// If the weights of a part of a batch have no finite sum, or cancel, which is noted as an infinite sum.
    pub fn checked(reduction: Reduction, means: Means, samples: usize) -> Result<Self, &'static str> {
        let is_sum = reduction == Reduction::Sum;
        let means = if is_sum { Means::default() } else { means };
        let sum = means.weight.unwrap_or(samples as f64);
        if means.of_part && sum.is_infinite() { Err(CANCEL) } else { Ok(Weight { sum, samples, is_sum, means }) }
    }

    /// The weight of two parts together.
    ///
    /// # Panics
    /// If there are means with different weights, because they have no common weight.
    pub fn and(self, other: Self) -> Self {
        self.with(other).expect(APART)
    }

    /// The weight of two parts together, and what their means are multiplied by in the mean over both.
    ///
    /// # Errors
    /// If there are means with different weights, or positive and negative weights cancel.
    pub fn mean_with(self, other: Self) -> Result<(Self, [f64; 2]), &'static str> {
        let both = self.with(other).ok_or(APART)?;
        match both.sum != 0.0 && !both.is_sum {
            true => Ok((both, [self.sum / both.sum, other.sum / both.sum])),
            false if both.is_sum || self.sum == 0.0 => Ok((both, [1.0; 2])),
            false => Err(CANCEL),
        }
    }

    /// The weight of two parts together; `None` if there are means with different weights.
    pub fn with(self, other: Self) -> Option<Self> {
        let (a, b) = (self.sum * other.samples as f64, other.sum * self.samples as f64);
        let means = Means {
            counted: self.means.counted || other.means.counted,
            weight: self.means.weight.filter(|weight| *weight != 0.0).or(other.means.weight).or(self.means.weight),
            several: self.means.several || other.means.several,
            of_part: true,
        };
        let apart = means.counted && means.weight.is_some() && (a - b).abs() > 1e-5 * a.abs().max(b.abs());
        let (sum, samples) = (self.sum + other.sum, self.samples + other.samples);
        (!apart && !means.several).then_some(Weight { sum, samples, is_sum: self.is_sum, means })
    }

    /// The factor for the loss of a part with `samples` samples before all parts are added.
    pub fn factor(self, samples: usize) -> f64 {
        if self.is_sum { 1.0 } else { self.sum / samples as f64 }
    }

    /// The factors for the sums over all parts if their weights are not the numbers of samples.
    pub fn rest(self, samples: usize) -> Option<Factors> {
        let rest = samples as f64 / self.sum;
        self.means.weight.map(|_| Factors { loss: rest, gradients: if self.is_nothing() { 1.0 } else { rest } })
    }

    /// The same, of the parts of a part of a batch.
    ///
    /// # Panics
    /// If negative and positive weights cancel.
    pub fn rest_of_part(self, samples: usize) -> Option<Factors> {
        assert!(self.means.weight.is_none() || self.sum != 0.0 || self.is_nothing(), "{CANCEL}");
        if self.is_nothing() { Some(Factors { loss: 1.0, gradients: 1.0 }) } else { self.rest(samples) }
    }

    /// No sample has a weight. All gradients are 0 then.
    pub fn is_nothing(self) -> bool {
        self.means.weight == Some(0.0)
    }

    /// The sum over the samples, if `loss` is their sum or mean.
    pub fn summed(self, loss: f64) -> f64 {
        if self.is_sum { loss } else { loss * self.sum }
    }
}

const APART: &str = "the loss is made of means with different weights, so the parts of a batch cannot be combined: give all losses the same \
                     weights, or make sums of them, with `Parallel::sum`";
const CANCEL: &str = "mean: the weights of a part of the batch are not 0, but their sum is 0 or infinite, so the part has no mean: give no \
                      negative or huge weights, or train on the sum of the losses, with `Parallel::sum`";

/// What the sums over the parts of a batch are multiplied by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors {
    /// Infinite if no sample has a weight, so that the loss is NaN as without parts.
    pub loss: f64,
    pub gradients: f64,
}
