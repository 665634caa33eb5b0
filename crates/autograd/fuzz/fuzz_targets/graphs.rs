//! Turns a byte string into a graph. All ways to its derivatives must agree, and nothing may panic.
//!
//!     cargo +nightly fuzz run graphs

#![no_main]

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
});
