//! Errors of pipelines.

use crate::data::CsvError;
use crate::estimator::EstimatorError;

/// Why a pipeline cannot be fitted, predict, or be scored.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The table does not fit the encoding.
    #[error("{0}")]
    Table(#[from] CsvError),
    /// The estimator cannot be fitted, or cannot predict.
    #[error("{0}")]
    Estimator(#[from] EstimatorError),
    /// There is no metric of this name for the predictions, which are numbers or classes.
    #[error("found the metric {name:?}, expected one of {known:?}; correct the name")]
    Metric {
        /// The name.
        name: String,
        /// The names of the metrics.
        known: Vec<&'static str>,
    },
    /// There are more folds than rows or groups.
    #[error("{folds} folds of {found} {of}: each fold needs at least one; use fewer folds")]
    Folds {
        /// The number of folds.
        folds: usize,
        /// What is divided.
        of: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A model that predicts numbers has no probabilities.
    #[error("the pipeline predicts numbers, which have no probabilities")]
    NoClasses,
    /// No candidate of a search has a score.
    #[error(
        "{metric} is NaN for each of {candidates} candidates: their training diverged, or their folds are too small; \
         draw other settings"
    )]
    NoScore {
        /// The metric.
        metric: String,
        /// How many candidates there were.
        candidates: usize,
    },
}

autograd::debug_as_display!(PipelineError);
