//! What can be wrong with what an estimator is given.

use crate::nearest::transpose_hint;

/// Why an estimator cannot be fitted, or cannot predict.
#[derive(thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum EstimatorError {
    /// A setting is out of its range.
    #[error("the setting `{setting}` should be {expected}, and is {value}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        value: String,
    },
    /// There are not enough samples, or no features or outputs.
    #[error("{found} {what}: at least {expected} needed")]
    TooFew {
        /// Of what there are too few.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be at least.
        expected: usize,
    },
    /// There are not as many targets as samples.
    #[error(
        "{targets} targets for {samples} samples: a sample is a column of x, and has one target{}",
        transpose_hint(*.transposed)
    )]
    Targets {
        /// The number of targets.
        targets: usize,
        /// The number of samples.
        samples: usize,
        /// Whether the transpose of x would fit.
        transposed: bool,
    },
    /// There are not as many weights as samples.
    #[error("{weights} weights for {samples} samples: each sample has one")]
    Weights {
        /// The number of weights.
        weights: usize,
        /// The number of samples.
        samples: usize,
    },
    /// The weight of a sample is negative, NaN or infinite.
    #[error("the weight of sample {sample} is {value}: it should be finite and not negative")]
    Weight {
        /// The sample.
        sample: usize,
        /// Its weight.
        value: f64,
    },
    /// The equations of a linear model have no solution.
    #[error(
        "the equations of the linear model cannot be solved with the penalty {alpha}, as features depend on each \
         other: raise `alpha`"
    )]
    Singular {
        /// Its penalty.
        alpha: f64,
    },
    /// An entry is NaN or infinite.
    #[error("{what} {row} of sample {sample} is {value}: fill it in or leave the sample out")]
    NotFinite {
        /// Of features or targets.
        what: &'static str,
        /// Its name, or its row.
        row: String,
        /// Its column.
        sample: usize,
        /// The entry.
        value: f64,
    },
    /// All samples are of one class.
    #[error("all samples are of class {class}: there is nothing to tell apart")]
    OneClass {
        /// Its name, or its number.
        class: String,
    },
    /// A class has a number that cannot be meant.
    #[error("class {class} of at most {classes}: number the classes from 0 without large gaps")]
    ClassTooLarge {
        /// The class.
        class: usize,
        /// How many classes there can be.
        classes: usize,
    },
    /// There are other features than those that the model was fitted to.
    #[error(
        "{found} features, but the model was fitted to {expected}: x is features × samples{}",
        transpose_hint(*.transposed)
    )]
    Features {
        /// The number of features.
        found: usize,
        /// The number of features in training.
        expected: usize,
        /// Whether the transpose of x would fit.
        transposed: bool,
    },
    /// There are other outputs than those that the model was fitted to.
    #[error(
        "targets of {found} outputs, but the model has {expected}: t is outputs × samples{}",
        transpose_hint(*.transposed)
    )]
    Outputs {
        /// The number of rows of the targets.
        found: usize,
        /// The number of outputs.
        expected: usize,
        /// Whether the transpose of t would fit.
        transposed: bool,
    },
    /// The parts of a model that was read from a file do not fit together.
    #[error("the layers of the model do not fit together: the file it was read from was changed")]
    Damaged,
    /// The fit by least squares did not begin.
    #[cfg(feature = "solve")]
    #[error(transparent)]
    LeastSquares(#[from] crate::least_squares::FitModelError),
    /// The loss or a weight became NaN or infinite.
    #[error("the loss was not finite in epoch {epoch}: lower the learning rate, or standardise the data")]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
    },
}

autograd::debug_as_display!(EstimatorError);
