//! Least squares with a sparse Jacobian end where those with a dense one do.

use autograd::{Compiled, Matrix, Var, several, vstack};
use proptest::prelude::*;
use solve::{Fit, LeastSquares, Residuals, RobustLoss, SparseJacobian, least_squares};

/// Residuals of n parameters, each of a few of them: yᵢ = exp(a sin x) − target, with neighbours k and k + step.
fn chain<'t>(x: Var<'t, f64>, steps: &[usize], targets: &[f64]) -> Var<'t, f64> {
    let n = x.rows();
    let parts = steps.iter().zip(targets).map(|(&step, &target)| {
        let (a, b) = (x.rows_in(0..n - step), x.rows_in(step..n));
        (0.5 * (a - b).sin()).exp() + 0.3 * a * b - target
    });
    vstack(&parts.chain([0.2 * (x - 1.0)]).collect::<Vec<_>>())
}

/// The same residuals by closures, whose Jacobian is dense.
fn dense<'a>(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64> + Copy + 'a) -> impl Residuals + 'a {
    let values =
        move |x: &[f64]| several::vjp(|x| f(x[0]), &[Matrix::column(x)], &Matrix::zeros(length(f, x), 1)).0.into_vec();
    (values, move |x: &[f64]| autograd::jacobian(f, &Matrix::column(x)))
}

fn length(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>, x: &[f64]) -> usize {
    Compiled::new(|x: &[Var<'_, f64>]| f(x[0])).run(&[Matrix::column(x)]).value().rows()
}

fn near(a: &Fit, b: &Fit) -> Result<(), TestCaseError> {
    prop_assert!(a.reason.is_converged() && b.reason.is_converged(), "{}\n{}", a.reason, b.reason);
    prop_assert!((a.sum - b.sum).abs() <= 1e-9 * (1.0 + b.sum), "{}, not {}", a.sum, b.sum);
    for (a, b) in a.parameters.iter().zip(&b.parameters) {
        prop_assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "{a}, not {b}");
    }
    let errors = |fit: &Fit| fit.standard_errors().expect("there are more residuals than parameters");
    for (a, b) in errors(a).iter().zip(&errors(b)) {
        prop_assert!((a - b).abs() <= 1e-5 * (1e-3 + b.abs()), "error {a}, not {b}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sparse_fits_are_dense_ones(
        start in prop::collection::vec(0.0..1.5f64, 12),
        step in 1..6usize,
        targets in (0.8..1.5f64, 0.8..1.5f64),
        kind in 0..3usize,
        upper in 0.5..3.0f64,
    ) {
        let (steps, targets) = ([1, step], [targets.0, targets.1]);
        let settings = LeastSquares {
            loss: [RobustLoss::Squares, RobustLoss::Huber(0.3), RobustLoss::SoftL1(0.5)][kind],
            ..LeastSquares::default()
        };
        fn run(settings: LeastSquares, residuals: impl Residuals, start: &[f64], upper: f64) -> [Fit; 2] {
            let mut residuals = residuals;
            let bounds = vec![(-5.0, upper); start.len()];
            [settings.fit(&mut residuals, start).unwrap(), settings.fit_within(&mut residuals, start, &bounds).unwrap()]
        }
        let sparse = SparseJacobian::new(|x| chain(x[0], &steps, &targets));
        let sparse = run(settings, sparse, &start, upper);
        let dense = run(settings, dense(|x| chain(x, &steps, &targets)), &start, upper);
        for (sparse, dense) in sparse.iter().zip(&dense) {
            near(sparse, dense)?;
        }
    }
}

/// Broyden's tridiagonal equations. The dense Jacobian would have 4 · 10⁸ entries.
#[test]
fn a_large_system_is_solved_by_sparse_steps_without_being_asked() {
    let n = 20_000;
    let residuals = Compiled::new(|x: &[Var<'_, f64>]| {
        let padded = x[0].pad((1, 0), (n + 2, 1));
        (3.0 - 2.0 * x[0]) * x[0] - padded.rows_in(0..n) - 2.0 * padded.rows_in(2..n + 2) + 1.0
    });
    let fit = least_squares(residuals, &vec![-1.0; n]).unwrap();
    assert!(fit.reason.is_converged() && fit.sum < 1e-18, "{}: {}", fit.reason, fit.sum);
    assert!(fit.iterations < 20 && fit.standard_errors().is_none());
}

/// A parameter that nothing depends on, and a pair of which only the sum matters.
#[test]
fn what_is_not_determined_does_not_stop_a_sparse_fit() {
    let n = 150;
    let residuals = Compiled::new(|x: &[Var<'_, f64>]| {
        let own = x[0].rows_in(2..n - 1);
        vstack(&[own.square() - 2.0, own - 1.4, 3.0 * (x[0].at(0, 0) + x[0].at(1, 0) - 1.0)])
    });
    let fit = least_squares(residuals, &vec![0.7; n]).unwrap();
    assert!(fit.reason.is_converged(), "{}", fit.reason);
    assert!((fit.parameters[0] + fit.parameters[1] - 1.0).abs() < 1e-9 && fit.parameters[n - 1] == 0.7);
    let errors = fit.standard_errors().unwrap();
    assert!(
        errors[0].is_infinite()
            && errors[1].is_infinite()
            && errors[n - 1].is_infinite()
            && errors[2] > 0.0
            && errors[2] < 0.1
    );
}

/// 60 cameras and 800 points in a plane: each view is the point in the camera's frame.
#[test]
fn an_adjustment_of_cameras_and_points() {
    let (cameras, points) = (60, 800);
    let seen: Vec<(usize, usize)> =
        (0..points).flat_map(|p| [0, 1, 3, 7, 12, 20].map(|k| ((p * 13 + k) % cameras, p))).collect();
    let [angle, across, up]: [Vec<usize>; 3] = [0, 1, 2].map(|i| seen.iter().map(|view| 3 * view.0 + i).collect());
    let [x, y]: [Vec<usize>; 2] = [0, 1].map(|i| seen.iter().map(|view| 3 * cameras + 2 * view.1 + i).collect());
    let n = 3 * cameras + 2 * points;
    let truth: Vec<f64> =
        (0..n).map(|k| ((k * 7919 % 1009) as f64 / 500.0 - 1.0) * if k < 3 * cameras { 0.5 } else { 3.0 }).collect();
    fn views<'t>(all: Var<'t, f64>, [angle, across, up, x, y]: [&[usize]; 5]) -> Var<'t, f64> {
        let pick = |index: &[usize]| all.t().select_columns(index);
        let (sin, cos) = (pick(angle).sin(), pick(angle).cos());
        let (dx, dy) = (pick(x) - pick(across), pick(y) - pick(up));
        vstack(&[cos * dx - sin * dy, sin * dx + cos * dy])
    }
    let index = [angle.as_slice(), &across, &up, &x, &y];
    let tape = autograd::Tape::new();
    let measured = views(tape.constant(Matrix::column(&truth)), index).value();
    // The first camera is known, which fixes the frame.
    let residuals = Compiled::new(|all: &[Var<'_, f64>]| {
        let tape = all[0].tape();
        let known = all[0].rows_in(0..3) - tape.constant(Matrix::column(&truth[..3]));
        let views = views(all[0], index) - tape.constant(measured.clone());
        vstack(&[views.reshape(2 * seen.len(), 1), known])
    });
    let start: Vec<f64> = truth.iter().enumerate().map(|(k, x)| x + 0.1 * ((k * 31 % 17) as f64 / 8.0 - 1.0)).collect();
    let fit = least_squares(residuals, &start).unwrap();
    assert!(fit.reason.is_converged() && fit.sum < 1e-20, "{}: {}", fit.reason, fit.sum);
    assert!(fit.parameters.iter().zip(&truth).all(|(a, b)| (a - b).abs() < 1e-8));
}
