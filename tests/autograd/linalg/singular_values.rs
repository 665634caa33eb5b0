//! Singular values and vectors: derivatives, what is right where they are equal or zero, what is refused.

use super::*;

fn values<'t, T: autograd::Real>(x: V<'t, T>) -> V<'t, T> {
    x.singular_values().unwrap()
}

const SHAPES: [(usize, usize); 6] = [(1, 1), (2, 2), (4, 4), (5, 3), (3, 5), (3, 1)];

#[test]
fn derivatives() {
    for (m, n) in SHAPES {
        let a = &regular(m, n, m + n);
        check(|x| values(x[0]), &[a]);
        check(|x| x[0].svd().unwrap().0, &[a]);
        check(|x| x[0].svd().unwrap().1, &[a]);
        check(|x| x[0].svd().unwrap().2, &[a]);
        check(|x| x[0].nuclear_norm().unwrap(), &[a]);
        check(|x| x[0].spectral_norm().unwrap(), &[a]);
        check(|x| x[0].cond().unwrap(), &[a]);
        let single = [a.map(|x| x as f32)];
        check_f32(&function!(|x| values(x[0])), &single);
        check_f32(&function!(|x| x[0].svd().unwrap().0), &single);
        check_f32(&function!(|x| x[0].svd().unwrap().2), &single);
    }
}

#[test]
fn identities() {
    for ((m, n), size) in SHAPES.into_iter().flat_map(|shape| [1e-300, 1.0, 1e300].map(|size| (shape, size))) {
        let tape = Tape::new();
        let a = tape.constant(regular(m, n, m).map(|x| x * size));
        let (u, s, v) = a.svd().unwrap();
        let id = tape.identity(m.min(n)).value();
        close(&u.matmul_tn(u).value(), &id);
        close(&v.matmul_tn(v).value(), &id);
        close(&((u * (s / size).t()).matmul_nt(v)).value(), &(a / size).value());
        close(&(values(a) / size).value(), &(s / size).value());
        assert!(s.value().as_slice().windows(2).all(|pair| pair[0] >= pair[1] && pair[1] >= 0.0));
        assert_eq!(a.rank(None).unwrap(), m.min(n));
    }
    let tape = Tape::new();
    for (m, n) in [(0, 0), (0, 3), (3, 0)] {
        let empty = tape.variable(Matrix::<f64>::zeros(m, n));
        let (u, s, v) = empty.svd().unwrap();
        assert_eq!([u.shape(), s.shape(), v.shape()], [(m, 0), (0, 1), (n, 0)]);
        assert_eq!((empty.rank(None).unwrap(), empty.nuclear_norm().unwrap().item()), (0, 0.0));
    }
    let wrong = tape.variable(Matrix::full(2, 2, f64::INFINITY));
    assert_eq!(wrong.svd().unwrap_err(), LinalgError::NotFinite { op: "svd" });
    assert_eq!(wrong.rank(None).unwrap_err(), LinalgError::NotFinite { op: "singular_values" });
}

/// Matrices with singular values that are equal or 0.
fn ties() -> Vec<Matrix<f64>> {
    let tape = Tape::new();
    let (q, _) = tape.constant(regular(4, 4, 2)).qr().unwrap();
    let (p, _) = tape.constant(regular(4, 4, 5)).qr().unwrap();
    let turned = |values: &[f64], cols| (q * tape.constant(Matrix::row(values))).matmul_nt(p).columns(0..cols).value();
    let mut all = vec![Matrix::zeros(3, 3), Matrix::zeros(2, 3), Matrix::zeros(3, 2)];
    for values in [[2.0, 1.0, 2.0, 1.0], [1.0, 0.0, 1.0, 0.0], [3.0, 1.0, 0.0, 0.0], [1.0; 4]] {
        all.extend([
            turned(&values, 4),
            turned(&values, 3),
            turned(&values, 4).transpose(),
            turned(&values, 3).transpose(),
        ]);
    }
    all
}

/// Of functions that treat equal singular values alike, and both signs of those that are 0, all derivatives are right.
#[test]
fn at_equal_and_at_zero_singular_values() {
    for a in &ties() {
        let (e, tape) = (a.map(|x| (3.0 * x).cos()), Tape::new());
        let [both, e] = [a, &e].map(|x| tape.constant(x.clone()));
        close(&autograd::gradient(|x| values(x).square().sum(), a), &(both * 2.0).value());
        let (_, forward) = autograd::several::jvp(|x| values(x[0]).square().sum(), &[a], &[&e.value()]);
        close(&forward, &(both.dot(e) * 2.0).value());
        let cases = [
            (hessians(|x| values(x).square().sum(), a), autograd::hessian(|x| x.square().sum(), a)),
            (
                hessians(|x| values(x).powi(4).sum().sin(), a),
                autograd::hessian(|x| x.matmul_tn(x).square().sum().sin(), a),
            ),
            (
                hessians(|x| (values(x).square() + 1.0).ln().sum(), a),
                autograd::hessian(
                    |x| (x.matmul_nt(x) + x.tape().identity(x.rows())).log_abs_determinant().unwrap().0,
                    a,
                ),
            ),
        ];
        for (found, expected) in cases {
            let unit = 0.01 / expected.as_slice().iter().fold(1.0, |max: f64, x| max.max(x.abs()));
            found.iter().for_each(|found| close(&found.map(|x| x * unit), &expected.map(|x| x * unit)));
        }
    }
}

/// The largest part of A in one direction.
fn first(a: V<'_, f64>) -> V<'_, f64> {
    let ((m, n), (u, s, v)) = (a.shape(), a.svd().unwrap());
    (u.columns(0..1) * s.at(0, 0)).matmul_nt(v.columns(0..1)).dot(a.tape().constant(numbers(m, n, 9)))
}

/// A function of vectors that are determined has its derivative, whatever the others are.
#[test]
fn vectors_that_exist_beside_others_that_do_not() {
    let tape = Tape::new();
    let (q, _) = tape.constant(regular(4, 4, 2)).qr().unwrap();
    let a = (q * tape.constant(Matrix::row(&[5.0, 2.0, 2.0, 0.0]))).matmul_nt(q);
    for a in [a, a.columns(0..3), a.rows_in(0..3)].map(|a| a.value()) {
        let gradient = autograd::gradient(first, &a);
        let step = 1e-6;
        for k in 0..gradient.as_slice().len() {
            let at = |step: f64| {
                let (mut a, tape) = (a.clone(), Tape::new());
                a.as_mut_slice()[k] += step;
                first(tape.constant(a)).item()
            };
            assert!((gradient.as_slice()[k] - (at(step) - at(-step)) / (2.0 * step)).abs() < 1e-8);
        }
    }
    let a = a.value();
    for (text, expected) in [
        (
            panic_text(|| drop(autograd::gradient(|x| x.svd().unwrap().0.columns(1..2).sum(), &a))),
            "singular values 1 and 2 (2",
        ),
        (panic_text(|| drop(autograd::hessian(|x| values(x).at(1, 0), &a))), "singular values 1 and 2 (2"),
        (
            panic_text(|| drop(autograd::hessian(|x| values(x.columns(0..3)).sum(), &Matrix::<f64>::zeros(4, 4)))),
            "nearly 0",
        ),
    ] {
        assert!(text.contains(expected), "{text}");
    }
    let tall = Matrix::from([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]);
    let text = panic_text(|| drop(autograd::gradient(|x| x.svd().unwrap().0.columns(1..2).sum(), &tall)));
    assert!(text.contains("singular value 1 (0e0) is nearly 0"), "{text}");
}

#[test]
#[should_panic(expected = "rank: rcond is finite and not negative, not -1")]
fn a_negative_limit() {
    let _ = Tape::new().constant(numbers(2, 2, 1)).rank(Some(-1.0));
}
