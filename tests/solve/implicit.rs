//! Solutions of equations as recorded operations: values and derivatives against closed forms and the checker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use autograd::check::{Check, Function, Verdict, check, check_f32};
use autograd::{Compiled, LinearAlgebra, Matrix, Real, Tape, Var, grad, hessian, jvp, several};
use proptest::prelude::*;
use solve::{Implicit, ImplicitError, LinearSolver, argmin, fixed_point, root};
use tape_tests::{panic_of, says};

const LINEAR: [LinearSolver; 2] = [LinearSolver::Factorisation, LinearSolver::Krylov];

fn with(linear: LinearSolver) -> Implicit {
    Implicit { linear, ..Implicit::default() }
}

fn number<T: Real>(x: f64) -> Matrix<T> {
    Matrix::full(1, 1, T::from_f64(x))
}

/// E − e sin E = M for each entry of M.
struct Kepler(LinearSolver);

impl Function for Kepler {
    fn call<'t, T: Real>(&self, v: &[Var<'t, T>]) -> Var<'t, T> {
        let start = Matrix::zeros(v[1].rows(), v[1].cols());
        with(self.0).root(|x, p| x - p[0] * x.sin() - p[1], &start, v).unwrap()
    }
}

/// A layer in equilibrium, z = tanh(W z + U x + b).
struct Equilibrium(Implicit);

impl Function for Equilibrium {
    fn call<'t, T: Real>(&self, v: &[Var<'t, T>]) -> Var<'t, T> {
        let z0 = Matrix::zeros(v[0].rows(), v[2].cols());
        self.0.fixed_point(|z, p| (p[0].matmul(z) + p[1].matmul(p[2]) + p[3]).tanh(), &z0, v).unwrap()
    }
}

/// Ridge regression with the weight eˡ: the w that minimizes |A w − y|² + eˡ |w|².
struct Ridge(LinearSolver);

impl Function for Ridge {
    fn call<'t, T: Real>(&self, v: &[Var<'t, T>]) -> Var<'t, T> {
        let start = Matrix::zeros(v[0].cols(), 1);
        let settings = with(self.0);
        settings
            .argmin(|w, p| (p[0].matmul(w) - p[1]).square().sum() + p[2].exp() * w.square().sum(), &start, v)
            .unwrap()
    }
}

fn ridge_data() -> [Matrix<f64>; 3] {
    let a = Matrix::from([[1.0, 0.5, -0.3], [0.2, -1.0, 0.8], [0.7, 0.1, 0.4], [-0.6, 0.9, 1.1], [0.3, -0.2, 0.5]]);
    [a, Matrix::column(&[1.0, -0.5, 0.3, 0.8, 0.1]), number(-0.5)]
}

fn layer_data() -> [Matrix<f64>; 4] {
    [
        Matrix::from([[0.3, -0.4, 0.1], [0.2, 0.5, -0.3], [-0.1, 0.2, 0.4]]),
        Matrix::from([[0.7, -0.2], [0.1, 0.9], [-0.5, 0.3]]),
        Matrix::from([[0.5, -1.0], [0.8, 0.2]]),
        Matrix::column(&[0.1, -0.2, 0.3]),
    ]
}

fn single<const N: usize>(x: &[Matrix<f64>; N]) -> Vec<Matrix<f32>> {
    x.iter().map(|x| Matrix::from_fn(x.rows(), x.cols(), |i, j| x[(i, j)] as f32)).collect()
}

/// The checker passes at first and second order, by factorisation and by Krylov's methods, in double and in single precision.
#[test]
fn the_checker_passes() {
    let kepler = [number(0.4), Matrix::from([[0.3, 1.0, 2.5, -0.8]])];
    for linear in LINEAR {
        check(|v| Kepler(linear).call(v), &kepler);
        check_f32(&Kepler(linear), &single(&kepler));
        check(|v| Equilibrium(with(linear)).call(v), &layer_data());
        check_f32(&Equilibrium(with(linear)), &single(&layer_data()));
        check(|v| Ridge(linear).call(v), &ridge_data());
        check_f32(&Ridge(linear), &single(&ridge_data()));
    }
}

/// An equation whose solutions are all zeros of another one, so the gradient of what is written is wrong: the checker sees it.
#[test]
fn the_checker_can_fail() {
    // The parameter enters as a number, so its derivative is lost.
    let report = Check::new().run(
        |v| {
            let a: f64 = v[0].item();
            root(move |x, p| x * x - a - p[0] * 0.0, &number(1.0), v).unwrap()
        },
        &[number::<f64>(2.0)],
    );
    assert_eq!(report.verdict, Verdict::Fail, "{report}");
}

/// Kepler's equation: ∂E/∂e = sin E / (1 − e cos E), ∂E/∂M = 1 / (1 − e cos E), and second derivatives of them.
#[test]
fn kepler() {
    for linear in LINEAR {
        for (e, m) in [(0.0, 0.5), (0.3, 1.0), (0.9, 0.1), (0.99, 3.0)] {
            let tape = Tape::new();
            let (ecc, mean) = (tape.variable(e), tape.variable(m));
            let anomaly = with(linear)
                .root(|x, p| x - p[0] * x.sin() - p[1], &number(std::f64::consts::PI), &[ecc, mean])
                .unwrap();
            let x: f64 = anomaly.item();
            assert!((x - e * x.sin() - m).abs() < 4e-15, "{e} {m}");
            let d = 1.0 - e * x.cos();
            let expected = [x.sin() / d, 1.0 / d];
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
            let grads = anomaly.backward();
            assert!(near(grads.wrt(ecc)[(0, 0)], expected[0]) && near(grads.wrt(mean)[(0, 0)], expected[1]), "{e} {m}");
            // ∂²E/∂M² = −e sin E / d³, by reverse over reverse, forward over reverse and forward over forward.
            let second = -e * x.sin() / d.powi(3);
            let slope = grad(anomaly, &[mean])[0];
            assert!(near(slope.backward().wrt(mean)[(0, 0)], second));
            let one = tape.constant(1.0);
            assert!(near(jvp(slope, &[(mean, one)]).item(), second));
            let tangent = jvp(anomaly, &[(mean, one)]);
            let twice = jvp(tangent, &[(mean, one)]).item();
            assert!(
                near(tangent.item(), expected[1]) && near(twice, second),
                "{e} {m}: {} {twice}, {expected:?} {second}",
                tangent.item()
            );
            assert!(near(tape.tangents(&[(mean, number(1.0).view())]).of(anomaly)[(0, 0)], expected[1]));
            // ∂³E/∂M³ = −e cos E / d⁴ + 3 e² sin² E / d⁵.
            let third = grad(grad(slope, &[mean])[0], &[mean])[0].item();
            let expected = -e * x.cos() / d.powi(4) + 3.0 * (e * x.sin()).powi(2) / d.powi(5);
            assert!((third - expected).abs() <= 1e-10 * (1.0 + expected.abs()), "{e} {m}: {third} and {expected}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// √a as a fixed point of Heron's iteration, and its derivatives up to the third.
    #[test]
    fn square_roots(a in 0.01..100.0f64) {
        let tape = Tape::new();
        let v = tape.variable(a);
        let z = fixed_point(|z, p| (z + p[0] / z) * 0.5, &number(1.0), &[v]).unwrap();
        let mut y = z;
        for expected in [a.sqrt(), 0.5 / a.sqrt(), -0.25 * a.powf(-1.5), 0.375 * a.powf(-2.5)] {
            prop_assert!((y.item() - expected).abs() <= 1e-11 * expected.abs(), "{} {}", y.item(), expected);
            y = grad(y, &[v])[0];
        }
    }

    /// Ridge regression has a closed form, (Aᵀ A + λ)⁻¹ Aᵀ y, whose derivatives linear algebra has: all of them agree, and so does a
    /// loss of the solution, as in the choice of a weight by the error on other data (a problem of two levels).
    #[test]
    fn ridge_regression(
        entries in prop::collection::vec(-2.0..2.0f64, 15),
        y in prop::collection::vec(-2.0..2.0f64, 5),
        log in -2.0..2.0f64,
        target in prop::collection::vec(-1.0..1.0f64, 3),
    ) {
        let data = [Matrix::from_vec(5, 3, entries), Matrix::column(&y), number(log)];
        for linear in LINEAR {
            let implicit = several::value_and_gradient(|v| loss(Ridge(linear).call(v), &target), &data);
            let closed = several::value_and_gradient(|v| loss(closed_ridge(v), &target), &data);
            prop_assert!((implicit.0 - closed.0).abs() <= 1e-9 * (1.0 + closed.0.abs()));
            for (a, b) in implicit.1.iter().zip(&closed.1) {
                prop_assert!(a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| (a - b).abs() <= 1e-8 * (1.0 + b.abs())), "{a:?} {b:?}");
            }
            // The second derivative by the weight, for Newton's method on it.
            let of = |implicit: bool| {
                let (a, y) = (data[0].clone(), data[1].clone());
                hessian(|l| {
                    let v = [l.tape().constant(a), l.tape().constant(y), l];
                    loss(if implicit { Ridge(linear).call(&v) } else { closed_ridge(&v) }, &target)
                }, &data[2])[(0, 0)]
            };
            prop_assert!((of(true) - of(false)).abs() <= 1e-8 * (1.0 + of(false).abs()), "{} {}", of(true), of(false));
        }
    }
}

fn loss<'t>(w: Var<'t, f64>, target: &[f64]) -> Var<'t, f64> {
    (w - w.tape().constant(Matrix::column(target))).square().sum()
}

fn closed_ridge<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
    let identity = v[0].tape().constant(Matrix::from_fn(3, 3, |i, j| if i == j { 1.0 } else { 0.0 }));
    (v[0].matmul_tn(v[0]) + v[2].exp() * identity).solve(v[0].matmul_tn(v[1])).unwrap()
}

/// The weight with the least error on other data is found by gradients through the inner problem, and no weight beside it is better.
#[test]
fn two_levels() {
    fn error<'t>(l: Var<'t, f64>) -> Var<'t, f64> {
        let ([a, y, _], tape) = (ridge_data(), l.tape());
        let w = Ridge(LinearSolver::Automatic).call(&[tape.constant(a), tape.constant(y), l]);
        let (other, wanted) = (Matrix::from([[0.4, 0.3, 0.9], [-0.7, 0.2, 0.1]]), Matrix::column(&[0.3, -0.2]));
        (tape.constant(other).matmul(w) - tape.constant(wanted)).square().sum()
    }
    let at = |l: f64| {
        let tape = Tape::new();
        error(tape.variable(l)).item()
    };
    let found = solve::minimize(solve::Smooth::new(|x| error(x[0])), &[-1.0]).unwrap();
    assert!(found.reason.is_converged(), "{found}");
    let l = found.x[0];
    assert!((at(l) - found.value).abs() < 1e-12, "{found}");
    assert!(at(l - 0.01) > at(l) && at(l + 0.01) > at(l), "{found}");
}

/// A closure solves again at every call, and meets the error.
#[test]
fn recorded_closures() {
    let mut f =
        Compiled::new(|v: &[Var<'_, f64>]| root(|x, p| x * x - p[0], &number(1.0), v).unwrap_or(v[0] * f64::NAN));
    for a in [2.0, 3.0, 10.0] {
        let (value, gradient) = f.value_and_gradient(&[number::<f64>(a)]);
        assert!((value - a.sqrt()).abs() < 1e-15 * a && (gradient[0][(0, 0)] - 0.5 / a.sqrt()).abs() < 1e-15);
    }
    assert!(f.value(&[number(-1.0)]).is_nan());
    assert_eq!(f.recordings(), 4);
}

/// Large systems take products only; the result is that of many small ones.
#[test]
fn large_systems() {
    let n = 500;
    let b = Matrix::from_fn(n, 1, |i, _| (i as f64 * 0.7).sin());
    let tape = Tape::new();
    let v = tape.variable(&b);
    // Neighbours are coupled, and J is not symmetric.
    let x = root(
        |x, p| {
            let n = x.rows();
            let next = x.select_rows(&(0..n).map(|i| (i + 1) % n).collect::<Vec<_>>());
            x.powi(3) + x * 4.0 + next * 0.5 - p[0]
        },
        &Matrix::zeros(n, 1),
        &[v],
    )
    .unwrap();
    let value = x.value();
    for i in 0..n {
        let (x, next) = (value[(i, 0)], value[((i + 1) % n, 0)]);
        assert!((x.powi(3) + 4.0 * x + 0.5 * next - b[(i, 0)]).abs() < 1e-14);
    }
    // Jᵀ w = 1 for the gradient of the sum.
    let w = x.sum().backward().wrt(v).to_owned();
    for i in 0..n {
        let back = w[((i + n - 1) % n, 0)];
        let left = (3.0 * value[(i, 0)].powi(2) + 4.0) * w[(i, 0)] + 0.5 * back;
        assert!((left - 1.0).abs() < 1e-11, "{left}");
    }
}

/// What has no derivative is an error.
#[test]
fn errors() {
    let tape = Tape::new();
    let zero = tape.variable(0.0);
    let minus = tape.variable(-1.0);
    for linear in LINEAR {
        let square = |a| with(linear).root(|x, p| x * x - p[0], &number(1.0), &[a]).unwrap_err();
        // Newton's method comes to 0, where J is 0.
        let none = square(minus);
        assert!(matches!(none, ImplicitError::Singular { .. } | ImplicitError::Linear { .. }), "{none}");
        let none = with(linear).root(|x, p| x * x - p[0], &number(0.7), &[minus]).unwrap_err();
        assert!(matches!(none, ImplicitError::NotConverged { .. }), "{none}");
        // x² = 0 at 0, where J is 0.
        assert!(matches!(square(zero), ImplicitError::Singular { .. }), "{}", square(zero));
        let cube = with(linear).root(|x, p| (x - p[0]).powi(3), &number(1.0), &[zero]).unwrap_err();
        assert!(matches!(cube, ImplicitError::Singular { .. } | ImplicitError::NotConverged { .. }), "{cube}");
        // The start is the solution.
        let exact = with(linear).root(|x, p| (x - p[0]).powi(2), &number(0.0), &[zero]).unwrap_err();
        assert!(matches!(exact, ImplicitError::Singular { .. } | ImplicitError::Linear { .. }), "{exact}");
        // Two equations, of which one is twice the other.
        let dependent = with(linear).root(
            |x, p| autograd::vstack(&[x.sum() - p[0], x.sum() * 2.0 - p[0] * 2.0]),
            &Matrix::column(&[1.0, 0.5]),
            &[zero],
        );
        assert!(dependent.is_err(), "{linear:?}");
        // A saddle, a plateau and no minimum at all.
        let saddle = with(linear).argmin(|x, p| (x.powi(4) + p[0] * x).sum(), &number(1.0), &[zero]);
        assert!(saddle.is_err(), "{linear:?}");
        let falls = with(linear).argmin(|x, p| (x * p[0]).sum(), &number(1.0), &[minus]);
        assert!(falls.is_err(), "{linear:?}");
    }
    says(
        root(|x, p| (x - p[0]).ln(), &number(-1.0), &[zero]).unwrap_err(),
        &["root: equation 0 at the start is not finite"],
    );
    says(root(|x, p| x - p[0], &number(f64::NAN), &[zero]).unwrap_err(), &["root: entry 0 of the start is not finite"]);
    let still = Implicit { max_iterations: 0, ..Implicit::default() };
    says(still.root(|x, p| x - p[0], &number(1.0), &[zero]).unwrap_err(), &["max_iterations: 0 should be at least 1"]);
    let short = Implicit { max_iterations: 2, ..Implicit::default() };
    says(short.root(|x, p| x.exp() - p[0] - 5.0, &number(9.0), &[zero]).unwrap_err(), &["no solution after 2 steps"]);
    let panic = panic_of(|| root(|x, p| x.sum() - p[0], &Matrix::zeros(2, 1), &[zero]));
    says(&panic.message, &["root: the function returned 1 × 1 for 2 × 1"]);
    let panic = panic_of(|| root(|x: Var<'_, f64>, _| x, &Matrix::zeros(2, 1), &[]));
    assert!(panic.message.contains("root: no parameter") && panic.file.ends_with("implicit.rs"), "{panic:?}");
    let _ = argmin(|x, p| (x - p[0]).square().sum(), &number(1.0), &[zero]).unwrap();
}

/// A short step of a large entry says nothing of the small ones.
#[test]
fn entries_of_unlike_size() {
    let tape = Tape::new();
    let p = tape.variable(1.0);
    let start = Matrix::column(&[1e9, 2.0]);
    fn f<'t>(x: Var<'t, f64>, p: &[Var<'t, f64>]) -> Var<'t, f64> {
        let (a, b) = (x.at(0, 0), x.at(1, 0));
        let angle = (b / (b * b + 1.0).sqrt()).asin(); // atan b
        autograd::vstack(&[a - p[0] * 1e9, angle])
    }
    let found = root(f, &start, &[p]).unwrap().value();
    assert!((found[(0, 0)] / 1e9 - 1.0).abs() < 1e-9 && found[(1, 0)].abs() < 1e-6, "{found}");
}

/// Entries that begin at 0 and end there are found to rounding only.
#[test]
fn zeros_from_zeros() {
    for n in [11, 21, 51] {
        let a = Matrix::from_fn(n, n, |i, j| [2.0, -1.0, 0.0][i.abs_diff(j).min(2)]);
        let b = Matrix::from_fn(n, 1, |i, _| 1.7 * (4.0 * i as f64 / (n - 1) as f64 - 2.0).sin());
        let expected = a.solve(&b).unwrap();
        for linear in LINEAR {
            let tape = Tape::new();
            let p = tape.variable(1.0);
            let (start, settings) = (Matrix::zeros(n, 1), with(linear));
            let (a, b, again) = (a.clone(), b.clone(), (a.clone(), b.clone()));
            let found = settings.root(
                move |x, p| x.tape().constant(a.clone()).matmul(x) - x.tape().constant(b.clone()) * p[0],
                &start,
                &[p],
            );
            let (a, b) = again;
            let lowest = settings.argmin(
                move |x, p| {
                    let (a, b) = (x.tape().constant(a.clone()), x.tape().constant(b.clone()));
                    (x * a.matmul(x)).sum() * 0.5 - (x * b).sum() * p[0]
                },
                &start,
                &[p],
            );
            for x in [found.unwrap(), lowest.unwrap()] {
                let apart = x.value() - expected.clone();
                assert!(apart.as_slice().iter().all(|d| d.abs() < 1e-9 * n as f64), "{linear:?} {n}: {apart}");
            }
        }
    }
}

/// An equation without a root has none beside a large entry either.
#[test]
fn no_root_beside_a_large_entry() {
    for start in [0.7, 1.5, 2.0, 3.0, 5.0, -40.0] {
        let tape = Tape::new();
        let p = tape.variable(1.0);
        let start = Matrix::column(&[1e9, start]);
        fn f<'t>(x: Var<'t, f64>, p: &[Var<'t, f64>]) -> Var<'t, f64> {
            let (a, b) = (x.at(0, 0), x.at(1, 0));
            autograd::vstack(&[a - p[0] * 1e9, b * b + 1.0])
        }
        for linear in LINEAR {
            let found = with(linear).root(f, &start, &[p]).map(|x| x.value().to_owned());
            assert!(found.is_err(), "{linear:?}: {found:?}");
        }
    }
}

/// Without a Jacobian, too.
#[test]
fn a_saddle_is_no_minimum() {
    for linear in LINEAR {
        let tape = Tape::new();
        let p = tape.variable(0.5);
        fn f<'t>(x: Var<'t, f64>, p: &[Var<'t, f64>]) -> Var<'t, f64> {
            let (a, b, c) = (x.at(0, 0), x.at(1, 0), x.at(2, 0));
            (a * a + b * b + (c - p[0]).square()) * 0.5 + a * b * 3.0
        }
        let error = with(linear).argmin(f, &Matrix::zeros(3, 1), &[p]).err().map(|error| error.to_string());
        assert!(error.is_some(), "{linear:?}");
    }
}

#[test]
fn gradients_of_any_size() {
    for linear in LINEAR {
        let tape = Tape::new();
        let p = tape.variable(3.0);
        let x = with(linear).argmin(|x, p| (x - p[0]).square().sum(), &number(0.0), &[p]).unwrap();
        for size in [1e-170, 1.0, 1e170] {
            let slope: f64 = (x * size).sum().backward().wrt(p)[(0, 0)];
            assert!((slope / size - 1.0).abs() < 1e-12, "{linear:?}: {slope}");
        }
    }
}

const CHAIN: usize = 40;

/// z ← W z + b − z³ / 50, which contracts slowly: each entry gets almost half of its neighbours.
fn chain<'t, T: Real>(z: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let w = Matrix::from_fn(CHAIN, CHAIN, |i, j| T::from_f64(if i.abs_diff(j) == 1 { 0.49 } else { 0.0 }));
    z.tape().constant(w).matmul(z) + b - z.powi(3) * 0.02
}

fn force<T: Real>() -> Matrix<T> {
    Matrix::from_fn(CHAIN, 1, |i, _| T::from_f64(0.01 * (i as f64).cos()))
}

/// The evaluations of f by `fixed_point`, the solution, and the gradient of its sum.
fn accelerated<T: Real>(anderson: usize) -> (usize, Matrix<f64>, Matrix<f64>) {
    let count = Arc::new(AtomicUsize::new(0));
    let (counter, tape) = (count.clone(), Tape::<T>::new());
    let b = tape.variable(force());
    let settings = Implicit { anderson, ..Implicit::default() };
    let z = settings.fixed_point(
        move |z, p| {
            counter.fetch_add(1, Ordering::Relaxed);
            chain(z, p[0])
        },
        &Matrix::zeros(CHAIN, 1),
        &[b],
    );
    let z = z.unwrap();
    let evaluations = count.load(Ordering::Relaxed);
    (evaluations, z.value().map(T::to_f64), z.sum().backward().wrt(b).to_owned().map(T::to_f64))
}

/// Anderson's acceleration leads to the point of Newton's method, with far fewer evaluations than the iteration z ← f(z).
#[test]
fn acceleration_finds_the_same_point() {
    let (_, exact, gradient) = accelerated::<f64>(0);
    let apart = |a: &Matrix<f64>, b: &Matrix<f64>| {
        a.as_slice().iter().zip(b.as_slice()).fold(0.0, |max: f64, (a, b)| max.max((a - b).abs()))
    };
    let counts = [3, 8, 12].map(|depth| {
        let (count, z, slopes) = accelerated::<f64>(depth);
        assert!(apart(&z, &exact) < 1e-11 && apart(&slopes, &gradient) < 1e-11, "{depth}");
        count
    });
    let mut z = Matrix::zeros(CHAIN, 1);
    let square = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>();
    let plain = (1..).find(|_| {
        let tape = Tape::new();
        let next = chain(tape.constant(&z), tape.constant(force())).value();
        let moved = square(&mut next.as_slice().iter().zip(z.as_slice()).map(|(a, b)| a - b));
        z = next;
        moved <= f64::EPSILON * square(&mut z.as_slice().iter().copied())
    });
    println!("evaluations of f with 3, 8 and 12 differences: {counts:?}, without: {plain:?}");
    assert!(counts[2] < counts[1] && 3 * counts[1] < plain.unwrap(), "{counts:?} and {plain:?}");

    // In single precision the point is as far away as Newton's, and needs fewer evaluations, because √ε is larger.
    let of_newton = accelerated::<f32>(0);
    for (depth, double) in [3, 8, 12].into_iter().zip(counts) {
        let (count, z, slopes) = accelerated::<f32>(depth);
        println!("single precision with {depth} differences: {count}, {:e} from the point", apart(&z, &exact));
        assert!(count < double && apart(&z, &exact) <= 1e-6 + 4.0 * apart(&of_newton.1, &exact), "{depth}: {count}");
        assert!(apart(&slopes, &gradient) <= 1e-4 + 4.0 * apart(&of_newton.2, &gradient), "{depth}");
    }
}

/// The rule of an accelerated fixed point, in either precision and whatever the number of differences is.
#[test]
fn the_checker_passes_after_acceleration() {
    for (anderson, linear) in [1, 5, 100].into_iter().flat_map(|depth| LINEAR.map(|linear| (depth, linear))) {
        let equilibrium = Equilibrium(Implicit { anderson, ..with(linear) });
        check(|v| equilibrium.call(v), &layer_data());
        check_f32(&equilibrium, &single(&layer_data()));
    }
}

/// Where f is no contraction, the acceleration leaves the solution to Newton's method.
#[test]
fn acceleration_of_no_contraction() {
    let tape = Tape::<f64>::new();
    let a = tape.variable(2.0);
    let settings = Implicit { anderson: 4, ..Implicit::default() };
    let z = settings.fixed_point(|z, p| z.square() * 3.0 - p[0], &number(-0.5), &[a]).unwrap();
    // 3 z² − z − 2 = 0 at −2/3, where the slope of f is −4.
    assert!((z.item() + 2.0 / 3.0).abs() < 1e-15);
    assert!((z.backward().wrt(a)[(0, 0)] - 1.0 / (-4.0 - 1.0)).abs() < 1e-14);
    let none = settings.fixed_point(|z, p| z.square() + p[0], &number(0.5), &[a]);
    assert!(none.is_err());
}
