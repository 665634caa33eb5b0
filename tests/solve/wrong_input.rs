//! What is wrong is an error that says so, or a panic at the caller's line.

use autograd::{Compiled, Matrix};
use solve::{Curve, FitError, LeastSquares, Reason, RobustLoss, least_squares};
use tape_tests::{panic_of, says};

#[test]
fn settings() {
    let residuals = || Compiled::new(|x| x[0] - 1.0);
    let default = LeastSquares::default();
    for (settings, words) in [
        (LeastSquares { gradient_tolerance: -1.0, ..default }, "gradient_tolerance: -1 should be at least 0"),
        (LeastSquares { decrease_tolerance: f64::NAN, ..default }, "decrease_tolerance: NaN"),
        (LeastSquares { step_tolerance: 1.0, ..default }, "step_tolerance: 1 should be"),
        (LeastSquares { first_step: 0.0, ..default }, "first_step: 0 should be positive"),
        (LeastSquares { loss: RobustLoss::Huber(0.0), ..default }, "loss: 0 should be positive"),
        (LeastSquares { loss: RobustLoss::Cauchy(f64::INFINITY), ..default }, "loss: inf should be"),
    ] {
        says(settings.fit(residuals(), &[0.0]).unwrap_err(), &["least squares: ", words]);
    }
    for bound in [(1.0, 0.0), (f64::NAN, 1.0), (f64::INFINITY, f64::INFINITY)] {
        says(default.fit_within(residuals(), &[0.0], &[bound]).unwrap_err(), &["bound 0", "there is no number"]);
    }
}

#[test]
fn starts() {
    let error = least_squares(Compiled::new(|x| x[0].ln()), &[-1.0]).unwrap_err();
    says(&error, &["residual 0 is NaN", "start where the model is defined"]);
    assert!(matches!(error, FitError::Residual { residual: 0, .. }));
    says(
        least_squares(Compiled::new(|x| x[0].sqrt()), &[0.0]).unwrap_err(),
        &["residual 0", "parameter 0 is not finite"],
    );
    for unit in [1e200, 1e-160, 1e-200] {
        let error = least_squares(Compiled::new(|x| unit * x[0]), &[1.0]).unwrap_err();
        says(error, &["too large or too small a number", "unit"]);
    }
    says(least_squares(Compiled::new(|x| x[0] - 1.0), &[f64::NAN]).unwrap_err(), &["parameter 0 starts at NaN"]);
}

#[test]
fn data() {
    let (x, y) = (Matrix::row(&[0.0, 1.0, 2.0]), Matrix::row(&[0.0, f64::NAN, 1.0]));
    says(Curve::new(|x, [a]| a * x, &x, &y).fit([1.0]).unwrap_err(), &["y 1 is NaN", "remove the sample"]);
    says(Curve::new(|x, [a]| a * x, &y, &x).fit([1.0]).unwrap_err(), &["x 1 is NaN"]);
    let weights = [1.0, 1.0, -2.0];
    says(Curve::new(|x, [a]| a * x, &x, &x).weights(&weights).fit([1.0]).unwrap_err(), &["weight 2 is -2"]);

    let short = Matrix::row(&[1.0, 2.0]);
    let panic = panic_of(|| Curve::new(|x, [a]| a * x, &x, &short).fit([1.0]));
    says(&panic.message, &["x is (1, 3) and y is (1, 2)"]);
    assert!(panic.file.ends_with("wrong_input.rs"), "{panic:?}");
    let panic = panic_of(|| Curve::new(|x, [a]| a * x.sum(), &x, &x).fit([1.0]));
    says(&panic.message, &["the model returns (1, 1), and y is (1, 3)"]);
    let panic =
        panic_of(|| LeastSquares::default().fit_within(Compiled::new(|x| x[0] - 1.0), &[0.0, 0.0], &[(0.0, 1.0)]));
    says(&panic.message, &["1 bounds for 2 parameters"]);
    assert!(panic.file.ends_with("wrong_input.rs"), "{panic:?}");
}

/// A fit that ran out of evaluations says so first.
#[test]
fn what_did_not_converge() {
    let settings = LeastSquares { max_evaluations: 3, ..LeastSquares::default() };
    let fit = settings.fit(Compiled::new(|x| x[0].exp() + x[0]), &[30.0]).unwrap();
    assert_eq!(fit.reason, Reason::Evaluations);
    assert!(!fit.reason.is_converged() && fit.evaluations == 3);
    says(&fit, &["NOT CONVERGED"]);
}
