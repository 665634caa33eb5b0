//! For the tests: a run in which rank 1 cannot read its data.

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use nn::loss::Loss;
use nn::parallel::Parallel;
use nn::prelude::*;
use nn::ranks::Ranks;
use nn::train::{Batches, Trainer};

/// Samples that are computed, until rank 1 has read some.
struct Failing {
    rank: usize,
    mended: bool,
    asked: AtomicUsize,
}

impl Batches for Failing {
    type Batch = (Matrix<f32>, Matrix<f32>);
    fn len(&self) -> usize {
        512
    }
    fn batch(&self, samples: &[usize]) -> Self::Batch {
        let asked = self.asked.fetch_add(samples.len(), Ordering::Relaxed);
        assert!(self.mended || self.rank != 1 || asked < 100, "the disk of rank 1 is gone");
        let x = Matrix::from_fn(1, samples.len(), |_, n| samples[n] as f32 / 512.0);
        let t = x.map(|x| (6.0 * x).sin());
        (x, t)
    }
}

fn main() -> ExitCode {
    tape_mpi::run(|world| -> Result<(), Box<dyn Error>> {
        let arguments: Vec<String> = std::env::args().collect();
        let [_, file, rest @ ..] = &arguments[..] else { return Err("the name of a checkpoint is missing".into()) };
        let data = Failing { rank: world.rank(), mended: !rest.is_empty(), asked: AtomicUsize::new(0) };
        let mut net = Mlp::new(&[1, 16, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
        let trainer = Trainer::with_loss(Loss::Mse, Adam::new(0.01)).batch(64).parallel(Parallel::mean().shards_of(8));
        let trainer = trainer.epochs(20).checkpoint(file).checkpoint_every(1).resume();
        trainer.ranks(world).fit(&mut net, &data)?;
        Ok(())
    })
}
