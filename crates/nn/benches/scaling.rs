//! The time of a training step against depth, width and batch size, and of a chain of scalars against its length, as CSV, on one
//! thread. If the time grows linearly, the last number is the same in all lines.
//!
//! ```text
//! cargo bench -p tape-nn --bench scaling -- [--seconds S] [--nodes N] [--depth D] [--width W]
//! ```
//!
//! The chain goes up to N scalars (10⁷ by default; use 10⁸ if the memory suffices), layers up to D, widths and batches up to W.

mod common {
    pub mod median;
    pub mod network;
    pub mod single;
    pub mod step;
    pub mod timing;
}

use std::fs::read_to_string;
use std::hint::black_box;

use common::network::network;
use common::single::time;
use common::step::training_step;
use common::timing::{one_thread, options};
use nn::{Activation, Tape};

fn main() {
    let [seconds, nodes, depth, width] =
        options([("--seconds", 0.5), ("--nodes", 1e7), ("--depth", 1e4), ("--width", 4096.0)]);
    one_thread(|| {
        chain(seconds, nodes as usize);
        println!("\nlayers z + tanh(W z + b) of width 16 with batch 32,µs per step,µs per layer");
        for depth in powers(10, 10).take_while(|&d| d <= depth as usize) {
            let seconds = time(seconds, training_step(network(&vec![16; depth + 1], Activation::Tanh, true), 32));
            println!("{depth},{:.1},{:.3}", 1e6 * seconds, 1e6 * seconds / depth as f64);
        }
        println!("\nbatch of 784-256-128-10,µs per step,µs per sample");
        for batch in powers(64, 2).take_while(|&b| b <= width as usize) {
            let seconds = time(seconds, training_step(network(&[784, 256, 128, 10], Activation::Relu, false), batch));
            println!("{batch},{:.1},{:.3}", 1e6 * seconds, 1e6 * seconds / batch as f64);
        }
        println!("\nwidth w of w-w-w with batch 128,µs per step,ps per weight and sample");
        for width in powers(64, 2).take_while(|&w| w <= width as usize) {
            let seconds = time(seconds, training_step(network(&[width; 3], Activation::Relu, false), 128));
            println!("{width},{:.1},{:.2}", 1e6 * seconds, 1e12 * seconds / (2 * width * width * 128) as f64);
        }
    });
}

/// y ← y + x from y = x, with 1 × 1 matrices.
fn chain(seconds: f64, most: usize) {
    println!("scalars,ms to record,ms to record and sweep,bytes per scalar,ns per scalar");
    let start = memory("/proc/self/status", "VmRSS:");
    let mut bytes = 0.0;
    for nodes in powers(1000, 10).take_while(|&n| n <= most) {
        // A buffer that grows briefly exists twice.
        if 2.0 * bytes * nodes as f64 > memory("/proc/meminfo", "MemAvailable:") {
            return println!("{nodes},,,,: not enough memory");
        }
        let record = || {
            let tape = Tape::new();
            let x = tape.variable(1e-9);
            black_box((0..nodes).fold(x, |y, _| y + x).item());
        };
        let mut resident = 0.0;
        let mut sweep = |look: bool| {
            let tape = Tape::new();
            let x = tape.variable(1e-9);
            let gradients = (0..nodes).fold(x, |y, _| y + x).backward();
            if look {
                resident = memory("/proc/self/status", "VmRSS:");
            }
            black_box(gradients.wrt(x)[(0, 0)]);
        };
        sweep(true);
        let (record, both) = (time(seconds, record), time(seconds, || sweep(false)));
        bytes = (resident - start) / nodes as f64;
        println!("{nodes},{:.4},{:.4},{bytes:.0},{:.2}", 1e3 * record, 1e3 * both, 1e9 * both / nodes as f64);
    }
}

/// The number of bytes after this name in a file of the system, or 0 if it is missing.
fn memory(file: &str, name: &str) -> f64 {
    let text = read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(0.0, |kib| 1024.0 * kib)
}

fn powers(from: usize, factor: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(from), move |n| Some(n * factor))
}
