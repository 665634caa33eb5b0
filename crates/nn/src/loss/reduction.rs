//! Reduces the losses of a batch to one number.

use autograd::{Real, Var, compiled_once};
use serde::{Deserialize, Serialize};

/// How the losses of a batch are reduced to one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// The lecture's E = Σ Eₙ.
    Sum,
    /// The mean: over all entries of a matrix of losses, or over the samples of a row of losses.
    #[default]
    Mean,
}

impl Reduction {
    /// The sum or the mean of all entries.
    #[track_caller]
    pub fn of<'t, T: Real>(self, losses: Var<'t, T>) -> Var<'t, T> {
        of(self, losses)
    }
}

#[compiled_once]
#[track_caller]
fn of<'t, T: Real>(reduction: Reduction, losses: Var<'t, T>) -> Var<'t, T> {
    Losses::from(losses).reduce(reduction)
}

/// The losses of a batch with their weights: wₙ Eₙ, whose sum is Σ wₙ Eₙ and whose mean is Σ wₙ Eₙ / Σ wₙ.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use nn::loss::Losses;
/// let tape = Tape::<f64>::new();
/// let errors = tape.variable(Matrix::row(&[1.0, 2.0, 6.0])).square(); // any formula
/// let weights = tape.constant(Matrix::row(&[1.0, 3.0, 0.0]));
/// assert_eq!(Losses::from(errors).weighted(weights).sum().item(), 13.0);
/// assert_eq!(Losses::from(errors).weighted(weights).mean().item(), 13.0 / 4.0);
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Losses<'t, T: Real> {
    /// wₙ Eₙ.
    pub(super) values: Var<'t, T>,
    /// wₙ, if they are not all 1.
    pub(super) weights: Option<Var<'t, T>>,
}

#[compiled_once]
impl<'t, T: Real> Losses<'t, T> {
    /// The same with additional weights: for samples, 1 × n, for outputs, m × 1, or for entries, m × n.
    ///
    /// If the weight is 0, the loss adds 0 and its predictions have the gradient 0, even if it or they are
    /// infinite or NaN. The operands of the predictions should be finite, because a matrix product multiplies them by that 0.
    ///
    /// # Panics
    /// If they cannot be repeated to the shape of the losses.
    #[track_caller]
    pub fn weighted(self, weights: Var<'t, T>) -> Self {
        let ((m, n), (p, q)) = (self.values.shape(), weights.shape());
        let fits = (p == m || p == 1) && (q == n || q == 1);
        assert!(fits, "weighted: {p} × {q} weights do not fit to {m} × {n} losses");
        let weights = weights.repeat(m, n);
        Losses { values: self.values.weigh(weights), weights: Some(self.weights.map_or(weights, |w| w.weigh(weights))) }
    }

    /// wₙ Eₙ, for each entry or sample.
    #[inline]
    pub fn values(self) -> Var<'t, T> {
        self.values
    }

    /// Σ wₙ Eₙ.
    #[track_caller]
    pub fn sum(self) -> Var<'t, T> {
        self.values.sum()
    }

    /// Σ wₙ Eₙ / Σ wₙ; NaN if all weights are 0.
    ///
    /// The tape [notes](autograd::Tape::note_mean) the divisor, so the losses of micro-batches and shards, and of
    /// the batches of an epoch or a validation set, are combined by Σ wₙ.
    ///
    /// A micro-batch, a shard or a part of a validation set in which positive and negative weights cancel has no mean. What combines such parts
    /// panics, or returns an error on a device.
    #[track_caller]
    pub fn mean(self) -> Var<'t, T> {
        let tape = self.values.tape();
        let Some(weights) = self.weights else {
            tape.note_mean(None);
            return self.values.mean();
        };
        let (sum, total) = (self.values.sum(), weights.sum());
        if !tape.is_of_part() {
            tape.note_mean_over(total);
            return sum / total;
        }
        // 0 if all weights are 0, else 1. A comparison would keep the recording from running on a device.
        let is_weighted = weights.abs().sum().sign();
        // Infinite if positive and negative weights cancel.
        let cancel = is_weighted - total.abs().sign();
        tape.note_mean_over((total + cancel) / (1.0 - cancel));
        sum / (total + (1.0 - is_weighted))
    }

    /// The sum or the mean.
    #[track_caller]
    pub fn reduce(self, reduction: Reduction) -> Var<'t, T> {
        match reduction {
            Reduction::Sum => self.sum(),
            Reduction::Mean => self.mean(),
        }
    }
}

/// The losses of your own formula, all with weight 1.
impl<'t, T: Real> From<Var<'t, T>> for Losses<'t, T> {
    fn from(values: Var<'t, T>) -> Self {
        Losses { values, weights: None }
    }
}
