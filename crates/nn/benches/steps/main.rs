//! Times the training steps of `peers/workloads.md`, on the tape and written by hand.
//!
//! ```text
//! cargo bench -p tape-nn --bench steps -- [workload …] [--threads N] [--min-seconds S] [--f64] [--peer NAME]
//! ```
//!
//! Two JSON lines for each workload, `"peer": "ours"` and `"peer": "handwritten"`, measured in turns so that
//! whatever else the machine does falls on both; `--peer` leaves one of them out, for a profiler. Before timing,
//! both must agree on the loss.

mod handwritten;
mod ours;
mod workloads;

use std::time::{Duration, Instant};

struct Options {
    workloads: Vec<String>,
    threads: usize,
    min_seconds: f64,
    f64: bool,
    peer: Option<String>,
}

fn main() {
    let options = match options() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\nusage: steps [workload …] [--threads N] [--min-seconds S] [--f64] [--peer NAME]");
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
    let mut options = Options { workloads: Vec::new(), threads: 1, min_seconds: 2.0, f64: false, peer: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let number = |text: Option<String>| text.ok_or(format!("{arg} needs a number"));
        match arg.as_str() {
            "--bench" => {} // cargo says so
            "--f64" => options.f64 = true,
            "--peer" => options.peer = args.next(),
            "--threads" => options.threads = number(args.next())?.parse().map_err(|e| format!("--threads: {e}"))?,
            "--min-seconds" => {
                options.min_seconds = number(args.next())?.parse().map_err(|e| format!("--min-seconds: {e}"))?;
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

fn compare<T: autograd::Real>(name: &str, options: &Options) {
    const SEED: u64 = 1;
    let mut peers = vec![("ours", ours::build::<T>(name, SEED)), ("handwritten", handwritten::build::<T>(name, SEED))];
    let losses: Vec<Vec<f64>> = peers.iter_mut().map(|(_, step)| (0..3).map(|_| step.step()).collect()).collect();
    for (ours, by_hand) in losses[0].iter().zip(&losses[1]) {
        assert!((ours - by_hand).abs() <= 1e-3 * by_hand.abs(), "{name}: the losses {ours} and {by_hand} differ");
    }

    peers.retain(|(peer, _)| options.peer.as_deref().is_none_or(|only| only == *peer));
    if peers.is_empty() {
        return eprintln!("no such peer: ours or handwritten");
    }

    let mut times = [Vec::new(), Vec::new()];
    let mut last = [0.0; 2];
    let start = Instant::now();
    let both = Duration::from_secs_f64(2.0 * options.min_seconds);
    while start.elapsed() < both || times[0].len() < 10 {
        for (k, (_, step)) in peers.iter_mut().enumerate() {
            // A turn is long enough to warm the caches for this peer, whose first step is not counted.
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
             \"us_per_step_min\": {:.3}, \"steps\": {}, \"final_loss\": {}, \"peak_rss_mib\": {:.1}}}",
            options.threads,
            times[k][times[k].len() / 2],
            times[k][0],
            times[k].len(),
            last[k],
            peak_rss_mib(),
        );
    }
}

/// The process's largest resident memory so far, where the system tells it.
fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(0.0, |kib| kib / 1024.0)
}
