//! Minimization: what is found, along which path, and why it stops.

use std::ops::ControlFlow;

use autograd::{Compiled, LineSearch, LinearAlgebra, Matrix, Number, Var};
use proptest::prelude::*;
use solve::{
    Minimize, MinimizeError, MinimizeSettings, Minimizer, Minimum, Objective, Reason, ScalarFunction, Scalars, Smooth,
    minimize,
};
use tape_tests::{panic_of, says};

use crate::minima::{all, rosenbrock};

const METHODS: [Minimizer; 6] = [
    Minimizer::Automatic,
    Minimizer::Bfgs,
    Minimizer::Lbfgs { memory: 10 },
    Minimizer::NewtonCg,
    Minimizer::TrustRegion,
    Minimizer::Steihaug,
];

fn with(method: Minimizer) -> MinimizeSettings {
    MinimizeSettings { method, ..MinimizeSettings::default() }
}

/// ½ xᵀ A x − bᵀ x.
fn quadratic<'f>(a: &'f Matrix<f64>, b: &'f Matrix<f64>) -> Smooth<'f> {
    Smooth::new(move |x| {
        let (tape, x) = (x[0].tape(), x[0]);
        let (a, b) = (tape.constant(a.clone()), tape.constant(b.clone()));
        (x * a.matmul(x)).sum() * 0.5 - (x * b).sum()
    })
}

/// A box in which every point that is evaluated must be.
struct Inside<F>(F, Vec<(f64, f64)>);

impl<F: Objective> Objective for Inside<F> {
    fn value_and_gradient(&mut self, x: &[f64]) -> (f64, Vec<f64>) {
        assert!(
            x.iter().zip(&self.1).all(|(x, (low, high))| low <= x && x <= high),
            "{x:?} is outside of {:?}",
            self.1
        );
        self.0.value_and_gradient(x)
    }
    fn products(&mut self, x: &[f64], directions: &Matrix<f64>) -> Option<Matrix<f64>> {
        self.0.products(x, directions)
    }
}

/// Whether it is a minimum in its box: no point beside it is lower.
#[track_caller]
fn is_minimum(f: fn(Var<'_, f64>) -> Var<'_, f64>, found: &Minimum, bounds: &[(f64, f64)]) {
    let mut f = Compiled::new(|x: &[Var<'_, f64>]| f(x[0]));
    for k in 0..found.x.len() {
        for step in [1e-2, -1e-2, 1e-4, -1e-4] {
            let mut x = found.x.clone();
            x[k] += step;
            if let Some((low, high)) = bounds.get(k) {
                x[k] = x[k].clamp(*low, *high);
            }
            let beside = Compiled::value(&mut f, &[Matrix::column(&x)]);
            assert!(
                beside >= found.value - 1e-9 * (1.0 + found.value.abs()),
                "x{k} + {step:e} has {beside:e}: {found}"
            );
        }
    }
}

/// Every method finds a known minimum of every problem with its default settings.
#[test]
fn defaults_solve_all_problems() {
    for problem in all() {
        for method in METHODS {
            let f = problem.f;
            let found =
                Minimize::new(Smooth::new(move |x| f(x[0]))).settings(with(method)).from(&problem.start).unwrap();
            let name = problem.name;
            assert!(found.reason.is_converged(), "{name}, {method}: {found}");
            assert!(found.criteria.gradient <= 1e-8 || found.reason == Reason::Precision, "{name}, {method}: {found}");
            let near = |x: &[f64]| x.iter().zip(&found.x).all(|(a, b)| (a - b).abs() <= problem.tolerance);
            assert!(problem.minima.iter().any(|x| near(x)), "{name}, {method}: {found}");
        }
    }
}

/// A box around the minimum changes nothing of where the search ends, and one that excludes it ends on its boundary. No point outside is
/// evaluated.
#[test]
fn bounds() {
    for problem in all().into_iter().filter(|problem| problem.start.len() <= 10) {
        for method in METHODS {
            let (f, n) = (problem.f, problem.start.len());
            let run = |bounds: &[(f64, f64)]| {
                let inside = Inside(Smooth::new(move |x| f(x[0])), bounds.to_vec());
                Minimize::new(inside).within(bounds).settings(with(method)).from(&problem.start).unwrap()
            };
            let wide = run(&vec![(-20.0, 20.0); n]);
            let near = |x: &[f64]| x.iter().zip(&wide.x).all(|(a, b)| (a - b).abs() <= problem.tolerance);
            assert!(
                wide.reason.is_converged() && problem.minima.iter().any(|x| near(x)),
                "{}, {method}: {wide}",
                problem.name
            );

            let (mut bounds, minimum) = (vec![(f64::NEG_INFINITY, f64::INFINITY); n], &problem.minima[0]);
            bounds[0] = (minimum[0] - 2.0, minimum[0] - 0.3);
            bounds[n - 1] = (minimum[n - 1] + 0.1, 20.0);
            let cut = run(&bounds);
            assert!(cut.reason.is_converged(), "{}, {method}: {cut}", problem.name);
            is_minimum(f, &cut, &bounds);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The minimum of a convex quadratic is A⁻¹ b: by Newton's method in one step, by BFGS with an exact line search in n. Newton's
    /// method by conjugate gradients solves for its steps only as exactly as the gradient is small, so it takes a few.
    #[test]
    fn convex_quadratics(
        n in 1..6usize,
        entries in prop::collection::vec(-1.0..1.0f64, 36),
        b in prop::collection::vec(-3.0..3.0f64, 6),
        start in prop::collection::vec(-3.0..3.0f64, 6),
    ) {
        let root = Matrix::from_fn(n, n, |i, j| entries[i + 6 * j]);
        let mut a = root.t().matmul(&root);
        (0..n).for_each(|k| a[(k, k)] += 0.3);
        let (b, start) = (Matrix::column(&b[..n]), &start[..n]);
        let expected = a.solve(&b).unwrap();
        let tight = LineSearch { curvature: 1e-12, ..LineSearch::default() };
        for (method, steps) in [(Minimizer::TrustRegion, 1), (Minimizer::Bfgs, n as u64), (Minimizer::NewtonCg, 8), (Minimizer::Steihaug, 8)] {
            let settings = MinimizeSettings { method, first_step: 1e6, line_search: tight, ..MinimizeSettings::default() };
            let found = Minimize::new(quadratic(&a, &b)).settings(settings).from(start).unwrap();
            prop_assert!(found.iterations <= steps, "{}", found);
            prop_assert!(found.reason == Reason::Gradient, "{}", found);
            let near = |(x, e): (&f64, &f64)| (x - e).abs() < 1e-6 * (1.0 + e.abs());
            prop_assert!(found.x.iter().zip(expected.as_slice()).all(near), "{} {:?}", found, expected);
            if method == Minimizer::TrustRegion {
                let inverse = a.inverse().unwrap();
                let known = found.inverse.clone().unwrap();
                prop_assert!(known.as_slice().iter().zip(inverse.as_slice()).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b.abs())));
                prop_assert!(found.least_curvature.unwrap() >= 0.29, "{}", found);
            }
        }
    }

    /// In a box, the minimum of a convex quadratic is the only point whose projected gradient is 0, and all methods find it.
    #[test]
    fn quadratics_in_boxes(
        entries in prop::collection::vec(-1.0..1.0f64, 16),
        b in prop::collection::vec(-3.0..3.0f64, 4),
        low in prop::collection::vec(-1.0..0.5f64, 4),
        width in prop::collection::vec(prop_oneof![Just(0.0), 0.1..2.0f64], 4),
        start in prop::collection::vec(-5.0..5.0f64, 4),
    ) {
        let root = Matrix::from_vec(4, 4, entries);
        let mut a = root.t().matmul(&root);
        (0..4).for_each(|k| a[(k, k)] += 0.3);
        let b = Matrix::column(&b);
        let bounds: Vec<_> = low.iter().zip(&width).map(|(low, width)| (*low, low + width)).collect();
        let mut first: Option<Minimum> = None;
        for method in METHODS {
            let inside = Inside(quadratic(&a, &b), bounds.clone());
            let found = Minimize::new(inside).within(&bounds).settings(with(method)).from(&start).unwrap();
            prop_assert!(found.reason.is_converged() && found.gradient_norm <= 1e-7, "{}", found);
            let first = first.get_or_insert_with(|| found.clone());
            prop_assert!(first.x.iter().zip(&found.x).all(|(a, b)| (a - b).abs() < 1e-6), "{}\n{}", first, found);
        }
    }

    /// Powers of two in the unit of the value change no bit of the path.
    #[test]
    fn units_of_the_value_do_not_matter(power in -60..60i32, start in prop::collection::vec(-2.0..2.0f64, 4)) {
        let unit = 2.0f64.powi(power);
        for method in METHODS {
            let path = |unit: f64| {
                let f = rosenbrock(4).f;
                let mut path = Vec::new();
                // Only the path is of interest, not where it is called the end.
                let settings = MinimizeSettings { gradient_tolerance: 1e-20, max_evaluations: 60, ..with(method) };
                let found = Minimize::new(Smooth::new(move |x| f(x[0]) * unit))
                    .settings(settings)
                    .watch(|at| {
                        path.push((at.x.to_vec(), at.value / unit, at.evaluations));
                        ControlFlow::Continue(())
                    })
                    .from(&start)
                    .unwrap();
                (found.x, found.value / unit, found.evaluations, path)
            };
            prop_assert_eq!(path(1.0), path(unit));
        }
    }
}

/// The bits of the result are those of one thread.
#[test]
fn threads_do_not_matter() {
    let n = 400;
    let a = Matrix::from_fn(n, n, |i, j| ((i * 31 + j * 17) % 101) as f64 / 101.0 - 0.5);
    for method in METHODS {
        let run = |threads: usize| {
            let pool = rayon_core::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let f = Smooth::new(|x| {
                    let a = x[0].tape().constant(a.clone());
                    (a.matmul(x[0]).tanh() - 0.1).square().sum() + x[0].square().sum() * 0.1
                });
                // A trust region with all of H takes n products for each step.
                let settings = MinimizeSettings { max_evaluations: 4, ..with(method) };
                let found = Minimize::new(f).settings(settings).from(&vec![0.3; n]).unwrap();
                (found.x, found.value.to_bits(), found.evaluations)
            })
        };
        assert_eq!(run(1), run(3), "{method}");
    }
}

/// A trust region leaves a saddle where the gradient is exactly 0, and says that the end is a minimum.
#[test]
fn saddles_are_left() {
    let f = || Smooth::new(|x| x[0].at(0, 0).square() - x[0].at(1, 0).square() + x[0].at(1, 0).powi(4));
    let found = minimize(f(), &[0.0, 0.0]).unwrap();
    assert!((found.x[1].abs() - 0.5f64.sqrt()).abs() < 1e-8 && found.least_curvature.unwrap() > 1.9, "{found}");
    // Others say that the gradient is 0, which is true of the saddle.
    let found = Minimize::new(f()).settings(with(Minimizer::Bfgs)).from(&[0.0, 0.0]).unwrap();
    assert!(found.x == [0.0, 0.0] && found.reason == Reason::Gradient && found.least_curvature.is_none(), "{found}");
}

/// Closures, recorded closures and programs in single numbers are the same function.
#[test]
fn kinds_of_functions() {
    struct Valley;
    impl ScalarFunction for Valley {
        fn value<N: Number>(&self, x: &[N]) -> N {
            (x[1] - x[0] * x[0]).square() * 100.0 + (x[0] - 1.0).square()
        }
    }
    let plain = |x: &[f64]| {
        let (a, b) = (x[1] - x[0] * x[0], x[0] - 1.0);
        (100.0 * a * a + b * b, vec![-400.0 * a * x[0] + 2.0 * b, 200.0 * a])
    };
    let products = |x: &[f64], v: &[f64]| {
        let (a, c) = (1200.0 * x[0] * x[0] - 400.0 * x[1] + 2.0, -400.0 * x[0]);
        vec![a * v[0] + c * v[1], c * v[0] + 200.0 * v[1]]
    };
    let f = rosenbrock(2).f;
    let start = [-1.2, 1.0];
    let found = [
        minimize(Scalars::new(Valley), &start),
        minimize(Smooth::new(move |x| f(x[0])), &start),
        minimize((plain, products), &start),
        minimize(plain, &start),
        minimize(Compiled::new(|x: &[Var<'_, f64>]| f(x[0])), &start),
    ]
    .map(Result::unwrap);
    for found in &found {
        assert!(found.x.iter().all(|x| (x - 1.0).abs() < 1e-8), "{found}");
    }
    let methods: Vec<_> = found.iter().map(|found| found.method).collect();
    let (newton, quasi) = (Minimizer::TrustRegion, Minimizer::Bfgs);
    assert_eq!(methods, [newton, newton, newton, quasi, quasi]);
    // Their H v agree.
    let (x, v) = ([0.3, -0.7], Matrix::from([[1.0, 0.5], [0.0, -2.0]]));
    let of = |f: &mut dyn Objective| f.products(&x, &v).unwrap();
    let (a, b, c) = (of(&mut Scalars::new(Valley)), of(&mut Smooth::new(move |x| f(x[0]))), of(&mut (plain, products)));
    for (a, (b, c)) in a.as_slice().iter().zip(b.as_slice().iter().zip(c.as_slice())) {
        assert!((a - b).abs() < 1e-10 && (a - c).abs() < 1e-10, "{a} {b} {c}");
    }
}

#[test]
fn reasons() {
    let f = rosenbrock(2).f;
    let run = |settings: MinimizeSettings| {
        Minimize::new(Smooth::new(move |x| f(x[0]))).settings(settings).from(&[-1.2, 1.0]).unwrap()
    };
    for method in METHODS {
        let base = with(method);
        assert_eq!(run(MinimizeSettings { max_evaluations: 5, ..base }).reason, Reason::Evaluations);
        let short = run(MinimizeSettings { step_tolerance: 0.05, ..base });
        assert!(short.reason == Reason::Step && short.criteria.step <= 0.05, "{short}");
        let flat = run(MinimizeSettings { decrease_tolerance: 0.2, ..base });
        assert!(flat.reason == Reason::Decrease && flat.criteria.decrease <= 0.2, "{flat}");
        let precise = run(MinimizeSettings { gradient_tolerance: 0.0, ..base });
        assert!(precise.reason.is_converged() && precise.x.iter().all(|x| (x - 1.0).abs() < 1e-8), "{precise}");
    }
    // The gradient has the wrong sign, seen from 0 as from elsewhere, or the entry has a unit that is far too large.
    fn no_descent(f: impl Fn(f64) -> (f64, f64) + Copy, start: f64, methods: &[Minimizer]) {
        for &method in methods {
            let f = |x: &[f64]| (f(x[0]).0, vec![f(x[0]).1]);
            let found = Minimize::new(f).settings(with(method)).from(&[start]).unwrap();
            assert!(found.reason == Reason::NoDescent && !found.reason.is_converged(), "{found}");
            says(&found, &["NOT CONVERGED", "check the gradient"]);
        }
    }
    let methods = [Minimizer::Bfgs, Minimizer::Lbfgs { memory: 3 }];
    no_descent(|x| (x * x + 3.0, -2.0 * x), 1.0, &methods);
    no_descent(|x| ((x - 1.0).powi(2), -2.0 * (x - 1.0)), 0.0, &methods);
    no_descent(|x| ((1e100 * x - 1.0).powi(2), 2e100 * (1e100 * x - 1.0)), 0.0, &methods);
    // A step to where the function is not defined is shortened.
    for method in METHODS {
        let found =
            Minimize::new(Smooth::new(|x| (x[0] - x[0].ln()).sum())).settings(with(method)).from(&[5.0]).unwrap();
        assert!((found.x[0] - 1.0).abs() < 1e-7, "{found}");
    }
}

/// A tiny gradient at the start, because of the unit of the value, is not taken for a minimum.
#[test]
fn tiny_units_are_not_minima() {
    for method in METHODS {
        let found = Minimize::new(Smooth::new(|x| (x[0] - 3.0).square().sum() * 1e-30))
            .settings(with(method))
            .from(&[1.0])
            .unwrap();
        assert!((found.x[0] - 3.0).abs() < 1e-7 && found.reason == Reason::Gradient, "{found}");
    }
}

/// A start that differs from 0 only by rounding works like any other start.
#[test]
fn starts_near_zero() {
    for method in METHODS {
        for start in [1e-300, 1e-20, 0.1 + 0.2 - 0.3, 1e-15, -1e-10] {
            let f = || Smooth::new(|x: &[Var<'_, f64>]| (x[0] - 3.0).square().sum());
            let found = Minimize::new(f()).settings(with(method)).from(&[start, 0.0]).unwrap();
            let is_right = found.reason.is_converged() && found.x.iter().all(|x| (x - 3.0).abs() < 1e-7);
            assert!(is_right, "from {start:e}: {found}");
        }
    }
}

/// A constant takes digits of the value. A wrong gradient is seen as long as the value has some, and a right one is never called wrong.
#[test]
fn constants() {
    for constant in [0.0, 3.0, 1e4, 1e8, 1e12, -1e12] {
        for method in METHODS {
            let right = Smooth::new(|x| (x[0].square() + constant).sum());
            let found = Minimize::new(right).settings(with(method)).from(&[1.0]).unwrap();
            // x² is lost in the rounding of the constant.
            let near = (1e-12 * constant.abs()).sqrt().max(1e-7);
            assert!(found.reason.is_converged() && found.x[0].abs() < near, "{constant}: {found}");

            let quasi = matches!(method, Minimizer::Bfgs | Minimizer::Lbfgs { .. });
            let wrong = |x: &[f64]| (x[0] * x[0] + constant, vec![-2.0 * x[0]]);
            let products = |_: &[f64], v: &[f64]| vec![2.0 * v[0]];
            let found = match quasi {
                true => Minimize::new(wrong).settings(with(method)).from(&[1.0]).unwrap(),
                false => Minimize::new((wrong, products)).settings(with(method)).from(&[1.0]).unwrap(),
            };
            assert!(!found.reason.is_converged(), "{constant}: {found}");
        }
    }
}

/// A value beside which the first gradient is tiny stays finite.
#[test]
fn tiny_gradients_beside_large_values() {
    for method in METHODS {
        let f = || Smooth::new(|x: &[Var<'_, f64>]| x[0].powi(4).sum() + 1e9);
        for start in [1e-100, 1e-60, 1e-3] {
            let found = Minimize::new(f()).settings(with(method)).from(&[start]).unwrap();
            assert!(found.value == 1e9 && found.reason.is_converged(), "from {start:e}: {found}");
        }
    }
}

/// A trust region leaves a maximum or a saddle on a bound inward.
#[test]
fn maxima_on_bounds() {
    for (low, high) in [(-1.0, 0.0), (0.0, 1.0)] {
        let f = || Smooth::new(|x: &[Var<'_, f64>]| -x[0].square().sum());
        let found = Minimize::new(f()).within(&[(low, high)]).from(&[0.0]).unwrap();
        assert!(found.x[0].abs() == 1.0, "{found}");
        let f = || Smooth::new(|x: &[Var<'_, f64>]| x[0].at(0, 0).square() - x[0].at(1, 0).square());
        let found = Minimize::new(f()).within(&[(-1.0, 1.0), (low, high)]).from(&[0.0, 0.0]).unwrap();
        assert!(found.x[0] == 0.0 && found.x[1].abs() == 1.0, "{found}");
    }
}

/// A callback sees each point once, the steps are counted, and the last one is that of the result unless an earlier one was better.
#[test]
fn every_step_is_seen_once() {
    for method in METHODS {
        for gradient_tolerance in [0.0, 1e-8] {
            let (f, mut seen) = (rosenbrock(2).f, Vec::new());
            let found = Minimize::new(Smooth::new(move |x| f(x[0])))
                .settings(MinimizeSettings { gradient_tolerance, ..with(method) })
                .watch(|at| {
                    seen.push((at.iteration, at.x.to_vec()));
                    ControlFlow::Continue(())
                })
                .from(&[-1.2, 1.0])
                .unwrap();
            assert!(seen.iter().enumerate().all(|(k, (iteration, _))| *iteration == k as u64), "{found} {seen:?}");
            assert!(seen.windows(2).all(|pair| pair[0].1 != pair[1].1), "{found} {seen:?}");
            let steps = seen.len() as u64;
            assert!(found.iterations == steps || found.iterations == steps - 1, "{steps}: {found}");
        }
    }
}

#[test]
fn the_table() {
    let found = Minimize::new(Smooth::new(|x| (x[0] - 3.0).square().sum()))
        .names(&["width", "height"])
        .from(&[1.0, 4.0])
        .unwrap();
    says(
        &found,
        &[
            "entry",
            "width",
            "3.000000000e0",
            "least curvature 2.000e0",
            "trust region: ",
            "the gradient is within its tolerance",
            "of 1e-8",
        ],
    );
}

#[test]
fn wrong_input() {
    let f = || Smooth::new(|x: &[Var<'_, f64>]| x[0].ln().sum());
    let plain = |x: &[f64]| (x[0] * x[0], vec![2.0 * x[0]]);
    let error = |settings| Minimize::new(plain).settings(settings).from(&[1.0]).unwrap_err();
    let d = MinimizeSettings::default();
    says(
        error(MinimizeSettings { gradient_tolerance: -1.0, ..d }),
        &["minimize: gradient_tolerance: -1 should be at least 0"],
    );
    says(error(MinimizeSettings { step_tolerance: f64::NAN, ..d }), &["step_tolerance: NaN"]);
    says(error(MinimizeSettings { first_step: 0.0, ..d }), &["first_step: 0 should be positive"]);
    says(error(with(Minimizer::Lbfgs { memory: 0 })), &["memory: 0 should be at least 1"]);
    says(
        error(MinimizeSettings { line_search: LineSearch { max_trials: 0, ..d.line_search }, ..d }),
        &["max_trials: 0"],
    );
    for method in [Minimizer::NewtonCg, Minimizer::TrustRegion, Minimizer::Steihaug] {
        says(error(with(method)), &["needs products H v", "Smooth::new"]);
    }
    says(minimize(f(), &[-1.0]).unwrap_err(), &["the function is NaN at the start", "start where it is defined"]);
    says(minimize(f(), &[f64::INFINITY]).unwrap_err(), &["entry 0 starts at inf"]);
    let nan = |x: &[f64]| (x[0], vec![f64::NAN]);
    assert!(matches!(minimize(nan, &[1.0]), Err(MinimizeError::Derivative { entry: 0, .. })));
    for bound in [(1.0, 0.0), (f64::NAN, 1.0), (f64::INFINITY, f64::INFINITY)] {
        says(Minimize::new(plain).within(&[bound]).from(&[1.0]).unwrap_err(), &["bound 0", "there is no number"]);
    }
    let panic = panic_of(|| Minimize::new(plain).within(&[(0.0, 1.0); 2]).from(&[1.0]));
    assert!(panic.message.contains("2 bounds for 1 entries") && panic.file.ends_with("minimize.rs"), "{panic:?}");
    let panic = panic_of(|| minimize(|_: &[f64]| (1.0, vec![1.0, 2.0]), &[1.0]));
    assert!(
        panic.message.contains("a gradient of 2 numbers for 1") && panic.file.ends_with("minimize.rs"),
        "{panic:?}"
    );
}
