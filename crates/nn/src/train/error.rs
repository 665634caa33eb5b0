//! Why training failed.

use std::path::PathBuf;
use std::{error, fmt};

use autograd::Anomaly;

#[cfg(feature = "save")]
use crate::{LoadError, SaveError};

/// Why a model was not trained to the end.
#[non_exhaustive]
pub enum TrainError {
    /// The loss or a weight is NaN or infinite. The model is left as it was then.
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
        /// The first entry of the training set that is NaN, or else infinite, if there is one.
        data: Option<String>,
        /// The checkpoint, which is from before, and its step, if one was written or resumed from.
        checkpoint: Option<(PathBuf, u64)>,
    },
    /// A setting of the optimizer is out of its range, or does not fit the model.
    Setting(String),
    /// An entry of the data is NaN.
    NotANumber {
        /// The name of the set.
        set: String,
        /// Where, by row and column.
        entry: String,
    },
    /// The checkpoint is not written.
    #[cfg(feature = "save")]
    Save(SaveError),
    /// The checkpoint is not read.
    #[cfg(feature = "save")]
    Load(LoadError),
    /// The checkpoint contradicts the model, the settings, or itself.
    #[cfg(feature = "save")]
    Contradiction {
        /// The file.
        file: String,
        /// The field of the run.
        field: &'static str,
        /// What it has, and what it should have.
        problem: String,
    },
    /// The checkpoint is of a run with another model or other settings.
    #[cfg(feature = "save")]
    OtherRun {
        /// The file.
        file: String,
        /// What was different.
        differences: Vec<String>,
    },
    /// Ctrl-C cannot be listened to, as when the program does so itself.
    Interrupt(String),
    /// Threads cannot be started.
    Threads(rayon_core::ThreadPoolBuildError),
}

const MEND: &str = "fill it in, or leave the sample out";

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrainError::Diverged { epoch, step, loss, parameters, anomaly, data, checkpoint } => {
                let names = parameters.join("`, `");
                write!(f, "training diverged at step {step}, in epoch {epoch}: ")?;
                match loss.is_finite() {
                    true => write!(f, "it made parameter `{names}` infinite or NaN")?,
                    false if names.is_empty() => write!(f, "the loss is {loss}")?,
                    false => write!(f, "the loss is {loss}, which began at parameter `{names}`")?,
                }
                match data {
                    Some(entry) => write!(f, "; the training set has {entry}: {MEND}")?,
                    None => f.write_str("; try a smaller learning rate, clip the gradients, standardize the inputs")?,
                }
                if let Some((path, step)) = checkpoint {
                    write!(f, "; the checkpoint {} is that of step {step}, and good", path.display())?;
                }
                anomaly.as_ref().map_or(Ok(()), |anomaly| write!(f, "\n{anomaly}"))
            }
            TrainError::Setting(problem) => f.write_str(problem),
            TrainError::NotANumber { set, entry } => write!(f, "the {set} set has {entry}: {MEND}"),
            #[cfg(feature = "save")]
            TrainError::Contradiction { file, field, problem } => write!(
                f,
                "{file}: the checkpoint contradicts itself or the settings in `{field}`: {problem}; \
                 remove it to start again"
            ),
            #[cfg(feature = "save")]
            TrainError::Save(source) => write!(f, "checkpoint {source}"),
            #[cfg(feature = "save")]
            TrainError::Load(source) => write!(f, "checkpoint {source}"),
            #[cfg(feature = "save")]
            TrainError::OtherRun { file, differences } => {
                write!(f, "{file}: the checkpoint of another run: {}; ", differences.join("; "))?;
                f.write_str("go on with the model and settings it was written with, or remove it to start again")
            }
            TrainError::Interrupt(why) => write!(
                f,
                "Ctrl-C cannot be listened to: {why}; handle it in one place: here, or in the program by a callback that stops"
            ),
            TrainError::Threads(source) => write!(f, "threads cannot be started: {source}; ask for fewer"),
        }
    }
}

autograd::debug_as_display!(TrainError);

impl error::Error for TrainError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            TrainError::Threads(source) => Some(source),
            #[cfg(feature = "save")]
            TrainError::Save(source) => Some(source),
            #[cfg(feature = "save")]
            TrainError::Load(source) => Some(source),
            _ => None,
        }
    }
}
