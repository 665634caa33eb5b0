//! Model, loss, data and callbacks without their types, so that the loop is compiled once.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use rand::rngs::ChaCha8Rng;

use super::callback::When;
use super::steps::{AUGMENTED, stream};
use super::{Batches, Callback, Progress};
use crate::parallel::{DataOf, Metric, OnBatch, Recordable};
use crate::planned::{PlanUse, StepPlans};
use crate::{Module, Real, Tape, Var};

/// The training task. Set 0 is the training set; the watched sets follow.
pub(super) trait Task<T: Real>: Send + Sync {
    fn model(&self) -> &(dyn Module<T> + Sync);

    fn model_mut(&mut self) -> &mut dyn Module<T>;

    /// The number of samples of a set.
    fn len(&self, set: usize) -> usize;

    /// Whether its samples have weights that batches do not contain.
    fn has_weights(&self, set: usize) -> bool;

    /// The position and the value of the first NaN in a set, or of its first infinite entry if there is no NaN, if the set was searched.
    fn not_finite(&self, set: usize) -> Option<(String, f64)>;

    /// The model and the given samples of a set. If there is a seed, the samples are augmented by random numbers from it.
    fn batch(&self, set: usize, samples: &[usize], seed: Option<u64>) -> Box<dyn Recordable<T> + '_>;

    /// How many steps were planned, if the loss can be planned.
    fn plan_use(&self) -> Option<PlanUse>;

    /// Whether there are callbacks.
    fn has_callbacks(&self) -> bool;
    /// Whether a callback looks at the model after every step.
    fn sees_steps(&mut self) -> bool;

    /// Calls all callbacks, even after one has asked to stop; returns whether one has.
    fn tell(&mut self, when: When, progress: &Progress<'_>) -> bool;
}

pub(super) type Loss<'a, T, M, B> = dyn for<'t> Fn(&'t Tape<'t, T>, &'t M, &'t B) -> Var<'t, T> + Send + Sync + 'a;

/// The number of samples that are searched at a time.
const PART: usize = 1024;

/// Row, column and value of the first entry of a batch that is NaN; if there is none, of the first infinite one.
pub(super) type Look<'a, B> = dyn Fn(&B) -> Option<(usize, usize, f64)> + Send + Sync + 'a;

/// Changes a batch at random.
pub(super) type Augment<'a, B> = dyn Fn(&mut B, &mut ChaCha8Rng) + Send + Sync + 'a;

/// A task with known types.
pub(super) struct Typed<'r, 'a, T: Real, M, B> {
    pub model: &'r mut M,
    pub loss: &'r Loss<'a, T, M, B>,
    pub metrics: &'r [Metric<'a, M, B>],
    pub augment: &'r [Box<Augment<'a, B>>],
    pub data: &'r dyn Batches<Batch = B>,
    /// Finds the first target of a batch that is not finite.
    pub targets: Option<&'r Look<'a, B>>,
    /// The number of samples of a batch, if it is known.
    pub samples: Option<fn(&B) -> Option<usize>>,
    /// The plans of the loss, if it depends only on the model and on these data of a batch.
    pub planned: Option<(&'r dyn StepPlans<T>, DataOf<T, B>)>,
    pub watched: &'r [&'a (dyn Batches<Batch = B> + 'a)],
    /// It is never contended; the mutex is needed because threads share the rest.
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
    fn has_weights(&self, set: usize) -> bool {
        self.set(set).has_weights()
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
    fn batch(&self, set: usize, samples: &[usize], seed: Option<u64>) -> Box<dyn Recordable<T> + '_> {
        let mut batch = self.set(set).batch(samples);
        if let (Some(seed), false) = (seed, self.augment.is_empty()) {
            let rng = &mut stream(seed, AUGMENTED);
            for (k, augment) in (1..).zip(self.augment) {
                let count = |batch: &B| self.samples.and_then(|samples| samples(batch));
                let before = count(&batch);
                augment(&mut batch, rng);
                if let (Some(before), Some(after)) = (before, count(&batch)) {
                    assert!(
                        before == after,
                        "augment: augmentation {k} makes {after} samples of the {before} samples of a batch"
                    );
                }
            }
        }
        Box::new(OnBatch { model: &*self.model, batch, loss: self.loss, metrics: self.metrics, planned: self.planned })
    }
    fn plan_use(&self) -> Option<PlanUse> {
        self.planned.map(|(plans, _)| plans.plan_use())
    }
    fn has_callbacks(&self) -> bool {
        !self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
    fn sees_steps(&mut self) -> bool {
        let callbacks = self.callbacks.get_mut().unwrap_or_else(PoisonError::into_inner);
        callbacks.iter().any(|callback| callback.sees_steps())
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
