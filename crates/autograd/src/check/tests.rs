//! Tests of the checker: it catches wrong rules, passes right ones, and says when it cannot decide.

use super::numeric::ridders;
use super::{Along, Check, DerivativeBounds, Draw, Property, Report, Verdict};
use crate::{Axis, Matrix, Var, affine};

type V<'t> = Var<'t, f64>;

/// x without its derivative.
fn stop(x: V<'_>) -> V<'_> {
    x.tape().constant(x.value())
}

/// A variable with the value of `value` and the derivative of `slope`.
fn graft<'t>(value: V<'t>, slope: V<'t>) -> V<'t> {
    slope + stop(value - slope)
}

fn inputs(shapes: &[(usize, usize)], seed: u64) -> Vec<Matrix<f64>> {
    let mut draw = Draw(seed);
    shapes.iter().map(|&shape| draw.weights(shape)).collect()
}

fn run(f: impl for<'t> Fn(&[V<'t>]) -> V<'t>, shapes: &[(usize, usize)]) -> Vec<Report> {
    (0..8).map(|seed| Check::new().seed(seed).run(&f, &inputs(shapes, seed + 100))).collect()
}

#[track_caller]
fn passes(f: impl for<'t> Fn(&[V<'t>]) -> V<'t>, shapes: &[(usize, usize)]) {
    run(f, shapes).iter().for_each(Report::unwrap);
}

#[track_caller]
fn fails(f: impl for<'t> Fn(&[V<'t>]) -> V<'t>, shapes: &[(usize, usize)]) {
    for report in run(f, shapes) {
        assert_eq!(report.verdict, Verdict::Fail, "{report}");
    }
}

#[test]
fn right_graphs_pass() {
    passes(|x| x[0].matmul(x[1]).tanh(), &[(3, 2), (2, 4)]);
    passes(|x| (x[0] * x[0] + x[0].matmul(x[0])).sin() - x[0], &[(3, 3)]);
    passes(
        |x| affine(&[(x[0], x[1]), (x[2], x[1])], Some(x[3])).softmax(Axis::Cols),
        &[(2, 3), (3, 4), (2, 3), (2, 1)],
    );
    passes(|x| graft(x[0].exp(), x[0].exp()), &[(2, 2)]);
}

#[test]
fn a_dropped_use_is_caught() {
    fails(|x| x[0] * stop(x[0]), &[(2, 3)]);
    fails(|x| x[0].matmul(stop(x[0])).tanh(), &[(3, 3)]);
    fails(|x| x[0].tanh() + stop(x[0].sin()), &[(2, 2)]);
    // A softmax that treats its denominator as a constant.
    fails(|x| x[0].exp() / stop(x[0].exp().sum_over(Axis::Rows)), &[(3, 2)]);
}

#[test]
fn a_wrong_sign_is_caught() {
    fails(|x| graft(x[0].cos(), -x[0].cos()), &[(2, 3)]);
    fails(|x| graft(x[0] - x[1], x[0] + x[1]), &[(2, 3), (2, 3)]);
}

#[test]
fn a_wrong_factor_is_caught() {
    fails(|x| graft(x[0].square(), x[0].square().scale(0.5)), &[(2, 3)]);
    fails(|x| graft(x[0].tanh(), x[0].tanh().scale(2.0)), &[(1, 1)]);
    // Too small by a factor of 1 − 10⁻⁵.
    fails(|x| graft(x[0].tanh(), x[0].tanh().scale(1.0 - 1e-5)), &[(2, 2)]);
}

#[test]
fn a_missing_transpose_is_caught() {
    fails(|x| graft(x[0].matmul(x[1]), x[0].t().matmul(x[1])), &[(3, 3), (3, 3)]);
    fails(|x| graft(x[0].t().tanh(), x[0].tanh()), &[(2, 2)]);
}

#[test]
fn a_wrong_axis_is_caught() {
    fails(|x| graft(x[0].log_softmax(Axis::Rows), x[0].log_softmax(Axis::Cols)), &[(3, 3)]);
    fails(|x| graft(x[0].sum_over(Axis::Rows), x[0].sum_over(Axis::Cols).t()), &[(3, 3)]);
}

#[test]
fn one_zeroed_entry_is_caught() {
    fn drop_entry(x: V<'_>) -> V<'_> {
        let (m, n) = x.shape();
        let keep = Matrix::from_fn(m, n, |i, j| if (i, j) == (m - 1, 0) { 0.0 } else { 1.0 });
        graft(x, x * x.tape().constant(keep))
    }
    fails(|x| drop_entry(x[0]).sin(), &[(3, 4)]);
    // Too many entries to try each alone: a random direction finds it.
    fails(|x| drop_entry(x[0]).sin(), &[(30, 40)]);
}

#[test]
fn a_wrong_second_derivative_is_caught() {
    // 3 x s(x²) − 2 s(x³), where s stops the derivative: value x³ and gradient 3x² are right, the second is 0.
    fn cube<'t>(x: &[V<'t>]) -> V<'t> {
        (x[0] * stop(x[0].square())).scale(3.0) - stop(x[0].powi(3).scale(2.0))
    }
    let at = [Matrix::from([[0.7]])];
    let report = Check::new().run(cube, &at);
    assert_eq!(report.verdict, Verdict::Fail, "{report}");
    assert!(report.failed.iter().all(|c| c.property == Property::SecondOrder), "{report}");
    Check::new().order(1).run(cube, &at).unwrap();
}

#[test]
fn kinks_pass_away_from_them() {
    passes(|x| x[0].matmul(x[1]).relu().sum_over(Axis::Rows).abs(), &[(5, 4), (4, 3)]);
    passes(|x| (x[0].step() * x[0].sin() + x[0].sign() * x[0]).tanh(), &[(4, 5)]);
    // A kink 10⁻³ away is detected, and the step is made smaller.
    Check::new().run(|x| (x[0] - 0.999).relu() + (x[0] - 1.001).abs(), &[Matrix::from([[1.0]])]).unwrap();
}

#[test]
fn a_kink_itself_is_inconclusive() {
    let report = Check::new().run(|x| x[0].relu(), &[Matrix::from([[0.0]])]);
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.to_string().contains("kink"), "{report}");
    // One entry in 30 may be undecided.
    let mut x = inputs(&[(5, 6)], 1).remove(0);
    x[(2, 3)] = 0.0;
    let check = Check::new().directions(0);
    assert_eq!(check.run(|x| x[0].relu(), &[x.clone()]).verdict, Verdict::Pass);
    assert_eq!(check.undecided(0.0).run(|x| x[0].relu(), &[x]).verdict, Verdict::Inconclusive);
}

#[test]
fn what_has_no_digits_is_inconclusive() {
    // The derivative is 1, but neighbouring values are 2 apart, or do not exist.
    assert_eq!(Check::new().run(|x| x[0] + 1e16, &[Matrix::from([[1.0]])]).verdict, Verdict::Inconclusive);
    assert_eq!(Check::new().run(|x| x[0].ln(), &[Matrix::from([[-1.0]])]).verdict, Verdict::Inconclusive);
    assert_eq!(Check::new().run(|x| x[0].sqrt(), &[Matrix::from([[0.0]])]).verdict, Verdict::Inconclusive);
}

#[test]
fn oscillations_within_a_step_are_no_failure() {
    for seed in 0..8 {
        let check = Check::new().seed(seed);
        let report = check.run(|x| (x[0] * 1000.0).sin().sum(), &inputs(&[(5, 5)], seed));
        assert_eq!(report.verdict, Verdict::Pass, "{report}");
        let report = check.run(|x| graft((x[0] * 1000.0).sin(), (x[0] * 999.0).sin()).sum(), &inputs(&[(5, 5)], seed));
        assert_eq!(report.verdict, Verdict::Fail, "{report}");
    }
}

#[test]
fn a_zero_derivative_passes() {
    // Exactly, and up to rounding: the columns of a softmax sum to 1.
    passes(|x| x[0].sign(), &[(2, 2)]);
    passes(|x| x[0].tape().constant(2.0), &[(2, 2)]);
    passes(|x| x[0].softmax(Axis::Rows).sum_over(Axis::Rows), &[(4, 3)]);
    passes(|x| x[0] - x[0], &[(2, 2)]);
}

/// What cancels depends on the point (the slope of a softmax bends the other way where its two entries are equal) or on the weights. The
/// differences have too few digits for the tolerance there, and enough to see an error of 5 %.
#[test]
fn what_is_left_of_terms_that_cancel_is_decided() {
    let equal = |apart: f64| [Matrix::from([[0.25 + apart, 0.25]])];
    for apart in [1e-4, 1e-5, 1e-6, 1e-7, 1e-8] {
        Check::new().run(|x| x[0].softmax(Axis::Cols), &equal(apart)).unwrap();
    }
    // With the weights of seed 0 the slope in the last entry is 10⁻⁵.
    let by_weights = [Matrix::from([[0.72193784f32, -1.1785742, 1.5570883, 1.1984642, 1.8441914]]).map(f64::from)];
    Check::new().run(|x| x[0].log_softmax(Axis::Cols), &by_weights).unwrap();
    // x² − 2 a x, whose derivative vanishes at a.
    for apart in [1e-4, 1e-5, 1e-6, 1e-7, 1e-8] {
        let at = [Matrix::from([[1.0 + apart]])];
        Check::new().run(|x| x[0].square() - x[0].scale(2.0), &at).unwrap();
        let wrong = Check::new().run(|x| x[0].square() - graft(x[0], x[0].scale(1.0 + 0.05 * apart)).scale(2.0), &at);
        assert_eq!(wrong.verdict, Verdict::Fail, "{apart}: {wrong}");
    }
}

#[test]
fn empty_matrices_pass() {
    passes(|x| x[0].tanh(), &[(0, 3)]);
    passes(|x| x[0].matmul(x[1]), &[(2, 0), (0, 3)]);
    passes(|x| x[0].sum_over(Axis::Rows), &[(0, 3)]);
}

#[test]
fn a_report_names_the_entry() {
    let report = Check::new().run(|x| x[0] * stop(x[1]), &inputs(&[(1, 2), (1, 2)], 3));
    let wrong =
        |c: &super::Comparison| c.property == Property::Gradient && c.along == Along::Entry { input: 1, at: (0, 1) };
    assert!(report.failed.iter().any(wrong), "{report}");
    let blamed = |c: &super::Comparison| matches!(c.along, Along::Entry { input: 0, .. });
    assert!(!report.failed.iter().any(|c| c.property == Property::Gradient && blamed(c)), "{report}");
}

#[test]
fn the_extrapolation_knows_its_error() {
    type Real = fn(f64) -> f64;
    let functions: [(Real, Real); 4] = [
        (f64::exp, f64::exp),
        (f64::ln, f64::recip),
        (f64::tan, |x| 1.0 + x.tan().powi(2)),
        (|x| (20.0 * x).sin(), |x| 20.0 * (20.0 * x).cos()),
    ];
    for (f, slope) in functions {
        for k in 1..=12 {
            let x = k as f64 / 8.2;
            let noise = 4.0 * f64::EPSILON * (f(x).abs() + (x * slope(x)).abs());
            let found = ridders(0.0625, noise, 0.0, &mut |h| Ok((f(x + h) - f(x - h)) / (2.0 * h))).unwrap();
            assert!((found.value - slope(x)).abs() <= found.error, "{x}: {found:?} for {}", slope(x));
            assert!(found.error <= 1e-8 * slope(x).abs().max(1.0) || x + 0.07 > 1.5, "{x}: {found:?}");
        }
    }
}

/// The value of x with a slope that is wrong by a factor at one entry.
fn wrong_at(x: V<'_>, at: usize, share: f64) -> V<'_> {
    let (m, n) = x.shape();
    let slopes = Matrix::from_fn(m, n, |i, j| if i + m * j == at { 1.0 - share } else { 1.0 });
    graft(x, x * x.tape().constant(slopes))
}

#[track_caller]
fn one_wrong_entry_is_caught(count: usize, share: f64) {
    let check = Check::new().order(1).directions(1);
    let x = inputs(&[(count, 1)], count as u64);
    let right = check.run(|x| x[0].sin(), &x);
    assert_eq!(right.verdict, Verdict::Pass, "{count}: {right}");
    let report = check.run(|x| wrong_at(x[0].sin(), count / 3, share), &x);
    assert_eq!(report.verdict, Verdict::Fail, "{count}: {report}");
    let report = check.run(|x| wrong_at(x[0], count / 3, share).sin().sum(), &x);
    assert_eq!(report.verdict, Verdict::Fail, "{count}: {report}");
}

#[test]
fn one_wrong_entry_among_many_is_caught() {
    one_wrong_entry_is_caught(1_000, 0.01);
    one_wrong_entry_is_caught(100_000, 0.1);
}

#[test]
fn one_wrong_entry_among_a_million_is_caught() {
    one_wrong_entry_is_caught(1_000_000, 0.5);
}

#[test]
fn a_small_slope_beside_large_ones_is_caught() {
    use crate::vstack;
    for small in [1e-3, 1e-6, 1e-9, 1e-12] {
        fails(|x| vstack(&[x[0].sin(), wrong_at(x[0].sin() * small, 1, 0.1)]), &[(3, 2)]);
        passes(|x| vstack(&[x[0].sin(), x[0].sin() * small]), &[(3, 2)]);
        // In one output of many inputs.
        let scales = Matrix::from_fn(20, 10, |i, j| if (i + j) % 3 == 0 { small } else { 1.0 });
        if small > 1e-8 {
            fails(|x| (wrong_at(x[0], 3, 0.1) * x[0].tape().constant(scales.clone())).sin().sum(), &[(20, 10)]);
        }
        passes(|x| (x[0] * x[0].tape().constant(scales.clone())).sin().sum(), &[(20, 10)]);
    }
}

#[test]
fn right_rules_are_not_blamed() {
    let never = |what: &str, report: Report| assert!(report.verdict != Verdict::Fail, "{what}: {report}");
    for k in 0..60 {
        let (check, scale) = (Check::new().seed(k), 10f64.powi(k as i32 - 30));
        let x = &inputs(&[(2, 2)], k)[0].map(|x| x * scale);
        never("x x", check.run(|x| x[0] * x[0], &[x]));
        never("x³", check.run(|x| x[0].powi(3), &[x]));
        never("1 / x", check.run(|x| 1.0 / x[0], &[x]));
        never("ln |x|", check.run(|x| x[0].abs().ln(), &[x]));
    }
    for k in 0..100 {
        let (check, w) = (Check::new().seed(k), 10f64.powf(1.0 + 4.0 * k as f64 / 100.0));
        let x = &inputs(&[(1, 2)], k)[0];
        let report = check.run(|x| (x[0] * w).sin(), &[x]);
        assert_eq!(report.verdict, Verdict::Pass, "sin({w} x): {report}");
        never("sin(x⁶)", check.run(|x| x[0].powi(6).sin(), &[Matrix::from([[3.2 - 1e-3 * k as f64]])]));
    }
    let (c, s) = (0.6f64, 0.8f64);
    let q = Matrix::from([[c, -s], [s, c]]);
    let one = Matrix::from([[1.0, 0.0], [0.0, 1.0]]);
    let report = Check::new().run(|q| (q[0].matmul_tn(q[0]) - q[0].tape().constant(one.clone())).square().sum(), &[q]);
    assert_eq!(report.verdict, Verdict::Pass, "{report}");
}

/// A rule that is wrong at one entry in single precision alone: the value of sin, but for one factor of its slope.
struct WrongInSingle(f64);

impl super::Function for WrongInSingle {
    fn call<'t, T: crate::Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        let (y, share) = (x[0].sin(), if size_of::<T>() == 4 { self.0 } else { 0.0 });
        let (m, n) = y.shape();
        let tape = y.tape();
        let slopes =
            Matrix::from_fn(m, n, |i, j| T::from_f64(if (i + m * j) == m * n / 3 { 1.0 - share } else { 1.0 }));
        let slope = y * tape.constant(slopes);
        slope + tape.constant((y - slope).value())
    }
}

#[test]
fn one_wrong_entry_in_single_precision_is_caught() {
    for (shape, share) in [((1_000, 1), 1e-3), ((300, 400), 1e-3), ((3, 2), 1e-3)] {
        let x = [inputs(&[shape], 7)[0].map(|x| x as f32)];
        let right = Check::new().directions(1).run_f32(&WrongInSingle(0.0), &x);
        assert_eq!(right.verdict, Verdict::Pass, "{shape:?}: {right}");
        let report = Check::new().directions(1).run_f32(&WrongInSingle(share), &x);
        assert_eq!(report.verdict, Verdict::Fail, "{shape:?}: {report}");
    }
}

/// Bounds of the derivative of w (10⁻⁹ x + 10⁸), in which no digit of the slope is left.
fn bounds(number: V<'_>, _: &[V<'_>], direction: &[Matrix<f64>]) -> Option<(f64, f64)> {
    let weight = number.tape().nodes().nth(1)?.recorded_value()[(0, 0)];
    let slope = 1e-9 * weight * direction[0][(0, 0)];
    Some((slope - 1e-20, slope + 1e-20))
}

#[test]
fn bounds_decide_what_differences_cannot() {
    fn value<'t>(x: V<'t>, share: f64) -> V<'t> {
        let y = x * 1e-9;
        y * share + (y * (1.0 - share)).stop_gradient() + 1e8
    }
    let verdict = |check: Check, share: f64| check.order(1).run(|x| value(x[0], share), &[Matrix::full(1, 1, 0.3)]);
    for (share, alone, decided) in [
        (1.0, Verdict::Inconclusive, Verdict::Pass),
        (1.01, Verdict::Inconclusive, Verdict::Fail),
        (0.0, Verdict::Pass, Verdict::Fail),
    ] {
        let report = verdict(Check::new(), share);
        assert_eq!((report.verdict, report.proved), (alone, 0), "{share}: {report}");
        let report = verdict(Check::new().bounded_by(bounds), share);
        assert_eq!(report.verdict, decided, "{share}: {report}");
        assert!(report.proved > 0 && report.to_string().contains("of these by bounds"), "{share}: {report}");
        // Bounds that are too wide decide nothing.
        let wide: [DerivativeBounds; 3] = [
            |_, _, _| Some((f64::NEG_INFINITY, f64::INFINITY)),
            |_, _, _| Some((0.0, f64::INFINITY)),
            |_, _, _| Some((f64::NEG_INFINITY, 0.0)),
        ];
        for wide in wide {
            let report = verdict(Check::new().bounded_by(wide), share);
            assert_eq!((report.verdict, report.proved), (alone, 0), "{share}: {report}");
        }
    }
}
