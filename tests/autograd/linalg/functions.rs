//! The exponential and powers of a matrix.

use autograd::Real;

use super::*;

#[test]
fn derivatives() {
    for n in [1, 2, 4] {
        // A matrix for each degree, and two that are squared.
        for size in [0.003, 0.05, 0.2, 0.5, 1.0, 4.0] {
            let a = &numbers(n, n, n).map(|x| x * size);
            check(|x| x[0].matrix_exp().unwrap(), &[a]);
            check_f32(&function!(|x| x[0].matrix_exp().unwrap()), &[a.map(|x| x as f32)]);
        }
        let a = &regular(n, n, n);
        for k in [-3, -1, 0, 1, 2, 7] {
            check(|x| x[0].matrix_power(k).unwrap(), &[a]);
        }
    }
}

/// e^(V Λ V⁻¹) = V e^Λ V⁻¹, and e^A e^−A = 1.
#[test]
fn the_exponential() {
    for size in [0.0, 1e-8, 0.01, 0.1, 0.4, 1.0, 3.0, 10.0] {
        let tape = Tape::new();
        let a = definite(tape.constant(numbers(4, 4, 3))) * size;
        let (values, v) = a.symmetric_eigen().unwrap();
        let (expected, found) = ((v * values.exp().t()).matmul_nt(v), a.matrix_exp().unwrap());
        let largest = expected.abs().max_entry();
        close(&(found / largest).value(), &(expected / largest).value());
        let turn = tape.constant(numbers(4, 4, 1)).lower() * size;
        let turn = turn - turn.t();
        let there = turn.matrix_exp().unwrap();
        close(&there.matmul((-turn).matrix_exp().unwrap()).value(), &tape.identity(4).value());
        close(&there.matmul_nt(there).value(), &tape.identity(4).value());
    }
    // A shear has the derivatives of a series that ends.
    let tape = Tape::new();
    let shear = tape.constant(Matrix::from([[0.0, 1e6], [0.0, 0.0]]));
    close(&(shear.matrix_exp().unwrap() * 1e-6).value(), &Matrix::from([[1e-6, 1.0], [0.0, 1e-6]]));
    let large = tape.constant(Matrix::from([[-1e300, 0.0], [0.0, -1e300]]));
    assert_eq!(large.matrix_exp().unwrap().value(), Matrix::zeros(2, 2));
    assert_eq!(tape.constant(Matrix::<f64>::zeros(0, 0)).matrix_exp().unwrap().shape(), (0, 0));
    let nan = tape.constant(Matrix::full(2, 2, f64::NAN));
    // The norm overflows.
    let huge = tape.constant(Matrix::full(2, 2, 1e308)).matrix_exp().unwrap();
    assert!(huge.value().as_slice().iter().all(|x| !x.is_finite()));
    assert_eq!(nan.matrix_exp().unwrap_err(), LinalgError::NotFinite { op: "matrix_exp" });
}

/// Entries that are 0 and columns of equal sums are no kinks of an exponential.
#[test]
fn exponentials_have_no_kinks() {
    for a in [Matrix::identity(3), Matrix::zeros(2, 2), Matrix::from([[0.0, -1.0], [1.0, 0.0]])] {
        check(|v| v[0].matrix_exp().unwrap(), &[a]);
    }
}

/// A program is refused where its approximant is not accurate. Elsewhere it is as accurate as a recording.
#[test]
fn a_replay_is_accurate_or_refused() {
    fn replays<T: Real>(rounding: f64) {
        let sizes = [0.0, 1e-30, 0.003, 0.05, 0.2, 0.5, 0.9, 1.0, 1.9, 2.0, 3.0, 10.0, 80.0];
        let matrix = |size: f64| numbers(3, 3, 3).map(|x| T::from_f64(x * size));
        let mut accepted = 0;
        for (recorded, now) in sizes.iter().flat_map(|a| sizes.map(|b| (matrix(*a), matrix(b)))) {
            let (tape, fresh) = (Tape::new(), Tape::new());
            let (x, y) = (tape.variable(recorded), fresh.variable(now.clone()));
            let mut program = x.matrix_exp().unwrap().sum().program(&[x]);
            if program.run(&[&now]).is_err() {
                continue;
            }
            accepted += 1;
            let (expected, found) = (y.matrix_exp().unwrap().sum(), program.value().as_slice()[0]);
            let near =
                |a: T, b: T, size: f64| assert!((a.to_f64() - b.to_f64()).abs() <= rounding * size, "{a} {b}: {now}");
            let size = y.abs().matrix_exp().unwrap().sum().item().to_f64();
            near(found, expected.item(), size);
            for (a, b) in program.backward()[0].as_slice().iter().zip(expected.backward().wrt(y).as_slice()) {
                near(*a, *b, size);
            }
        }
        assert!(accepted > sizes.len());
    }
    replays::<f64>(1e-12);
    replays::<f32>(1e-4);
}

#[test]
fn powers() {
    let tape = Tape::new();
    let a = tape.constant(regular(3, 3, 2) / 2.0);
    let product = |k: u32| (0..k).fold(tape.identity(3), |power, _| power.matmul(a));
    for k in 0..9 {
        close(&a.matrix_power(k as i32).unwrap().value(), &product(k).value());
        close(&a.matrix_power(-(k as i32)).unwrap().matmul(product(k)).value(), &tape.identity(3).value());
    }
    let singular = tape.constant(Matrix::full(2, 2, 1.0));
    assert!(matches!(singular.matrix_power(-1), Err(LinalgError::Singular { op: "inverse", .. })));
    assert_eq!(singular.matrix_power(3).unwrap().value(), Matrix::full(2, 2, 4.0));
}

#[test]
#[should_panic(expected = "matrix_exp: 2 × 3 is not square")]
fn a_matrix_that_is_not_square() {
    let _ = Tape::new().constant(numbers(2, 3, 1)).matrix_exp();
}
