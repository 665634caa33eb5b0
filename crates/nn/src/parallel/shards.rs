//! How a batch is cut into shards.

use std::ops::Range;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::Parallel;
use crate::{Module, Real};

/// The smallest number of samples for which shards pay: copying and adding the gradient of a weight costs as much as
/// several samples. The benchmark `trainer` measures it: on one thread shards of 16 took 1.3 to 3.6 times as long as a
/// single one, shards of 64 up to 1.4 times.
const LEAST_SAMPLES: usize = 128;
/// The smallest work, in weights × samples: about a tenth of a millisecond, many times what it takes to wake a thread.
const LEAST_WORK: usize = 1 << 20;

impl Parallel {
    /// The shards of a batch.
    ///
    /// # Panics
    /// If there are no samples.
    #[track_caller]
    pub(crate) fn shards<T: Real>(&self, model: &dyn Module<T>, samples: usize, seed: u64) -> Shards {
        assert!(samples > 0, "parallel: a batch has at least one sample");
        Shards { samples, seed, count: self.count_of(model, samples) }
    }

    pub(super) fn count_of<T: Real>(&self, model: &dyn Module<T>, samples: usize) -> usize {
        let by_rule = || (samples.saturating_mul(model.count_params()) / LEAST_WORK).min(samples / LEAST_SAMPLES);
        assert!(self.shard != Some(0), "parallel: shard: Some(0) should be at least 1 sample");
        self.shard.map_or_else(by_rule, |largest| samples.div_ceil(largest)).clamp(1, samples.max(1))
    }
}

/// The parts of a batch.
pub(crate) struct Shards {
    pub samples: usize,
    seed: u64,
    pub count: usize,
}

impl Shards {
    pub fn get(&self, k: usize) -> Shard {
        let start = |k: usize| (k as u128 * self.samples as u128 / self.count as u128) as usize;
        let seed = || {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_word_pos(2 * k as u128);
            rng.random()
        };
        Shard { samples: start(k)..start(k + 1), seed: if self.count == 1 { self.seed } else { seed() } }
    }
}

/// A part of a batch, and the seed of its tape.
pub(crate) struct Shard {
    pub samples: Range<usize>,
    pub seed: u64,
}
