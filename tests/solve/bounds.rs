//! Fits within bounds.

use autograd::{LinearAlgebra, Matrix};
use proptest::prelude::*;
use solve::LeastSquares;

use super::{check, model};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The minimum of a convex sum within a box is the only one, so every method finds it, wherever it starts.
    #[test]
    fn linear_models_in_boxes(
        entries in prop::collection::vec(-2.0..2.0f64, 18),
        b in prop::collection::vec(-3.0..3.0f64, 6),
        low in prop::collection::vec(-1.0..0.5f64, 3),
        width in prop::collection::vec(prop_oneof![Just(0.0), 0.1..2.0f64], 3),
        start in prop::collection::vec(-5.0..5.0f64, 3),
    ) {
        let (a, b) = (Matrix::from_vec(6, 3, entries), Matrix::column(&b));
        prop_assume!(a.t().matmul(&a).determinant().unwrap().abs() > 1e-1);
        let bounds: Vec<_> = low.iter().zip(&width).map(|(low, width)| (*low, low + width)).collect();
        let model = model(|x| {
            let tape = x.tape();
            tape.constant(a.clone()).matmul(x) - tape.constant(b.clone())
        });
        let fit = check(&model, LeastSquares::default(), &start, Some(&bounds));
        prop_assert!(fit.parameters.iter().zip(&bounds).all(|(x, (low, high))| low <= x && x <= high), "{fit}");
    }
}

/// A parameter on its bound is known, and the others have the errors of a fit without it.
#[test]
fn a_parameter_on_its_bound_has_no_error() {
    let t = Matrix::column(&[0.0, 1.0, 2.0, 3.0, 4.0]);
    let y = Matrix::column(&[2.0, 2.9, 4.2, 5.1, 5.8]);
    let line = model(|theta| {
        let tape = theta.tape();
        theta.at(0, 0) + theta.at(1, 0) * tape.constant(t.clone()) - tape.constant(y.clone())
    });
    let fit = check(
        &line,
        LeastSquares::default(),
        &[0.0, 0.0],
        Some(&[(f64::NEG_INFINITY, 1.5), (f64::NEG_INFINITY, f64::INFINITY)]),
    );
    let errors = fit.standard_errors().unwrap();
    assert_eq!((fit.parameters[0], errors[0]), (1.5, 0.0), "{fit}");
    let squares = t.as_slice().iter().map(|t| t * t).sum::<f64>();
    let expected = (fit.sum / 3.0 / squares).sqrt();
    assert!((errors[1] - expected).abs() < 1e-12, "{} and {expected}", errors[1]);
}
