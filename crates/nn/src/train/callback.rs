//! What looks on while a model is trained, and can stop it.

use std::ops::ControlFlow;

use super::History;

/// Where training is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'r> {
    /// The epoch, from 1.
    pub epoch: usize,
    /// How many epochs there will be at most.
    pub epochs: usize,
    /// How many batches of the epoch are done.
    pub batch: usize,
    /// How many batches an epoch has.
    pub batches: usize,
    /// How many steps were made in all.
    pub step: u64,
    /// The loss of the last batch before its step; after an epoch, the mean of these over it.
    pub loss: f64,
    /// The learning rate of the last step; after an epoch, where a plateau may have changed it, the one to come.
    pub lr: f64,
    /// The epochs that are done.
    pub history: &'r History,
}

/// Is called while a model is trained. What it remembers is not part of a checkpoint.
///
/// `ControlFlow::Break(())` ends the training after the step or epoch, as its last epoch does.
/// For a closure there are [`on_step`](super::Trainer::on_step) and [`on_epoch_end`](super::Trainer::on_epoch_end).
pub trait Callback<M> {
    /// After every step.
    fn on_step(&mut self, progress: &Progress<'_>, model: &M) -> ControlFlow<()> {
        let _ = (progress, model);
        ControlFlow::Continue(())
    }

    /// After every epoch, when its line is in the history.
    fn on_epoch_end(&mut self, progress: &Progress<'_>, model: &M) -> ControlFlow<()> {
        let _ = (progress, model);
        ControlFlow::Continue(())
    }
}

/// When callbacks are called.
#[derive(Clone, Copy)]
pub(super) enum When {
    Step,
    EpochEnd,
}

pub(super) struct OnStep<F>(pub F);
pub(super) struct OnEpochEnd<F>(pub F);

impl<M, F: FnMut(&Progress<'_>, &M) -> ControlFlow<()>> Callback<M> for OnStep<F> {
    fn on_step(&mut self, progress: &Progress<'_>, model: &M) -> ControlFlow<()> {
        self.0(progress, model)
    }
}

impl<M, F: FnMut(&Progress<'_>, &M) -> ControlFlow<()>> Callback<M> for OnEpochEnd<F> {
    fn on_epoch_end(&mut self, progress: &Progress<'_>, model: &M) -> ControlFlow<()> {
        self.0(progress, model)
    }
}
