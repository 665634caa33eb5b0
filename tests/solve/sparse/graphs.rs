//! Random graphs: every function of the table, slices, stacks, products, reductions.

use autograd::strategies::Graph;
use autograd::{Matrix, Tape, Var, hstack, several, vstack};
use proptest::prelude::*;
use solve::{Pattern, SparseHessian, SparseJacobian, SparseMatrix, sparsity};

/// Graphs with up to this many steps, from bytes.
pub fn graphs(steps: usize) -> impl Strategy<Value = Graph> {
    (prop::collection::vec(any::<u8>(), 16), prop::collection::vec(any::<[u8; 4]>(), 1..=steps))
        .prop_map(|(head, steps)| Graph::from_bytes(&[head, steps.concat()].concat()))
}

/// The graph with everything that is not read beside its last value as one column, so that the Jacobian is not made dense by sums.
fn column<'t>(graph: &Graph, x: &[Var<'t, f64>]) -> Var<'t, f64> {
    let mut values = Vec::new();
    graph.record_with(x, |_, y, _| {
        values.push(y);
        y
    });
    let columns: Vec<_> = values.iter().map(|y| y.reshape(y.rows() * y.cols(), 1)).collect();
    vstack(&columns)
}

/// The same derivatives up to rounding, whose size is that of the largest one.
fn same(sparse: &SparseMatrix, dense: &Matrix<f64>) -> Result<(), TestCaseError> {
    let found = sparse.to_dense();
    prop_assert_eq!(found.shape(), dense.shape());
    let largest = dense.as_slice().iter().filter(|x| x.is_finite()).fold(1.0, |max: f64, x| max.max(x.abs()));
    for (k, (a, b)) in found.as_slice().iter().zip(dense.as_slice()).enumerate() {
        let place = (k % dense.rows(), k / dense.rows());
        prop_assert!(
            (a - b).abs() <= 1e-9 * largest || a.to_bits() == b.to_bits() || !b.is_finite(),
            "{place:?}: {a}, not {b}"
        );
    }
    Ok(())
}

/// No entry of the matrix is missing.
fn covers(pattern: &Pattern, dense: &Matrix<f64>) -> Result<(), TestCaseError> {
    for j in 0..dense.cols() {
        for i in (0..dense.rows()).filter(|&i| dense[(i, j)] != 0.0) {
            prop_assert!(pattern.place(i, j).is_some(), "({i}, {j}) is {} and has no place", dense[(i, j)]);
        }
    }
    Ok(())
}

fn dense_jacobian(graph: &Graph, x: &[Matrix<f64>]) -> Matrix<f64> {
    let parts = several::jacobian(|x| column(graph, x), x);
    let tape = Tape::new();
    hstack(&parts.iter().map(|part| tape.constant(part.clone())).collect::<Vec<_>>()).value()
}

/// Other inputs of the same shapes.
fn elsewhere(graph: &Graph) -> Vec<Matrix<f64>> {
    graph.inputs().iter().map(|x| x.map(|x| 0.1 - 0.7 * x)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A sparse Jacobian is the dense one, also at a point where it was not recorded.
    #[test]
    fn jacobians(graph in graphs(11)) {
        let mut sparse = SparseJacobian::new(|x| column(&graph, x));
        for x in [graph.inputs().to_vec(), elsewhere(&graph), graph.inputs().to_vec()] {
            let (found, dense) = (sparse.at(&x), dense_jacobian(&graph, &x));
            covers(found.pattern(), &dense)?;
            same(&found, &dense)?;
        }
    }

    /// A pattern has every entry that is not 0, at the recorded point and elsewhere.
    #[test]
    fn patterns_miss_nothing(graph in graphs(15)) {
        let tape = Tape::new();
        let x: Vec<_> = graph.inputs().iter().map(|x| tape.variable(x)).collect();
        let pattern = sparsity(column(&graph, &x), &x);
        covers(&pattern, &dense_jacobian(&graph, graph.inputs()))?;
        covers(&pattern, &dense_jacobian(&graph, &elsewhere(&graph)))?;
    }

    /// A sparse Hessian is the dense one.
    #[test]
    fn hessians(graph in graphs(7)) {
        let mut sparse = SparseHessian::new(|x| graph.record(x).sum());
        for x in [graph.inputs().to_vec(), elsewhere(&graph)] {
            let (found, dense) = (sparse.at(&x), several::hessian(|x| graph.record(x).sum(), &x));
            covers(found.pattern(), &dense)?;
            same(&found, &dense)?;
        }
    }
}
