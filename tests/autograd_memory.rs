//! How much memory a deep chain takes: n values stored, or 2 √n with checkpoints.

use autograd::{Matrix, Tape, Var, checkpoint};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const SIDE: usize = 16;
const ENTRIES: usize = 4096;

fn steps<'t>(x: Var<'t, f64>, n: usize) -> Var<'t, f64> {
    (0..n).fold(x, |y, _| y.sin())
}

/// The most memory that f and its backward sweep take, in matrices, on a thread of their own with no buffers to reuse.
fn matrices(f: fn(Var<'_, f64>) -> Var<'_, f64>) -> f64 {
    let run = move || {
        let x = Matrix::full(ENTRIES, 1, 0.5);
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        let tape = Tape::new();
        let x = tape.variable(&x);
        let grads = f(x).sum().backward();
        let slope = grads.wrt(x)[(0, 0)];
        assert!(slope > 0.0 && slope < 1.0);
        (HEAP.peak_usage() - before) as f64 / (8 * ENTRIES) as f64
    };
    std::thread::spawn(run).join().unwrap()
}

#[test]
fn checkpoints_take_the_root() {
    let n = (SIDE * SIDE) as f64;
    let stored = matrices(|x| steps(x, SIDE * SIDE));
    let cut = matrices(|x| (0..SIDE).fold(x, |y, _| checkpoint(|v| steps(v[0], SIDE), &[y])));
    println!("{n} steps: {stored:.0} matrices stored, {cut:.0} with checkpoints");
    // Values and gradients of every step; buffers grow by half when they are full.
    assert!(stored >= 2.0 * n && stored < 4.0 * n, "{stored}");
    // The same of √n segments and, at a time, of √n steps of one.
    assert!(cut >= 2.0 * n.sqrt() && cut < 8.0 * n.sqrt(), "{cut}");
}
