//! Shared by all benchmarks: command-line options, and timing of functions that run in turns.

use std::process::exit;
use std::time::{Duration, Instant};

/// The numbers given for these options, in their order, or the defaults.
pub fn options<const N: usize>(mut options: [(&str, f64); N]) -> [f64; N] {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench" && arg != "--json"); // cargo passes the first
    while let Some(arg) = args.next() {
        let known = options.iter_mut().find(|(name, _)| *name == arg);
        match (known, args.next().and_then(|number| number.parse().ok())) {
            (Some((_, value)), Some(number)) => *value = number,
            _ => {
                eprintln!("options: {}", options.map(|(name, value)| format!("{name} {value}")).join(", "));
                exit(2)
            }
        }
    }
    options.map(|(_, value)| value)
}

/// The times of each function in its turns, in seconds, sorted.
///
/// A turn is one uncounted run to warm the caches, then enough runs to take a millisecond.
pub fn turns<const N: usize>(seconds: f64, mut runs: [&mut dyn FnMut(); N]) -> [Vec<f64>; N] {
    let start = Instant::now();
    let mut times: [Vec<f64>; N] = [(); N].map(|()| Vec::new());
    while times.iter().any(|times| times.len() < 5) || start.elapsed().as_secs_f64() < seconds {
        for (run, times) in runs.iter_mut().zip(&mut times) {
            run();
            let (start, mut count) = (Instant::now(), 0);
            while count == 0 || start.elapsed() < Duration::from_millis(1) {
                let many = (count / 4).max(1); // so that the clock itself is negligible
                (0..many).for_each(|_| run());
                count += many;
            }
            times.push(start.elapsed().as_secs_f64() / f64::from(count));
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    times
}

/// Runs a function with one thread.
pub fn one_thread<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread starts").install(run)
}
