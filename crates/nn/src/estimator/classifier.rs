//! Classes.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::inputs::{Inputs, as_many, common};
use super::settings::builder;
use super::training::train;
use super::{Curves, EstimatorError, Settings};
use crate::data::{Dataset, stratified_split};
use crate::loss::{CrossEntropy, probabilities};
use crate::metrics::{accuracy, argmax_cols};
use crate::{Activation, Matrix, Mlp, Module, Real};

/// A network that learns to tell classes apart, two or more: softmax and cross-entropy.
///
/// scikit-learn's `MLPClassifier`, but for standardised inputs, two outputs for two classes, early stopping by loss and not
/// by accuracy, and [`label_smoothing`](MlpClassifier::label_smoothing).
///
/// ```
/// use nn::estimator::MlpClassifier;
/// use nn::Matrix;
/// let x = Matrix::row(&[1.0f64, 2.0, 3.0, 11.0, 12.0, 13.0]);
/// let model = MlpClassifier::new().hidden(&[8]).lr(0.05).fit(&x, &[0, 0, 0, 1, 1, 1])?;
/// let p = model.predict_proba(&Matrix::row(&[0.0, 20.0]))?; // classes × samples
/// assert!(p[(0, 0)] > 0.9 && p[(1, 1)] > 0.9);
/// # Ok::<(), nn::estimator::EstimatorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MlpClassifier {
    /// How it is trained.
    pub settings: Settings,
    /// ε of the [loss](CrossEntropy). 0.
    #[serde(default)]
    pub label_smoothing: f64,
}
builder!(MlpClassifier);

impl MlpClassifier {
    /// Smooths labels by ε, usually 0.1: see [`CrossEntropy`].
    #[must_use]
    pub fn label_smoothing(self, label_smoothing: f64) -> Self {
        MlpClassifier { label_smoothing, ..self }
    }

    /// Trains on samples `x`, features × samples, and their classes 0, 1, ….
    ///
    /// # Errors
    /// If a setting is out of its range, the samples cannot be learnt from, or the loss becomes infinite.
    pub fn fit<T: Real>(&self, x: &Matrix<T>, t: &[usize]) -> Result<FittedClassifier<T>, EstimatorError> {
        fit(self, x, t)
    }

    /// Trains on a dataset, and keeps its names.
    ///
    /// # Errors
    /// As [`fit`](MlpClassifier::fit).
    pub fn fit_dataset<T: Real>(&self, data: &Dataset<T>) -> Result<FittedClassifier<T>, EstimatorError> {
        fit_dataset(self, data)
    }
}

/// A trained classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
#[serde(bound = "T: Real")]
pub struct FittedClassifier<T> {
    net: Mlp<T>,
    #[module(skip)]
    inputs: Inputs<T>,
    #[module(skip)]
    class_names: Vec<String>,
    #[module(skip)]
    curves: Curves,
}

#[compiled_once]
impl<T: Real> FittedClassifier<T> {
    /// The class of each sample.
    ///
    /// # Errors
    /// If there is another number of features than in training, or one is NaN or infinite.
    pub fn predict(&self, x: &Matrix<T>) -> Result<Vec<usize>, EstimatorError> {
        Ok(argmax_cols(&self.inputs.through(&self.net, x, |y| y)?))
    }

    /// The name of the class of each sample; its number where classes have no names.
    ///
    /// # Errors
    /// As [`predict`](FittedClassifier::predict).
    pub fn predict_names(&self, x: &Matrix<T>) -> Result<Vec<String>, EstimatorError> {
        let name = |class: usize| self.class_names.get(class).cloned().unwrap_or_else(|| class.to_string());
        Ok(self.predict(x)?.into_iter().map(name).collect())
    }

    /// The probability of each class, classes × samples.
    ///
    /// # Errors
    /// As [`predict`](FittedClassifier::predict).
    pub fn predict_proba(&self, x: &Matrix<T>) -> Result<Matrix<T>, EstimatorError> {
        self.inputs.through(&self.net, x, probabilities)
    }

    /// The share of samples whose class is predicted correctly; NaN if there are none.
    ///
    /// # Errors
    /// As [`predict`](FittedClassifier::predict), or if there are not as many classes as samples.
    pub fn score(&self, x: &Matrix<T>, t: &[usize]) -> Result<f64, EstimatorError> {
        as_many(x.cols(), t.len())?;
        Ok(accuracy(&self.predict(x)?, t))
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.net.layers.last().map_or(0, |layer| layer.outputs())
    }

    /// What the classes are called; empty if they have no names.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }
}
common!(FittedClassifier);

#[compiled_once]
fn fit<T: Real>(mlp: &MlpClassifier, x: &Matrix<T>, t: &[usize]) -> Result<FittedClassifier<T>, EstimatorError> {
    as_many(x.cols(), t.len())?;
    fit_dataset(mlp, &Dataset::new(x.clone(), t.to_vec()))
}

#[compiled_once]
fn fit_dataset<T: Real>(mlp: &MlpClassifier, data: &Dataset<T>) -> Result<FittedClassifier<T>, EstimatorError> {
    let settings = &mlp.settings;
    settings.check()?;
    if !(0.0..=1.0).contains(&mlp.label_smoothing) {
        let value = mlp.label_smoothing.to_string();
        return Err(EstimatorError::Setting { setting: "label_smoothing", expected: "a share from 0 to 1", value });
    }
    as_many(data.x.cols(), data.t.len())?;
    let inputs = Inputs::fit(data, settings)?;
    let classes = data.classes();
    let most = data.len().max(data.target_names.len());
    if classes > most {
        return Err(EstimatorError::ClassTooLarge { class: classes - 1, classes: most });
    }
    if let Some(&class) = data.t.first().filter(|&first| data.t.iter().all(|class| class == first)) {
        let class = data.target_names.get(class).cloned().unwrap_or_else(|| class.to_string());
        return Err(EstimatorError::OneClass { class });
    }
    let data = Dataset { x: inputs.of(&data.x)?, ..data.clone() };
    let entropy = CrossEntropy { label_smoothing: mlp.label_smoothing, ..CrossEntropy::default() };
    let split = |t: &Vec<usize>, fraction, rng: &mut _| stratified_split(t, fraction, rng);
    let (net, curves) = train(settings, classes, &data, split, |x, t| entropy.each(x, t).mean())?;
    Ok(FittedClassifier { net, inputs, class_names: data.target_names, curves })
}
