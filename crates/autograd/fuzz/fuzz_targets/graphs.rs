//! Turns a byte string into a graph. All ways to its derivatives must agree, and nothing may panic.
//!
//!     cargo +nightly fuzz run graphs

#![no_main]

use autograd::Tape;
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

    // A plan of the gradient has the bits of the tape.
    let tape = Tape::new();
    let x: Vec<_> = graph.inputs().iter().map(|x| tape.variable(x)).collect();
    let y = graph.record(&x).sum();
    if y.needs_gradient() {
        let mut plan = y.plan(&x).expect("nothing in a graph prevents a plan");
        let inputs: Vec<_> = graph.inputs().iter().map(|x| x.view()).collect();
        let run = plan.run(&inputs, &[], None).expect("the inputs are the same");
        assert_eq!(run.item().to_bits(), y.item().to_bits(), "{graph}");
        let (planned, swept) = (run.backward(), y.backward());
        for x in x {
            let same = planned.wrt(x).as_slice().iter().zip(swept.wrt(x).as_slice());
            assert!(same.clone().all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()), "{graph}");
        }
    }
});
