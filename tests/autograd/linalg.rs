//! Linear algebra: derivatives to second order, the identities the results satisfy, what is refused.

use autograd::check::{Check, Verdict};
use autograd::{LinalgError, Matrix, Tape, Trans, Triangle, Var, check, check::check_f32, function};
use proptest::prelude::*;

type V<'t, T> = Var<'t, T>;

/// Numbers that look like none in particular.
fn numbers(rows: usize, cols: usize, seed: usize) -> Matrix<f64> {
    Matrix::from_fn(rows, cols, |i, j| ((3 * i + 5 * j * j + 7 * seed) as f64 * 0.618_034).fract() * 2.0 - 0.9)
}

/// A Aᵀ + 1: positive definite.
fn definite<'t, T: autograd::Real>(a: V<'t, T>) -> V<'t, T> {
    a.matmul_nt(a) + a.tape().identity(a.rows())
}

#[track_caller]
fn close(a: &Matrix<f64>, b: &Matrix<f64>) {
    assert_eq!(a.shape(), b.shape());
    let apart = a.as_slice().iter().zip(b.as_slice()).fold(0.0, |max: f64, (a, b)| max.max((a - b).abs()));
    assert!(apart <= 1e-12, "{a:?}\n{b:?}");
}

#[test]
fn derivatives_to_second_order() {
    for n in [1, 2, 4] {
        let (a, b) = (&numbers(n, n, n), &numbers(n, 3, 5));
        let tall = &numbers(n + 2, n, 6);
        check(|x| definite(x[0]).solve(x[1]).unwrap(), &[a, b]);
        check(|x| x[0].solve(x[0].t()).unwrap(), &[a]);
        check(|x| definite(x[0]).inverse().unwrap(), &[a]);
        check(|x| x[0].determinant().unwrap(), &[a]);
        check(|x| x[0].log_abs_determinant().unwrap().0, &[a]);
        check(|x| definite(x[0]).cholesky().unwrap(), &[a]);
        // Without the symmetry that the construction gives.
        check(|x| (x[0] * 0.1 + x[0].tape().identity(n) * 2.0).cholesky().unwrap().sin(), &[a]);
        check(|x| x[0].symmetric_eigenvalues().unwrap(), &[a]);
        check(|x| x[0].symmetric_eigen().unwrap().0, &[a]);
        check(|x| x[0].symmetric_eigen().unwrap().1, &[a]);
        check(|x| x[0].qr().unwrap().0, &[tall]);
        check(|x| x[0].qr().unwrap().1, &[tall]);
        for triangle in [Triangle::Lower, Triangle::Upper] {
            for trans in [Trans::No, Trans::Yes] {
                let l = &Matrix::from_fn(n, n, |i, j| a[(i, j)] + if i == j { 2.0 } else { 0.0 });
                check(|x| x[0].solve_triangular(x[1], triangle, trans).unwrap(), &[l, b]);
            }
        }
    }
}

#[test]
fn single_precision() {
    let (a, b) = (numbers(3, 3, 1).map(|x| x as f32), numbers(3, 2, 2).map(|x| x as f32));
    check_f32(&function!(|x| definite(x[0]).solve(x[1]).unwrap()), &[a.clone(), b]);
    check_f32(&function!(|x| definite(x[0]).cholesky().unwrap()), std::slice::from_ref(&a));
    check_f32(&function!(|x| definite(x[0]).log_abs_determinant().unwrap().0), std::slice::from_ref(&a));
    check_f32(&function!(|x| definite(x[0]).inverse().unwrap()), &[a]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn identities(n in 1usize..7, seed in 0usize..1000) {
        let (a, b) = (numbers(n, n, seed), numbers(n, 2, seed + 1));
        let (tall, id) = (numbers(n + 3, n, seed), Matrix::from_fn(n, n, |i, j| f64::from(u8::from(i == j))));
        let tape = Tape::new();
        let s = definite(tape.constant(&a));
        let (b, tall) = (tape.constant(&b), tape.constant(&tall));
        close(&s.matmul(s.solve(b).unwrap()).value(), &b.value());
        close(&s.matmul(s.inverse().unwrap()).value(), &id);
        let l = s.cholesky().unwrap();
        close(&l.matmul_nt(l).value(), &s.value());
        let (ln, sign) = s.log_abs_determinant().unwrap();
        prop_assert!(sign == 1.0 && (ln.item() - 2.0 * l.diagonal().ln().sum().item()).abs() < 1e-12);
        let (values, v) = s.symmetric_eigen().unwrap();
        close(&v.matmul_tn(v).value(), &id);
        close(&(v * values.t()).matmul_nt(v).value(), &s.value());
        close(&s.symmetric_eigenvalues().unwrap().value(), &values.value());
        let (q, r) = (tall + tape.identity(n + 3).columns(0..n) * 3.0).qr().unwrap();
        close(&q.matmul_tn(q).value(), &id);
        close(&q.matmul(r).value(), &(tall + tape.identity(n + 3).columns(0..n) * 3.0).value());
        prop_assert!(r.diagonal().value().as_slice().iter().all(|x| *x > 0.0));
        // det (A S) = det A det S, with the sign.
        let a = tape.constant(&a);
        let [da, ds, both] = [a, s, a.matmul(s)].map(|x| x.determinant().unwrap().item());
        prop_assert!((da * ds - both).abs() <= 1e-11 * both.abs().max(ds));
        if let Ok((ln, sign)) = a.log_abs_determinant() {
            prop_assert!((sign * ln.item().exp() - da).abs() <= 1e-12 * da.abs().max(1.0));
        }
    }
}

#[test]
fn what_is_refused() {
    let tape = Tape::new();
    let singular = tape.variable(Matrix::from([[1.0, 2.0], [2.0, 4.0]]));
    let text = singular.inverse().unwrap_err().to_string();
    assert!(text.contains("inverse") && text.contains("singular") && text.contains("pivot 1"), "{text}");
    assert!(matches!(singular.solve(singular), Err(LinalgError::Singular { op: "solve", pivot: 1, .. })));
    assert!(singular.determinant().is_err() && singular.log_abs_determinant().is_err());
    assert_eq!(singular.stop_gradient().determinant().unwrap().item(), 0.0);
    assert!(singular.qr().is_err());
    let zero = tape.variable(Matrix::from([[1.0, 0.0], [5.0, 0.0]]));
    assert!(zero.solve_triangular(zero, Triangle::Lower, Trans::No).is_err());

    let indefinite = tape.variable(Matrix::from([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]));
    let text = indefinite.cholesky().unwrap_err().to_string();
    assert!(text.contains("2 × 2") && text.contains("jitter"), "{text}");

    // A tie is refused where its derivative is asked for, and nowhere else.
    let tie = tape.variable(Matrix::from([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]]));
    let text = tie.symmetric_eigen().unwrap_err().to_string();
    assert!(text.contains("eigenvalues 1 and 2") && text.contains("nearly equal"), "{text}");
    assert_eq!(tie.stop_gradient().symmetric_eigen().unwrap().0.value().as_slice(), [1.0, 3.0, 3.0]);
    let values = tie.symmetric_eigenvalues().unwrap();
    assert_eq!(values.sum().backward().wrt(tie).to_owned(), tape.identity(3).value());

    let nan = tape.variable(Matrix::full(2, 2, f64::NAN));
    assert_eq!(nan.cholesky().unwrap_err(), LinalgError::NotFinite { op: "cholesky" });
    assert!(nan.symmetric_eigen().is_err() && nan.solve(nan).is_err());
}

#[test]
#[should_panic(expected = "solve: A 2 × 2 and B 3 × 1 differ in the number of rows")]
fn shapes_that_do_not_fit() {
    let tape = Tape::new();
    let _ = tape.variable(numbers(2, 2, 1)).solve(tape.variable(numbers(3, 1, 1)));
}

#[test]
#[should_panic(expected = "cholesky: 2 × 3 is not square")]
fn shapes_that_are_not_square() {
    let _ = Tape::new().variable(numbers(2, 3, 1)).cholesky();
}

/// The log-likelihood of a Gaussian process, whose gradient is also known in closed form.
#[test]
fn a_gaussian_process() {
    let (x, y) = (numbers(6, 1, 3), numbers(6, 1, 4));
    fn nll<'t>(theta: V<'t, f64>, x: &Matrix<f64>, y: &Matrix<f64>, by_cholesky: bool) -> V<'t, f64> {
        let tape = theta.tape();
        let (x, y, n) = (tape.constant(x.clone()), tape.constant(y.clone()), x.rows());
        let apart = (x.repeat(n, n) - x.t().repeat(n, n)).square();
        let k = (apart * -0.5 / theta.at(0, 0).exp()).exp() * theta.at(1, 0).exp() + tape.identity(n) * 0.1;
        if by_cholesky {
            let l = k.cholesky().unwrap();
            let z = l.solve_triangular(y, Triangle::Lower, Trans::No).unwrap();
            z.square().sum() * 0.5 + l.diagonal().ln().sum()
        } else {
            y.dot(k.solve(y).unwrap()) * 0.5 + k.log_abs_determinant().unwrap().0 * 0.5
        }
    }
    let theta = Matrix::column(&[-0.5, 0.3]);
    check(|v| nll(v[0], &x, &y, true), &[&theta]);
    let [a, b] = [true, false].map(|how| autograd::hessian(|v| nll(v, &x, &y, how), &theta));
    close(&a, &b);
    // A wrong rule of one of the two would show.
    let report = Check::new().run(|v| nll(v[0], &x, &y, true) + nll(v[0].stop_gradient(), &x, &y, false), &[&theta]);
    assert_eq!(report.verdict, Verdict::Fail);
}
