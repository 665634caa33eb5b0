//! The state of a run, and its result.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::History;
use crate::schedule::Plateau;
use crate::weights::Weights;
use crate::{Ema, Real, State};

/// The result of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The measurements after every epoch.
    pub history: History,
    /// Why it ended.
    pub end: End,
    /// The total number of steps.
    pub step: u64,
    /// The number of completed epochs.
    pub epoch: usize,
    /// The epoch, from 1, whose weights the model has, if it is not the last.
    pub best_epoch: Option<usize>,
    /// The checkpoint file of the run.
    pub checkpoint: Option<PathBuf>,
    /// Warnings about the model or the data.
    pub warnings: Vec<String>,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// After the last epoch.
    Epochs,
    /// Too many consecutive epochs brought no improvement.
    EarlyStopping,
    /// A callback stopped it.
    Callback,
    /// Ctrl-C was pressed.
    Interrupted,
}

/// How it ended, and how to resume.
impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.end {
            End::Epochs => "trained",
            End::EarlyStopping => "stopped early",
            End::Callback => "stopped by a callback",
            End::Interrupted => "interrupted",
        };
        write!(f, "{why} after step {}, {} epochs done", self.step, self.epoch)?;
        if let Some(epoch) = self.best_epoch {
            write!(f, "; the weights are those of epoch {epoch}")?;
        }
        match (&self.checkpoint, self.end) {
            (Some(path), End::Callback | End::Interrupted) => {
                write!(f, "; saved in {}: start the same training with `resume` to continue", path.display())
            }
            (None, End::Interrupted) => f.write_str("; without a `checkpoint` it cannot be resumed"),
            _ => Ok(()),
        }
    }
}

/// The state of a run. With the weights and the configuration it determines the rest of the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(super) struct Run<T> {
    /// Steps made.
    pub step: u64,
    /// Epochs done.
    pub epoch: usize,
    /// Batches done in the epoch after them.
    pub batch: usize,
    /// Their losses, summed over samples with their weights, and the sum of the weights.
    pub losses: (f64, f64),
    pub optimizer: State<T>,
    pub plateau: Option<Plateau>,
    pub ema: Option<Ema<T>>,
    pub best: Option<Best<T>>,
    /// Epochs since the best.
    pub stale: usize,
    #[cfg_attr(feature = "save", serde(serialize_with = "super::history::exact"))]
    pub history: History,
    pub end: Option<End>,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(super) struct Best<T> {
    pub score: f64,
    pub epoch: usize,
    pub weights: Weights<T>,
}
