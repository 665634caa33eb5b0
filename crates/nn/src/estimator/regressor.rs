//! Regression.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::inputs::{Inputs, as_many, at_least, common, finite};
use super::settings::builder;
use super::training::train;
use super::weights::{self, counted, relative};
use super::{Curves, EstimatorError, Settings, Solver};
use crate::data::{Dataset, Standardize, random_split};
use crate::loss::mse;
use crate::metrics::r2;
use crate::{Activation, Matrix, Mlp, Module, Real, Reduction, Var};

/// A network for regression with one or several outputs: linear outputs and half the squared error.
///
/// It is scikit-learn's `MLPRegressor` with these differences: inputs are standardized, early stopping uses the loss and not R², and
/// targets are scaled to mean 0 and variance 1 for training. So the learning rate and the tolerance suit targets of any size, and
/// every output has the same weight.
///
/// ```
/// use nn::estimator::MlpRegressor;
/// use nn::Matrix;
/// let x = Matrix::from_fn(1, 60, |_, n| n as f64 / 10.0);
/// let t = Matrix::from_fn(2, 60, |i, n| 1e3 * if i == 0 { x[(0, n)].sin() } else { x[(0, n)] });
/// let model = MlpRegressor::new().lr(1e-2).max_epochs(500).fit(&x, &t)?;
/// assert!(model.score(&x, &t)? > 0.98);
/// assert_eq!(model.predict(&Matrix::row(&[1.0, 2.0, 3.0]))?.shape(), (2, 3));
/// # Ok::<(), nn::estimator::EstimatorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MlpRegressor {
    /// The training settings.
    pub settings: Settings,
    /// How it is trained. Default: by Adam.
    #[serde(default)]
    pub solver: Solver,
}
builder!(MlpRegressor);

impl MlpRegressor {
    /// Trains by [Levenberg and Marquardt's method](Solver::LevenbergMarquardt). Small networks reach an error in a small part of the
    /// time that Adam takes: for 1-20-1 networks it is 1/15 to 1/36 (`cargo bench -p tape-nn --features solve --bench levenberg`).
    ///
    /// ```
    /// use nn::estimator::MlpRegressor;
    /// use nn::{Activation, Matrix};
    /// let x = Matrix::from_fn(1, 60, |_, n| n as f64 / 10.0);
    /// let model = MlpRegressor::new().hidden(&[10]).activation(Activation::Tanh).levenberg_marquardt().fit(&x, &x.map(f64::sin))?;
    /// assert!(model.score(&x, &x.map(f64::sin))? > 0.9999);
    /// # Ok::<(), nn::estimator::EstimatorError>(())
    /// ```
    #[cfg(feature = "solve")]
    #[must_use]
    pub fn levenberg_marquardt(self) -> Self {
        MlpRegressor { solver: Solver::LevenbergMarquardt, ..self }
    }

    /// Trains on samples `x`, features × samples, and their targets `t`, outputs × samples.
    ///
    /// # Errors
    /// If a setting is out of its range, the samples cannot be learnt from, or the loss becomes infinite.
    pub fn fit<T: Real>(&self, x: &Matrix<T>, t: &Matrix<T>) -> Result<FittedRegressor<T>, EstimatorError> {
        fit(self, x, t)
    }

    /// Trains on a dataset, and keeps its names.
    ///
    /// # Errors
    /// Under the same conditions as [`fit`](MlpRegressor::fit).
    pub fn fit_dataset<T: Real>(&self, data: &Dataset<T, Matrix<T>>) -> Result<FittedRegressor<T>, EstimatorError> {
        fit_dataset(self, data)
    }
}

/// A trained regressor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
#[serde(bound = "T: Real")]
pub struct FittedRegressor<T> {
    net: Mlp<T>,
    #[module(skip)]
    inputs: Inputs<T>,
    #[module(skip)]
    targets: Standardize<T>,
    #[module(skip)]
    target_names: Vec<String>,
    #[module(skip)]
    curves: Curves,
}

#[compiled_once]
impl<T: Real> FittedRegressor<T> {
    /// The predictions for each sample, outputs × samples.
    ///
    /// # Errors
    /// If the number of features differs from that in training, or one is NaN or infinite.
    pub fn predict(&self, x: &Matrix<T>) -> Result<Matrix<T>, EstimatorError> {
        let y = self.inputs.through(&self.net, x, |y| y)?;
        if y.rows() != self.outputs() {
            return Err(EstimatorError::Damaged);
        }
        Ok(self.targets.invert(&y))
    }

    /// R² of the predictions for samples with these targets, the mean over the outputs.
    ///
    /// # Errors
    /// Under the same conditions as [`predict`](FittedRegressor::predict), or if the numbers of targets and samples, or of outputs, differ.
    pub fn score(&self, x: &Matrix<T>, t: &Matrix<T>) -> Result<f64, EstimatorError> {
        if t.rows() != self.outputs() {
            let (found, expected) = (t.rows(), self.outputs());
            return Err(EstimatorError::Outputs { found, expected, transposed: t.cols() == expected });
        }
        as_many(x, t.cols())?;
        Ok(r2(&self.predict(x)?, t))
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.targets.mean().len()
    }

    /// The names of the outputs; empty if they have no names.
    pub fn target_names(&self) -> &[String] {
        &self.target_names
    }
}
common!(FittedRegressor);

#[compiled_once]
fn fit<T: Real>(mlp: &MlpRegressor, x: &Matrix<T>, t: &Matrix<T>) -> Result<FittedRegressor<T>, EstimatorError> {
    as_many(x, t.cols())?;
    fit_dataset(mlp, &Dataset::new(x.clone(), t.clone()))
}

#[compiled_once]
fn fit_dataset<T: Real>(
    mlp: &MlpRegressor,
    data: &Dataset<T, Matrix<T>>,
) -> Result<FittedRegressor<T>, EstimatorError> {
    mlp.settings.check()?;
    let ready = prepare(data, mlp.settings.standardize)?;
    let (net, curves) = match mlp.solver {
        Solver::Adam => {
            let split = |t: &Matrix<T>, fraction, rng: &mut _| random_split(t.cols(), fraction, rng);
            train(&mlp.settings, ready.data.t.rows(), &ready.data, split, half_squares)?
        }
        #[cfg(feature = "solve")]
        Solver::LevenbergMarquardt => {
            let split = |t: &Matrix<f64>, fraction, rng: &mut _| random_split(t.cols(), fraction, rng);
            super::least_squares::train(&mlp.settings, &ready.data, &split)?
        }
    };
    Ok(ready.fitted(net, curves))
}

/// The data to which a regressor is fitted: samples of positive weight, scaled inputs and targets, weights of mean 1.
pub(super) struct Ready<T: Real> {
    pub data: Dataset<T, Matrix<T>>,
    inputs: Inputs<T>,
    targets: Standardize<T>,
}

#[compiled_once]
pub(super) fn prepare<T: Real>(data: &Dataset<T, Matrix<T>>, standardize: bool) -> Result<Ready<T>, EstimatorError> {
    as_many(&data.x, data.t.cols())?;
    let data = counted(data)?;
    let inputs = Inputs::fit(&data, standardize)?;
    at_least("outputs", data.t.rows(), 1)?;
    finite("target", &data.t, &data.target_names)?;
    let targets = Standardize::fit(&data.t);
    let (x, t, weights) = (inputs.of(&data.x)?, targets.apply(&data.t), relative(data.weights));
    Ok(Ready { data: Dataset { x, t, weights, ..data }, inputs, targets })
}

impl<T: Real> Ready<T> {
    pub fn fitted(self, net: Mlp<T>, curves: Curves) -> FittedRegressor<T> {
        let (inputs, targets, target_names) = (self.inputs, self.targets, self.data.target_names);
        FittedRegressor { net, inputs, targets, target_names, curves }
    }
}

/// Σ (y − t)² / 2 of a sample, averaged over the samples with their weights.
pub(super) fn half_squares<'t, T: Real>(y: Var<'t, T>, t: &Matrix<T>, weights: Option<&[f64]>) -> Var<'t, T> {
    let t = y.tape().constant(t.clone());
    let mean = match weights {
        None => mse(y, t, Reduction::Mean),
        weights => weights::mean((y - t).square(), weights),
    };
    mean * (y.rows() as f64 / 2.0)
}
