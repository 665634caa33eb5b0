//! A model y = f(x, θ) fitted to data.

use autograd::{Compiled, Matrix, Tape, Var};

use super::{Fit, FitError, LeastSquares};

/// A model y = f(x, θ) of N parameters and data to fit it to.
///
/// The model is a closure of x, all samples at once, and of the parameters, each 1 × 1. Samples are columns, so a model of one feature
/// gets a row. It returns a matrix of the shape of y.
///
/// ```
/// use autograd::Matrix;
/// use solve::Curve;
/// // Misra1a, one of NIST's reference problems: the volume of a gas against its pressure.
/// let x = Matrix::row(&[77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0]);
/// let y = Matrix::row(&[10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.4, 75.47, 81.78]);
/// let fit = Curve::new(|x, [a, b]| a * (1.0 - (-(b * x)).exp()), &x, &y).names(["a", "b"]).fit([500.0, 1e-4])?;
/// assert!((fit.parameters[0] - 2.3894212918e2).abs() < 1e-6 && (fit.parameters[1] - 5.5015643181e-4).abs() < 1e-12);
/// assert!((fit.standard_errors().unwrap()[0] - 2.7070075241).abs() < 1e-6);
/// println!("{fit}");
/// # Ok::<(), solve::FitError>(())
/// ```
pub struct Curve<'a, F, const N: usize> {
    model: F,
    x: &'a Matrix<f64>,
    y: &'a Matrix<f64>,
    weights: Option<&'a [f64]>,
    bounds: Option<[(f64, f64); N]>,
    names: Vec<String>,
    settings: LeastSquares,
}

impl<'a, const N: usize, F> Curve<'a, F, N>
where
    F: for<'t> Fn(Var<'t, f64>, [Var<'t, f64>; N]) -> Var<'t, f64>,
{
    /// A model and data.
    pub fn new(model: F, x: &'a Matrix<f64>, y: &'a Matrix<f64>) -> Self {
        Curve { model, x, y, weights: None, bounds: None, names: Vec::new(), settings: LeastSquares::default() }
    }

    /// The weight w of each number of y: Σ w (f − y)² is minimized. If y has independent errors of known standard deviations σ, the
    /// weights are 1 / σ².
    pub fn weights(self, weights: &'a [f64]) -> Self {
        Curve { weights: Some(weights), ..self }
    }

    /// The least and the largest value of each parameter.
    pub fn within(self, bounds: [(f64, f64); N]) -> Self {
        Curve { bounds: Some(bounds), ..self }
    }

    /// The names of the parameters in the table of the result.
    pub fn names(self, names: [&str; N]) -> Self {
        Curve { names: names.map(String::from).to_vec(), ..self }
    }

    /// How the squares are minimized.
    pub fn settings(self, settings: LeastSquares) -> Self {
        Curve { settings, ..self }
    }

    /// The parameters with the least sum, from a start. The [residuals](Fit::residuals) are √w (f − y).
    ///
    /// # Errors
    /// If a number among the data is NaN or infinite, a weight is negative, or the fit [does not begin](LeastSquares::fit).
    ///
    /// # Panics
    /// If the samples of x and y, or the number of weights, or the shape of the model's values differ.
    #[track_caller]
    pub fn fit(self, start: [f64; N]) -> Result<Fit, FitError> {
        let Curve { model, x, y, weights, bounds, names, settings } = self;
        let (samples, of_y) = (x.cols(), y.cols());
        assert!(samples == of_y, "curve: x is {:?} and y is {:?}: samples are columns", x.shape(), y.shape());
        if let Some(weights) = weights {
            let (given, needed) = (weights.len(), y.as_slice().len());
            assert!(given == needed, "curve: {given} weights for {needed} numbers of y");
        }
        // Before the fit, so that a wrong shape is reported at the caller's line.
        {
            let tape = Tape::new();
            let f = model(tape.constant(x), start.map(|x| tape.constant(Matrix::full(1, 1, x))));
            let (of_f, of_y) = (f.shape(), y.shape());
            assert!(of_f == of_y, "curve: the model returns {of_f:?}, and y is {of_y:?}");
        }
        let finite = |what, numbers: &[f64], rows: usize| {
            let wrong = numbers.iter().position(|x| !x.is_finite());
            wrong.map_or(Ok(()), |k| Err(FitError::Data { what, sample: k / rows.max(1), value: numbers[k] }))
        };
        finite("x", x.as_slice(), x.rows())?;
        finite("y", y.as_slice(), y.rows())?;
        let weights = weights.unwrap_or_default();
        finite("weight", weights, y.rows())?;
        if let Some(k) = weights.iter().position(|&w| w < 0.0) {
            return Err(FitError::Data { what: "weight", sample: k / y.rows().max(1), value: weights[k] });
        }
        let roots = Matrix::from_fn(y.rows(), y.cols(), |i, j| weights.get(j * y.rows() + i).map_or(1.0, |w| w.sqrt()));
        let residuals = Compiled::new(|theta: &[Var<'_, f64>]| {
            let tape = theta[0].tape();
            let r =
                model(tape.constant(x.clone()), std::array::from_fn(|k| theta[0].at(k, 0))) - tape.constant(y.clone());
            if weights.is_empty() { r } else { r * tape.constant(roots.clone()) }
        });
        let mut fit = match bounds {
            None => settings.fit(residuals, &start)?,
            Some(bounds) => settings.fit_within(residuals, &start, &bounds)?,
        };
        fit.names = names;
        fit.unweighted = weights.iter().filter(|weight| **weight == 0.0).count();
        Ok(fit)
    }
}
