//! How training gets faster with more machines: a step is measured on the ranks that are there, and the time on up to 1,024 machines follows
//! from a model. Without ranks it measures threads.
//!
//! ```text
//! cargo build --release --example scaling
//! target/release/examples/scaling --threads 2                       # one process
//! mpirun -n 2 target/release/examples/scaling                       # two ranks of one thread
//! mpirun -n 2 target/release/examples/scaling --overlap             # the same, which send while they compute
//! mpirun -n 2 target/release/examples/scaling --draw out/scaling.svg
//! ```
//!
//! The model of the time of a step on P machines, for S shards, gradients of G bytes, a latency α and a bandwidth β:
//!
//! ```text
//! T(P) = ⌈S / P⌉ t_shard + t_rest / P + 2 G (P − 1) / P / β + α (3 ⌈log₂ P⌉ + 2 (P − 1) / 16)
//! ```
//!
//! t_shard is the time of a shard, and t_rest that of the rest of a step, above all the optimizer, of which every rank makes its part. Small gathers take
//! ⌈log₂ P⌉ rounds; each of the P − 1 messages of the two large ones costs the sender a fraction of the latency.

use std::error::Error;
use std::ops::ControlFlow::Continue;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use nn::data::Sampler;
use nn::loss::CrossEntropy;
use nn::parallel::Parallel;
use nn::plot::Chart;
use nn::prelude::*;
use nn::ranks::{Ranks, Values, ValuesMut};
use nn::train::Trainer;
use tape_mpi::World;

/// A network, the number of samples of a shard, and that of the shards of a step.
#[derive(Clone, Copy)]
struct Workload {
    name: &'static str,
    sizes: &'static [usize],
    shard: usize,
    shards: usize,
    /// How many steps are measured at a time: one, because other programs disturb a longer time more.
    steps: usize,
}

const WORKLOADS: [Workload; 2] = [
    Workload { name: "mnist", sizes: &[784, 256, 128, 10], shard: 128, shards: 8, steps: 1 },
    Workload { name: "wide", sizes: &[1024, 4096, 4096, 1000], shard: 128, shards: 4, steps: 1 },
];

/// The shortest time of a step in seconds, of some measurements, alone or on the ranks of a world that send while they sweep or not.
fn step(
    workload: &Workload,
    shards: usize,
    threads: usize,
    world: Option<(&World, bool)>,
    repeats: usize,
) -> Result<f64, Box<dyn Error>> {
    let Workload { sizes, shard, steps, .. } = *workload;
    let batch = shard * shards;
    let (inputs, classes) = (sizes[0], *sizes.last().ok_or("a network has layers")?);
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let x = Init::Uniform(1.0).sample(inputs, batch, rng);
    let data: Dataset<f32> = Dataset::new(x, (0..batch).map(|n| n % classes).collect());
    let mut net = Mlp::new(sizes, Activation::Relu, rng);
    let (mut last, mut best) = (Instant::now(), f64::INFINITY);
    let trainer = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(1e-3))
        .sampler(Sampler::sequential(batch, batch).epoch_of(steps * batch))
        .parallel(Parallel::mean().shards_of(shard))
        .epochs(1 + repeats)
        .threads(threads)
        .quiet()
        .on_epoch_end(|_, _| {
            let time = last.elapsed().as_secs_f64() / steps as f64;
            (best, last) = (best.min(time), Instant::now());
            Continue(())
        });
    let mut trainer = match world {
        Some((world, overlaps)) => trainer.ranks(world).send_while_sweeping(overlaps),
        None => trainer,
    };
    trainer.fit(&mut net, &data)?;
    drop(trainer);
    Ok(best)
}

/// The time of an exchange of this number of bytes with the next rank, in seconds.
fn exchange(world: &World, bytes: usize, repeats: usize) -> Result<f64, Box<dyn Error>> {
    let partner = world.rank() ^ 1;
    let mut lengths = vec![0; world.size()];
    if partner < world.size() {
        lengths[partner] = bytes;
    }
    let (from, mut into) = (vec![1u8; lengths.iter().sum()], vec![0; lengths.iter().sum()]);
    let mut best = f64::INFINITY;
    for _ in 0..repeats {
        let start = Instant::now();
        world.all_to_all(Values::Bytes(&from), &lengths, ValuesMut::Bytes(&mut into), &lengths)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// What the model is made of.
struct Model {
    shard: f64,
    rest: f64,
    shards: usize,
    gradients: f64,
    latency: f64,
    bandwidth: f64,
}

impl Model {
    fn time(&self, ranks: usize) -> f64 {
        let p = ranks as f64;
        let moved = 2.0 * self.gradients * (p - 1.0) / p / self.bandwidth;
        let messages = 3.0 * p.log2().ceil() + 2.0 * (p - 1.0) / 16.0;
        self.shards.div_ceil(ranks) as f64 * self.shard + self.rest / p + moved + self.latency * messages
    }
}

fn run(options: &Options, world: &World) -> Result<(), Box<dyn Error>> {
    let (first, threads) = (world.rank() == 0, options.threads);
    let several = (world.size() > 1).then_some((world, options.overlap));
    let (latency, of_bytes) = match several {
        None => (options.latency, 0.0),
        Some(_) => {
            let (small, large) = (exchange(world, 8, 200)?, exchange(world, 1 << 24, 20)?);
            (small, (1 << 24) as f64 / large)
        }
    };
    let mut chart =
        Chart::new("Speed-up by more machines, as modelled").axes("machines", "times as fast as one").log_x().log_y();
    for workload in WORKLOADS.iter().filter(|workload| options.only.as_ref().is_none_or(|only| only == workload.name)) {
        let mut workload = *workload;
        if options.overlap {
            let size = world.size();
            (workload.shard, workload.shards) = (workload.shard * workload.shards / size, size);
        }
        let workload = &workload;
        let Workload { name, sizes, shard, shards, .. } = *workload;
        let measured = step(workload, shards, threads, several, options.repeats)?;
        let params: usize = sizes.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum();
        let gradients = 4.0 * params as f64;
        if first {
            println!("{name}: {shards} shards of {shard} samples, {:.2} MB of gradients", gradients / 1e6);
            println!("  {} ranks of {threads} threads: {:.3} ms a step", world.size(), 1e3 * measured);
        }
        if let (Some(_), Some(_)) = (several, &options.draw) {
            // One rank alone, while the others wait: a step of one shard and of two.
            let mut alone = [0.0; 2];
            if first {
                for (time, shards) in alone.iter_mut().zip([1, 2]) {
                    *time = step(workload, shards, threads, None, options.repeats)?;
                }
            }
            world.all_gather(ValuesMut::Bytes(&mut vec![0; world.size()]), &vec![1; world.size()])?;
            let [one, two] = alone;
            let (of_shard, shards) = (two - one, options.shards);
            let model = |shards, latency, bandwidth| Model {
                shard: of_shard,
                rest: one - of_shard,
                shards,
                gradients,
                latency,
                bandwidth,
            };
            if first {
                let here = model(workload.shards, latency, of_bytes).time(world.size());
                println!(
                    "  a shard takes {:.3} ms, the rest of a step {:.3} ms",
                    1e3 * of_shard,
                    1e3 * (one - of_shard)
                );
                println!("  here the model says {:.3} ms, {:.2} of what was measured", 1e3 * here, here / measured);
                let cluster = model(shards, options.latency, options.bandwidth);
                let speedups: Vec<(f64, f64)> = (0..=10)
                    .map(|k| 1 << k)
                    .map(|ranks| (ranks as f64, cluster.time(1) / cluster.time(ranks)))
                    .collect();
                for (ranks, speedup) in &speedups {
                    println!("  {ranks:>5} machines: {speedup:>7.1} times as fast, efficiency {:.2}", speedup / ranks);
                }
                chart = chart.line(&format!("{name}, {shards} shards of {shard}"), speedups);
            }
        }
    }
    if let (true, Some(path)) = (first && several.is_some(), &options.draw) {
        println!("latency {:.1} µs and {:.1} GB/s between the ranks here", 1e6 * latency, of_bytes / 1e9);
        let most = (0..=10).map(|k| f64::from(1 << k));
        chart.dashed("as many times as machines", most.map(|ranks| (ranks, ranks))).save(path)?;
    }
    Ok(())
}

/// Measures a training step on the ranks that are there, and models its time on more machines.
#[derive(Parser)]
struct Options {
    /// The number of threads of each rank
    #[arg(long, value_name = "N", default_value = "1")]
    threads: usize,
    /// How often each time is measured
    #[arg(long, value_name = "N", default_value = "5")]
    repeats: usize,
    /// Cuts a step into one shard for each rank, and sends gradients while others are computed
    #[arg(long)]
    overlap: bool,
    /// mnist or wide
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Draws the model's speed-up on 1 to 1,024 machines
    #[arg(long, value_name = "FILE")]
    draw: Option<PathBuf>,
    /// The number of shards of a step on the modelled cluster
    #[arg(long, value_name = "N", default_value = "1024")]
    shards: usize,
    /// The latency of its network, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "2e-6")]
    latency: f64,
    /// The bandwidth of its network, in bytes per second
    #[arg(long, value_name = "BYTES", default_value = "12.5e9")]
    bandwidth: f64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    tape_mpi::run(|world| run(&options, world))
}
