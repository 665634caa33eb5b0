//! What cannot be integrated is an error that says where, what happened and what to do.

use autograd::{Matrix, ScalarTape, Tape};
use solve::ode::{Adaptive, Event, Flow, Method, OdeError, system};
use tape_tests::{panic_of, says};

use super::{driven, van_der_pol};

#[test]
fn settings() {
    let default = Adaptive::default();
    for (settings, words) in [
        (Adaptive { rtol: 0.0, ..default }, "rtol: 0 should be at least 2.2e-14"),
        (Adaptive { rtol: f64::NAN, ..default }, "rtol: NaN"),
        (Adaptive { rtol: 1.0, ..default }, "rtol: 1 should be"),
        (Adaptive { atol: -1.0, ..default }, "atol: -1 should be finite"),
        (Adaptive { max_steps: 0, ..default }, "max_steps: 0"),
        (Adaptive { first_step: Some(0.0), ..default }, "first_step: 0 should be positive"),
        (Adaptive { first_step: Some(f64::INFINITY), ..default }, "first_step: inf"),
    ] {
        for method in [Method::DormandPrince(settings), Method::Rodas5P(settings)] {
            says(method.solve(&driven(), [1.0; 4], [1.0; 2], &[0.0, 1.0]).unwrap_err(), &["ode: ", words]);
        }
    }
    says(Method::Rk4 { steps: 0 }.solve(&driven(), [1.0; 4], [1.0; 2], &[0.0]).unwrap_err(), &["steps: 0"]);
}

#[test]
fn times_and_starts() {
    let solve = |times: &[f64]| Method::default().solve(&driven(), [1.0; 4], [1.0; 2], times).unwrap_err();
    says(solve(&[]), &["there is no time"]);
    says(solve(&[0.0, f64::NAN]), &["time 1 is NaN"]);
    says(solve(&[0.0, 2.0, 1.0, 3.0]), &["time 2 turns back from 2 to 1"]);
    says(solve(&[3.0, 1.0, 2.0]), &["time 2 turns back from 1 to 2"]);
    says(solve(&[0.0, 1.0, -1.0]), &["time 1 turns back"]);
    let error = Method::default().solve(&driven(), [1.0; 4], [1.0, f64::NAN], &[0.0, 1.0]).unwrap_err();
    says(error, &["initial value 1 is NaN"]);
    let error = Method::default().solve(&driven(), [1.0, f64::INFINITY, 0.0, 0.0], [1.0; 2], &[0.0, 1.0]).unwrap_err();
    says(error, &["parameter 1 is inf"]);
}

/// y' = y² from 1 is 1 / (1 − t).
#[test]
fn a_solution_that_grows_without_bound() {
    let blows_up = system!(|_t, [y], []| [y * y]);
    for method in [Method::default(), Method::Rodas5P(Adaptive::default())] {
        let error = method.solve(&blows_up, [], [1.0], &[0.0, 2.0]).unwrap_err();
        let (OdeError::Underflow { t, .. } | OdeError::NotFinite { t } | OdeError::Singular { t }) = error else {
            panic!("{error}")
        };
        assert!((t - 1.0).abs() < 1e-5, "{error}");
        says(error, &["at t = "]);
    }
    let error = Method::Rk4 { steps: 100 }.solve(&blows_up, [], [1.0], &[0.0, 2.0]).unwrap_err();
    says(error, &["at t = 1", "is not finite", "end the integration before"]);
}

#[test]
fn a_function_that_is_not_finite() {
    let root = system!(|_t, [y], []| [-y.sqrt() - 0.1]);
    for method in [Method::default(), Method::Rodas5P(Adaptive::default()), Method::Rk4 { steps: 50 }] {
        says(method.solve(&root, [], [1.0], &[0.0, 5.0]).unwrap_err(), &["at t = 1.", "is not finite"]);
        says(method.solve(&root, [], [-1.0], &[0.0, 5.0]).unwrap_err(), &["at t = 0 ", "is not finite"]);
        // A tape gets no gradient either.
        let tape = ScalarTape::new();
        assert!(method.solve(&root, [], [tape.variable(1.0)], &[0.0, 5.0]).is_err());
    }
}

#[test]
fn too_many_steps() {
    let error = Method::default().solve(&van_der_pol(), [1000.0], [2.0, 0.0], &[0.0, 2000.0]).unwrap_err();
    let OdeError::TooManySteps { stiff: true, steps: 100_000, .. } = error else { panic!("{error}") };
    says(error, &["100000 steps", "of 2000", "is stiff; use Method::Rodas5P"]);
    let short = Adaptive { max_steps: 5, ..Adaptive::default() };
    let error = Method::DormandPrince(short).solve(&driven(), [1.0; 4], [1.0; 2], &[0.0, 100.0]).unwrap_err();
    says(error, &["5 steps", "raise max_steps"]);
    let error = Method::Rodas5P(short).solve(&driven(), [1.0; 4], [1.0; 2], &[0.0, 100.0]).unwrap_err();
    says(error, &["5 steps", "raise max_steps"]);
}

#[test]
fn events_without_a_derivative() {
    // (t − 1)³ has the slope 0 at its root.
    let flat = system!(|_t, [y], []| [y.zero() + 1.0], [Event::any((y - 1.0).powi(3))]);
    let error = Method::default().solve(&flat, [], [0.0], &[0.0, 3.0]).unwrap_err();
    says(error, &["event 0 at t = ", "slope 0", "choose another function"]);
    let undefined = system!(|_t, [y], []| [y.zero() - 1.0], [Event::any(y.ln() - 1e3)]);
    says(Method::default().solve(&undefined, [], [1.0], &[0.0, 3.0]).unwrap_err(), &["event 0", "is not finite"]);
}

#[test]
fn adjoints() {
    let ball = system!(|_t, [h, v], [g]| [v, -g], [Event::falling(h).terminal()]);
    let weights = |y: &[[f64; 2]]| y.to_vec();
    let error = Method::default().adjoint(&ball, [9.81], [0.0, 1.0], &[0.0, 9.0], weights).unwrap_err();
    says(error, &["terminal event", "use `solve`"]);
    let error = Method::Rk4 { steps: 2 }.adjoint(&driven(), [1.0; 4], [0.0; 2], &[0.0, 9.0], weights).unwrap_err();
    says(error, &["Method::DormandPrince"]);
}

#[test]
fn shapes() {
    let tape = Tape::new();
    let y0 = tape.variable(Matrix::column(&[1.0, 2.0]));
    let panic = panic_of(|| Flow::new(|_t, y, _p| y.sum()).solve(&Method::default(), &[], y0, &[0.0, 1.0]));
    says(&panic.message, &["f returns 1 × 1 for y of 2 × 1"]);
    let panic = panic_of(|| Method::default().solve(&system!(|_t, [y], []| [y]), [], [y0], &[0.0, 1.0]));
    says(&panic.message, &["2 × 1, not 1 × 1", "Flow"]);
    assert!(panic.file.ends_with("wrong_input.rs"), "{panic:?}");
}
