//! Turns a byte string into a graph. All ways to its derivatives must agree, and nothing may panic.
//!
//!     cargo +nightly fuzz run graphs

#![no_main]

use autograd::{Matrix, Tape};
use autograd::check::{Check, Verdict};
use autograd::strategies::Graph;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // At most 24 steps: longer graphs find nothing new and take longer.
    let graph = Graph::from_bytes(&bytes[..bytes.len().min(16 + 4 * 24)]);
    if graph.is_empty() {
        return;
    }
    // Recorded, buffered, forward and numeric derivatives, in both orders.
    let report = Check::new().directions(1).entries(8).run(|x| graph.record(x), graph.inputs());
    assert!(report.verdict != Verdict::Fail, "{report}\n{graph}");

    // A plan and a program that were recorded on other numbers have the bits of the tape. Loops may change the signs of zeros.
    let (tape, other) = (Tape::new(), Tape::new());
    let moved: Vec<_> = graph.inputs().iter().map(|x| x.map(|x| 0.5 * x + 0.125)).collect();
    let x: Vec<_> = graph.inputs().iter().map(|x| tape.variable(x)).collect();
    let z: Vec<_> = moved.iter().map(|x| other.variable(x)).collect();
    let (y, expected) = (graph.record(&x).sum(), graph.record(&z).sum());
    if y.needs_gradient() {
        let mut plan = y.plan(&x).expect("nothing in a graph prevents a plan");
        let inputs: Vec<_> = moved.iter().map(|x| x.view()).collect();
        let run = plan.run(&inputs, &[], None).expect("the inputs have the same shapes");
        let same = |a: f64, b: f64| assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{a} {b}\n{graph}");
        same(run.item(), expected.item());
        let (planned, swept) = (run.backward(), expected.backward());
        for (&x, &z) in x.iter().zip(&z) {
            planned.wrt(x).as_slice().iter().zip(swept.wrt(z).as_slice()).for_each(|(&a, &b)| same(a, b));
        }
    }
    let (mut program, expected) = (graph.record(&x).program(&x), graph.record(&z));
    program.run(&moved).expect("a graph compares nothing");
    let close = |a: &Matrix<f64>, b: &Matrix<f64>| {
        let same = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-12 * a.abs();
        assert!(a.as_slice().iter().zip(b.as_slice()).all(same), "{a}\n{b}\n{graph}");
    };
    close(&program.value().to_owned(), &expected.value());
    let moves: Vec<_> = z.iter().zip(&moved).map(|(&z, dx)| (z, dx.view())).collect();
    close(&program.tangent(&moved), &other.tangents(&moves).of(expected));
    if expected.needs_gradient() {
        let weights = expected.value().map(|y| if y.is_finite() { y.sin() } else { 0.5 });
        let grads = expected.backward_with(&weights);
        for (found, &z) in program.backward_with(&weights).iter().zip(&z) {
            close(found, &grads.wrt(z).to_owned());
        }
    }
});
