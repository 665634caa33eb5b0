//! All estimators as one type, so that a pipeline can store any of them.

use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::estimator::{
    EstimatorError, FittedClassifier, FittedRegressor, Logistic, Majority, Mean, MlpClassifier, MlpRegressor, Ridge,
};
use crate::{Matrix, Module, Param, Path, Real};

/// Any of the estimators, for a [`Pipeline`](super::Pipeline). Each of them converts to it by `into`.
///
/// ```
/// use nn::{estimator::Ridge, pipeline::Estimator};
/// assert_eq!(Estimator::from(Ridge::new()), Estimator::Ridge(Ridge::new()));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// A network for classification.
    MlpClassifier(MlpClassifier),
    /// Logistic regression.
    Logistic(Logistic),
    /// The most frequent class.
    Majority(Majority),
    /// A network for regression.
    MlpRegressor(MlpRegressor),
    /// Linear regression.
    Ridge(Ridge),
    /// The mean of the targets.
    Mean(Mean),
}

macro_rules! from {
    ($($Estimator:ident)*) => {
        $(impl From<$Estimator> for Estimator {
            fn from(estimator: $Estimator) -> Self {
                Estimator::$Estimator(estimator)
            }
        })*
    };
}
from!(MlpClassifier Logistic Majority MlpRegressor Ridge Mean);

impl Estimator {
    /// Whether it predicts classes; otherwise it predicts numbers.
    pub fn is_classifier(&self) -> bool {
        matches!(self, Estimator::MlpClassifier(_) | Estimator::Logistic(_) | Estimator::Majority(_))
    }

    /// The fitted classifier; `None` if this predicts numbers.
    pub(super) fn classifier<T: Real>(&self, data: &Dataset<T>) -> Option<Result<FittedClassifier<T>, EstimatorError>> {
        match self {
            Estimator::MlpClassifier(estimator) => Some(estimator.fit_dataset(data)),
            Estimator::Logistic(estimator) => Some(estimator.fit_dataset(data)),
            Estimator::Majority(estimator) => Some(estimator.fit_dataset(data)),
            _ => None,
        }
    }

    /// The fitted regressor; `None` if this predicts classes.
    pub(super) fn regressor<T: Real>(
        &self,
        data: &Dataset<T, Matrix<T>>,
    ) -> Option<Result<FittedRegressor<T>, EstimatorError>> {
        match self {
            Estimator::MlpRegressor(estimator) => Some(estimator.fit_dataset(data)),
            Estimator::Ridge(estimator) => Some(estimator.fit_dataset(data)),
            Estimator::Mean(estimator) => Some(estimator.fit_dataset(data)),
            _ => None,
        }
    }
}

/// A fitted [`Estimator`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", bound = "T: Real")]
pub enum FittedEstimator<T> {
    /// A model that predicts classes.
    Classifier(FittedClassifier<T>),
    /// A model that predicts numbers.
    Regressor(FittedRegressor<T>),
}

impl<T: Real> FittedEstimator<T> {
    /// The number of features.
    pub fn features(&self) -> usize {
        match self {
            FittedEstimator::Classifier(model) => model.features(),
            FittedEstimator::Regressor(model) => model.features(),
        }
    }
}

impl<T: Real> Module<T> for FittedEstimator<T> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        match self {
            FittedEstimator::Classifier(model) => model.params(path, f),
            FittedEstimator::Regressor(model) => model.params(path, f),
        }
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        match self {
            FittedEstimator::Classifier(model) => model.params_mut(path, f),
            FittedEstimator::Regressor(model) => model.params_mut(path, f),
        }
    }
}
