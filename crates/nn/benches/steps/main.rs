//! Times the training steps of `peers/workloads.md`, on the tape and handwritten.
//!
//! ```text
//! cargo bench -p tape-nn --bench steps -- [workload …] [--threads N] [--min-seconds S] [--f64]
//!     [--peer NAME] [--count N] [--plan NAME]
//! ```
//!
//! It prints a JSON line for each workload and peer: `"ours"` on the tape, `"planned"` from a plan, and `"handwritten"`. They are
//! measured in turns so that other load on the machine affects all. Before timing, they must agree on the loss. `--peer` runs only
//! one of them, for a profiler or to measure its memory, and `--count` then runs exactly that number of steps. With two threads, the
//! handwritten step follows the fastest plan of `plan.rs`, or the given one.

mod by_hand;
mod handwritten;
mod kernels;
mod ours;
mod plan;
mod workloads;

use std::fmt::Display;
use std::str::FromStr;
use std::time::{Duration, Instant};

use workloads::Step;

const PEERS: [&str; 3] = ["ours", "planned", "handwritten"];

#[derive(Default)]
struct Options {
    workloads: Vec<String>,
    threads: usize,
    min_seconds: f64,
    f64: bool,
    peer: Option<&'static str>,
    count: Option<usize>,
    plan: Option<plan::Plan>,
}

fn main() {
    let options = match options() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\nusage: steps [workload …] [--threads N] [--min-seconds S] [--f64]");
            eprintln!("             [--peer ours|planned|handwritten] [--count N] [--plan whole|parts|halves]");
            std::process::exit(2);
        }
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build().expect("threads start");
    pool.install(|| {
        for name in &options.workloads {
            if options.f64 { compare::<f64>(name, &options) } else { compare::<f32>(name, &options) }
        }
    });
}

fn options() -> Result<Options, String> {
    let mut options = Options { threads: 1, min_seconds: 2.0, ..Options::default() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--bench" => {} // cargo passes it
            "--f64" => options.f64 = true,
            "--threads" => options.threads = parse(&value()?)?,
            "--min-seconds" => options.min_seconds = parse(&value()?)?,
            "--count" => options.count = Some(parse(&value()?)?),
            "--plan" => options.plan = Some(parse(&value()?)?),
            "--peer" => {
                let peer = value()?;
                let known = PEERS.into_iter().find(|known| *known == peer);
                options.peer = Some(known.ok_or(format!("no peer `{peer}`"))?);
            }
            name if workloads::NAMES.contains(&name) => options.workloads.push(arg),
            _ => return Err(format!("unknown argument `{arg}`: workloads are {}", workloads::NAMES.join(", "))),
        }
    }
    if options.workloads.is_empty() {
        options.workloads = workloads::NAMES.map(String::from).to_vec();
    }
    Ok(options)
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|why| format!("{text}: {why}"))
}

fn compare<T: autograd::Real + faer::traits::RealField>(name: &str, options: &Options) {
    const SEED: u64 = 1;
    let idle = memory_mib("VmRSS:");
    let wanted = PEERS.into_iter().filter(|peer| options.peer.is_none_or(|only| only == *peer));
    let mut peers: Vec<(&str, Box<dyn Step>)> = wanted
        .map(|peer| match peer {
            "ours" | "planned" => (peer, ours::build::<T>(name, SEED, peer == "planned")),
            _ => (peer, by_hand::build::<T>(name, SEED, options.plan)),
        })
        .collect();
    if let Some(count) = options.count {
        let steps = peers.iter_mut().flat_map(|(_, step)| (0..count).map(|_| step.step()));
        return println!("{name}: the last loss {}", steps.last().unwrap_or(f64::NAN));
    }
    let losses: Vec<Vec<f64>> = peers.iter_mut().map(|(_, step)| (0..3).map(|_| step.step()).collect()).collect();
    for losses in losses.windows(2) {
        for (a, b) in losses[0].iter().zip(&losses[1]) {
            assert!((a - b).abs() <= 1e-3 * b.abs(), "{name}: the losses {a} and {b} differ");
        }
    }

    let mut times = [const { Vec::new() }; PEERS.len()];
    let mut last = [0.0; PEERS.len()];
    let start = Instant::now();
    let all = Duration::from_secs_f64(peers.len() as f64 * options.min_seconds);
    while start.elapsed() < all || times[0].len() < 10 {
        for (k, (_, step)) in peers.iter_mut().enumerate() {
            // A turn is long enough to warm the caches for this peer; its first step is not counted.
            let turn = Instant::now();
            step.step();
            loop {
                let start = Instant::now();
                last[k] = step.step();
                times[k].push(start.elapsed().as_secs_f64() * 1e6);
                if turn.elapsed() > Duration::from_millis(20) {
                    break;
                }
            }
        }
    }
    for (k, (peer, _)) in peers.iter().enumerate() {
        times[k].sort_by(f64::total_cmp);
        println!(
            "{{\"peer\": \"{peer}\", \"workload\": \"{name}\", \"threads\": {}, \"us_per_step_median\": {:.3}, \
             \"us_per_step_min\": {:.3}, \"steps\": {}, \"final_loss\": {}, \"idle_rss_mib\": {idle:.1}, \"peak_rss_mib\": {:.1}}}",
            options.threads,
            times[k][times[k].len() / 2],
            times[k][0],
            times[k].len(),
            last[k],
            memory_mib("VmHWM:"),
        );
    }
}

/// The resident memory of the process, current or peak, if the system reports it.
fn memory_mib(which: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(0.0, |kib| kib / 1024.0)
}
