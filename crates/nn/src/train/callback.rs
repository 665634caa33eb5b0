//! Callbacks, which observe a training run and can stop it.

use std::ops::ControlFlow;

use super::History;

/// The progress of a training run.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'r> {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The largest number of epochs.
    pub epochs: usize,
    /// The number of completed batches of the epoch.
    pub batch: usize,
    /// The number of batches in an epoch.
    pub batches: usize,
    /// The total number of steps.
    pub step: u64,
    /// The loss of the last batch before its step; after an epoch, the mean of these losses over it.
    pub loss: f64,
    /// The learning rate of the last step; after an epoch with a [plateau](super::Trainer::plateau), that of the next step.
    pub lr: f64,
    /// The measurements of the completed epochs.
    pub history: &'r History,
}

/// It is called during training. Its state is not part of a checkpoint.
///
/// If it returns `ControlFlow::Break(())`, training ends after the step or epoch in the same way as after the last epoch. For closures
/// there are [`on_step`](super::Trainer::on_step) and [`on_epoch_end`](super::Trainer::on_epoch_end).
pub trait Callback<M> {
    /// After every step.
    fn on_step(&mut self, progress: &Progress<'_>, model: &M) -> ControlFlow<()> {
        let _ = (progress, model);
        ControlFlow::Continue(())
    }

    /// Whether [`on_step`](Callback::on_step) does something. If so, a run on a [device](super::Trainer::device) copies the model back
    /// before each call.
    fn sees_steps(&self) -> bool {
        true
    }

    /// After every epoch, when its values are in the history.
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
    fn sees_steps(&self) -> bool {
        false
    }
    fn on_epoch_end(&mut self, progress: &Progress<'_>, model: &M) -> ControlFlow<()> {
        self.0(progress, model)
    }
}
