//! Data for training.

use crate::data::{Dataset, Inputs, Samples, Targets, nan_or_infinite};
use crate::{Matrix, Real};

/// Samples that come in batches: everything that training needs from data.
///
/// [`Dataset`] and [`Samples`] implement it with batches `(x, t)`; so does a `Vec` of any type, whose batches are `Vec`s. For your own data, return the number of samples and the batch of given samples:
///
/// ```
/// use nn::Matrix;
/// use nn::train::Batches;
///
/// /// Windows of a series, each with the value that follows it.
/// struct Windows {
///     series: Vec<f32>,
///     width: usize,
/// }
///
/// impl Batches for Windows {
///     type Batch = (Matrix<f32>, Matrix<f32>);
///     fn len(&self) -> usize {
///         self.series.len() - self.width
///     }
///     fn batch(&self, samples: &[usize]) -> Self::Batch {
///         let at = |i: usize, n: usize| self.series[samples[n] + i];
///         (Matrix::from_fn(self.width, samples.len(), at), Matrix::from_fn(1, samples.len(), |_, n| at(self.width, n)))
///     }
/// }
/// let (x, t) = Windows { series: vec![0.0, 1.0, 2.0, 3.0, 4.0], width: 2 }.batch(&[2, 0]);
/// assert_eq!((x, t), (Matrix::from([[2.0, 0.0], [3.0, 1.0]]), Matrix::row(&[4.0, 2.0])));
/// ```
pub trait Batches: Sync {
    /// The argument of a loss.
    type Batch;

    /// The number of samples.
    fn len(&self) -> usize;

    /// The samples with these indices, in that order. Several threads may call it at the same time.
    fn batch(&self, samples: &[usize]) -> Self::Batch;

    /// The position, in words, and the value of the first NaN in the inputs, or of the first infinite entry if there is no NaN. A trainer
    /// calls it before its first step, and when the loss is not finite. By default nothing is searched, and the result is `None`.
    fn not_finite(&self) -> Option<(String, f64)> {
        None
    }

    /// Whether all samples are in memory. A trainer then checks their targets too before its first step.
    fn is_at_hand(&self) -> bool {
        false
    }

    /// Whether the samples have weights that batches do not contain. A trainer returns an error for such data.
    fn has_weights(&self) -> bool {
        false
    }

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Real, Y: Targets + Sync> Batches for Dataset<T, Y> {
    type Batch = (Matrix<T>, Y);
    fn len(&self) -> usize {
        self.len()
    }
    fn batch(&self, samples: &[usize]) -> Self::Batch {
        self.batch(samples)
    }
    fn not_finite(&self) -> Option<(String, f64)> {
        let (row, column, value) = nan_or_infinite(&self.x)?;
        let name = self.feature_names.get(row).map_or(String::new(), |name| format!(" (`{name}`)"));
        Some((format!("{value} in row {row}{name}, column {column} of x"), value))
    }
    fn is_at_hand(&self) -> bool {
        true
    }
    fn has_weights(&self) -> bool {
        self.weights.is_some()
    }
}

impl<X: Inputs, Y: Targets + Sync> Batches for Samples<X, Y> {
    type Batch = (X, Y);
    fn len(&self) -> usize {
        self.len()
    }
    fn batch(&self, samples: &[usize]) -> Self::Batch {
        (self.x.select(samples), self.t.select(samples))
    }
    fn not_finite(&self) -> Option<(String, f64)> {
        self.x.not_finite(&"x")
    }
    fn is_at_hand(&self) -> bool {
        true
    }
}

impl<S: Clone + Sync> Batches for Vec<S> {
    type Batch = Vec<S>;
    fn len(&self) -> usize {
        self.len()
    }
    fn batch(&self, samples: &[usize]) -> Self::Batch {
        samples.iter().map(|&i| self[i].clone()).collect()
    }
}
