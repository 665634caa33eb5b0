//! Why training failed.

use std::path::PathBuf;

use autograd::Anomaly;

use crate::ranks::RankError;
#[cfg(feature = "save")]
use crate::{LoadError, SaveError};

/// Why a model was not trained to the end.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The loss or a weight is NaN or infinite. The model is left as it was then.
    #[error(
        "training diverged at step {step}, in epoch {epoch}: {}{}{}{}",
        where_it_began(*.loss, .parameters),
        match .data {
            Some(entry) => format!("; the training set has {entry}: {MEND}"),
            None => "; try a smaller learning rate, clip the gradients, standardize the inputs".into(),
        },
        said(.checkpoint, |(path, step)| {
            format!("; the checkpoint {} is that of step {step}, and good", path.display())
        }),
        said(.anomaly, |anomaly| format!("\n{anomaly}"))
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The step, from 1 over all epochs.
        step: u64,
        /// The loss of the batch.
        loss: f64,
        /// The parameters where it began: those that are not finite, or those read where a value or gradient was not first.
        parameters: Vec<String>,
        /// The first value or gradient that was not finite.
        anomaly: Option<Box<Anomaly>>,
        /// The first NaN in the training set, or the first infinite entry if there is no NaN.
        data: Option<String>,
        /// The file and the step of the last checkpoint, which is from before the failure, if there is one.
        checkpoint: Option<(PathBuf, u64)>,
    },
    /// Another rank has failed, or the ranks do not fit together.
    #[error(transparent)]
    Rank(#[from] RankError),
    /// A setting of the optimizer is out of its range, or does not fit the model.
    #[error("{0}")]
    Setting(String),
    /// An entry of the data is NaN.
    #[error("the {set} set has {entry}: {MEND}")]
    NotANumber {
        /// The name of the set.
        set: String,
        /// The row and the column of the entry.
        entry: String,
    },
    /// The checkpoint is not written.
    #[cfg(feature = "save")]
    #[error("checkpoint {0}")]
    Save(#[source] SaveError),
    /// The checkpoint is not read.
    #[cfg(feature = "save")]
    #[error("checkpoint {0}")]
    Load(#[source] LoadError),
    /// The checkpoint contradicts the model, the settings, or itself.
    #[cfg(feature = "save")]
    #[error(
        "{file}: the checkpoint contradicts itself or the settings in `{field}`: {problem}; remove it to start again"
    )]
    Contradiction {
        /// The file.
        file: String,
        /// The field of the run.
        field: &'static str,
        /// The actual and the expected content of the field.
        problem: String,
    },
    /// The checkpoint is of a run with another model or other settings.
    #[cfg(feature = "save")]
    #[error(
        "{file}: the checkpoint of another run: {}; \
         go on with the model and settings it was written with, or remove it to start again",
        .differences.join("; ")
    )]
    OtherRun {
        /// The file.
        file: String,
        /// What was different.
        differences: Vec<String>,
    },
    /// The events for TensorBoard are not written.
    #[cfg(feature = "tensorboard")]
    #[error("tensorboard: {0}")]
    Events(#[from] crate::tensorboard::EventsError),
    /// Ctrl-C cannot be listened to, as when the program does so itself.
    #[error(
        "Ctrl-C cannot be listened to: {0}; \
         handle it in one place: here, or in the program by a callback that stops"
    )]
    Interrupt(String),
    /// A step does not run on the [device](super::Trainer::device), or the device failed. The model is that of the last time when it was copied
    /// back.
    #[error("device: {0}")]
    Device(String),
    /// Threads cannot be started.
    #[error("threads cannot be started: {0}; ask for fewer")]
    Threads(#[source] rayon_core::ThreadPoolBuildError),
}

const MEND: &str = "fill it in, or leave the sample out";

fn where_it_began(loss: f64, parameters: &[String]) -> String {
    let names = parameters.join("`, `");
    match loss.is_finite() {
        true => format!("it made parameter `{names}` infinite or NaN"),
        false if names.is_empty() => format!("the loss is {loss}"),
        false => format!("the loss is {loss}, which began at parameter `{names}`"),
    }
}

/// The text for a value, or an empty text if there is none.
fn said<X>(what: &Option<X>, text: impl Fn(&X) -> String) -> String {
    what.as_ref().map(text).unwrap_or_default()
}

autograd::debug_as_display!(TrainError);
