//! Random graphs with every op, skips and shared operands.

use autograd::check::{Check, Verdict};
use autograd::strategies::{Graph, graphs, matrices};
use autograd::{Compiled, Matrix, Tape, Var, grad, jvp, several};
use proptest::prelude::*;

type V<'t> = Var<'t, f64>;

/// Fails if a derivative is wrong. Graphs with a kink at the drawn point may be undecided.
fn verdict(graph: &Graph, report: &autograd::check::Report) -> Result<(), TestCaseError> {
    prop_assert!(report.verdict != Verdict::Fail, "{report}\n{graph}");
    Ok(())
}

/// The sum of a graph's value, without parts that do not depend on the inputs.
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

    /// In every mode, tangents add if a variable is given twice, and a constant does not move.
    #[test]
    fn whatever_moves(graph in graphs(1..12), constant in 0usize..3, other in matrices(4, 4), single in any::<bool>()) {
        let tape = Tape::new();
        let leaf = |(k, x): (usize, &Matrix<f64>)| if k == constant { tape.constant(x.clone()) } else { tape.variable(x.clone()) };
        let x: Vec<_> = graph.inputs().iter().enumerate().map(leaf).collect();
        let y = if single { number(&graph, &x) } else { graph.record(&x) };
        // Each input three times, with three directions.
        let direction = |x: &V<'_>, c: f64| Matrix::from_fn(x.rows(), x.cols(), |i, j| c * other[(i, j)] + c - 1.0);
        let moves: Vec<_> = [1.0, -0.5, 0.25].iter().flat_map(|&c| x.iter().map(move |x| (*x, direction(x, c)))).collect();
        let moving = || moves.iter().filter(|(x, _)| x.needs_gradient());
        let views: Vec<_> = moving().map(|(x, dx)| (*x, dx.view())).collect();
        let tangent = tape.tangents(&views).of(y);
        let recorded: Vec<_> = moving().map(|(x, dx)| (*x, tape.constant(dx.clone()))).collect();
        let inputs: Vec<_> = moves.iter().map(|(x, _)| *x).collect();
        let directions: Vec<_> = moves.iter().map(|(_, dx)| dx).collect();
        let programs = y.program(&inputs).tangent(&directions);
        let sum = |x: &V<'_>| {
            let all = moves.iter().filter(|(moved, _)| moved.index() == x.index());
            all.fold(Matrix::zeros(x.rows(), x.cols()), |sum, (_, dx)| Matrix::from_fn(x.rows(), x.cols(), |i, j| sum[(i, j)] + dx[(i, j)]))
        };
        let once: Vec<_> = x.iter().filter(|x| x.needs_gradient()).map(|x| (*x, sum(x))).collect();
        let once: Vec<_> = once.iter().map(|(x, dx)| (*x, dx.view())).collect();
        let expected = tape.tangents(&once).of(y);
        let size = expected.as_slice().iter().fold(1.0, |max: f64, x| max.max(x.abs()));
        for (what, found) in [("tangents", &tangent), ("jvp", &jvp(y, &recorded).value()), ("program", &programs)] {
            for (a, b) in found.as_slice().iter().zip(expected.as_slice()) {
                prop_assert!((a - b).abs() <= 1e-9 * size || !b.is_finite(), "{what}: {a} {b}\n{graph}");
            }
        }
        // The derivative with respect to a constant is 0, and one that is requested twice is complete in both places.
        let gradient = grad(y.sum(), &inputs);
        let program = y.sum().program(&inputs).backward();
        for (k, (dx, dx_program)) in gradient.iter().zip(&program).enumerate() {
            if k % x.len() == constant {
                prop_assert!(dx.value().as_slice().iter().chain(dx_program.as_slice()).all(|&dx| dx == 0.0));
            }
            let (a, b) = (dx.value(), gradient[k % x.len()].value());
            prop_assert!(a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
        let stopped = x[constant.min(x.len() - 1)];
        if !stopped.needs_gradient() {
            prop_assert!(grad(stopped.sum(), &[stopped])[0].value().as_slice().iter().all(|&dx| dx == 0.0));
        }
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

    /// A program that runs on other inputs has the value, the weighted gradient and the tangent of a recording of these. Loops may
    /// add tangents in another order.
    #[test]
    fn a_program_of_matrices_is_a_recording(graph in graphs(1..20), other in matrices(4, 4)) {
        let (tape, again) = (Tape::new(), Tape::new());
        let moved: Vec<_> =
            graph.inputs().iter().map(|x| Matrix::from_fn(x.rows(), x.cols(), |i, j| other[(i, j)])).collect();
        let x: Vec<_> = graph.inputs().iter().map(|x| tape.variable(x)).collect();
        let z: Vec<_> = moved.iter().map(|x| again.variable(x)).collect();
        let (mut program, expected) = (graph.record(&x).program(&x), graph.record(&z));
        program.run(&moved).unwrap();
        let same = |a: &Matrix<f64>, b: &Matrix<f64>, within: f64| {
            let near = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= within * b.abs().max(1.0);
            prop_assert!(a.as_slice().iter().zip(b.as_slice()).all(near), "{a}\n{b}\n{graph}");
            Ok(())
        };
        same(&program.value().to_owned(), &expected.value(), 0.0)?;
        if expected.needs_gradient() {
            let weights = Matrix::from_fn(expected.rows(), expected.cols(), |i, j| 1.0 + i as f64 - 0.5 * j as f64);
            let grads = expected.backward_with(&weights);
            for (found, (z, x)) in program.backward_with(&weights).iter().zip(z.iter().zip(&moved)) {
                same(found, &grads.get(*z).map_or_else(|| x.map(|_| 0.0), |d| d.to_owned()), 0.0)?;
            }
        }
        let moves: Vec<_> = z.iter().zip(&moved).map(|(z, dx)| (*z, dx.view())).collect();
        same(&program.tangent(&moved), &again.tangents(&moves).of(expected), 1e-12)?;
    }
}

#[test]
#[should_panic(expected = "jvp: a constant does not move: enter it by `Tape::variable`")]
fn a_constant_is_given_no_direction() {
    let tape = Tape::new();
    let x = tape.constant(2.0);
    jvp(x.powi(3), &[(x, tape.constant(1.0))]);
}

/// A failure prints the smallest failing graph as a program.
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
