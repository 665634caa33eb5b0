//! Data for training.

use crate::data::{Dataset, Targets};
use crate::{Matrix, Real};

/// Samples that come in batches: everything that training needs from data.
///
/// [`Dataset`] implements it with batches `(x, t)`; so does a `Vec` of any type, whose batches are `Vec`s, for sequences
/// and graphs of any size. For your own data, return the number of samples and the batch of given samples:
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
        let (row, column, value) = first_not_finite(&self.x)?;
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

/// Row, column and value of the first entry that is NaN; if there is none, of the first infinite one.
pub(super) fn first_not_finite<T: Real>(x: &Matrix<T>) -> Option<(usize, usize, f64)> {
    let find = |is: fn(f64) -> bool| x.as_slice().iter().position(|x| is(x.to_f64()));
    let k = find(f64::is_nan).or_else(|| find(f64::is_infinite))?;
    Some((k % x.rows(), k / x.rows(), x.as_slice()[k].to_f64()))
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
