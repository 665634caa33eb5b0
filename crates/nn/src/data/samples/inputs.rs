//! Samples whose inputs are not one matrix.

use std::fmt;

use super::{Targets, nan_or_infinite};
use crate::{Matrix, Real};

/// Samples with inputs of any kind, and their targets: what a [`Dataset`](super::Dataset) is for one matrix of features.
///
/// `X` is a `Vec` with an entry for each sample, a matrix with a column for each sample, or a pair of those (see [`Inputs`]). `Y` is the
/// type of the targets, as in a dataset: a class per sample, `Vec<usize>`, or a column of numbers per sample, [`Matrix`]. A batch of
/// samples is `(x, t)` with the same types. Pairs of a sample and its class can be collected:
///
/// ```
/// use nn::prelude::*;
///
/// let series = |n: usize| (Matrix::from_fn(1, 3 + n % 4, |_, t| (n * t) as f64), n % 2);
/// let data: Samples<Vec<Matrix<f64>>> = (0..10).map(series).collect();
/// assert_eq!((data.len(), data.x[2].shape(), data.t[3]), (10, (1, 5), 1));
/// assert_eq!(data.select(&[3, 0]).t, [1, 0]);
///
/// let regression = Samples::new(data.x, Matrix::from_fn(2, 10, |_, n| n as f64));
/// assert_eq!(regression.select(&[3]).t, Matrix::column(&[3.0, 3.0]));
/// ```
///
/// A [`Trainer`](crate::train::Trainer) trains a [`Model`](crate::Model) of such inputs on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples<X, Y = Vec<usize>> {
    /// The inputs of all samples.
    pub x: X,
    /// The target of every sample.
    pub t: Y,
}

impl<X: Inputs, Y: Targets> Samples<X, Y> {
    /// Samples with these inputs and targets.
    ///
    /// # Panics
    /// If the numbers of inputs and targets differ.
    #[track_caller]
    pub fn new(x: X, t: Y) -> Self {
        let (samples, targets) = (x.len(), t.len());
        assert!(samples == targets, "Samples::new: {samples} samples but {targets} targets");
        Samples { x, t }
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples with the given indices, in that order.
    ///
    /// # Panics
    /// If an index is not below [`len`](Samples::len).
    #[track_caller]
    pub fn select(&self, samples: &[usize]) -> Self {
        Samples { x: self.x.select(samples), t: self.t.select(samples) }
    }
}

impl<S, C> FromIterator<(S, C)> for Samples<Vec<S>, Vec<C>> {
    fn from_iter<I: IntoIterator<Item = (S, C)>>(samples: I) -> Self {
        let (x, t) = samples.into_iter().unzip();
        Samples { x, t }
    }
}

/// The inputs of several samples, of which some can be selected.
///
/// These are a `Vec` with a [`Sample`] in each entry, a [`Matrix`] with a sample in each column, and a pair of inputs, for models with
/// two of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the inputs of samples",
    note = "inputs are a `Vec` with an entry for each sample, a `Matrix` with a column for each sample, or a pair of those"
)]
pub trait Inputs: Sync {
    /// The number of samples.
    fn len(&self) -> usize;

    /// The inputs of the samples with the given indices, in that order.
    ///
    /// # Panics
    /// If an index is not below [`len`](Inputs::len).
    #[track_caller]
    fn select(&self, samples: &[usize]) -> Self;

    /// The position in words, in which the inputs have this name, and the value of the first NaN, or of the first infinite entry if there
    /// is no NaN.
    fn not_finite(&self, name: &dyn fmt::Display) -> Option<(String, f64)>;

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The input of one sample. A struct of your own, such as a graph, is one by `impl Sample for Graph {}`.
///
/// ```
/// use nn::data::{Sample, Samples};
/// #[derive(Clone)]
/// struct Word(String);
/// impl Sample for Word {}
/// let data = Samples::new(vec![Word("elm".into()), Word("oak".into())], vec![0, 1]);
/// assert_eq!(data.len(), 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to be the input of a sample",
    note = "write `impl nn::data::Sample for {Self} {{}}` for a type of your own"
)]
pub trait Sample: Clone + Sync {
    /// The position in words, in which the sample has this name, and the value of the first NaN, or of the first infinite entry if there
    /// is no NaN. A trainer [with a loss](crate::train::Trainer::with_loss) calls it before its first step and refuses NaN. By default nothing is
    /// searched, and the result is `None`.
    fn not_finite(&self, name: &dyn fmt::Display) -> Option<(String, f64)> {
        let _ = name;
        None
    }
}

/// For example a series, features × steps.
impl<T: Real> Sample for Matrix<T> {
    fn not_finite(&self, name: &dyn fmt::Display) -> Option<(String, f64)> {
        let (row, column, value) = nan_or_infinite(self)?;
        Some((format!("{value} in row {row}, column {column} of {name}"), value))
    }
}

/// For example a token of an [`Embedding`](crate::Embedding).
impl Sample for usize {}

/// For example a sequence of tokens, or several matrices.
impl<S: Sample> Sample for Vec<S> {
    fn not_finite(&self, name: &dyn fmt::Display) -> Option<(String, f64)> {
        first(self.iter().enumerate().filter_map(|(i, sample)| sample.not_finite(&format_args!("{name}[{i}]"))))
    }
}

impl<A: Sample, B: Sample> Sample for (A, B) {
    fn not_finite(&self, name: &dyn fmt::Display) -> Option<(String, f64)> {
        let (a, b) = (&self.0, &self.1);
        let found = [a.not_finite(&format_args!("{name}.0")), b.not_finite(&format_args!("{name}.1"))];
        first(found.into_iter().flatten())
    }
}

/// A sample in each entry.
impl<S: Sample> Inputs for Vec<S> {
    fn len(&self) -> usize {
        self.len()
    }
    #[track_caller]
    fn select(&self, samples: &[usize]) -> Self {
        samples.iter().map(|&i| self[i].clone()).collect()
    }
    fn not_finite(&self, name: &dyn fmt::Display) -> Option<(String, f64)> {
        Sample::not_finite(self, name)
    }
}

/// A sample in each column.
impl<T: Real> Inputs for Matrix<T> {
    fn len(&self) -> usize {
        self.cols()
    }
    #[track_caller]
    fn select(&self, samples: &[usize]) -> Self {
        self.select_cols(samples)
    }
    fn not_finite(&self, name: &dyn fmt::Display) -> Option<(String, f64)> {
        Sample::not_finite(self, name)
    }
}

/// Two inputs of each sample.
///
/// # Panics
/// If they are of different numbers of samples.
impl<A: Inputs, B: Inputs> Inputs for (A, B) {
    #[track_caller]
    fn len(&self) -> usize {
        let (a, b) = (self.0.len(), self.1.len());
        assert!(a == b, "Inputs: a pair of inputs of {a} and of {b} samples");
        a
    }
    #[track_caller]
    fn select(&self, samples: &[usize]) -> Self {
        (self.0.select(samples), self.1.select(samples))
    }
    fn not_finite(&self, name: &dyn fmt::Display) -> Option<(String, f64)> {
        let (a, b) = (&self.0, &self.1);
        let found = [a.not_finite(&format_args!("{name}.0")), b.not_finite(&format_args!("{name}.1"))];
        first(found.into_iter().flatten())
    }
}

/// The first NaN; if there is none, the first infinite entry.
fn first(found: impl Iterator<Item = (String, f64)>) -> Option<(String, f64)> {
    found.reduce(|a, b| if b.1.is_nan() && !a.1.is_nan() { b } else { a })
}
