//! How much memory a deep chain takes: n values stored, or 2 √n with checkpoints; that a scalar tape is used again without
//! taking any.

use std::sync::{Mutex, PoisonError};

use autograd::{Arithmetic, Matrix, Scalar, ScalarTape, Tape, Var, checkpoint};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;
/// One test at a time: they count together.
static ALONE: Mutex<()> = Mutex::new(());

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
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let n = (SIDE * SIDE) as f64;
    let stored = matrices(|x| steps(x, SIDE * SIDE));
    let cut = matrices(|x| (0..SIDE).fold(x, |y, _| checkpoint(|v| steps(v[0], SIDE), &[y])));
    println!("{n} steps: {stored:.0} matrices stored, {cut:.0} with checkpoints");
    // Values and gradients of every step; buffers grow by half when they are full.
    assert!(stored >= 2.0 * n && stored < 4.0 * n, "{stored}");
    // The same of √n segments and, at a time, of √n steps of one.
    assert!(cut >= 2.0 * n.sqrt() && cut < 8.0 * n.sqrt(), "{cut}");
}

/// The most bytes that f takes.
fn bytes(f: impl FnOnce()) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    f();
    HEAP.peak_usage() - before
}

/// 40,000 numbers of three connections, their gradient, and an empty tape again.
fn record_and_clear(tape: &mut ScalarTape<f64>) {
    let (x, y) = (tape.variable(0.5), tape.variable(0.25));
    let mut products = [x; 100];
    for _ in 0..400 {
        products.iter_mut().for_each(|p| *p = *p * x + y * y);
    }
    let grads = (Scalar::sum(&products) + Scalar::dot(&products, &[y; 100])).backward();
    assert!(grads.wrt(x).is_finite());
    drop(grads);
    tape.clear();
}

#[test]
fn a_scalar_tape_is_used_again() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let run = || {
        // 12 bytes a connection, one byte and a gradient a number; what is full is followed by as much again at most.
        let needed = 40_000 * (3 * 12 + 1 + 8);
        let mut tape = None;
        let first = bytes(|| record_and_clear(tape.insert(ScalarTape::new())));
        assert!(first > needed && first < 2 * needed, "{first}");
        let mut tape = tape.unwrap();
        assert_eq!(bytes(|| record_and_clear(&mut tape)), 0);
        drop(tape);
        assert_eq!(bytes(|| record_and_clear(&mut ScalarTape::new())), 0);
    };
    std::thread::spawn(run).join().unwrap();
}
