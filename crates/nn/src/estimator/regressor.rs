//! Numbers.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::inputs::{Inputs, as_many, at_least, common, finite};
use super::settings::builder;
use super::training::train;
use super::{Curves, EstimatorError, Settings};
use crate::data::{Dataset, Standardize, random_split};
use crate::loss::mse;
use crate::metrics::r2;
use crate::{Activation, Matrix, Mlp, Module, Real, Reduction, Var};

/// A network that learns numbers, one or several for each sample: linear outputs and half the squared error.
///
/// scikit-learn's `MLPRegressor`, but for standardised inputs, early stopping by loss and not by R², and targets brought to
/// mean 0 and variance 1 for training: so the learning rate and the tolerance suit targets of any size, and every output
/// counts alike.
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
    /// How it is trained.
    pub settings: Settings,
}
builder!(MlpRegressor);

impl MlpRegressor {
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
    /// As [`fit`](MlpRegressor::fit).
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
    /// The numbers of each sample, outputs × samples.
    ///
    /// # Errors
    /// If there is another number of features than in training, or one is NaN or infinite.
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
    /// As [`predict`](FittedRegressor::predict), or if there are not as many targets as samples, or other outputs.
    pub fn score(&self, x: &Matrix<T>, t: &Matrix<T>) -> Result<f64, EstimatorError> {
        as_many(x.cols(), t.cols())?;
        if t.rows() != self.outputs() {
            return Err(EstimatorError::Outputs { found: t.rows(), expected: self.outputs() });
        }
        Ok(r2(&self.predict(x)?, t))
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.targets.mean().len()
    }

    /// What the outputs are called; empty if they have no names.
    pub fn target_names(&self) -> &[String] {
        &self.target_names
    }
}
common!(FittedRegressor);

#[compiled_once]
fn fit<T: Real>(mlp: &MlpRegressor, x: &Matrix<T>, t: &Matrix<T>) -> Result<FittedRegressor<T>, EstimatorError> {
    as_many(x.cols(), t.cols())?;
    fit_dataset(mlp, &Dataset::new(x.clone(), t.clone()))
}

#[compiled_once]
fn fit_dataset<T: Real>(
    mlp: &MlpRegressor,
    data: &Dataset<T, Matrix<T>>,
) -> Result<FittedRegressor<T>, EstimatorError> {
    mlp.settings.check()?;
    as_many(data.x.cols(), data.t.cols())?;
    let inputs = Inputs::fit(data, &mlp.settings)?;
    at_least("outputs", data.t.rows(), 1)?;
    finite("target", &data.t, &data.target_names)?;
    let targets = Standardize::fit(&data.t);
    let data = Dataset { x: inputs.of(&data.x)?, t: targets.apply(&data.t), ..data.clone() };
    let split = |t: &Matrix<T>, fraction, rng: &mut _| random_split(t.cols(), fraction, rng);
    let (net, curves) = train(&mlp.settings, data.t.rows(), &data, split, half_squares)?;
    Ok(FittedRegressor { net, inputs, targets, target_names: data.target_names, curves })
}

/// Σ (y − t)² / 2 of a sample, the mean over samples.
fn half_squares<'t, T: Real>(y: Var<'t, T>, t: &Matrix<T>) -> Var<'t, T> {
    mse(y, y.tape().constant(t.clone()), Reduction::Mean) * (t.rows() as f64 / 2.0)
}
