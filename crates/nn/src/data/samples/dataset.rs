//! Samples and their targets.

use autograd::{Matrix, Real, compiled_once};

use crate::nearest::transpose_hint;

/// Samples `x` and their targets `t`.
///
/// `Y` is the type of the targets: a class per sample, `Vec<usize>`, or a column of numbers per sample, [`Matrix`].
/// The fields are plain data that you can replace: `data.x = standardize.apply(&data.x)`.
///
/// ```
/// use autograd::Matrix;
/// use nn::data::Dataset;
///
/// let x = Matrix::from([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]);
/// let xor = Dataset::new(x.clone(), vec![0, 1, 1, 0]); // classification
/// assert_eq!(xor.select(&[3, 1]).t, [0, 1]);
///
/// let sum = Dataset::new(x, Matrix::row(&[0.0, 1.0, 1.0, 2.0])); // regression
/// assert_eq!(sum.select(&[3, 1]).t, Matrix::row(&[2.0, 1.0]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset<T, Y = Vec<usize>> {
    /// Features × samples.
    pub x: Matrix<T>,
    /// The target of every sample.
    pub t: Y,
    /// The names of the rows of `x`; empty if they have no names.
    pub feature_names: Vec<String>,
    /// The names of the classes, or of the rows of a target matrix; empty if they have no names.
    pub target_names: Vec<String>,
    /// The weight of each sample; `None` if all are equal. Estimators use these weights. A [`Trainer`](crate::train::Trainer) returns an
    /// error for a dataset with weights, because its losses have their own weights.
    pub weights: Option<Vec<f64>>,
}

/// A target for every sample.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the targets of a data set",
    note = "targets are classes `Vec<usize>`, or a `Matrix` with a column for each sample"
)]
pub trait Targets {
    /// The number of samples.
    fn len(&self) -> usize;

    /// The targets of the samples with the given indices, in that order.
    ///
    /// # Panics
    /// If an index is not below [`len`](Targets::len).
    fn select(&self, samples: &[usize]) -> Self;

    /// The targets of all parts, one part after the other.
    ///
    /// # Panics
    /// If there are no parts, or they do not fit together.
    fn concat(parts: &[&Self]) -> Self;

    /// The position (row, sample) of the first target that is NaN or infinite, and the target. Classes have none.
    fn first_not_finite(&self) -> Option<(usize, usize, f64)> {
        None
    }

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One value per sample: its class.
impl<C: Copy> Targets for Vec<C> {
    fn len(&self) -> usize {
        Vec::len(self)
    }

    #[track_caller]
    fn select(&self, samples: &[usize]) -> Self {
        samples.iter().map(|&i| self[i]).collect()
    }

    fn concat(parts: &[&Self]) -> Self {
        parts.iter().flat_map(|part| part.iter().copied()).collect()
    }
}

/// One column per sample: the values to be predicted.
impl<T: Real> Targets for Matrix<T> {
    fn len(&self) -> usize {
        self.cols()
    }

    #[track_caller]
    fn select(&self, samples: &[usize]) -> Self {
        self.select_cols(samples)
    }

    #[track_caller]
    fn concat(parts: &[&Self]) -> Self {
        concat(parts)
    }

    fn first_not_finite(&self) -> Option<(usize, usize, f64)> {
        first_not_finite(self)
    }
}

/// The columns of all parts, one part after the other.
#[track_caller]
fn concat<T: Copy>(parts: &[&Matrix<T>]) -> Matrix<T> {
    let first = parts.first().expect("concat: no parts");
    let (rows, cols) = (first.rows(), parts.iter().map(|part| part.cols()).sum());
    let other = parts.iter().find(|part| part.rows() != rows);
    assert!(other.is_none(), "concat: columns of {rows} and of {} rows", other.map_or(0, |part| part.rows()));
    Matrix::from_vec(rows, cols, parts.iter().flat_map(|part| part.as_slice()).copied().collect())
}

/// The position (row, column) of the first entry that is NaN or infinite, and the entry.
#[compiled_once]
pub(crate) fn first_not_finite<T: Real>(x: &Matrix<T>) -> Option<(usize, usize, f64)> {
    let at = x.as_slice().iter().position(|x| !x.to_f64().is_finite())?;
    Some((at % x.rows(), at / x.rows(), x.as_slice()[at].to_f64()))
}

/// Row, column and value of the first entry that is NaN; if there is none, of the first infinite one.
#[compiled_once]
pub(crate) fn nan_or_infinite<T: Real>(x: &Matrix<T>) -> Option<(usize, usize, f64)> {
    let find = |is: fn(f64) -> bool| x.as_slice().iter().position(|x| is(x.to_f64()));
    let k = find(f64::is_nan).or_else(|| find(f64::is_infinite))?;
    Some((k % x.rows(), k / x.rows(), x.as_slice()[k].to_f64()))
}

/// A number of a dataset that is NaN or infinite and so cannot be used for training: see [`Dataset::first_not_finite`].
#[derive(thiserror::Error, Clone, PartialEq)]
#[error(
    "row {row} of the {}{} is {value} in sample {sample}, expected a finite number; \
     fill it in, or leave out the sample with `Dataset::select`",
    if *.target { "targets" } else { "features" },
    .name.as_ref().map_or_else(String::new, |name| format!(" ({name})"))
)]
pub struct NotFinite {
    /// Whether it is a target and not a feature.
    pub target: bool,
    /// The row of the matrix of features or targets, from 0.
    pub row: usize,
    /// The name of the row, if it has one.
    pub name: Option<String>,
    /// The index of the sample, from 0.
    pub sample: usize,
    /// The number.
    pub value: f64,
}

autograd::debug_as_display!(NotFinite);

impl<T: Real, Y: Targets> Dataset<T, Y> {
    /// The first feature that is NaN or infinite; if there is none, the first such target.
    ///
    /// ```
    /// use autograd::Matrix;
    /// use nn::data::Dataset;
    /// let mut data = Dataset::new(Matrix::from([[1.0, f64::NAN]]), vec![0, 1]);
    /// data.feature_names = vec!["width".to_owned()];
    /// assert_eq!(
    ///     data.first_not_finite().unwrap().to_string(),
    ///     "row 0 of the features (width) is NaN in sample 1, expected a finite number; \
    ///      fill it in, or leave out the sample with `Dataset::select`"
    /// );
    /// assert_eq!(data.select(&[0]).first_not_finite(), None);
    /// ```
    pub fn first_not_finite(&self) -> Option<NotFinite> {
        let (target, names, (row, sample, value)) = match first_not_finite(&self.x) {
            Some(feature) => (false, &self.feature_names, feature),
            None => (true, &self.target_names, self.t.first_not_finite()?),
        };
        Some(NotFinite { target, row, name: names.get(row).cloned(), sample, value })
    }
}

impl<T: Copy, Y: Targets> Dataset<T, Y> {
    /// Samples without names for features and targets.
    ///
    /// # Panics
    /// If the numbers of columns of `x` and targets differ.
    #[track_caller]
    pub fn new(x: Matrix<T>, t: Y) -> Self {
        let ((rows, cols), targets) = (x.shape(), t.len());
        let hint = transpose_hint(rows == targets);
        assert!(cols == targets, "Dataset::new: x is {rows} × {cols}, so {cols} samples but {targets} targets{hint}");
        Dataset { x, t, feature_names: Vec::new(), target_names: Vec::new(), weights: None }
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.x.cols()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.x.rows()
    }

    /// The samples with the given indices, in that order, as a separate dataset.
    ///
    /// # Panics
    /// If an index is not below [`len`](Dataset::len).
    #[track_caller]
    pub fn select(&self, samples: &[usize]) -> Self {
        let (x, t) = self.batch(samples);
        let weights = self.weights.as_ref().map(|weights| weights.select(samples));
        Dataset { x, t, feature_names: self.feature_names.clone(), target_names: self.target_names.clone(), weights }
    }

    /// The samples with the given indices, in that order: `(x, t)` of a training step.
    ///
    /// # Panics
    /// If an index is not below [`len`](Dataset::len).
    #[track_caller]
    pub fn batch(&self, samples: &[usize]) -> (Matrix<T>, Y) {
        (self.x.select_cols(samples), self.t.select(samples))
    }

    /// The samples of all parts, one part after the other, with the names of the first.
    ///
    /// # Panics
    /// If there are no parts, or their numbers of features or targets differ.
    #[track_caller]
    pub fn concat(parts: &[Self]) -> Self {
        let first = parts.first().expect("Dataset::concat: no parts");
        let x = concat(&parts.iter().map(|part| &part.x).collect::<Vec<_>>());
        let t = Y::concat(&parts.iter().map(|part| &part.t).collect::<Vec<_>>());
        // If only some parts have weights, the samples of the others have weight 1.
        let weights = parts.iter().any(|part| part.weights.is_some()).then(|| {
            parts.iter().flat_map(|part| part.weights.clone().unwrap_or_else(|| vec![1.0; part.len()])).collect()
        });
        Dataset { x, t, feature_names: first.feature_names.clone(), target_names: first.target_names.clone(), weights }
    }
}

impl<T> Dataset<T> {
    /// The number of classes: the number of their names, or 1 + the largest class if that is larger.
    ///
    /// A class with a name counts even if no sample belongs to it, as in a small test set.
    pub fn classes(&self) -> usize {
        self.t.iter().map(|&k| k + 1).max().unwrap_or(0).max(self.target_names.len())
    }
}

/// A model has an output for every class up to the largest index. A larger integer is more likely a number in the
/// wrong column.
pub(in crate::data) const MAX_CLASSES: usize = 1 << 16;

/// The class that a number stands for, if any.
pub(in crate::data) fn class_number(k: f64) -> Option<usize> {
    ((0.0..MAX_CLASSES as f64).contains(&k) && k.fract() == 0.0).then_some(k as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_without_samples_count() {
        let mut data = Dataset::new(Matrix::row(&[1.0, 2.0]), vec![0, 2]);
        assert_eq!(data.classes(), 3);
        data.target_names = ["a", "b", "c", "d"].map(String::from).to_vec();
        assert_eq!(data.select(&[0]).classes(), 4);
        assert_eq!(Dataset::new(Matrix::<f32>::zeros(2, 0), vec![]).classes(), 0);
    }

    #[test]
    fn features_and_targets_that_are_not_finite() {
        let x = Matrix::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let good = Dataset::new(x.clone(), x);
        assert_eq!(good.first_not_finite(), None);
        assert_eq!(Dataset::new(good.x.clone(), vec![0, 1, 2]).first_not_finite(), None);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for (row, sample, target) in [(0, 0, false), (1, 2, false), (0, 1, true), (1, 0, true)] {
                let mut data = good.clone();
                data.target_names = vec!["a".into(), "b".into()];
                let of = if target { &mut data.t } else { &mut data.x };
                of[(row, sample)] = bad;
                let found = data.first_not_finite().unwrap();
                assert_eq!((found.row, found.sample, found.target), (row, sample, target));
                assert_eq!(found.value.to_bits(), f64::from(bad).to_bits());
                assert_eq!(found.name, target.then(|| data.target_names[row].clone()));
            }
        }
    }

    #[test]
    #[should_panic(expected = "3 samples but 2 targets")]
    fn as_many_samples_as_targets() {
        Dataset::new(Matrix::row(&[1.0, 2.0, 3.0]), vec![0, 1]);
    }

    proptest! {
        #[test]
        fn x_and_t_stay_together(n in 1usize..20, picks in prop::collection::vec(any::<prop::sample::Index>(), 0..30)) {
            let picks: Vec<_> = picks.iter().map(|i| i.index(n)).collect();
            let x = Matrix::from_fn(2, n, |i, j| (10 * i + 100 * j) as f64);
            let by_class = Dataset::new(x.clone(), (0..n).collect::<Vec<_>>()).select(&picks);
            let by_value = Dataset::new(x.clone(), x.clone()).select(&picks);
            prop_assert_eq!(&by_class.t, &picks);
            prop_assert_eq!(by_value.x.shape(), (2, picks.len()));
            prop_assert_eq!(&by_value.x, &by_value.t);
            for (j, &k) in picks.iter().enumerate() {
                prop_assert_eq!(by_class.x.col(j), x.col(k));
            }
            let both = Dataset::concat(&[by_class.clone(), by_class.clone()]);
            prop_assert_eq!(both, Dataset::new(x.clone(), (0..n).collect::<Vec<_>>()).select(&picks.repeat(2)));
        }
    }
}
