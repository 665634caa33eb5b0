//! The settings of a run, independent of model and data.

use autograd::compiled_once;

use super::TrainDevice;
use crate::data::Sampler;
use crate::parallel::{Parallel, Spare};
use crate::ranks::Ranks;
use crate::schedule::{Goal, Plateau, Schedule};
use crate::{Optimizer, Real};

/// The settings of a [`Trainer`](super::Trainer).
pub(super) struct Plan<'a, T: Real> {
    pub optimizer: Box<dyn Optimizer<T> + Send + 'a>,
    /// The device that makes the steps.
    pub device: Option<Box<dyn TrainDevice<T> + 'a>>,
    /// A description of the loss, if it has one.
    pub loss: Option<String>,
    /// The original learning rate of the optimizer.
    pub lr: f64,
    pub schedule: Option<Box<dyn Schedule + Send + 'a>>,
    pub plateau: Option<Plateau>,
    pub ema: Option<f64>,
    pub threads: Option<usize>,
    pub parallel: Parallel,
    pub ranks: Option<&'a dyn Ranks>,
    /// Whether a rank sends gradients while it sweeps.
    pub overlaps: bool,
    pub spare: Spare<T>,
    pub epochs: usize,
    pub batch: usize,
    pub micro_batch: usize,
    pub sampler: Option<Sampler>,
    /// The number of augmentations that are applied to a batch.
    pub augmentations: usize,
    /// Patterns of the parameters that are frozen, each with the epoch from which on they are trained.
    pub frozen: Vec<(String, usize)>,
    pub seed: u64,
    /// The names of the watched sets.
    pub watched: Vec<String>,
    pub held_out: Option<f64>,
    /// The names of the metrics.
    pub metrics: Vec<String>,
    pub monitor: Option<(String, Goal)>,
    pub patience: Option<usize>,
    pub keep_best: bool,
    #[cfg(feature = "save")]
    pub checkpoint: Option<Checkpoint>,
    pub notes: Vec<(String, String)>,
    #[cfg(feature = "interrupt")]
    pub interruptible: bool,
    #[cfg(feature = "tensorboard")]
    pub board: Option<super::board::Board>,
    pub print_every: Option<usize>,
    pub quiet: bool,
}

/// The checkpoint of a run.
#[cfg(feature = "save")]
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoint {
    pub path: std::path::PathBuf,
    /// The number of steps after which it is written, in addition to the end of each epoch.
    pub every: Option<u64>,
    /// Whether to resume from it.
    pub resume: bool,
}

/// The name of the set that is monitored.
pub(super) const VALIDATION: &str = "validation";

#[compiled_once]
impl<'a, T: Real> Plan<'a, T> {
    pub fn new(optimizer: Box<dyn Optimizer<T> + Send + 'a>) -> Self {
        Plan {
            lr: optimizer.lr(),
            optimizer,
            device: None,
            loss: None,
            schedule: None,
            plateau: None,
            ema: None,
            threads: None,
            parallel: Parallel::mean(),
            ranks: None,
            overlaps: false,
            spare: Spare::default(),
            epochs: 100,
            batch: 32,
            micro_batch: usize::MAX,
            sampler: None,
            augmentations: 0,
            frozen: Vec::new(),
            seed: 0,
            watched: Vec::new(),
            held_out: None,
            metrics: Vec::new(),
            monitor: None,
            patience: None,
            keep_best: false,
            #[cfg(feature = "save")]
            checkpoint: None,
            notes: Vec::new(),
            #[cfg(feature = "interrupt")]
            interruptible: false,
            #[cfg(feature = "tensorboard")]
            board: None,
            print_every: None,
            quiet: false,
        }
    }

    /// Whether this process prints and has the checkpoint: it is the only one, or rank 0.
    pub fn is_first(&self) -> bool {
        self.ranks.is_none_or(|world| world.rank() == 0)
    }

    /// Whether a signal can stop the run.
    pub fn is_interruptible(&self) -> bool {
        #[cfg(feature = "interrupt")]
        return self.interruptible;
        #[cfg(not(feature = "interrupt"))]
        false
    }

    /// α of a step.
    pub fn rate(&self, plateau: Option<&Plateau>, step: u64) -> f64 {
        let schedule = self.schedule.as_ref().map(|schedule| schedule.lr(step));
        plateau.map(|plateau| plateau.lr).or(schedule).unwrap_or(self.lr)
    }
}
