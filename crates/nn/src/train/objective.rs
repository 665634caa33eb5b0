//! What is minimised, and what is measured.

use std::ops::Range;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::Batches;
use crate::parallel::{Parallel, Total};
use crate::{GradientSum, Module, Real, Reduction, Tape, Var};

/// A loss and metrics of a model and a batch.
pub(super) struct Objective<'a, T: Real, M, B> {
    pub loss: Box<LossFn<'a, T, M, B>>,
    pub metrics: Vec<(String, MetricFn<'a, M, B>)>,
    pub parallel: Parallel,
    pub micro_batch: usize,
}

type LossFn<'a, T, M, B> = dyn for<'t> Fn(&'t Tape<'t, T>, &'t M, &'t B) -> Var<'t, T> + Send + Sync + 'a;
type MetricFn<'a, M, B> = Box<dyn Fn(&M, &B) -> f64 + Send + Sync + 'a>;

/// How many samples are measured at a time.
const PART: usize = 1024;

impl<T: Real, M: Module<T> + Sync, B> Objective<'_, T, M, B> {
    /// Loss and gradients of the samples of a step.
    #[track_caller]
    pub fn gradients(&self, model: &M, data: &dyn Batches<Batch = B>, samples: &[usize], seed: u64) -> (f64, Total<T>) {
        let part = |samples: &[usize], seed| {
            let batch = |range: Range<usize>| data.batch(&samples[range]);
            self.parallel.gradients(model, samples.len(), seed, batch, &self.loss)
        };
        if samples.len() <= self.micro_batch {
            return part(samples, seed);
        }
        let (mut loss, mut sum) = (0.0, GradientSum::new());
        for (samples_of_part, seed) in self.micro_batches(samples, seed) {
            let share = samples_of_part.len() as f64 / samples.len() as f64;
            let weight = if self.parallel.reduction == Reduction::Mean { share } else { 1.0 };
            let (part_loss, grads) = part(samples_of_part, seed);
            loss += weight * part_loss;
            sum.add_shares(weight, share, model, &grads);
        }
        (loss, sum.into())
    }

    fn micro_batches<'s>(
        &self,
        samples: &'s [usize],
        seed: u64,
    ) -> impl Iterator<Item = (&'s [usize], u64)> + use<'s, T, M, B> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let whole = samples.len() <= self.micro_batch;
        samples.chunks(self.micro_batch).map(move |part| (part, if whole { seed } else { rng.next_u64() }))
    }

    /// Where the loss of a step stopped being finite: the step again, looked at closely.
    pub fn anomaly(
        &self,
        model: &M,
        data: &dyn Batches<Batch = B>,
        samples: &[usize],
        seed: u64,
    ) -> Option<Box<autograd::Anomaly>> {
        let look = |batch: B, seed| {
            let tape = Tape::training(seed);
            (self.loss)(&tape, model, &batch).backward_checked().err()
        };
        self.micro_batches(samples, seed).find_map(|(samples, seed)| {
            let shards = self.parallel.shards(model, samples.len(), seed);
            let mut shards = (0..shards.count).map(|k| shards.get(k));
            shards.find_map(|shard| look(data.batch(&samples[shard.samples]), shard.seed))
        })
    }

    /// The loss and each metric of a set, as means over its samples: NaN of none.
    pub fn evaluate(&self, model: &M, data: &dyn Batches<Batch = B>) -> Vec<f64> {
        let samples: Vec<usize> = (0..data.len()).collect();
        let mut parts = vec![Vec::new(); samples.len().div_ceil(PART)];
        rayon_core::scope(|scope| {
            for (part, sums) in samples.chunks(PART).zip(&mut parts) {
                scope.spawn(move |_| *sums = self.measure(model, data, part));
            }
        });
        let mut sums = vec![0.0; 1 + self.metrics.len()];
        for part in &parts {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
        sums.iter().map(|sum| sum / data.len() as f64).collect()
    }

    /// Sums over some samples.
    fn measure(&self, model: &M, data: &dyn Batches<Batch = B>, samples: &[usize]) -> Vec<f64> {
        let batch = data.batch(samples);
        let tape = Tape::new();
        let loss = self.summed((self.loss)(&tape, model, &batch).item().to_f64(), samples.len());
        let metrics = self.metrics.iter().map(|(_, metric)| metric(model, &batch) * samples.len() as f64);
        std::iter::once(loss).chain(metrics).collect()
    }

    /// The sum over a batch of which the loss is the sum or the mean.
    pub fn summed(&self, loss: f64, samples: usize) -> f64 {
        match self.parallel.reduction {
            Reduction::Sum => loss,
            Reduction::Mean => loss * samples as f64,
        }
    }
}
