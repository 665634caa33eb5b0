//! Model, loss, data and callbacks as the loop knows them: without their types, so that it is compiled once.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use super::callback::When;
use super::{Batches, Callback, Progress};
use crate::parallel::{Metric, OnBatch, Recordable};
use crate::{Module, Real, Tape, Var};

/// What is trained. Set 0 is the one that is trained on; those that are watched follow.
pub(super) trait Task<T: Real>: Send + Sync {
    fn model(&self) -> &(dyn Module<T> + Sync);

    fn model_mut(&mut self) -> &mut dyn Module<T>;

    /// How many samples a set has.
    fn len(&self, set: usize) -> usize;

    /// The model and these samples of a set.
    fn batch(&self, set: usize, samples: &[usize]) -> Box<dyn Recordable<T> + '_>;

    /// Tells all callbacks, also after one has asked to stop; returns whether one has.
    fn tell(&mut self, when: When, progress: &Progress<'_>) -> bool;
}

pub(super) type Loss<'a, T, M, B> = dyn for<'t> Fn(&'t Tape<'t, T>, &'t M, &'t B) -> Var<'t, T> + Send + Sync + 'a;

/// A task whose types are known.
pub(super) struct Typed<'r, 'a, T: Real, M, B> {
    pub model: &'r mut M,
    pub loss: &'r Loss<'a, T, M, B>,
    pub metrics: &'r [Metric<'a, M, B>],
    pub data: &'r dyn Batches<Batch = B>,
    pub watched: &'r [&'a (dyn Batches<Batch = B> + 'a)],
    /// Nobody locks them: that threads share the rest asks for it.
    pub callbacks: Mutex<&'r mut [Box<dyn Callback<M> + Send + 'a>]>,
}

impl<T: Real, M, B> Typed<'_, '_, T, M, B> {
    fn set(&self, set: usize) -> &dyn Batches<Batch = B> {
        if set == 0 { self.data } else { self.watched[set - 1] }
    }
}

impl<T: Real, M: Module<T> + Send + Sync, B> Task<T> for Typed<'_, '_, T, M, B> {
    fn model(&self) -> &(dyn Module<T> + Sync) {
        self.model
    }
    fn model_mut(&mut self) -> &mut dyn Module<T> {
        self.model
    }
    fn len(&self, set: usize) -> usize {
        self.set(set).len()
    }
    fn batch(&self, set: usize, samples: &[usize]) -> Box<dyn Recordable<T> + '_> {
        let batch = self.set(set).batch(samples);
        Box::new(OnBatch { model: &*self.model, batch, loss: self.loss, metrics: self.metrics })
    }
    fn tell(&mut self, when: When, progress: &Progress<'_>) -> bool {
        let mut stop = false;
        for callback in self.callbacks.get_mut().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            stop |= match when {
                When::Step => callback.on_step(progress, self.model),
                When::EpochEnd => callback.on_epoch_end(progress, self.model),
            } == ControlFlow::Break(());
        }
        stop
    }
}
