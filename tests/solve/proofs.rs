//! The gradient checker with bounds of derivatives: what differences cannot decide.

use autograd::check::{Check, Report, Verdict};
use autograd::strategies::Graph;
use autograd::{Axis, Binary, Matrix, Tape, Var, formula, grad};
use proptest::prelude::*;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use solve::derivative_bounds;

use super::sparse::graphs::graphs;

type V<'t> = Var<'t, f64>;

fn with_bounds() -> Check {
    Check::new().bounded_by(derivative_bounds)
}

/// A value with its slope times this factor.
fn scaled(y: V<'_>, factor: f64) -> V<'_> {
    y * factor + (y * (1.0 - factor)).stop_gradient()
}

fn run(check: Check, f: impl for<'t> Fn(V<'t>) -> V<'t>, x: &[f64]) -> Report {
    check.run(|v| f(v[0]), &[Matrix::row(x)])
}

/// What the checker says of the first derivative without bounds, and with them.
#[track_caller]
fn decides(f: impl for<'t> Fn(V<'t>) -> V<'t>, x: &[f64], without: Verdict, with: Verdict) {
    let (before, after) = (run(Check::new().order(1), &f, x), run(with_bounds().order(1), &f, x));
    assert_eq!(before.verdict, without, "{before}");
    assert_eq!(after.verdict, with, "{after}");
    assert!(after.proved > 0, "{after}");
}

/// Tells the compiler that a closure is a function under test.
fn function<F: for<'t> Fn(V<'t>) -> V<'t>>(f: F) -> F {
    f
}

/// Slopes whose digits are lost in the rounding of the value.
#[test]
fn slopes_beside_large_numbers_are_decided() {
    use Verdict::{Fail, Inconclusive, Pass};
    let x = [0.3, -1.2, 2.5];
    let beside = |c: f64, factor: f64| function(move |x| scaled(x.sin() * 1e-6, factor) + c);
    decides(beside(1e6, 1.0), &x, Inconclusive, Pass);
    decides(beside(1e6, 1.01), &x, Inconclusive, Fail);
    // A slope that is forgotten is lost entirely, so differences agree with 0.
    decides(beside(1e10, 0.0), &x, Pass, Fail);
    decides(beside(1e10, 1.0), &x, Inconclusive, Pass);
    // The value is the difference of two large numbers.
    let cancelling = |factor: f64| function(move |x| (scaled(x.exp() * 1e-8, factor) + 1e9) - 1e9);
    decides(cancelling(1.0), &x, Inconclusive, Pass);
    decides(cancelling(0.9), &x, Inconclusive, Fail);
}

/// The slope of a formula is compared with that of its value.
#[test]
fn slopes_of_formulas_are_decided() {
    use Verdict::{Fail, Inconclusive, Pass};
    let x = [0.4, 1.1];
    let right = function(|x| x.map(formula!(|x| x.sin() * x.exp(), |y| [y + x.cos() * x.exp()])) * 1e-7 + 1e8);
    decides(right, &x, Inconclusive, Pass);
    let sign = function(|x| x.map(formula!(|x| x.sin() * x.exp(), |y| [y - x.cos() * x.exp()])) * 1e-7 + 1e8);
    decides(sign, &x, Inconclusive, Fail);
}

/// A few numbers beside a kink every step of a difference crosses it. On the kink there is no derivative.
#[test]
fn points_beside_a_kink_are_decided() {
    use Verdict::{Fail, Inconclusive, Pass};
    for x in [0.75 + 1e-15, 0.75 - 1e-15] {
        decides(|x| (x - 0.75).relu() * 3.0 + x, &[x], Inconclusive, Pass);
        decides(|x| scaled((x - 0.75).relu() * 3.0 + x, 1.1), &[x], Inconclusive, Fail);
        decides(|x| x.max(x * 2.0 - 0.75).sin(), &[x], Inconclusive, Pass);
    }
    let report = run(with_bounds().order(1), |x| x.relu() * 3.0 + x, &[0.0]);
    assert_eq!((report.verdict, report.proved), (Inconclusive, 0), "{report}");
    // The largest of two equal entries, and a jump.
    let report = run(with_bounds().order(1), |x| x.max_over(Axis::Cols), &[0.7, 0.7]);
    assert_eq!(report.verdict, Inconclusive, "{report}");
    let report = run(with_bounds().order(1), |x| x.step() * 2.0, &[0.0]);
    assert_eq!((report.verdict, report.proved), (Inconclusive, 0), "{report}");
}

/// Functions that have the slope 0 at 0 still move there: on what they lead to there may be a kink or a jump.
#[test]
fn what_moves_with_slope_zero_is_no_constant() {
    let bounds = |f: fn(V<'_>) -> V<'_>, x: f64| {
        let tape = Tape::new();
        let x = tape.variable(Matrix::full(1, 1, x));
        derivative_bounds(f(x), &[x], &[Matrix::full(1, 1, 1.0)])
    };
    let functions: [fn(V<'_>) -> V<'_>; 5] = [
        |x| x.square().step(),
        |x| x.square().sqrt(),
        |x| (x.sin() - x).step(),
        |x| x.matmul(x).relu().step(),
        |x| (x * x).abs().keep(x.cos()),
    ];
    for (k, f) in functions.into_iter().enumerate() {
        assert_eq!(bounds(f, 0.0), None, "function {k}");
        assert!(bounds(f, 0.5).is_some(), "function {k}");
    }
    // A constant stays on its kink.
    let (low, high) = bounds(|x| (x * 0.0).relu() + x.step() + x, 0.5).unwrap();
    assert!(low <= 1.0 && 1.0 <= high && high - low < 1e-12, "{low} {high}");
}

/// At the end of a domain every difference needs a value outside.
#[test]
fn points_at_the_end_of_a_domain_are_decided() {
    use Verdict::{Fail, Inconclusive, Pass};
    let x = [1.0 + 0.5f64.powi(26)];
    decides(|x| (x - 1.0).sqrt() + x, &x, Inconclusive, Pass);
    decides(|x| scaled((x - 1.0).sqrt(), 1.01) + x, &x, Inconclusive, Fail);
}

/// Every function of two operands that has a kink has no bounds on it.
#[test]
fn no_kink_is_overlooked() {
    for &f in Binary::ALL {
        for (a, b) in [(0.0, 1.5), (1.5, 1.5), (3.0, 1.5), (-2.0, -2.0), (0.0, -1.0), (0.0, 0.0)] {
            if f.side(a, b) != Some(0) && !((a, b) == (0.0, 0.0) && matches!(f, Binary::Hypot | Binary::Atan2)) {
                continue;
            }
            let tape = Tape::new();
            let x = [a, b].map(|x| tape.variable(Matrix::full(1, 1, x)));
            let bounds = derivative_bounds(x[0].binary(f, x[1]), &x, &[1.0, 0.75].map(|d| Matrix::full(1, 1, d)));
            assert_eq!(bounds, None, "{f:?} at {a}, {b}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// If there are bounds of a random graph, then the slopes of both orders lie between them, up to the rounding of these.
    #[test]
    fn bounds_of_slopes_hold(graph in graphs(7), signs in prop::collection::vec(any::<bool>(), 40)) {
        let tape = Tape::new();
        let x: Vec<_> = graph.inputs().iter().map(|x| tape.variable(x)).collect();
        let mut signs = signs.iter().cycle();
        let d: Vec<_> = graph.inputs().iter().map(|x| x.map(|_| if *signs.next().unwrap() { 1.0 } else { -1.0 })).collect();
        let mut number = graph.record(&x).sum();
        for _ in 0..2 {
            let bounds = derivative_bounds(number, &x, &d);
            let slopes = grad(number, &x);
            let zero = tape.constant(Matrix::zeros(1, 1));
            number = slopes.iter().zip(&d).fold(zero, |sum, (g, d)| sum + (*g * tape.constant(d.clone())).sum());
            let size = slopes.iter().map(|g| g.recorded_value()).fold(1.0, |size: f64, g| g.as_slice().iter().fold(size, |size, g| size.max(g.abs())));
            let slope = number.recorded_value()[(0, 0)];
            if let Some((low, high)) = bounds && slope.is_finite() && size < 1e6 {
                prop_assert!(low - 1e-9 * size <= slope && slope <= high + 1e-9 * size, "{slope} is not in {low} to {high}");
            }
        }
    }
}

/// Beside large numbers, bounds blame no right graph, and nearly every one whose slope is 10 % too large. Differences alone see fewer of these.
#[test]
fn wrong_graphs_are_blamed_and_right_ones_are_not() {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let (mut tried, mut found, mut by_differences) = (0, 0, 0);
    for case in 0..60 {
        let bytes: Vec<u8> = (0..16 + 4 * (case % 6)).map(|_| rng.random()).collect();
        let graph = Graph::from_bytes(&bytes);
        let c = 10f64.powi(12 + case % 4);
        let check = |check: Check, factor: f64| {
            check.order(1).run(|x| scaled(graph.record(x).sum(), factor) + c, graph.inputs())
        };
        let right = check(with_bounds(), 1.0);
        assert!(right.verdict != Verdict::Fail, "{graph:?}: {right}");
        // A slope that is 0, or has no bounds, cannot be wrong by 10 %.
        if right.verdict != Verdict::Pass
            || right.worst.as_ref().is_none_or(|worst| worst.analytic == 0.0 || !worst.is_proved)
        {
            continue;
        }
        tried += 1;
        found += usize::from(check(with_bounds(), 1.1).verdict == Verdict::Fail);
        by_differences += usize::from(check(Check::new(), 1.1).verdict == Verdict::Fail);
    }
    println!("of {tried} wrong graphs bounds blame {found} and differences {by_differences}");
    assert!(
        tried > 20 && 20 * found >= 19 * tried && by_differences < found,
        "{found} and {by_differences} of {tried}"
    );
}
