//! The heap memory that a training step of `peers/workloads.md` allocates beyond the memory held when it begins.
//!
//! ```text
//! cargo bench -p tape-nn --bench allocations -- [workload …] [--threads N]
//! ```
//!
//! It prints a JSON line for each workload on the tape and from a plan: the median and the maximum over the steps after the first four. The heap is counted for
//! all threads, so a list that rayon occasionally allocates shows only in the maximum. It is separate from `steps`, because counting is slow.

mod ours;
mod plan;
mod workloads;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The number of steps that are counted.
const STEPS: usize = 9;

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect(); // cargo passes it
    let threads = args.iter().position(|arg| arg == "--threads").map_or(1, |at| {
        let [_, threads] = args.drain(at..).take(2).collect::<Vec<_>>().try_into().expect("--threads N, at the end");
        threads.parse().expect("a number of threads")
    });
    if args.is_empty() {
        args = workloads::NAMES.map(String::from).to_vec();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
    pool.install(|| {
        args.iter().for_each(|name| [false, true].iter().for_each(|&planned| count(name, threads, planned)))
    });
}

fn count(name: &str, threads: usize, planned: bool) {
    let mut training = ours::build::<f32>(name, 1, planned);
    // A plan is made in the second step, and is compared with a recording in its first two runs.
    for _ in 0..4 {
        training.step();
    }
    let mut bytes = [(); STEPS].map(|()| {
        HEAP.reset_peak_usage();
        let before = HEAP.current_usage();
        training.step();
        HEAP.peak_usage() - before
    });
    bytes.sort();
    println!(
        "{{\"peer\": \"{}\", \"workload\": \"{name}\", \"threads\": {threads}, \"bytes_per_step_median\": {}, \"bytes_per_step_most\": {}}}",
        if planned { "planned" } else { "ours" },
        bytes[STEPS / 2],
        bytes[STEPS - 1],
    );
}
