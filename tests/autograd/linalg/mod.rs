//! Linear algebra: derivatives to second order, the identities that the results satisfy, and errors.

mod eigenvalues;
mod functions;
mod least_squares;
mod plain;
mod singular_values;

use autograd::check::{Check, Verdict};
use autograd::{LinalgError, Matrix, Tape, Trans, Triangle, Var, check, check::check_f32, function};
use proptest::prelude::*;

type V<'t, T> = Var<'t, T>;

/// Deterministic numbers without a pattern.
fn numbers(rows: usize, cols: usize, seed: usize) -> Matrix<f64> {
    Matrix::from_fn(rows, cols, |i, j| ((3 * i + 5 * j * j + 7 * seed) as f64 * 0.618_034).fract() * 2.0 - 0.9)
}

/// The same, far from singular.
fn regular(rows: usize, cols: usize, seed: usize) -> Matrix<f64> {
    let numbers = numbers(rows, cols, seed);
    Matrix::from_fn(rows, cols, |i, j| numbers[(i, j)] + if i == j { 2.0 + 0.3 * i as f64 } else { 0.0 })
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
        // Without symmetry by construction.
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

/// A matrix without entries has no eigenvalues, and its product of eigenvalues is 1.
#[test]
fn matrices_without_entries() {
    let tape = Tape::new();
    let a = tape.variable(Matrix::<f64>::zeros(0, 0));
    let (values, vectors) = a.symmetric_eigen().unwrap();
    assert_eq!([values.shape(), vectors.shape(), a.symmetric_eigenvalues().unwrap().shape()], [(0, 1), (0, 0), (0, 1)]);
    assert_eq!(a.singular_values().unwrap().shape(), (0, 1));
    assert_eq!([a.determinant().unwrap().item(), values.product().item()], [1.0, 1.0]);
    let all = [
        a.solve(a),
        a.inverse(),
        a.cholesky(),
        a.pinv(None),
        a.matrix_exp(),
        a.matrix_power(-2),
        Ok(a.qr().unwrap().1),
    ];
    let sum = all
        .into_iter()
        .chain([Ok(values.t().matmul(values)), Ok(vectors)])
        .map(|x| x.unwrap().sum())
        .reduce(|a, b| a + b);
    assert_eq!(sum.unwrap().backward().wrt(a).shape(), (0, 0));
}

#[test]
fn what_is_refused() {
    let tape = Tape::new();
    let singular = tape.variable(Matrix::from([[1.0, 2.0], [2.0, 4.0]]));
    let text = singular.inverse().unwrap_err().to_string();
    assert!(text.contains("inverse") && text.contains("singular") && text.contains("pivot 1"), "{text}");
    assert!(matches!(singular.solve(singular), Err(LinalgError::Singular { op: "solve", pivot: 1, .. })));
    assert!(singular.log_abs_determinant().is_err() && singular.qr().is_err());
    let zero = tape.variable(Matrix::from([[1.0, 0.0], [5.0, 0.0]]));
    assert!(zero.solve_triangular(zero, Triangle::Lower, Trans::No).is_err());

    let indefinite = tape.variable(Matrix::from([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]));
    let text = indefinite.cholesky().unwrap_err().to_string();
    assert!(text.contains("2 × 2") && text.contains("jitter"), "{text}");

    // Equal eigenvalues are an error only if the derivative of their vectors is needed.
    let tie = tape.variable(Matrix::from([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]]));
    let text = tie.symmetric_eigen().unwrap_err().to_string();
    assert!(text.contains("eigenvalues 1 and 2") && text.contains("nearly equal"), "{text}");
    assert_eq!(tie.stop_gradient().symmetric_eigen().unwrap().0.value().as_slice(), [1.0, 3.0, 3.0]);
    let values = tie.symmetric_eigenvalues().unwrap();
    assert_eq!(values.sum().backward().wrt(tie).to_owned(), tape.identity(3).value());

    let nan = tape.variable(Matrix::full(2, 2, f64::NAN));
    assert_eq!(nan.cholesky().unwrap_err(), LinalgError::NotFinite { op: "cholesky" });
    assert!(nan.symmetric_eigen().is_err() && nan.solve(nan).is_err() && nan.qr().is_err());
    assert_eq!(nan.determinant().unwrap_err(), LinalgError::NotFinite { op: "determinant" });
}

/// A matrix of integers. If `dependent`, its last column is a combination of the others.
fn integers(rows: usize, cols: usize, dependent: bool, seed: u64) -> Matrix<f64> {
    let mut state = seed.wrapping_mul(2) + 1;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) % 19) as f64 - 9.0
    };
    let mut a = Matrix::from_fn(rows, cols, |_, _| draw());
    if dependent {
        let shares: Vec<f64> = (1..cols).map(|_| draw()).collect();
        for i in 0..rows {
            a[(i, cols - 1)] = (1..cols).map(|j| a[(i, j - 1)] * shares[j - 1]).sum();
        }
    }
    a
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Scaling rows and columns by powers of two does not change the verdict on a matrix.
    #[test]
    fn singular_is_no_question_of_scale(
        n in 1usize..9,
        seed: u64,
        dependent: bool,
        rows in prop::collection::vec(-40i32..40, 8),
        cols in prop::collection::vec(-40i32..40, 8),
    ) {
        let a = integers(n, n, dependent, seed);
        let scaled = Matrix::from_fn(n, n, |i, j| a[(i, j)] * 2f64.powi(rows[i] + cols[j]));
        let tape = Tape::new();
        let verdict = |a: &Matrix<f64>| {
            let a = tape.constant(a.clone());
            [a.solve(a).err(), a.inverse().err(), a.log_abs_determinant().err()].map(|found| found.is_some())
        };
        prop_assert_eq!(verdict(&scaled), verdict(&a));
        let tape = Tape::<f32>::new();
        let [scaled, a] = [scaled, a].map(|a| tape.constant(a.map(|x| x as f32)).inverse().is_ok());
        prop_assert_eq!(scaled, a);
        prop_assert!(!(dependent && a));
    }

    /// A matrix of integers is either singular or far from it.
    #[test]
    fn dependent_columns_are_found(n in 1usize..9, more in 0usize..3, seed: u64, cols in prop::collection::vec(-40i32..40, 8)) {
        let tape = Tape::new();
        let a = tape.constant(integers(n, n, true, seed));
        prop_assert!(a.solve(a).is_err() && a.inverse().is_err() && a.log_abs_determinant().is_err() && a.qr().is_err());
        prop_assert!(a.determinant().unwrap().item().abs() <= 1e-10 * a.norm().item().powi(n as i32));
        prop_assert!(autograd::vstack(&[a, a]).matmul_nt(autograd::vstack(&[a, a])).cholesky().is_err());
        let scaled = |a: Matrix<f64>| Matrix::from_fn(a.rows(), n, |i, j| a[(i, j)] * 2f64.powi(cols[j]));
        let tall = |dependent| tape.constant(scaled(integers(n + more, n, dependent, seed)));
        prop_assert!(tall(true).qr().is_err());

        let dominant = integers(n, n, false, seed);
        let dominant = tape.constant(scaled(dominant)) + tape.constant(scaled(Matrix::from_fn(n, n, |i, j| if i == j { 100.0 } else { 0.0 })));
        prop_assert!(dominant.solve(dominant).is_ok() && dominant.log_abs_determinant().is_ok() && dominant.qr().is_ok());
        let det = dominant.determinant().unwrap().item();
        let (ln, sign) = dominant.log_abs_determinant().unwrap();
        prop_assert!((ln.item() - det.abs().ln()).abs() < 1e-12 * ln.item().abs().max(1.0) && sign == det.signum());
    }
}

/// Rows and columns are not scaled by an entry that is small beside the others.
#[test]
fn a_small_entry_anywhere_costs_no_digits() {
    let known = Matrix::column(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    for (k, small) in (0..25).flat_map(|k| [1e-8, 1e-12, 1e-17].map(|small| (k, small))) {
        let (i, j) = (k % 5, k / 5);
        let shift = if (i + 1) % 5 == j { 2 } else { 1 };
        let mut a = numbers(5, 5, 1);
        (0..5).for_each(|p| a[(p, (p + shift) % 5)] += 4.0);
        a[(i, j)] = small;
        let tape = Tape::new();
        let (a, x) = (tape.variable(a), tape.constant(known.clone()));
        close(&a.solve(a.matmul(x)).unwrap().value(), &known);
        close(&a.matmul(a.inverse().unwrap()).value(), &tape.identity(5).value());
        let det = a.determinant().unwrap();
        close(&det.backward().wrt(a).to_owned().map(|g| g / det.item()), &a.inverse().unwrap().t().value());
    }
}

#[test]
fn systems_of_any_scale() {
    let tape = Tape::new();
    let a = tape.constant(Matrix::from([[2e20, 1e20], [1.0, 3.0]]));
    close(&a.solve(tape.constant(Matrix::column(&[3e20, 4.0]))).unwrap().value(), &Matrix::column(&[1.0, 1.0]));
    let diagonal = tape.variable(Matrix::from([[1.0, 0.0], [0.0, 1e-17]]));
    assert!((diagonal.log_abs_determinant().unwrap().0.item() + 39.143_946_6).abs() < 1e-6);
    for size in [1e-300, 1e-160, 1e160, 1e300] {
        let s = tape.constant(Matrix::from([[2.0 * size, size], [size, 3.0 * size]]));
        close(&(s.inverse().unwrap() * size).value(), &Matrix::from([[0.6, -0.2], [-0.2, 0.4]]));
        close(
            &(s.symmetric_eigenvalues().unwrap() / size).value(),
            &Matrix::column(&[2.5 - 1.25f64.sqrt(), 2.5 + 1.25f64.sqrt()]),
        );
        close(&(s.qr().unwrap().1 / size).value(), &Matrix::from([[5f64.sqrt(), 5f64.sqrt()], [0.0, 5f64.sqrt()]]));
        close(&(s.cholesky().unwrap() / size.sqrt()).square().value(), &Matrix::from([[2.0, 0.0], [0.5, 2.5]]));
    }
    let tape = Tape::<f32>::new();
    let id = Matrix::from_fn(100, 100, |i, j| {
        if i != j {
            0.0
        } else if i == 50 {
            1e-5
        } else {
            1.0
        }
    });
    assert_eq!(tape.constant(id).inverse().unwrap().value()[(50, 50)], 1e5);
}

/// The gradient of a function, in every mode.
#[track_caller]
fn check_first(f: impl for<'t> Fn(&[V<'t, f64>]) -> V<'t, f64>, a: &Matrix<f64>) {
    let report = Check::new().order(1).run(f, &[a]);
    assert_eq!(report.verdict, Verdict::Pass, "{report}");
}

/// The Hessian of a function: in reverse, in forward mode, by products with vectors, and over buffers.
fn hessians(f: impl for<'t> Fn(V<'t, f64>) -> V<'t, f64>, a: &Matrix<f64>) -> [Matrix<f64>; 4] {
    let entries = a.rows() * a.cols();
    let column = |k: usize, mode: usize| {
        let (mut e, tape) = (a.map(|_| 0.0), Tape::new());
        e.as_mut_slice()[k] = 1.0;
        if mode == 2 {
            return autograd::hvp(&f, a, &e);
        }
        let (x, e) = (tape.variable(a.clone()), tape.constant(e));
        let gradient = autograd::grad(f(x), &[x])[0];
        let column =
            if mode == 1 { autograd::jvp(gradient, &[(x, e)]) } else { autograd::grad(gradient.dot(e), &[x])[0] };
        column.value()
    };
    let by_columns = |mode: usize| {
        let columns: Vec<_> = (0..entries).map(|k| column(k, mode)).collect();
        Matrix::from_fn(entries, entries, |i, j| columns[j].as_slice()[i])
    };
    [by_columns(0), by_columns(1), by_columns(2), autograd::hessian(&f, a)]
}

/// Matrices of any rank: values, and derivatives to second order in every mode.
#[test]
fn the_determinant_of_singular_matrices() {
    let ranks = |n: usize| (0..=n).map(move |rank| Matrix::from_fn(n, rank, |i, j| numbers(n, n, i + j)[(i, j)]));
    for (n, half) in (1..5).flat_map(|n| ranks(n).map(move |half| (n, half))) {
        let tape = Tape::new();
        let half = tape.constant(half);
        let a = if half.cols() == 0 { Matrix::zeros(n, n) } else { half.matmul_nt(half.sin()).value() };
        check_first(|x| x[0].determinant().unwrap(), &a);
        // A determinant is affine in each entry, so differences equal derivatives.
        let det = |at: &[usize]| {
            let (mut a, tape) = (a.clone(), Tape::new());
            at.iter().for_each(|&k| a.as_mut_slice()[k] += 1.0);
            tape.constant(a).determinant().unwrap().item()
        };
        let second = |i: usize, j: usize| if i == j { 0.0 } else { det(&[i, j]) - det(&[i]) - det(&[j]) + det(&[]) };
        let expected = Matrix::from_fn(n * n, n * n, second);
        hessians(|x| x.determinant().unwrap(), &a).iter().for_each(|found| close(found, &expected));
    }
    for (entries, gradient) in [([[0.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]), ([[0.0; 2]; 2], [[0.0; 2]; 2])] {
        let tape = Tape::new();
        let a = tape.variable(Matrix::from(entries));
        let det = a.determinant().unwrap();
        assert_eq!((det.item(), det.backward().wrt(a).to_owned()), (0.0, Matrix::from(gradient)));
        let det = a.stop_gradient().determinant().unwrap();
        assert_eq!(det.item(), 0.0);
    }
    let tape = Tape::<f32>::new();
    let zero = tape.variable(0.0);
    assert_eq!(zero.determinant().unwrap().backward().wrt(zero)[(0, 0)], 1.0);
    // Neither a large matrix nor the order of its factors causes an overflow.
    let scale = |k: usize| -> f64 { if k < 30 { 1e30 } else { 1e-30 } };
    let tape = Tape::new();
    let large = tape.variable(Matrix::from_fn(60, 60, |i, j| if i == j { scale(i) } else { 0.0 }));
    let det = large.determinant().unwrap();
    assert!((det.item() - 1.0).abs() < 1e-12 && (det.backward().wrt(large)[(59, 59)] - 1e30).abs() < 1e18);
}

#[test]
fn the_third_derivative_of_a_determinant() {
    fn third(a: &Matrix<f64>) -> Matrix<f64> {
        let (e, tape) = (numbers(3, 3, 7), Tape::new());
        let (x, e) = (tape.variable(a), tape.constant(&e));
        let first = autograd::grad(x.determinant().unwrap(), &[x])[0].dot(e);
        let second = autograd::grad(first, &[x])[0].dot(e);
        second.backward().wrt(x).to_owned()
    }
    // det (A + t E) is a cubic whose third derivative in t is 6 det E.
    let (a, e) = (numbers(3, 3, 2), numbers(3, 3, 7));
    let tape = Tape::new();
    let [found, e] = [third(&a), e].map(|x| tape.constant(x));
    assert!((found.dot(e).item() - 6.0 * e.determinant().unwrap().item()).abs() < 1e-11);
    let text = panic_text(|| drop(third(&Matrix::from([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 0.0, 1.0]]))));
    assert!(text.contains("third derivative of determinant: the matrix is singular"), "{text}");
}

fn panic_text(f: impl FnOnce()) -> String {
    let wrong = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_err();
    wrong.downcast_ref::<String>().cloned().unwrap_or_default()
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
    // A wrong rule of either would show.
    let report = Check::new().run(|v| nll(v[0], &x, &y, true) + nll(v[0].stop_gradient(), &x, &y, false), &[&theta]);
    assert_eq!(report.verdict, Verdict::Fail);
}
