//! What a run is to be, whatever the model and the data are.

use autograd::compiled_once;

use crate::data::Sampler;
use crate::parallel::Parallel;
use crate::schedule::{Goal, Plateau, Schedule};
use crate::{Optimizer, Real};

/// The settings of a [`Trainer`](super::Trainer).
pub(super) struct Plan<'a, T: Real> {
    pub optimizer: Box<dyn Optimizer<T> + Send + 'a>,
    /// What the loss is, where that can be said.
    pub loss: Option<String>,
    /// The learning rate that the optimizer came with.
    pub lr: f64,
    pub schedule: Option<Box<dyn Schedule + Send + 'a>>,
    pub plateau: Option<Plateau>,
    pub ema: Option<f64>,
    pub threads: Option<usize>,
    pub parallel: Parallel,
    pub epochs: usize,
    pub batch: usize,
    pub micro_batch: usize,
    pub sampler: Option<Sampler>,
    pub seed: u64,
    /// The names of the sets that are watched.
    pub watched: Vec<String>,
    pub held_out: Option<f64>,
    /// The names of the metrics.
    pub metrics: Vec<String>,
    pub monitor: Option<(String, Goal)>,
    pub patience: Option<usize>,
    pub keep_best: bool,
    #[cfg(feature = "save")]
    pub checkpoint: Option<Checkpoint>,
    #[cfg(feature = "save")]
    pub notes: Vec<(String, String)>,
    #[cfg(feature = "interrupt")]
    pub interruptible: bool,
    pub quiet: bool,
}

/// Where a run is kept.
#[cfg(feature = "save")]
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoint {
    pub path: std::path::PathBuf,
    /// After how many steps it is written, besides the end of each epoch.
    pub every: Option<u64>,
    /// Whether to go on from it.
    pub resume: bool,
}

/// The name of the set that steers training.
pub(super) const VALIDATION: &str = "validation";

#[compiled_once]
impl<'a, T: Real> Plan<'a, T> {
    pub fn new(optimizer: Box<dyn Optimizer<T> + Send + 'a>) -> Self {
        Plan {
            lr: optimizer.lr(),
            optimizer,
            loss: None,
            schedule: None,
            plateau: None,
            ema: None,
            threads: None,
            parallel: Parallel::mean(),
            epochs: 100,
            batch: 32,
            micro_batch: usize::MAX,
            sampler: None,
            seed: 0,
            watched: Vec::new(),
            held_out: None,
            metrics: Vec::new(),
            monitor: None,
            patience: None,
            keep_best: false,
            #[cfg(feature = "save")]
            checkpoint: None,
            #[cfg(feature = "save")]
            notes: Vec::new(),
            #[cfg(feature = "interrupt")]
            interruptible: false,
            quiet: false,
        }
    }

    /// α of a step.
    pub fn rate(&self, plateau: Option<&Plateau>, step: u64) -> f64 {
        let schedule = self.schedule.as_ref().map(|schedule| schedule.lr(step));
        plateau.map(|plateau| plateau.lr).or(schedule).unwrap_or(self.lr)
    }
}
