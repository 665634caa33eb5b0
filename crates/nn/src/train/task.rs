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

    /// Where the first entry of a set is that is NaN, or else infinite, if it was looked for.
    fn not_finite(&self, set: usize) -> Option<(String, f64)>;

    /// The model and these samples of a set.
    fn batch(&self, set: usize, samples: &[usize]) -> Box<dyn Recordable<T> + '_>;

    /// Tells all callbacks, also after one has asked to stop; returns whether one has.
    fn tell(&mut self, when: When, progress: &Progress<'_>) -> bool;
}

pub(super) type Loss<'a, T, M, B> = dyn for<'t> Fn(&'t Tape<'t, T>, &'t M, &'t B) -> Var<'t, T> + Send + Sync + 'a;

/// How many samples are looked at together.
const PART: usize = 1024;

/// Row, column and value of the first entry of a batch that is NaN, or else infinite.
pub(super) type Look<'a, B> = dyn Fn(&B) -> Option<(usize, usize, f64)> + Send + Sync + 'a;

/// A task whose types are known.
pub(super) struct Typed<'r, 'a, T: Real, M, B> {
    pub model: &'r mut M,
    pub loss: &'r Loss<'a, T, M, B>,
    pub metrics: &'r [Metric<'a, M, B>],
    pub data: &'r dyn Batches<Batch = B>,
    /// Where the first target of a batch is that is not finite.
    pub targets: Option<&'r Look<'a, B>>,
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
    fn not_finite(&self, set: usize) -> Option<(String, f64)> {
        let data = self.set(set);
        let of_inputs = data.not_finite();
        if of_inputs.as_ref().is_some_and(|(_, value)| value.is_nan()) {
            return of_inputs;
        }
        let look = self.targets.filter(|_| data.is_at_hand());
        let parts = (0..data.len()).step_by(PART).map(|start| (start, (start..data.len().min(start + PART)).collect()));
        let found = |(start, samples): (usize, Vec<usize>)| {
            let (row, column, value) = look.and_then(|look| look(&data.batch(&samples)))?;
            Some((format!("{value} in row {row}, column {} of t", start + column), value))
        };
        let of_targets = parts.filter_map(found).reduce(|a, b| if b.1.is_nan() && !a.1.is_nan() { b } else { a });
        match (&of_inputs, &of_targets) {
            (Some(_), Some((_, value))) if !value.is_nan() => of_inputs,
            (_, None) => of_inputs,
            _ => of_targets,
        }
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
