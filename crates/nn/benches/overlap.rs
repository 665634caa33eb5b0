//! The time that is saved when gradients of one layer are sent while the next is computed. Two ranks are threads of this process, and a link between
//! them takes its time for every byte without using a processor. It prints the time of a run that sends after each sweep and of one that
//! sends meanwhile, over that of a run whose link takes no time. A run begins with steps that are recorded, or compared with a recording, and
//! send after the sweep.
//!
//! ```text
//! cargo bench -p tape-nn --bench overlap -- [--gigabytes-per-second B] [--seconds S]
//! ```

mod common {
    pub mod median;
    pub mod timing;
}

use std::thread::sleep;
use std::time::Duration;

use common::median::in_turns;
use common::timing::{one_thread, options};
use nn::data::{Dataset, Sampler};
use nn::loss::Loss;
use nn::parallel::Parallel;
use nn::prelude::*;
use nn::ranks::{RankError, Ranks, ThreadRanks, Values, ValuesMut, on_threads};
use nn::train::Trainer;

const WIDTH: usize = 1024;
const LAYERS: usize = 6;
const SAMPLES: usize = 128;
const STEPS: usize = 32;

/// Ranks behind a link of some seconds per byte.
struct Link<'w>(&'w ThreadRanks, f64);

impl Link<'_> {
    fn carry(&self, numbers: usize) {
        let seconds = 4.0 * numbers as f64 * self.1;
        if seconds > 1e-5 {
            sleep(Duration::from_secs_f64(seconds));
        }
    }
}

impl Ranks for Link<'_> {
    fn rank(&self) -> usize {
        self.0.rank()
    }
    fn size(&self) -> usize {
        self.0.size()
    }
    fn all_to_all(
        &self,
        from: Values<'_>,
        lengths: &[usize],
        into: ValuesMut<'_>,
        expected: &[usize],
    ) -> Result<(), RankError> {
        self.0.all_to_all(from, lengths, into, expected)?;
        self.carry(lengths.iter().sum());
        Ok(())
    }
    fn all_gather(&self, all: ValuesMut<'_>, lengths: &[usize]) -> Result<(), RankError> {
        self.0.all_gather(all, lengths)?;
        self.carry(lengths[self.rank()]);
        Ok(())
    }
    fn fail(&self, why: &str) {
        self.0.fail(why);
    }
}

/// A run of some steps.
fn run(seconds_per_byte: f64, overlaps: bool) {
    on_threads(2, |world| {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let [x, t] = std::array::from_fn(|_| Init::Uniform(1.0).sample::<f32>(WIDTH, SAMPLES, rng));
        let (data, mut net) = (Dataset::new(x, t), Mlp::new(&[WIDTH; LAYERS + 1], Activation::Tanh, rng));
        let link = Link(world, seconds_per_byte);
        let mut trainer = Trainer::with_loss(Loss::Mse, Sgd { lr: 1e-3 })
            .sampler(Sampler::sequential(SAMPLES, SAMPLES))
            .parallel(Parallel::mean().shards_of(SAMPLES / 2))
            .epochs(STEPS)
            .threads(1)
            .quiet()
            .ranks(&link)
            .send_while_sweeping(overlaps);
        trainer.fit(&mut net, &data).expect("the settings fit");
    });
}

fn main() {
    let [rate, seconds] = options([("--gigabytes-per-second", 1.0), ("--seconds", 20.0)]);
    let link = 1e-9 / rate;
    let [free, after, meanwhile] =
        one_thread(|| in_turns(seconds, [&mut || run(0.0, false), &mut || run(link, false), &mut || run(link, true)]));
    let gradients = 4 * LAYERS * (WIDTH + 1) * WIDTH;
    println!("{:.1} MB of gradients over {rate} GB/s, two ranks of one thread", gradients as f64 / 1e6);
    println!(
        "sent after the sweep {:.2}, sent meanwhile {:.2} of a run without a link",
        after / free,
        meanwhile / free
    );
}
