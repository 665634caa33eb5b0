//! What a fit finds, and how certain it says it is.

use autograd::{Compiled, LinearAlgebra, Matrix, Var, vstack};
use proptest::prelude::*;
use solve::{Curve, Fit, LeastSquares, Method, Residuals, RobustLoss, least_squares};

use super::{METHODS, check, model};

/// Residuals that hand over J together with r, in memory that was given back and has NaN in it.
struct AtOnce<R> {
    inner: R,
    spare: Vec<f64>,
    /// How many J were computed, and how many came in used memory.
    computed: [usize; 2],
    /// The sums of squares where J was computed.
    sums: Vec<f64>,
}

impl<R> AtOnce<R> {
    fn new(inner: R) -> Self {
        AtOnce { inner, spare: Vec::new(), computed: [0, 0], sums: Vec::new() }
    }
}

impl<R: Residuals> Residuals for AtOnce<R> {
    fn values(&mut self, _: &[f64]) -> Vec<f64> {
        unreachable!("r is computed together with J")
    }
    fn jacobian(&mut self, _: &[f64]) -> Matrix<f64> {
        unreachable!("J is computed together with r")
    }
    fn values_and_jacobian(
        &mut self,
        x: &[f64],
        wanted: &mut dyn FnMut(&[f64]) -> bool,
    ) -> (Vec<f64>, Option<Matrix<f64>>) {
        let r = self.inner.values(x);
        let j = wanted(&r).then(|| {
            let j = self.inner.jacobian(x);
            let mut memory = std::mem::take(&mut self.spare);
            self.computed[0] += 1;
            self.sums.push(r.iter().map(|r| r * r).sum());
            self.computed[1] += usize::from(!memory.is_empty());
            memory.resize(j.as_slice().len(), 0.0);
            memory.copy_from_slice(j.as_slice());
            Matrix::from_vec(j.rows(), j.cols(), memory)
        });
        (r, j)
    }
    fn take_back(&mut self, j: Matrix<f64>) {
        self.spare = j.into_vec();
        self.spare.fill(f64::NAN);
    }
}

/// Steps do not depend on when J is computed and in which memory. A step that is refused needs no J.
#[test]
fn jacobians_together_with_the_residuals() {
    let valley = || {
        Compiled::new(|x: &[Var<'_, f64>]| {
            let (a, b) = (x[0].at(0, 0), x[0].at(1, 0));
            vstack(&[10.0 * (b - a * a), 1.0 - a, (0.3 * a * b).sin()])
        })
    };
    let mut refused = 0;
    for method in METHODS.into_iter().filter(|method| *method != Method::ConjugateGradients) {
        for loss in [RobustLoss::Squares, RobustLoss::Huber(0.5), RobustLoss::Cauchy(2.0)] {
            let settings = LeastSquares { method, loss, ..LeastSquares::default() };
            for bounds in [[(f64::NEG_INFINITY, f64::INFINITY); 2], [(-2.0, 0.5), (-1.0, 3.0)]] {
                let expected = settings.fit_within(valley(), &[-1.9, 2.0], &bounds).unwrap();
                let mut at_once = AtOnce::new(valley());
                let found = settings.fit_within(&mut at_once, &[-1.9, 2.0], &bounds).unwrap();
                let all = |fit: &Fit| (fit.parameters.clone(), fit.residuals.clone(), fit.sum, fit.standard_errors());
                assert_eq!(all(&found), all(&expected));
                assert_eq!((found.reason, found.evaluations), (expected.reason, expected.evaluations));
                refused += found.evaluations - found.iterations - 1;
                let computed = found.iterations as usize + 1;
                assert_eq!(at_once.computed, [computed, computed - 2], "{found}");
            }
        }
    }
    assert!(refused > 10, "only {refused} steps were refused");
}

/// Networks of hundreds of parameters have such normal equations. They are solved in blocks, from products in tiles or in blocks.
#[test]
fn hundreds_of_parameters() {
    for (n, samples) in [(200, 300), (200, 900), (230, 600)] {
        let entry = |i: usize, j: usize| {
            ((i * 37 + j * 101 + i * j % 17) % 59) as f64 / 59.0 - 0.5 + if i == j { 2.0 } else { 0.0 }
        };
        let a = Matrix::from_fn(samples, n, |i, j| entry(i, j) * if j % 3 == 0 { 40.0 } else { 1.0 });
        let b = Matrix::from_fn(samples, 1, |i, _| (i % 7) as f64 - 3.0);
        let fit = |method| {
            let of = Compiled::new(|x: &[Var<'_, f64>]| {
                let tape = x[0].tape();
                tape.constant(a.clone()).matmul(x[0] + 0.1 * x[0].sin()) - tape.constant(b.clone())
            });
            LeastSquares { method, ..LeastSquares::default() }.fit(of, &vec![0.1; n]).unwrap()
        };
        let (expected, found) = (fit(Method::LevenbergMarquardt), fit(Method::NormalEquations));
        let apart = found.parameters.iter().zip(&expected.parameters).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(
            apart < 1e-8 && found.iterations <= expected.iterations + 3,
            "{n} of {samples}: {apart:e}\n{found}\n{expected}"
        );
    }
}

/// A step that is moved onto a bound may lead upwards. It is not made, though the sum grows as the model predicts.
#[test]
fn sums_never_grow() {
    fn of<'t>(x: &[Var<'t, f64>]) -> Var<'t, f64> {
        let (a, b) = (x[0].at(0, 0), x[0].at(1, 0));
        vstack(&[a + b, 0.01 * b + 1.0])
    }
    for method in METHODS.into_iter().filter(|method| *method != Method::ConjugateGradients) {
        let bounds = [(f64::NEG_INFINITY, 0.01), (f64::NEG_INFINITY, f64::INFINITY)];
        let mut watched = AtOnce::new(Compiled::new(of));
        let settings = LeastSquares { method, first_step: 1e4, ..LeastSquares::default() };
        let fit = settings.fit_within(&mut watched, &[0.0, 0.0], &bounds).unwrap();
        assert!(watched.sums.is_sorted_by(|a, b| a >= b), "{method:?}: {:?}", watched.sums);
        // (a + b)² + (0.01 b + 1)² is least for a = 0.01 where b + 0.01 + 0.01 (0.01 b + 1) = 0.
        let b = -0.02 / 1.0001;
        assert!(fit.parameters[0] == 0.01 && near(fit.parameters[1], b, 1e-7), "{method:?}: {fit}");
    }
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The least squares of a linear model, and their covariance s² (Aᵀ A)⁻¹, are those of linear algebra.
    #[test]
    fn linear_models(entries in prop::collection::vec(-2.0..2.0f64, 24), b in prop::collection::vec(-3.0..3.0f64, 8)) {
        let (a, b) = (Matrix::from_vec(8, 3, entries), Matrix::column(&b));
        let model = model(|x| {
            let tape = x.tape();
            tape.constant(a.clone()).matmul(x) - tape.constant(b.clone())
        });
        let squares = a.t().matmul(&a);
        prop_assume!(squares.determinant().unwrap().abs() > 1e-2);
        let fit = check(&model, LeastSquares::default(), &[1.0, -1.0, 0.5], None);
        let expected = a.least_squares(&b, None).unwrap();
        prop_assert!(fit.parameters.iter().zip(expected.as_slice()).all(|(x, e)| near(*x, *e, 1e-9)), "{fit}\n{expected:?}");
        let (s, found, inverse) = (fit.deviation().unwrap(), fit.covariance().unwrap(), squares.inverse().unwrap());
        prop_assert!(near(s * s, fit.sum / 5.0, 1e-14));
        for (c, e) in found.as_slice().iter().zip(inverse.as_slice()) {
            prop_assert!(near(*c, s * s * e, 1e-9), "{found:?}");
        }
        let (errors, correlation) = (fit.standard_errors().unwrap(), fit.correlation().unwrap());
        for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
            prop_assert!(near(correlation[(i, j)] * errors[i] * errors[j], found[(i, j)], 1e-12));
        }
    }

    /// The units of parameters and residuals do not matter: powers of two change no bit.
    #[test]
    fn units_do_not_matter(units in prop::collection::vec(-20..20i32, 3), of_y in -20..20i32, start in prop::collection::vec(0.3..3.0f64, 3)) {
        let t = Matrix::column(&[0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0]);
        let y = Matrix::column(&[3.1, 2.2, 1.8, 1.4, 1.3, 1.1, 1.05]);
        let units: Vec<f64> = units.iter().map(|&n| 2.0f64.powi(n)).collect();
        let of_y = 2.0f64.powi(of_y);
        let fit = |units: &[f64], of_y: f64| {
            let residuals = Compiled::new(|x: &[Var<'_, f64>]| {
                let theta = |k: usize| x[0].at(k, 0) / units[k];
                let tape = x[0].tape();
                let model = theta(0) * (-(theta(1) * tape.constant(t.clone()))).exp() + theta(2);
                (model - tape.constant(y.clone())) * of_y
            });
            let start: Vec<f64> = start.iter().zip(units).map(|(x, unit)| x * unit).collect();
            least_squares(residuals, &start).unwrap()
        };
        let (plain, scaled) = (fit(&[1.0; 3], 1.0), fit(&units, of_y));
        let back: Vec<f64> = scaled.parameters.iter().zip(&units).map(|(x, unit)| x / unit).collect();
        prop_assert_eq!(&back, &plain.parameters);
        prop_assert_eq!(scaled.sum, plain.sum * of_y * of_y);
        prop_assert_eq!(scaled.evaluations, plain.evaluations);
        let errors = |fit: &Fit| fit.standard_errors().unwrap();
        for ((a, b), unit) in errors(&scaled).iter().zip(errors(&plain)).zip(&units) {
            prop_assert!(near(*a / unit, b, 1e-12));
        }
    }

    /// The sum of every robust loss ends at a minimum, and hardly differs from squares if no residual is large beside δ.
    #[test]
    fn robust_losses(noise in prop::collection::vec(-0.1..0.1f64, 12), delta in 0.05..2.0f64) {
        let x = Matrix::column(&(0..12).map(f64::from).collect::<Vec<_>>());
        let y = Matrix::from_fn(12, 1, |i, _| 0.5 * i as f64 - 1.0 + noise[i]);
        let line = model(|theta| {
            let tape = theta.tape();
            theta.at(0, 0) * tape.constant(x.clone()) + theta.at(1, 0) - tape.constant(y.clone())
        });
        let squares = check(&line, LeastSquares::default(), &[0.0, 0.0], None);
        for (small, large) in [
            (RobustLoss::Huber(delta), RobustLoss::Huber(1e3)),
            (RobustLoss::SoftL1(delta), RobustLoss::SoftL1(1e6)),
            (RobustLoss::Cauchy(delta), RobustLoss::Cauchy(1e6)),
        ] {
            check(&line, LeastSquares { loss: small, ..LeastSquares::default() }, &[0.4, -0.8], None);
            let fit = check(&line, LeastSquares { loss: large, ..LeastSquares::default() }, &[0.4, -0.8], None);
            prop_assert!(fit.parameters.iter().zip(&squares.parameters).all(|(a, b)| near(*a, *b, 1e-6)), "{large:?}: {fit}");
        }
    }
}

/// A third of the data are wrong. Squares are far off, and robust losses are not.
#[test]
fn outliers_hardly_change_a_robust_fit() {
    let x = Matrix::row(&(0..30).map(f64::from).collect::<Vec<_>>());
    let noise = |i: usize| 0.1 * ((i * 7919 % 13) as f64 / 6.0 - 1.0);
    let y = Matrix::from_fn(1, 30, |_, i| if i % 3 == 0 { 60.0 } else { 2.0 * i as f64 + 1.0 + noise(i) });
    let fit = |loss, start: [f64; 2]| {
        let settings = LeastSquares { loss, ..LeastSquares::default() };
        Curve::new(|x, [slope, offset]| slope * x + offset, &x, &y).settings(settings).fit(start).unwrap()
    };
    assert!((fit(RobustLoss::Squares, [0.0; 2]).parameters[0] - 2.0).abs() > 0.3);
    let huber = fit(RobustLoss::Huber(0.1), [0.0; 2]);
    let start = [huber.parameters[0], huber.parameters[1]];
    for fit in [huber, fit(RobustLoss::SoftL1(0.1), [0.0; 2]), fit(RobustLoss::Cauchy(0.1), start)] {
        assert!((fit.parameters[0] - 2.0).abs() < 0.05 && (fit.parameters[1] - 1.0).abs() < 0.6, "{fit}");
        // The standard error is of the size of the noise, not of the outliers.
        let error = fit.standard_errors().unwrap()[0];
        assert!(error > 1e-4 && error < 0.1, "{fit}");
    }
}

/// Weights are as good as repetitions.
#[test]
fn a_weight_of_3_is_3_samples() {
    let (x, y) = (Matrix::row(&[0.0, 1.0, 2.0, 3.0, 5.0]), Matrix::row(&[1.0, 0.7, 0.3, 0.35, 0.1]));
    let weights = [1.0, 3.0, 1.0, 2.0, 1.0];
    let order = [0, 1, 1, 1, 2, 3, 3, 4];
    fn decay<'t>(x: Var<'t, f64>, [a, b]: [Var<'t, f64>; 2]) -> Var<'t, f64> {
        a * (-(b * x)).exp()
    }
    let weighted = Curve::new(decay, &x, &y).weights(&weights).fit([1.0, 1.0]).unwrap();
    let repeated = Curve::new(decay, &x.select_columns(&order), &y.select_columns(&order)).fit([1.0, 1.0]).unwrap();
    assert!(
        weighted.parameters.iter().zip(&repeated.parameters).all(|(a, b)| near(*a, *b, 1e-10)),
        "{weighted}\n{repeated}"
    );
    assert!(near(weighted.sum, repeated.sum, 1e-12));
}

/// What the residuals do not determine has an infinite error, and what they determine has the error that it would have alone.
#[test]
fn parameters_that_are_not_determined() {
    let y = Matrix::column(&[1.0, 2.0, 4.0, 3.5]);
    // Only the sum of the first two parameters matters.
    let model = model(|x| {
        let tape = x.tape();
        let t = tape.constant(Matrix::column(&[0.0, 1.0, 2.0, 3.0]));
        x.at(0, 0) + x.at(1, 0) + x.at(2, 0) * t - tape.constant(y.clone())
    });
    let fit = check(&model, LeastSquares::default(), &[3.0, -1.0, 0.0], None);
    let errors = fit.standard_errors().unwrap();
    assert!(errors[0].is_infinite() && errors[1].is_infinite() && errors[2].is_finite(), "{fit}");
    assert!(near(fit.parameters[2], 0.95, 1e-9) && near(fit.parameters[0] + fit.parameters[1], 1.2, 1e-9), "{fit}");
}

/// Fewer residuals than parameters: the nearest solution in the sense of the scales, without errors.
#[test]
fn fewer_residuals_than_parameters() {
    let model = model(|x| (x.at(0, 0) * x.at(1, 0) - 6.0).square() + x.at(2, 0) - 1.0);
    let fit = check(&model, LeastSquares::default(), &[1.0, 1.0, 1.0], None);
    assert!(fit.sum < 1e-20 && fit.standard_errors().is_none() && fit.degrees_of_freedom() == 0, "{fit}");
    assert!(fit.to_string().contains("no degree of freedom"), "{fit}");
}

/// Steps into a region where the model is not defined are shortened.
#[test]
fn a_model_that_is_not_defined_everywhere() {
    let model = model(|x| vstack(&[x.at(0, 0).ln() + 3.0, (x.at(0, 0) - x.at(1, 0)) * 10.0]));
    let fit = check(&model, LeastSquares { first_step: 100.0, ..LeastSquares::default() }, &[5.0, -4.0], None);
    assert!(near(fit.parameters[0], (-3.0f64).exp(), 1e-9), "{fit}");
}

/// A sample of the weight 0 is as one that is not there, also in the errors.
#[test]
fn a_weight_of_0_removes_a_sample() {
    let (x, y) = (Matrix::row(&[0.0, 1.0, 2.0, 3.0, 4.0]), Matrix::row(&[1.1, 2.9, 5.2, 50.0, 9.1]));
    let weighted =
        Curve::new(|x, [a, b]| a + b * x, &x, &y).weights(&[1.0, 1.0, 1.0, 0.0, 1.0]).fit([0.0, 0.0]).unwrap();
    let (x, y) = (x.select_cols(&[0, 1, 2, 4]), y.select_cols(&[0, 1, 2, 4]));
    let fewer = Curve::new(|x, [a, b]| a + b * x, &x, &y).fit([0.0, 0.0]).unwrap();
    assert_eq!(weighted.degrees_of_freedom(), fewer.degrees_of_freedom());
    for (a, b) in weighted.standard_errors().unwrap().iter().zip(fewer.standard_errors().unwrap()) {
        assert!(near(*a, b, 1e-10), "{a} {b}");
    }
}

/// Files call the robust loss by the name that it had before.
#[test]
fn settings_from_older_files() {
    let settings = LeastSquares { loss: RobustLoss::Huber(0.5), ..LeastSquares::default() };
    let text = serde_json::to_string(&settings).unwrap();
    for text in [text.replace("\"loss\"", "\"sum\""), text] {
        assert_eq!(serde_json::from_str::<LeastSquares>(&text).unwrap(), settings, "{text}");
    }
}

/// Parameters of which only the sum is determined have no correlation that means something.
#[test]
fn no_correlation_of_undetermined_parameters() {
    let fit = least_squares(
        Compiled::new(|x: &[Var<'_, f64>]| vstack(&[1.0, 2.0, 3.5].map(|y| x[0].at(0, 0) + x[0].at(1, 0) - y))),
        &[0.0, 0.0],
    )
    .unwrap();
    let correlation = fit.correlation().unwrap();
    assert!(correlation.as_slice().iter().all(|c| c.is_nan()), "{correlation}");
}

/// A start that differs from 0 only by rounding works like any other start, in any unit.
#[test]
fn starts_near_zero() {
    for start in [0.0, 1e-300, 1e-20, 0.1 + 0.2 - 0.3, -1e-15, 1e-10] {
        for unit in [1e-8, 1.0, 1e8] {
            for method in METHODS {
                let model = Compiled::new(move |x: &[Var<'_, f64>]| {
                    vstack(&[x[0].at(0, 0) - 3.0 * unit, x[0].at(1, 0) + unit])
                });
                let settings = LeastSquares { method, ..LeastSquares::default() };
                let fit = settings.fit(model, &[start * unit, 0.0]).unwrap();
                let is_right = near(fit.parameters[0] / unit, 3.0, 1e-9) && near(fit.parameters[1] / unit, -1.0, 1e-9);
                assert!(fit.reason.is_converged() && is_right, "from {start:e} in {unit:e}, {method:?}: {fit}");
            }
        }
    }
}

/// A column of subnormal derivatives does not spoil the others, and residuals whose squares underflow are not said to be 0.
#[test]
fn tiny_derivatives_and_residuals() {
    let tiny = Compiled::new(|x: &[Var<'_, f64>]| vstack(&[x[0].at(0, 0) - 1.0, x[0].at(1, 0) * 1e-310]));
    let fit = least_squares(tiny, &[5.0, 5.0]).unwrap();
    assert!((fit.parameters[0] - 1.0).abs() < 1e-9, "{fit}");
    let fit = least_squares(Compiled::new(|x: &[Var<'_, f64>]| x[0].square()), &[1.0]).unwrap();
    assert!(fit.reason != solve::Reason::Exact || fit.residuals == [0.0], "{fit}");
}
