//! The memory of a deep chain: n stored values, or 2 √n with checkpoints. A scalar tape is reused without
//! allocating.

use autograd::{Arithmetic, Matrix, Scalar, ScalarTape, Tape, Var, checkpoint, free_buffers};

use crate::{HEAP, alone, peak};

const SIDE: usize = 16;
const ENTRIES: usize = 4096;

fn steps<'t>(x: Var<'t, f64>, n: usize) -> Var<'t, f64> {
    (0..n).fold(x, |y, _| y.sin())
}

/// The peak memory of f and its backward sweep, in matrices, on a separate thread without buffers to reuse.
fn matrices(f: fn(Var<'_, f64>) -> Var<'_, f64>) -> f64 {
    let run = move || {
        let x = Matrix::full(ENTRIES, 1, 0.5);
        let (slope, bytes) = peak(|| {
            let tape = Tape::new();
            let x = tape.variable(&x);
            f(x).sum().backward().wrt(x)[(0, 0)]
        });
        assert!(slope > 0.0 && slope < 1.0);
        bytes as f64 / (8 * ENTRIES) as f64
    };
    std::thread::spawn(run).join().unwrap()
}

#[test]
fn memory_with_checkpoints_grows_with_the_square_root() {
    let _alone = alone();
    let n = (SIDE * SIDE) as f64;
    let stored = matrices(|x| steps(x, SIDE * SIDE));
    let cut = matrices(|x| (0..SIDE).fold(x, |y, _| checkpoint(|v| steps(v[0], SIDE), &[y])));
    println!("{n} steps: {stored:.0} matrices stored, {cut:.0} with checkpoints");
    // The values of every step, and two gradients at a time; buffers grow by half when they are full.
    assert!(stored >= n && stored < 2.6 * n, "{stored}");
    // The values of √n segments and, at a time, the √n steps of one segment.
    assert!(cut >= 2.0 * n.sqrt() && cut < 8.0 * n.sqrt(), "{cut}");
}

/// Records some ten thousand numbers, computes their gradient and clears the tape. Returns a lower bound of its bytes: 12 a
/// connection, one and a gradient a number.
fn record_and_clear(tape: &mut ScalarTape<f64>) -> usize {
    let (x, y) = (tape.variable(0.5), tape.variable(0.25));
    let mut products = [x; 100];
    for _ in 0..800 {
        products.iter_mut().for_each(|p| *p = *p * x + y * y);
    }
    let grads = (Scalar::sum(&products) + Scalar::dot(&products, &[y; 100])).backward();
    assert!(grads.wrt(x).is_finite());
    let needed = tape.connections() * 12 + tape.len() * 9;
    drop(grads);
    tape.clear();
    needed
}

#[test]
fn a_scalar_tape_is_used_again() {
    let _alone = alone();
    let run = || {
        let (mut tape, mut needed) = (None, 0);
        let first = peak(|| needed = record_and_clear(tape.insert(ScalarTape::new()))).1;
        // All blocks except the last are full, and the gradients grow at once.
        assert!(needed > 1_000_000 && first >= needed && first < 2 * needed, "{first} {needed}");
        let mut tape = tape.unwrap();
        assert_eq!(peak(|| record_and_clear(&mut tape)), (needed, 0));
        drop(tape);
        assert_eq!(peak(|| record_and_clear(&mut ScalarTape::new())), (needed, 0));
    };
    std::thread::spawn(run).join().unwrap();
}

/// The memory, in MiB, that a tape with one value of `mib` MiB and a sweep over it leave behind: after both are dropped, and after
/// the free buffers are freed.
fn left_of(mib: usize) -> [usize; 2] {
    let run = move || {
        free_buffers();
        let before = HEAP.current_usage();
        let left = || HEAP.current_usage().saturating_sub(before) >> 20;
        {
            let tape = Tape::new();
            let x = tape.variable(1.0);
            let slope = x.repeat(1, mib << 17).sum().backward().wrt(x)[(0, 0)];
            assert_eq!(slope, (mib << 17) as f64);
            // Buffers grow by half.
            tape.shrink_to_fit();
            assert!(left() >= mib && left() < 3 * mib);
        }
        let kept = left();
        free_buffers();
        [kept, left()]
    };
    std::thread::spawn(run).join().unwrap()
}

#[test]
fn free_buffers_are_bounded_and_given_back() {
    let _alone = alone();
    let [kept, given_back] = left_of(32);
    assert!((32..=256).contains(&kept) && given_back == 0, "{kept} {given_back}");
    assert_eq!(left_of(600), [0, 0]);
    // The buffers of a thread that has ended are no longer counted.
    for _ in 0..20 {
        assert!(left_of(64)[0] >= 64);
    }
}

#[test]
fn a_tape_in_use_shrinks() {
    let _alone = alone();
    let run = || {
        free_buffers();
        let tape = Tape::new();
        let x = tape.variable(Matrix::full(1 << 17, 1, 0.5));
        let y = (0..10).fold(x, |y, _| y.sin());
        let (grown, value) = (HEAP.current_usage(), y.value());
        tape.shrink_to_fit();
        assert!(HEAP.current_usage() + (1 << 20) < grown, "of eleven values of a MiB there is room for more");
        assert_eq!(y.value(), value);
        assert_eq!(y.sin().sum().backward().wrt(x).shape(), (1 << 17, 1));
    };
    std::thread::spawn(run).join().unwrap();
}
