//! Least squares on the parameters of a model: full batches, for small networks.
//!
//! [`LevenbergMarquardt`] fits a model to data, or to any residuals of it. For a network of up to some thousand parameters and targets that
//! are numbers it reaches an error in a small part of the time that an [`Optimizer`](crate::Optimizer) takes, because it knows how the
//! residuals depend on each other. [`MlpRegressor::levenberg_marquardt`](crate::estimator::MlpRegressor::levenberg_marquardt) uses it.

mod error;
mod jacobian;
mod on_model;

use std::cell::RefCell;
use std::ops::ControlFlow;

use autograd::compiled_once;
use serde::{Deserialize, Serialize};
use solve::{LeastSquares, Method, RobustLoss};

pub use error::FitModelError;
pub use solve::{self, Fit, Progress, Reason};

use crate::data::{Dataset, Targets};
use crate::loss::Loss;
use crate::setting::NOT_NEGATIVE;
use crate::{Layer, Matrix, Module, ParamKind, Path, Real, Tape, Var};
use on_model::OnModel;

/// Minimizes Σ r(w)² + λ ‖W‖² over the trained parameters w of a model, by the steps of [`LeastSquares`] (Hagan & Menhaj, *Training
/// feedforward networks with the Marquardt algorithm*, IEEE Transactions on Neural Networks 5, 1994). It is MATLAB's `trainlm`.
///
/// The residuals r of a data set are √wₙ (y − t), for every output of every sample n of weight wₙ. They must be the same at every
/// evaluation, so a model with dropout or batch normalisation is refused. Frozen parameters stay. A parameter that is used several times
/// counts once. The derivatives of all samples come from one sweep for each output, if the model keeps samples apart, or else from forward or
/// backward sweeps, whichever are fewer. Numbers of type `f32` give results to a few digits; the arithmetic of the steps is in `f64`.
///
/// ```
/// use nn::data::Dataset;
/// use nn::least_squares::LevenbergMarquardt;
/// use nn::prelude::*;
///
/// let x = Matrix::from_fn(1, 50, |_, n| n as f64 / 25.0 - 1.0);
/// let t = x.map(|x| (3.0 * x).sin());
/// let mut net = Mlp::new(&[1, 8, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
/// let fit = LevenbergMarquardt::new().fit(&mut net, &Dataset::new(x, t))?;
/// assert!(fit.sum < 1e-6, "{fit}");
/// # Ok::<(), nn::least_squares::FitModelError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[doc(alias = "trainlm")]
pub struct LevenbergMarquardt {
    /// What is minimized: [`Loss::Mse`] by default, that is the sum of the squares, or [`Loss::Huber`], that is [`RobustLoss::Huber`]: twice the sum
    /// of the losses. Other losses are no sums of squares.
    pub loss: Loss,
    /// λ of the penalty λ ‖W‖² of all trained parameters except biases and those of normalisations; by default 0. It is a residual √λ w for
    /// each.
    pub decay: f64,
    /// How the steps are found. By default from [normal equations](Method::NormalEquations) for up to 3,000 trained numbers, by
    /// [conjugate gradients](Method::ConjugateGradients) beyond, with the tolerances of [`LeastSquares`]. The tolerances of steps and
    /// decreases are not below the resolution of the number type.
    pub settings: Option<LeastSquares>,
}

impl Default for LevenbergMarquardt {
    fn default() -> Self {
        LevenbergMarquardt { loss: Loss::Mse, decay: 0.0, settings: None }
    }
}

/// With more trained numbers than this, a step by conjugate gradients takes less time and memory than one by factors of Jᵀ J.
const LARGE: usize = 3000;

impl LevenbergMarquardt {
    /// With the default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// λ of the penalty.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    #[must_use]
    pub fn decay(self, decay: f64) -> Self {
        LevenbergMarquardt { decay: NOT_NEGATIVE.expect("LevenbergMarquardt::decay", decay), ..self }
    }

    /// What is minimized.
    #[must_use]
    pub fn loss(self, loss: Loss) -> Self {
        LevenbergMarquardt { loss, ..self }
    }

    /// How the steps are found.
    #[must_use]
    pub fn settings(self, settings: LeastSquares) -> Self {
        LevenbergMarquardt { settings: Some(settings), ..self }
    }

    /// Fits a model to data with their weights. Afterwards it has the parameters of the least sum; they are also those of the result, in the
    /// order of [`Module::params`], matrices column by column.
    ///
    /// # Errors
    /// If the loss is no sum of squares, the residuals differ from one evaluation to the next, nothing is trained, a number among the data is
    /// not finite, a setting is out of its range, or the sum or a derivative is not finite at the start. The model is then unchanged.
    ///
    /// # Panics
    /// If the predictions and the targets differ in shape, or there are not as many weights as samples.
    #[track_caller]
    pub fn fit<T: Real, M: Layer<T>>(&self, model: &mut M, data: &Dataset<T, Matrix<T>>) -> Result<Fit, FitModelError> {
        self.fit_while(model, data, |_, _| ControlFlow::Continue(()))
    }

    /// The same, and `each` is called after every step that decreased the sum, with the model at that point. The fit ends as
    /// [`Reason::Stopped`] when it breaks. A validation set and early stopping are written with it.
    ///
    /// # Errors
    /// As for [`fit`](Self::fit).
    ///
    /// # Panics
    /// As for [`fit`](Self::fit).
    #[track_caller]
    pub fn fit_while<T: Real, M: Layer<T>>(
        &self,
        model: &mut M,
        data: &Dataset<T, Matrix<T>>,
        each: impl FnMut(&M, &Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Fit, FitModelError> {
        let roots = self.roots(data)?;
        // A difference would repeat a row or a column of targets.
        let tape = Tape::new();
        let (m, n) = model.forward(tape.constant(&data.x)).shape();
        let (p, q) = data.t.shape();
        assert!(
            (m, n) == (p, q),
            "LevenbergMarquardt::fit: predictions {m} × {n} and targets {p} × {q} differ in shape"
        );
        self.fit_residuals(
            model,
            |tape, model| {
                let r = model.forward(tape.constant(data.x.clone())) - tape.constant(data.t.clone());
                if let Some(roots) = &roots { r * tape.constant(roots.clone()).repeat(r.rows(), r.cols()) } else { r }
            },
            each,
        )
    }

    /// The same for any residuals of a model: `residuals` records them on the tape, in any shape. If they are a matrix with a column for
    /// each sample, and the columns are computed independently, their derivatives cost least.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use nn::autograd::{grad, hstack};
    /// use nn::least_squares::LevenbergMarquardt;
    /// use nn::prelude::*;
    /// // y' = −y and y(0) = 1, as residuals of a network and of its derivative at 11 points.
    /// let points = Matrix::from_fn(1, 11, |_, n| n as f64 / 10.0);
    /// let mut net = Mlp::new(&[1, 6, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
    /// let fit = LevenbergMarquardt::new().fit_residuals(
    ///     &mut net,
    ///     |tape, net| {
    ///         let x = tape.variable(points.clone());
    ///         let y = net.forward(x);
    ///         hstack(&[grad(y.sum(), &[x])[0] + y, y.at(0, 0) - 1.0])
    ///     },
    ///     |_, _| ControlFlow::Continue(()),
    /// )?;
    /// let y = predict(&net, &Matrix::from([[1.0]]))[(0, 0)];
    /// assert!((y - (-1f64).exp()).abs() < 1e-5, "{y} {fit}");
    /// # Ok::<(), nn::least_squares::FitModelError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`fit`](Self::fit).
    #[track_caller]
    pub fn fit_residuals<T: Real, M: Module<T>>(
        &self,
        model: &mut M,
        residuals: impl for<'t> Fn(&'t Tape<'t, T>, &'t M) -> Var<'t, T>,
        mut each: impl FnMut(&M, &Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Fit, FitModelError> {
        let settings = self.checked::<T>(model.count_params())?;
        on_model::is_the_same_each_time(model, &residuals)?;
        let start = on_model::weights(model);
        let model = RefCell::new(model);
        let on_model = OnModel::new(&model, residuals, self.decay);
        let fit = settings.fit_while(on_model, &start, |now| each(*model.borrow(), now));
        let model = model.into_inner();
        // The last point that was tried may not be the best one.
        on_model::move_to(model, fit.as_ref().map_or(&start, |fit| &fit.parameters));
        let mut fit = fit?;
        fit.parameters = on_model::weights(model);
        fit.names = on_model::names(model);
        Ok(fit)
    }

    fn checked<T: Real>(&self, trained: usize) -> Result<LeastSquares, FitModelError> {
        NOT_NEGATIVE.check("LevenbergMarquardt: decay", self.decay).map_err(FitModelError::Setting)?;
        self.loss.check().map_err(FitModelError::Setting)?;
        let mut settings = self.settings.unwrap_or_else(|| {
            let method = if trained > LARGE { Method::ConjugateGradients } else { Method::NormalEquations };
            LeastSquares { method, ..LeastSquares::default() }
        });
        match self.loss {
            Loss::Mse => {}
            Loss::Huber { delta } if [RobustLoss::Squares, RobustLoss::Huber(delta)].contains(&settings.loss) => {
                settings.loss = RobustLoss::Huber(delta);
            }
            Loss::Huber { delta } => {
                let other = settings.loss;
                let problem = format!(
                    "least squares: the loss is Huber's of {delta}, and the settings have {other:?}: set one of them"
                );
                return Err(FitModelError::Setting(problem));
            }
            ref other => return Err(FitModelError::Loss { loss: other.name() }),
        }
        if settings.loss != RobustLoss::Squares && self.decay > 0.0 {
            return Err(FitModelError::Robust { with: "a decay" });
        }
        if trained == 0 {
            return Err(FitModelError::NothingTrained);
        }
        // A tolerance that is wrong stays so, and is refused.
        for tolerance in [&mut settings.decrease_tolerance, &mut settings.step_tolerance] {
            if (0.0..T::EPSILON).contains(tolerance) {
                *tolerance = T::EPSILON;
            }
        }
        Ok(settings)
    }

    /// √w of the samples, a row, after a check of the data.
    #[track_caller]
    fn roots<T: Real>(&self, data: &Dataset<T, Matrix<T>>) -> Result<Option<Matrix<T>>, FitModelError> {
        let is_robust =
            self.loss != Loss::Mse || self.settings.is_some_and(|settings| settings.loss != RobustLoss::Squares);
        if is_robust && data.weights.is_some() {
            return Err(FitModelError::Robust { with: "weights of samples" });
        }
        roots(data)
    }
}

#[compiled_once]
#[track_caller]
fn roots<T: Real>(data: &Dataset<T, Matrix<T>>) -> Result<Option<Matrix<T>>, FitModelError> {
    for (what, x) in [("x", &data.x), ("t", &data.t)] {
        if let Some((row, sample, value)) = x.first_not_finite() {
            return Err(FitModelError::NotFinite { what, row, sample, value });
        }
    }
    let Some(weights) = &data.weights else { return Ok(None) };
    let (given, samples) = (weights.len(), data.len());
    assert!(given == samples, "LevenbergMarquardt::fit: {given} weights for {samples} samples");
    if let Some(sample) = weights.iter().position(|&w| !(w >= 0.0 && w.is_finite())) {
        return Err(FitModelError::Weight { sample, value: weights[sample] });
    }
    Ok(Some(Matrix::from_fn(1, samples, |_, n| T::from_f64(weights[n].sqrt()))))
}

/// Whether a parameter of this path has a penalty.
fn decays(path: &Path<'_>) -> bool {
    !matches!(path.kind(), ParamKind::Bias | ParamKind::NormScale | ParamKind::NormShift)
}
