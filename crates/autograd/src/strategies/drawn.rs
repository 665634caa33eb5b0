//! Strategies of the `proptest` crate: shapes, matrices, functions, whole graphs.

use std::ops::Range;

use proptest::prelude::*;

use super::{Graph, GraphStep};
use crate::{Binary, Matrix, Unary};

/// Shapes at the edges of loops: 1 × 1, rows, columns, empty ones, and sides that do not fill a vector.
pub fn shapes() -> impl Strategy<Value = (usize, usize)> {
    let side = || prop_oneof![1 => Just(0usize), 2 => Just(1), 3 => 2usize..=3, 2 => Just(5)];
    (side(), side())
}

/// Numbers between 1/4 and 2 with either sign: away from kinks and poles at 0, and exact in single precision.
pub fn numbers() -> impl Strategy<Value = f64> {
    (0.25f32..2.0, any::<bool>()).prop_map(|(x, negative)| f64::from(if negative { -x } else { x }))
}

/// Matrices with a given shape.
pub fn matrices(rows: usize, cols: usize) -> impl Strategy<Value = Matrix<f64>> {
    prop::collection::vec(numbers(), rows * cols).prop_map(move |data| Matrix::from_vec(rows, cols, data))
}

/// The functions of one operand.
pub fn unary_functions() -> impl Strategy<Value = Unary> {
    prop::sample::select(Unary::all())
}

/// The functions of two operands.
pub fn binary_functions() -> impl Strategy<Value = Binary> {
    prop::sample::select(Binary::ALL)
}

/// Graphs with three inputs (m × n, m × 1, n × n with m and n from 1 to 4) and the given number of steps.
///
/// ```
/// use autograd::check::{Check, Verdict};
/// use autograd::strategies::graphs;
/// use proptest::prelude::*;
///
/// let mut runner = proptest::test_runner::TestRunner::deterministic();
/// runner
///     .run(&graphs(1..8), |graph| {
///         let report = Check::new().order(1).undecided(1.0).run(|x| graph.record(x), graph.inputs());
///         prop_assert!(report.verdict != Verdict::Fail, "{report}\n{graph}");
///         Ok(())
///     })
///     .unwrap();
/// ```
pub fn graphs(steps: Range<usize>) -> impl Strategy<Value = Graph> {
    let inputs = (1usize..=4, 1usize..=4).prop_flat_map(|(m, n)| (matrices(m, n), matrices(m, 1), matrices(n, n)));
    let steps = prop::collection::vec(any::<[u8; 4]>().prop_map(GraphStep), steps);
    (inputs, steps).prop_map(|((x, b, w), steps)| Graph::new(vec![x, b, w], &steps))
}
