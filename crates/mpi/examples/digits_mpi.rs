//! Classifying handwritten digits on several machines, with the bits of one.
//!
//! ```text
//! cargo build --release --example digits_mpi
//! mpirun -n 4 target/release/examples/digits_mpi
//! mpirun -n 4 target/release/examples/digits_mpi --help
//! ```

use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nn::data::{Csv, Dataset, Standardize, stratified_split};
use nn::loss::CrossEntropy;
use nn::parallel::Parallel;
use nn::prelude::*;
use nn::ranks::Ranks;
use nn::train::{Trainer, accuracy};
use nn::{BatchNorm, Dropout};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tape_mpi::World;

/// 1797 digits of 8 × 8 pixels. Each line has 64 numbers, from 0 for paper to 16 for ink, and the digit.
const DIGITS: &[u8] = include_bytes!("../../../examples/data/digits.csv");

fn run(options: &Options, world: &World) -> Result<(), Box<dyn Error>> {
    // Every rank reads all data here. It is asked only for the samples of its shards.
    let data: Dataset<f32> = Csv::new().from_reader(DIGITS, "digits.csv")?;
    let (training, test) = stratified_split(&data.t, 0.8, &mut ChaCha8Rng::seed_from_u64(0));
    let (mut training, mut test) = (data.select(&training), data.select(&test));
    let standardize = Standardize::fit(&training.x);
    (training.x, test.x) = (standardize.apply(&training.x), standardize.apply(&test.x));

    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut net = Sequential::new()
        .then(Linear::new(64, options.hidden.get(), Init::He, rng))
        .then(BatchNorm::new(options.hidden.get()))
        .then(Activation::Relu)
        .then(Dropout::new(0.2))
        .then(Linear::new(options.hidden.get(), 10, Init::Xavier, rng));

    fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;
    let trainer = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.01))
        .epochs(options.epochs.get())
        .batch(256)
        .parallel(Parallel::mean().shards_of(options.shard.get()))
        .threads(options.threads.get())
        .metric("accuracy", accuracy)
        .validate(&test)
        .early_stopping(options.epochs.get())
        .checkpoint(options.out.join("run.checkpoint"))
        .checkpoint_every(2)
        .resume()
        .interruptible();
    let trainer = if options.quiet { trainer.quiet() } else { trainer.print_every(options.epochs.get().div_ceil(10)) };
    let trained = trainer.ranks(world).send_while_sweeping(options.overlap).fit(&mut net, &training)?;

    if world.rank() == 0 {
        nn::save(options.out.join("model.nn"), &net)?;
        trained.history.save(options.out.join("history.csv"))?;
        let best = trained.history["validation_accuracy"].iter().copied().fold(0.0, f64::max);
        println!(
            "{} ranks of {} threads, {} steps, best test accuracy {best:.4}",
            world.size(),
            options.threads,
            trained.step
        );
    }
    Ok(())
}

/// Trains a network to classify handwritten digits on all ranks. The files have the same bits for any number of ranks and threads.
#[derive(Parser)]
struct Options {
    /// The number of samples of a shard; a step has 256
    #[arg(long, value_name = "N", default_value = "32")]
    shard: NonZeroUsize,
    /// Sends gradients while others are computed, if every rank runs one shard
    #[arg(long)]
    overlap: bool,
    /// The number of epochs
    #[arg(long, value_name = "N", default_value = "30")]
    epochs: NonZeroUsize,
    /// The size of the hidden layer
    #[arg(long, value_name = "N", default_value = "128")]
    hidden: NonZeroUsize,
    /// The number of threads of each rank
    #[arg(long, value_name = "N", default_value = "1")]
    threads: NonZeroUsize,
    /// The folder for the checkpoint, from which an interrupted run continues, the model and the history
    #[arg(long, value_name = "FOLDER", default_value = "out/digits_mpi")]
    out: PathBuf,
    /// Prints the last line alone
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    tape_mpi::run(|world| run(&options, world))
}
