//! Random graphs of all ops.

use autograd::Var;
use autograd::strategies::Graph;
use gpu::DeviceNumber;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::{Records, compare, expect_all};

impl Records for Graph {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        let y = Graph::record(self, x);
        // Every input counts, so that each has a gradient.
        x.iter().fold(y.sum(), |sum, x| sum + x.sum() * 0.5)
    }
}

#[test]
fn random_graphs_agree_with_the_processor() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let cases = (0..60).map(|case| {
        let bytes: Vec<u8> = (0..16 + 4 * rng.random_range(2..9)).map(|_| rng.random()).collect();
        let graph = Graph::from_bytes(&bytes);
        compare(&format!("graph {case}:\n{graph}"), &graph, graph.inputs())
    });
    expect_all(cases);
}
