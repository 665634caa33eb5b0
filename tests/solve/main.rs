//! Tests of `tape-solve` from outside.

mod bounds;
mod enclosure;
mod fits;
mod implicit;
mod minima;
mod minimize;
mod nist;
mod ode;
mod problems;
mod proofs;
mod sparse;
mod wrong_input;

use autograd::{Compiled, Matrix, Var};
use solve::{Fit, LeastSquares, Method, Residuals};

const METHODS: [Method; 4] =
    [Method::LevenbergMarquardt, Method::Dogleg, Method::NormalEquations, Method::ConjugateGradients];

/// Residuals of a column of parameters.
trait Model: for<'t> Fn(Var<'t, f64>) -> Var<'t, f64> {}
impl<F: for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>> Model for F {}

/// Tells the compiler that a closure is a model.
fn model<F: for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>>(f: F) -> F {
    f
}

/// Fits by every method within the bounds, if there are any, and checks that each ends at a minimum: no point of the box beside it
/// has a smaller sum, and all methods have the same sum.
#[track_caller]
fn check(model: &impl Model, settings: LeastSquares, start: &[f64], bounds: Option<&[(f64, f64)]>) -> Fit {
    let fits = METHODS.map(|method| {
        let settings = LeastSquares { method, ..settings };
        let residuals = Compiled::new(|x: &[Var<'_, f64>]| model(x[0]));
        let fit = match bounds {
            None => settings.fit(residuals, start),
            Some(bounds) => settings.fit_within(residuals, start, bounds),
        };
        let fit = fit.unwrap_or_else(|error| panic!("{method:?}: {error}"));
        assert!(fit.reason.is_converged(), "{method:?}: {fit}");
        is_minimum(model, settings, &fit, bounds);
        fit
    });
    let least = fits.iter().map(|fit| fit.sum).fold(f64::INFINITY, f64::min);
    for (fit, method) in fits.iter().zip(METHODS) {
        assert!(
            fit.sum <= least + 1e-9 * (1.0 + least),
            "{method:?}: {} is not the least sum, {least}\n{fit}",
            fit.sum
        );
    }
    fits.into_iter().next().expect("four fits")
}

#[track_caller]
fn is_minimum(model: &impl Model, settings: LeastSquares, fit: &Fit, bounds: Option<&[(f64, f64)]>) {
    let mut residuals = Compiled::new(|x: &[Var<'_, f64>]| model(x[0]));
    // One evaluation does not move.
    let mut sum = |x: &[f64]| {
        let still = LeastSquares { max_evaluations: 1, first_step: f64::MIN_POSITIVE, ..settings };
        let flat = |x: &[f64]| Matrix::zeros(fit.residuals.len(), x.len());
        still.fit((|x: &[f64]| residuals.values(x), flat), x).map_or(f64::INFINITY, |fit| fit.sum)
    };
    assert_eq!(sum(&fit.parameters), fit.sum, "{fit}");
    for k in 0..fit.parameters.len() {
        for step in [1e-3, -1e-3, 1e-5, -1e-5] {
            let mut x = fit.parameters.clone();
            x[k] += step * x[k].abs().max(1.0);
            if let Some(bounds) = bounds {
                x[k] = x[k].clamp(bounds[k].0, bounds[k].1);
            }
            let beside = sum(&x);
            assert!(beside >= fit.sum * (1.0 - 1e-9) - 1e-20, "θ{k} + {step:e} has the sum {beside:e}: {fit}");
        }
    }
}
