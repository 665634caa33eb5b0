//! What can be wrong with what an estimator is given.

use std::{error, fmt};

/// Why an estimator cannot be fitted, or cannot predict.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum EstimatorError {
    /// A setting is out of its range.
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        value: String,
    },
    /// There are not enough samples, or no features or outputs.
    TooFew {
        /// Of what there are too few.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be at least.
        expected: usize,
    },
    /// There are not as many targets as samples.
    Targets {
        /// The number of targets.
        targets: usize,
        /// The number of samples.
        samples: usize,
    },
    /// An entry is NaN or infinite.
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
    OneClass {
        /// Its name, or its number.
        class: String,
    },
    /// A class has a number that cannot be meant.
    ClassTooLarge {
        /// The class.
        class: usize,
        /// How many classes there can be.
        classes: usize,
    },
    /// There are other features than those that the model was fitted to.
    Features {
        /// The number of features.
        found: usize,
        /// The number of features in training.
        expected: usize,
    },
    /// There are other outputs than those that the model was fitted to.
    Outputs {
        /// The number of rows of the targets.
        found: usize,
        /// The number of outputs.
        expected: usize,
    },
    /// The parts of a model that was read from a file do not fit together.
    Damaged,
    /// The loss became NaN or infinite.
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
    },
}

impl fmt::Display for EstimatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EstimatorError::Setting { setting, expected, value } => {
                write!(f, "the setting `{setting}` should be {expected}, and is {value}")
            }
            EstimatorError::TooFew { what, found, expected } => write!(f, "{found} {what}: at least {expected} needed"),
            EstimatorError::Targets { targets, samples } => {
                write!(f, "{targets} targets for {samples} samples: a sample is a column of x, and has one target")
            }
            EstimatorError::NotFinite { what, row, sample, value } => {
                write!(f, "{what} {row} of sample {sample} is {value}: fill it in or leave the sample out")
            }
            EstimatorError::OneClass { class } => {
                write!(f, "all samples are of class {class}: there is nothing to tell apart")
            }
            EstimatorError::ClassTooLarge { class, classes } => {
                write!(f, "class {class} of at most {classes}: number the classes from 0 without large gaps")
            }
            EstimatorError::Features { found, expected } => {
                write!(f, "{found} features, but the model was fitted to {expected}: x is features × samples")
            }
            EstimatorError::Outputs { found, expected } => {
                write!(f, "targets of {found} outputs, but the model has {expected}: t is outputs × samples")
            }
            EstimatorError::Damaged => {
                f.write_str("the layers of the model do not fit together: the file it was read from was changed")
            }
            EstimatorError::Diverged { epoch } => {
                write!(f, "the loss was not finite in epoch {epoch}: lower the learning rate, or standardise the data")
            }
        }
    }
}

autograd::debug_as_display!(EstimatorError);

impl error::Error for EstimatorError {}
