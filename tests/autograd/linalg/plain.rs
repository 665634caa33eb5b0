//! Plain matrices: the same names, values, shapes and refusals as variables.

use autograd::{LinearAlgebra, Real, hstack, vstack};

use super::*;

/// Entry (i, j) of an operand with one row or one column is the one of this row or column, also where the other side is 0 or 1.
#[test]
fn operators_by_their_definition() {
    let at = |x: &Matrix<f64>, i, j| x[(if x.rows() == 1 { 0 } else { i }, if x.cols() == 1 { 0 } else { j })];
    for (m, n) in (0..4).flat_map(|m| (0..4).map(move |n| (m, n))) {
        let operands = [(m, n), (m, 1), (1, n), (1, 1)]
            .map(|(p, q)| Matrix::from_fn(p, q, |i, j| 1.0 / (3 * i + 7 * j + p + 2 * q) as f64));
        for other in &operands {
            for (a, b) in [(&operands[0], other), (other, &operands[0])] {
                let expected = |f: fn(f64, f64) -> f64| Matrix::from_fn(m, n, |i, j| f(at(a, i, j), at(b, i, j)));
                assert_eq!(a + b, expected(|a, b| a + b), "{m} {n}");
                assert_eq!(a - b, expected(|a, b| a - b), "{m} {n}");
                assert_eq!(a * b, expected(|a, b| a * b), "{m} {n}");
                assert_eq!(a / b, expected(|a, b| a / b), "{m} {n}");
            }
        }
    }
}

fn of<T: Real>() {
    let [a, b] = [1, 2].map(|seed| regular(3, 3, seed).map(T::from_f64));
    let [column, row, one] = [(3, 1), (1, 3), (1, 1)].map(|(m, n)| regular(m, n, 3).map(T::from_f64));
    let tape = Tape::new();
    let [va, vb, vcolumn, vrow, vone] = [&a, &b, &column, &row, &one].map(|x| tape.constant(x.clone()));

    let found =
        [&a + &b, &a - &column, &row * &a, &one / &a, &a + 2.0, 2.0 - &a, a.clone() * 3.0, 3.0 / a.clone(), -&a];
    let expected = [va + vb, va - vcolumn, vrow * va, vone / va, va + 2.0, 2.0 - va, va * 3.0, 3.0 / va, -va];
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(*found, expected.value());
    }
    let moved = [
        (a.t(), va.t()),
        (a.transpose(), va.t()),
        (a.columns(1..3), va.columns(1..3)),
        (a.rows_in(0..2), va.rows_in(0..2)),
        (a.select_columns(&[2, 0, 2]), va.select_columns(&[2, 0, 2])),
        (a.select_cols(&[1]), va.select_columns(&[1])),
        (a.select_rows(&[2, 2, 1]), va.select_rows(&[2, 2, 1])),
        (a.diagonal(), va.diagonal()),
        (column.diag(), vcolumn.diag()),
        (Matrix::identity(3), tape.identity(3)),
        (Matrix::vstack(&[&a, &row, &b]), vstack(&[va, vrow, vb])),
        (Matrix::hstack(&[&a, &column, &b]), hstack(&[va, vcolumn, vb])),
        (a.matmul(&b), va.matmul(vb)),
        (a.matmul_tn(&b), va.matmul_tn(vb)),
        (a.matmul_nt(&b), va.matmul_nt(vb)),
        (a.matmul_tt(&b), va.matmul_tt(vb)),
        (a.solve(&b).unwrap(), va.solve(vb).unwrap()),
        (a.least_squares(&b, None).unwrap(), va.least_squares(vb, None).unwrap()),
        (a.inverse().unwrap(), va.inverse().unwrap()),
        (a.matrix_power(3).unwrap(), va.matrix_power(3).unwrap()),
        (a.svd().unwrap().2, va.svd().unwrap().2),
        (a.qr().unwrap().1, va.qr().unwrap().1),
    ];
    for (k, (found, expected)) in moved.into_iter().enumerate() {
        assert_eq!(found, expected.value(), "{k}");
    }
    assert_eq!(a.dot(&b), va.dot(vb).item());
    assert_eq!(a.determinant().unwrap(), va.determinant().unwrap().item());
    let singular = Matrix::full(2, 2, T::from_f64(1.0));
    assert!(matches!(singular.inverse(), Err(LinalgError::Singular { op: "inverse", .. })));
}

#[test]
fn as_of_variables() {
    of::<f32>();
    of::<f64>();
}

/// A mistake is told where it is made, by the op and the shapes.
#[test]
fn shapes_that_do_not_fit() {
    type Wrong = fn(&Matrix<f64>, &Matrix<f64>) -> Matrix<f64>;
    let cases: [(&str, u32, Wrong); 9] = [
        ("add: 2 × 3 and 3 × 2", line!(), |a, b| a + b),
        ("div: 2 × 3 and 3 × 2", line!(), |a, b| a / b),
        ("matmul: the inner lengths of 2 × 3 and 2 × 3 differ", line!(), |a, _| a.matmul(a)),
        ("solve: 2 × 3 is not square", line!(), |a, b| a.solve(b).unwrap()),
        ("Matrix::vstack: 3 × 2 does not fit to 2 × 3", line!(), |a, b| Matrix::vstack(&[a, b])),
        ("Matrix::hstack: nothing to stack", line!(), |_, _| Matrix::hstack(&[])),
        ("Matrix::select_rows: there is no row 2 in 2 × 3", line!(), |a, _| a.select_rows(&[2])),
        ("Matrix::columns: 1..4 of 2 × 3", line!(), |a, _| a.columns(1..4)),
        ("Matrix::diag: 2 × 3 is neither a column nor a row", line!(), |a, _| a.diag()),
    ];
    for (text, line, wrong) in cases {
        let panic = tape_tests::panic_of(|| drop(wrong(&Matrix::zeros(2, 3), &Matrix::zeros(3, 2))));
        assert!(panic.message.contains(text), "{}", panic.message);
        assert_eq!((panic.line, panic.file.ends_with("plain.rs")), (line, true), "{text}");
    }
}
