//! Shared by the peers in Rust: the command line, the timing, and the printed line.

use std::ops::Range;
use std::time::Instant;

/// A training step, which returns the loss before it.
pub type Step = Box<dyn FnMut() -> f64>;

/// The names of workloads.md, each with the range of the loss at random initial weights: near ln of the number of classes, because
/// the outputs are small.
const WORKLOADS: [(&str, Range<f64>); 7] = [
    ("xor", 0.02..9.0),
    ("digits", 2.0..2.8),
    ("mnist", 2.0..2.8),
    ("tanh", 2.0..2.8),
    ("wide", 6.7..7.2),
    ("resid", 3.0..9.0),
    ("rnn", 0.3..3.0),
];

/// `peer [workload …] [--min-seconds S]`: prints a line for each workload. RAYON_NUM_THREADS sets the number of threads.
pub fn measure(peer: &str, build: impl Fn(&str) -> Step) {
    let (mut names, mut min_seconds) = (Vec::new(), 2.0);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--min-seconds" => min_seconds = args.next().and_then(|s| s.parse().ok()).expect("--min-seconds S"),
            name => names.push(name.to_owned()),
        }
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    for (name, expected) in WORKLOADS.into_iter().filter(|(name, _)| wanted(name)) {
        let idle = memory("VmRSS:");
        let mut step = build(name);
        let first = step();
        assert!(expected.contains(&first), "{name}: a first loss of {first}, not in {expected:?}");
        let mut loss = (0..9).fold(first, |_, _| step());
        let (mut times, start) = (Vec::new(), Instant::now());
        while times.len() < 10 || start.elapsed().as_secs_f64() < min_seconds {
            let start = Instant::now();
            loss = step();
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{{\"peer\": \"{peer}\", \"workload\": \"{name}\", \"threads\": {}, \"us_per_step_median\": {:.3}, \
             \"us_per_step_min\": {:.3}, \"steps\": {}, \"first_loss\": {first}, \"final_loss\": {loss}, \
             \"idle_rss_mib\": {idle:.1}, \"peak_rss_mib\": {:.1}}}",
            std::env::var("RAYON_NUM_THREADS").unwrap_or("0".into()),
            times[times.len() / 2],
            times[0],
            times.len(),
            memory("VmHWM:"),
        );
    }
}

/// Resident memory in MiB, current or peak, if the system reports it.
fn memory(which: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(0.0, |kib| kib / 1024.0)
}
