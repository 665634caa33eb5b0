//! What is minimised, and what is measured.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::task::Task;
use crate::parallel::{Parallel, Recordable, Total, sharded};
use crate::{GradientSum, Real, Reduction, Tape};

/// The loss and the metrics of a task.
#[derive(Clone, Copy)]
pub(super) struct Objective<'r, T> {
    pub task: &'r dyn Task<T>,
    pub parallel: Parallel,
    pub micro_batch: usize,
    /// How many metrics there are.
    pub metrics: usize,
}

/// How many samples are measured at a time.
const PART: usize = 1024;

impl<'r, T: Real> Objective<'r, T> {
    /// Loss and gradients of the samples of a step.
    #[track_caller]
    pub fn gradients(&self, samples: &[usize], seed: u64) -> (f64, Total<T>) {
        if samples.len() <= self.micro_batch {
            return self.part(samples, seed);
        }
        let (mut loss, mut sum) = (0.0, GradientSum::new());
        for (part, seed) in self.micro_batches(samples, seed) {
            let share = part.len() as f64 / samples.len() as f64;
            let weight = if self.parallel.reduction == Reduction::Mean { share } else { 1.0 };
            let (part_loss, grads) = self.part(part, seed);
            loss += weight * part_loss;
            sum.add_shares(weight, share, self.task.model(), &grads);
        }
        (loss, sum.into())
    }

    #[track_caller]
    fn part(&self, samples: &[usize], seed: u64) -> (f64, Total<T>) {
        let batch = |range| self.task.batch(0, &samples[range]);
        sharded(self.parallel, self.task.model(), samples.len(), seed, &batch)
    }

    fn micro_batches<'s>(
        &self,
        samples: &'s [usize],
        seed: u64,
    ) -> impl Iterator<Item = (&'s [usize], u64)> + use<'s, T> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let whole = samples.len() <= self.micro_batch;
        samples.chunks(self.micro_batch).map(move |part| (part, if whole { seed } else { rng.next_u64() }))
    }

    /// Where the loss of a step stopped being finite: the step again, looked at closely.
    pub fn anomaly(&self, samples: &[usize], seed: u64) -> Option<Box<autograd::Anomaly>> {
        let look = |batch: Box<dyn Recordable<T> + '_>, seed| {
            let tape = Tape::training(seed);
            batch.loss(&tape).backward_checked().err()
        };
        self.micro_batches(samples, seed).find_map(|(samples, seed)| {
            let shards = self.parallel.shards(self.task.model(), samples.len(), seed);
            let mut shards = (0..shards.count).map(|k| shards.get(k));
            shards.find_map(|shard| look(self.task.batch(0, &samples[shard.samples]), shard.seed))
        })
    }

    /// The loss and each metric of some samples of a set, as means over them; NaN if there are no samples.
    pub fn evaluate(&self, set: usize, samples: &[usize]) -> Vec<f64> {
        let mut parts = vec![Vec::new(); samples.len().div_ceil(PART)];
        rayon_core::scope(|scope| {
            for (part, sums) in samples.chunks(PART).zip(&mut parts) {
                scope.spawn(move |_| *sums = self.measure(set, part));
            }
        });
        let mut sums = vec![0.0; 1 + self.metrics];
        for part in &parts {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
        sums.iter().map(|sum| sum / samples.len() as f64).collect()
    }

    /// Sums over some samples.
    fn measure(&self, set: usize, samples: &[usize]) -> Vec<f64> {
        let batch = self.task.batch(set, samples);
        let tape = Tape::new();
        let loss = self.summed(batch.loss(&tape).item().to_f64(), samples.len());
        let metrics = batch.metrics().into_iter().map(|metric| metric * samples.len() as f64);
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
