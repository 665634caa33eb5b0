//! Classification.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::inputs::{Inputs, as_many, common};
use super::settings::builder;
use super::training::train;
use super::weights::{self, ClassWeights, counted};
use super::{Curves, EstimatorError, Settings};
use crate::data::{Dataset, stratified_split};
use crate::loss::{CrossEntropy, probabilities};
use crate::metrics::{accuracy, argmax_cols};
use crate::{Activation, Matrix, Mlp, Module, Real};

/// A network for classification with two or more classes: softmax and cross-entropy.
///
/// It is scikit-learn's `MLPClassifier` with these differences: inputs are standardized, two classes have two outputs, early stopping
/// uses the loss and not the accuracy, and there is [`label_smoothing`](MlpClassifier::label_smoothing).
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
    /// The training settings.
    pub settings: Settings,
    /// ε of the [loss](CrossEntropy). The default is 0.
    #[serde(default)]
    pub label_smoothing: f64,
    /// The weights of the classes. The default is equal weights.
    #[serde(default)]
    pub class_weights: ClassWeights,
}
builder!(MlpClassifier);

impl MlpClassifier {
    /// Smooths labels by ε, usually 0.1: see [`CrossEntropy`].
    #[must_use]
    pub fn label_smoothing(self, label_smoothing: f64) -> Self {
        MlpClassifier { label_smoothing, ..self }
    }

    /// Sets the weights of the classes. The weight of a sample is multiplied by that of its class.
    ///
    /// ```
    /// use nn::estimator::{ClassWeights, MlpClassifier};
    /// let rare = MlpClassifier::new().class_weights(ClassWeights::Each(vec![1.0, 5.0]));
    /// assert_ne!(rare, MlpClassifier::new().class_weights(ClassWeights::Balanced));
    /// ```
    ///
    /// # Panics
    /// If a weight is not positive and finite.
    #[track_caller]
    #[must_use]
    pub fn class_weights(self, class_weights: ClassWeights) -> Self {
        MlpClassifier { class_weights: class_weights.expect(), ..self }
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
    /// Under the same conditions as [`fit`](MlpClassifier::fit).
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
    /// If the number of features differs from that in training, or one is NaN or infinite.
    pub fn predict(&self, x: &Matrix<T>) -> Result<Vec<usize>, EstimatorError> {
        Ok(argmax_cols(&self.inputs.through(&self.net, x, |y| y)?))
    }

    /// The name of the class of each sample, or its index if classes have no names.
    ///
    /// # Errors
    /// Under the same conditions as [`predict`](FittedClassifier::predict).
    pub fn predict_names(&self, x: &Matrix<T>) -> Result<Vec<String>, EstimatorError> {
        let name = |class: usize| self.class_names.get(class).cloned().unwrap_or_else(|| class.to_string());
        Ok(self.predict(x)?.into_iter().map(name).collect())
    }

    /// The probability of each class, classes × samples.
    ///
    /// # Errors
    /// Under the same conditions as [`predict`](FittedClassifier::predict).
    pub fn predict_proba(&self, x: &Matrix<T>) -> Result<Matrix<T>, EstimatorError> {
        self.inputs.through(&self.net, x, probabilities)
    }

    /// The share of samples whose class is predicted correctly; NaN if there are none.
    ///
    /// # Errors
    /// Under the same conditions as [`predict`](FittedClassifier::predict), or if the numbers of classes and samples differ.
    pub fn score(&self, x: &Matrix<T>, t: &[usize]) -> Result<f64, EstimatorError> {
        as_many(x, t.len())?;
        Ok(accuracy(&self.predict(x)?, t))
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.net.layers.last().map_or(0, |layer| layer.outputs())
    }

    /// The names of the classes; empty if they have no names.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }
}
common!(FittedClassifier);

#[compiled_once]
fn fit<T: Real>(mlp: &MlpClassifier, x: &Matrix<T>, t: &[usize]) -> Result<FittedClassifier<T>, EstimatorError> {
    as_many(x, t.len())?;
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
    let ready = prepare(data, settings.standardize, &mlp.class_weights)?;
    let entropy = CrossEntropy { label_smoothing: mlp.label_smoothing, ..CrossEntropy::default() };
    let split = |t: &Vec<usize>, fraction, rng: &mut _| stratified_split(t, fraction, rng);
    let (net, curves) = train(settings, ready.classes, &ready.data, split, |x, t, weights| match weights {
        None => entropy.each(x, t).mean(),
        weights => weights::mean(entropy.each(x, t).values(), weights),
    })?;
    Ok(ready.fitted(net, curves))
}

/// The data to which a classifier is fitted: samples of positive weight, scaled inputs, weights of mean 1.
pub(super) struct Ready<T: Real> {
    pub data: Dataset<T>,
    pub classes: usize,
    inputs: Inputs<T>,
}

#[compiled_once]
pub(super) fn prepare<T: Real>(
    data: &Dataset<T>,
    standardize: bool,
    class_weights: &ClassWeights,
) -> Result<Ready<T>, EstimatorError> {
    as_many(&data.x, data.t.len())?;
    let data = counted(data)?;
    let inputs = Inputs::fit(&data, standardize)?;
    let classes = data.classes();
    let most = data.len().max(data.target_names.len());
    if classes > most {
        return Err(EstimatorError::ClassTooLarge { class: classes - 1, classes: most });
    }
    if let Some(&class) = data.t.first().filter(|&first| data.t.iter().all(|class| class == first)) {
        let class = data.target_names.get(class).cloned().unwrap_or_else(|| class.to_string());
        return Err(EstimatorError::OneClass { class });
    }
    let (x, weights) = (inputs.of(&data.x)?, class_weights.of(&data)?);
    Ok(Ready { data: Dataset { x, weights, ..data }, classes, inputs })
}

impl<T: Real> Ready<T> {
    pub fn fitted(self, net: Mlp<T>, curves: Curves) -> FittedClassifier<T> {
        FittedClassifier { net, inputs: self.inputs, class_names: self.data.target_names, curves }
    }
}
