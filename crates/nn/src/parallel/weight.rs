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
    pub fn of(reduction: Reduction, means: Means, samples: usize) -> Self {
        let is_sum = reduction == Reduction::Sum;
        let means = if is_sum { Means::default() } else { means };
        Weight { sum: means.weight.unwrap_or(samples as f64), samples, is_sum, means }
    }

    /// The weight of two parts together.
    ///
    /// # Panics
    /// If there are means with different weights, because they have no common weight.
    pub fn and(self, other: Self) -> Self {
        self.with(other).expect(
            "the loss is made of means with different weights, so the parts of a batch cannot be combined: \
             give all losses the same weights, or make sums of them, with `Parallel::sum`",
        )
    }

    /// The weight of two parts together; `None` if there are means with different weights.
    pub fn with(self, other: Self) -> Option<Self> {
        let (a, b) = (self.sum * other.samples as f64, other.sum * self.samples as f64);
        let means = Means {
            counted: self.means.counted || other.means.counted,
            weight: self.means.weight.or(other.means.weight),
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

    /// The factor for the sum of the parts if their weights are not the numbers of samples.
    pub fn rest(self, samples: usize) -> Option<f64> {
        self.means.weight.map(|_| samples as f64 / self.sum)
    }

    /// The sum over the samples, if `loss` is their sum or mean.
    pub fn summed(self, loss: f64) -> f64 {
        if self.is_sum { loss } else { loss * self.sum }
    }
}
