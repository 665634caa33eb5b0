//! Graphs drawn at random, of every op, with skips and shared operands.

use autograd::check::{Check, Verdict};
use autograd::strategies::{Graph, graphs, matrices};
use autograd::{Compiled, Matrix, Var, several};
use proptest::prelude::*;

type V<'t> = Var<'t, f64>;

/// Fails where a derivative is wrong. Graphs with kinks at a point that is drawn may be undecided.
fn verdict(graph: &Graph, report: &autograd::check::Report) -> Result<(), TestCaseError> {
    prop_assert!(report.verdict != Verdict::Fail, "{report}\n{graph}");
    Ok(())
}

/// The sum of a graph's value, with nothing that does not depend on the inputs.
fn number<'t>(graph: &Graph, x: &[V<'t>]) -> V<'t> {
    graph.record(x).sum() + x[0].sum().scale(0.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn derivatives_are_right(graph in graphs(1..12)) {
        verdict(&graph, &Check::new().run(|x| graph.record(x), graph.inputs()))?;
    }

    #[test]
    fn single_precision_is_right(graph in graphs(1..12)) {
        let inputs: Vec<Matrix<f32>> = graph.inputs().iter().map(|x| x.map(|x| x as f32)).collect();
        verdict(&graph, &Check::new().run_f32(&graph, &inputs))?;
    }

    #[test]
    fn a_replay_is_a_recording(graph in graphs(1..20), other in matrices(4, 4)) {
        let mut compiled = Compiled::new(|x| number(&graph, x));
        let moved = |x: &Matrix<f64>| Matrix::from_fn(x.rows(), x.cols(), |i, j| other[(i, j)]);
        for inputs in [graph.inputs().to_vec(), graph.inputs().iter().map(moved).collect()] {
            let (value, gradient) = compiled.value_and_gradient(&inputs);
            let (expected, slopes) = several::value_and_gradient(|x| number(&graph, x), &inputs);
            prop_assert!(value == expected || value.is_nan() && expected.is_nan());
            for (a, b) in gradient.iter().zip(&slopes).flat_map(|(a, b)| a.as_slice().iter().zip(b.as_slice())) {
                prop_assert!(a == b || a.is_nan() && b.is_nan(), "{a} {b}\n{graph}");
            }
        }
        prop_assert_eq!(compiled.recordings(), 1);
    }
}

/// A failure prints the smallest graph that has it, as a program.
#[test]
fn a_failure_shrinks_to_a_program() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let found = runner.run(&graphs(1..20), |graph| {
        prop_assert!(!graph.to_string().contains(".sinh()"), "{graph}");
        Ok(())
    });
    let text = found.unwrap_err().to_string();
    assert!(text.contains("let v3 = x[2].sinh();") && text.contains("check(") && !text.contains("v4"), "{text}");
}

#[test]
fn every_byte_string_is_a_graph() {
    for seed in 0..200u32 {
        let bytes: Vec<u8> = (0..16 + seed).map(|k| (k * k * 7 + seed * 31 + k * seed) as u8).collect();
        let graph = Graph::from_bytes(&bytes);
        if !graph.is_empty() {
            let report = Check::new().order(1).run(|x| graph.record(x), graph.inputs());
            assert!(report.verdict != Verdict::Fail, "{bytes:?}\n{report}\n{graph}");
        }
    }
}
