//! The loss that is minimised, and the measurements.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::task::Task;
use crate::parallel::{Parallel, Recordable, Shard, Spare, Total, Weight, sharded};
use crate::planned::PassKind;
use crate::ranks::{RankError, Ranks};
use crate::{GradientSum, Real, Tape};
#[cfg(feature = "save")]
use crate::{Matrix, Path, Role};

/// The loss and the metrics of a task.
#[derive(Clone, Copy)]
pub(super) struct Objective<'r, T> {
    pub task: &'r dyn Task<T>,
    /// The ranks that share the work, if there are several.
    pub ranks: Option<&'r dyn Ranks>,
    /// Whether they send gradients while they sweep.
    pub overlaps: bool,
    /// Memory for what they send and sum.
    pub spare: &'r Spare<T>,
    pub parallel: Parallel,
    pub micro_batch: usize,
    /// The number of metrics.
    pub metrics: usize,
}

/// What a few samples give. Nothing is changed.
#[cfg(feature = "save")]
pub(super) struct Probe {
    /// Their loss in evaluation and in training.
    pub losses: [f64; 2],
    /// For each buffer the sum of the absolute values that a step on them would set.
    pub statistics: Vec<f64>,
}

/// Sums over some samples, and the weight of the loss.
pub(super) type Measured = (Vec<f64>, Weight);

/// The number of samples that are measured at a time.
const PART: usize = 1024;

impl<'r, T: Real> Objective<'r, T> {
    /// Loss and gradients of the samples of a step. One of several ranks may know only its part of the gradients, unless it needs the `whole`.
    #[track_caller]
    pub fn gradients(&self, samples: &[usize], seed: u64, whole: bool) -> Result<(f64, Total<T>), RankError> {
        if let Some(world) = self.ranks {
            return self.gradients_over(world, samples, seed, whole);
        }
        let all = samples.len();
        if all <= self.micro_batch {
            return Ok(self.part(samples, seed, false));
        }
        let (mut loss, mut sum, mut whole) = (0.0, GradientSum::new(), None);
        for (part, seed) in self.micro_batches(samples, seed) {
            let (part_loss, grads) = self.part(part, seed, true);
            let factor = grads.weight().factor(all);
            loss += factor * part_loss;
            sum.add_shares(factor, part.len() as f64 / all as f64, self.task.model(), &grads);
            whole = Some(whole.map_or(grads.weight(), |whole: Weight| whole.and(grads.weight())));
        }
        let whole = whole.expect("more samples than in a part are several parts");
        if let Some(rest) = whole.rest(all) {
            loss *= rest.loss;
            sum.scale(rest.gradients);
        }
        Ok((loss, Total::summed(sum, whole)))
    }

    #[track_caller]
    fn part(&self, samples: &[usize], seed: u64, of_part: bool) -> (f64, Total<T>) {
        let batch = |shard: Shard| self.task.batch(0, &samples[shard.samples], Some(shard.seed));
        sharded(self.parallel, self.task.model(), samples.len(), seed, of_part, &batch)
    }

    pub fn micro_batches<'s>(
        &self,
        samples: &'s [usize],
        seed: u64,
    ) -> impl Iterator<Item = (&'s [usize], u64)> + use<'s, T> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let whole = samples.len() <= self.micro_batch;
        samples.chunks(self.micro_batch).map(move |part| (part, if whole { seed } else { rng.next_u64() }))
    }

    /// Finds where the loss of a step stopped being finite, by repeating the step.
    pub fn anomaly(&self, samples: &[usize], seed: u64) -> Option<Box<autograd::Anomaly>> {
        let look = |batch: Box<dyn Recordable<T> + '_>, seed, of_part| {
            let tape = PassKind { seed, of_part }.tape();
            batch.loss(&tape).backward_checked().err()
        };
        let divided = samples.len() > self.micro_batch;
        let parts: Vec<_> = self.micro_batches(samples, seed).collect();
        let shards = |(samples, seed): (&[usize], u64)| self.parallel.shards(self.task.model(), samples.len(), seed);
        let counts: Vec<usize> = parts.iter().map(|part| shards(*part).count).collect();
        parts.into_iter().zip(self.own_shards(&counts)).find_map(|((samples, seed), own)| {
            let shards = shards((samples, seed));
            let count = shards.count;
            let mut shards = own.map(|k| shards.get(k));
            shards.find_map(|Shard { samples: range, seed }| {
                look(self.task.batch(0, &samples[range], Some(seed)), seed, divided || count > 1)
            })
        })
    }

    /// The loss and each metric of some samples of a set, as means over them; NaN if there are no samples.
    pub fn evaluate(&self, set: usize, samples: &[usize]) -> Result<Vec<f64>, RankError> {
        let count = samples.len().div_ceil(PART);
        let (own, of_part) = (self.own(count), count > 1);
        let mut parts = Vec::new();
        parts.resize_with(own.len(), || None);
        rayon_core::scope(|scope| {
            for (part, sums) in samples.chunks(PART).skip(own.start).zip(&mut parts) {
                scope.spawn(move |_| *sums = Some(self.measure(set, part, of_part)));
            }
        });
        let mut parts = self.of_all(count, parts.into_iter().flatten().collect())?;
        let weights = parts.iter().map(|&(_, weight)| Some(weight));
        if matches!(weights.reduce(|a, b| a?.with(b?)), Some(None)) {
            // Means with different weights cannot be combined, so they are computed over the whole set at once.
            parts = self.of_all(1, self.own(1).map(|_| self.measure(set, samples, false)).collect())?;
        }
        let together = parts.into_iter().reduce(|(mut sums, weight), (part, other)| {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
            (sums, weight.and(other))
        });
        let Some((sums, weight)) = together else { return Ok(vec![f64::NAN; 1 + self.metrics]) };
        let weights = std::iter::once(weight.sum).chain(std::iter::repeat(samples.len() as f64));
        Ok(sums.iter().zip(weights).map(|(sum, weight)| sum / weight).collect())
    }

    /// What the first samples give. If it differs, then the loss, the data, their augmentation, or a setting of a layer, such as the
    /// dropout rate or the momentum of a normalisation, is different.
    #[cfg(feature = "save")]
    pub fn probe(&self) -> Probe {
        let samples: Vec<usize> = (0..self.task.len(0).min(8)).collect();
        let [as_measured, as_trained] = [None, Some(0)].map(|seed| self.task.batch(0, &samples, seed));
        let (measured, trained) = (Tape::new(), Tape::training(0));
        let losses = [as_measured.loss(&measured), as_trained.loss(&trained)];
        let (model, mut buffers) = (self.task.model(), false);
        model.params(&Path::Root, &mut |_, param| buffers |= param.role() == Role::Buffer);
        let mut statistics = Vec::new();
        if buffers && losses[1].needs_gradient() {
            let grads = losses[1].backward();
            model.params(&Path::Root, &mut |_, param| {
                let sum = |new: &Matrix<T>| new.as_slice().iter().map(|x| x.to_f64().abs()).sum::<f64>();
                statistics.extend(grads.updated(param).map(sum));
            });
        }
        Probe { losses: losses.map(|loss| loss.item().to_f64()), statistics }
    }

    /// Sums over some samples, and the weight of the loss.
    fn measure(&self, set: usize, samples: &[usize], of_part: bool) -> Measured {
        let batch = self.task.batch(set, samples, None);
        let tape = if of_part { Tape::new().of_part() } else { Tape::new() };
        let loss = batch.loss(&tape).item().to_f64();
        let weight = Weight::of(self.parallel.reduction, tape.means(), samples.len());
        let metrics = batch.metrics().into_iter().map(|metric| metric * samples.len() as f64);
        (std::iter::once(weight.summed(loss)).chain(metrics).collect(), weight)
    }
}
