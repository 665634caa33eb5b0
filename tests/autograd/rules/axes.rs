//! Functions along an axis: NaN, and rows compared with columns.

use autograd::{Axis, Matrix, Tape, Var};

#[test]
fn nan_is_not_lost() {
    type Loss = for<'t> fn(Var<'t, f32>) -> Var<'t, f32>;
    let all: [Loss; 5] = [
        |x| x.softmax(Axis::Rows),
        |x| x.log_softmax(Axis::Rows),
        |x| x.log_sum_exp(Axis::Rows),
        |x| x.max_over(Axis::Rows),
        |x| x.softmax_cross_entropy_with_classes(&[0]),
    ];
    for (m, at) in [(1, 0), (2, 1), (10, 7), (33, 32), (100, 3)] {
        for others in [1.0, f32::INFINITY, f32::NEG_INFINITY] {
            let x = Matrix::from_fn(m, 1, |i, _| if i == at { f32::NAN } else { others });
            for f in all {
                let tape = Tape::new();
                let y = f(tape.variable(&x));
                assert!(y.value().as_slice().iter().all(|y| y.is_nan()), "{m} entries, the {at}th NaN");
            }
        }
    }
}

#[test]
fn rows_are_the_columns_of_the_transpose() {
    type Along = for<'t> fn(Var<'t, f64>, Axis) -> Var<'t, f64>;
    let all: [Along; 6] = [
        |x, axis| x.softmax(axis),
        |x, axis| x.log_softmax(axis),
        |x, axis| x.log_sum_exp(axis),
        |x, axis| x.max_over(axis),
        |x, axis| x.cumsum(axis),
        |x, axis| x.sum_over(axis),
    ];
    for (m, n) in [(1, 1), (3, 1), (1, 4), (17, 5), (3, 70), (0, 3), (3, 0)] {
        let x = Matrix::from_fn(m, n, |i, j| ((i * 7 + j * 5) % 11) as f64 / 4.0);
        for f in all {
            let run = |x: &Matrix<f64>, axis| {
                let tape = Tape::new();
                let x = tape.variable(x.clone());
                let y = f(x, axis);
                let seed = Matrix::from_fn(y.rows(), y.cols(), |i, j| 1.0 + (i + j) as f64);
                (y.value().to_owned(), y.backward_with(&seed).wrt(x).to_owned())
            };
            let (y, dx) = run(&x, Axis::Cols);
            let (across, dacross) = run(&x.transpose(), Axis::Rows);
            assert_eq!((y, dx), (across.transpose(), dacross.transpose()), "{m} × {n}");
        }
    }
}
