//! Least squares and the pseudoinverse: of full rank and less, derivatives at constant rank.

use super::*;

/// A matrix of this rank.
fn of_rank<'t>(a: V<'t, f64>, b: V<'t, f64>) -> V<'t, f64> {
    a.matmul_nt(b)
}

#[test]
fn derivatives() {
    for (m, n) in [(1, 1), (2, 2), (3, 2), (2, 3)] {
        let (a, b) = (&regular(m, n, m + n), &numbers(m, 2, 5));
        check(|x| x[0].least_squares(x[1], None).unwrap(), &[a, b]);
        check(|x| x[0].least_squares(x[1], Some(1e-9)).unwrap(), &[a, b]);
        check(|x| x[0].pinv(None).unwrap(), &[a]);
        let single = [a.map(|x| x as f32), b.map(|x| x as f32)];
        check_f32(&function!(|x| x[0].least_squares(x[1], None).unwrap()), &single);
        check_f32(&function!(|x| x[0].pinv(None).unwrap()), &single[..1]);
    }
    // Of rank 1, which does not change where the factors do.
    for (m, n) in [(2, 2), (3, 2), (2, 3)] {
        let (a, b, c) = (&regular(m, 1, 1), &regular(n, 1, 2), &numbers(m, 1, 5));
        check(|x| of_rank(x[0], x[1]).least_squares(x[2], None).unwrap(), &[a, b, c]);
        check(|x| of_rank(x[0], x[1]).pinv(None).unwrap(), &[a, b]);
    }
}

/// The four conditions of Penrose, and the solution of the smallest length.
#[test]
fn as_penrose_says() {
    for (m, n, rank) in [(4, 4, 4), (4, 4, 2), (5, 3, 3), (5, 3, 1), (3, 5, 3), (3, 5, 2), (3, 3, 0)] {
        let tape = Tape::new();
        let a = of_rank(tape.constant(regular(m, rank, 1)), tape.constant(regular(n, rank, 2)));
        let p = a.pinv(None).unwrap();
        assert_eq!(a.rank(None).unwrap(), rank);
        close(&a.matmul(p).matmul(a).value(), &a.value());
        close(&p.matmul(a).matmul(p).value(), &p.value());
        close(&a.matmul(p).value(), &a.matmul(p).t().value());
        close(&p.matmul(a).value(), &p.matmul(a).t().value());
        let b = tape.constant(numbers(m, 2, 3));
        close(&a.least_squares(b, None).unwrap().value(), &p.matmul(b).value());
        close(&a.least_squares(b, Some(1e-10)).unwrap().value(), &p.matmul(b).value());
    }
}

#[test]
fn what_counts_as_zero() {
    let tape = Tape::new();
    let a = tape.constant(Matrix::from([[1.0, 0.0], [0.0, 1e-3]]));
    assert_eq!(a.pinv(None).unwrap().value(), Matrix::from([[1.0, 0.0], [0.0, 1e3]]));
    assert_eq!(a.pinv(Some(1e-2)).unwrap().value(), Matrix::from([[1.0, 0.0], [0.0, 0.0]]));
    assert_eq!([a.rank(None).unwrap(), a.rank(Some(1e-2)).unwrap()], [2, 1]);
    // Columns of any scale are as independent as they were.
    let a = tape.constant(Matrix::from([[1e150f64, 1e-150], [1e150, 2e-150], [1e150, 3e-150]]));
    let x = a.least_squares(tape.constant(Matrix::column(&[2.0, 3.0, 4.0])), None).unwrap().value();
    assert!((x[(0, 0)] * 1e150 - 1.0).abs() < 1e-12 && (x[(1, 0)] * 1e-150 - 1.0).abs() < 1e-12, "{x}");
    let nan = tape.constant(Matrix::full(2, 2, f64::NAN));
    assert_eq!(nan.pinv(None).unwrap_err(), LinalgError::NotFinite { op: "pinv" });
    for (m, n) in [(0, 0), (0, 3), (3, 0)] {
        assert_eq!(tape.variable(Matrix::<f64>::zeros(m, n)).pinv(None).unwrap().value(), Matrix::zeros(n, m));
    }
}

#[test]
#[should_panic(expected = "least_squares: A 3 × 2 and B 2 × 1 differ in the number of rows")]
fn shapes_that_do_not_fit() {
    let tape = Tape::new();
    let _ = tape.variable(numbers(3, 2, 1)).least_squares(tape.variable(numbers(2, 1, 1)), None);
}

/// A singular value that is cut and is not 0 has a value but no derivative.
#[test]
#[should_panic(expected = "least_squares: rcond = 0.5 cuts 1 singular values that are not 0")]
fn a_cut_singular_value_has_no_derivative() {
    let tape = Tape::<f64>::new();
    let a = tape.variable(Matrix::from([[2.0, 0.0], [0.0, 0.9]]));
    let x = a.pinv(Some(0.5)).unwrap();
    assert_eq!(x.value(), Matrix::from([[0.5, 0.0], [0.0, 0.0]]));
    x.sum().backward();
}
