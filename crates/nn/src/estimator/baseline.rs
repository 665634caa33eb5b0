//! Baselines that a network should surpass: the mean, the most frequent class, and linear models.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::classifier::{self, FittedClassifier};
use super::inputs::as_many;
use super::regressor::{self, FittedRegressor};
use super::weights::{ClassWeights, mean};
use super::{Curves, EstimatorError};
use crate::data::{Dataset, Targets};
use crate::loss::CrossEntropy;
use crate::setting::POSITIVE;
use crate::{Activation, Lbfgs, Linear, Matrix, MinimizeModel, Mlp, Param, Real, Stop, Tape, affine};

/// Predicts the weighted mean of the targets for any features. R² compares a model with this baseline. It is scikit-learn's
/// `DummyRegressor`.
///
/// ```
/// use nn::estimator::Mean;
/// use nn::Matrix;
/// let model = Mean.fit(&Matrix::row(&[1.0f64, 2.0, 3.0]), &Matrix::row(&[1.0, 1.0, 4.0]))?;
/// assert_eq!(model.predict(&Matrix::row(&[9.0]))?.as_slice(), [2.0]);
/// # Ok::<(), nn::estimator::EstimatorError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[doc(alias = "DummyRegressor")]
pub struct Mean;

/// Predicts the weighted shares of the classes as probabilities, for any features, and therefore the most frequent class. The accuracy of a
/// model should be compared with that of this baseline. It is scikit-learn's `DummyClassifier`.
///
/// ```
/// use nn::estimator::Majority;
/// use nn::Matrix;
/// let model = Majority.fit(&Matrix::row(&[1.0f64, 2.0, 3.0, 4.0]), &[0, 1, 1, 1])?;
/// assert_eq!(model.predict(&Matrix::row(&[1.0]))?, [1]);
/// assert!((model.predict_proba(&Matrix::row(&[1.0]))?[(1, 0)] - 0.75).abs() < 1e-15);
/// # Ok::<(), nn::estimator::EstimatorError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[doc(alias = "DummyClassifier")]
pub struct Majority;

/// Linear regression with a penalty. W and b minimise
///
/// ```text
/// Σₙ wₙ ‖tₙ − W xₙ − b‖² + α ‖W‖²
/// ```
///
/// (A. Hoerl and R. Kennard, Technometrics 12 (1970), p. 55). Features are scaled to mean 0 and variance 1, and the weights wₙ of the
/// samples to mean 1. The solution is exact, without iterations. It is scikit-learn's `Ridge` after its `StandardScaler`.
///
/// ```
/// use nn::estimator::Ridge;
/// use nn::Matrix;
/// let x = Matrix::from([[0.0f64, 1.0, 2.0, 5.0], [3.0, 1.0, 4.0, 1.0]]);
/// let t = Matrix::from_fn(1, 4, |_, n| 2.0 * x[(0, n)] - x[(1, n)] + 7.0);
/// let model = Ridge::new().alpha(1e-9).fit(&x, &t)?;
/// assert!((model.predict(&Matrix::column(&[10.0, 0.0]))?[(0, 0)] - 27.0).abs() < 1e-6);
/// # Ok::<(), nn::estimator::EstimatorError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[doc(alias = "LinearRegression")]
pub struct Ridge {
    /// α of the penalty. Default: 1.
    pub alpha: f64,
}

/// Logistic regression with two or more classes and a penalty. W and b minimise
///
/// ```text
/// −Σₙ wₙ ln softmax(W xₙ + b)_tₙ + c α ‖W‖² / 2
/// ```
///
/// by [`Lbfgs`], with c = 1 for more than two classes and c = 2 for two classes. For two classes the solution has W₀ = −W₁, so the penalty
/// is α ‖W₁ − W₀‖² / 2, that of logistic regression with one output. Features are scaled to mean 0 and variance 1, and the weights wₙ of
/// the samples to mean 1. It is scikit-learn's `LogisticRegression` with C = 1 / α after its `StandardScaler`.
///
/// ```
/// use nn::estimator::Logistic;
/// use nn::Matrix;
/// let x = Matrix::row(&[1.0f64, 2.0, 3.0, 11.0, 12.0, 13.0]);
/// let model = Logistic::new().fit(&x, &[0, 0, 0, 1, 1, 1])?;
/// assert_eq!(model.predict(&Matrix::row(&[4.0, 10.0]))?, [0, 1]);
/// # Ok::<(), nn::estimator::EstimatorError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[doc(alias = "LogisticRegression")]
pub struct Logistic {
    /// α of the penalty. Default: 1.
    pub alpha: f64,
    /// The weights of the classes. Default: all equal.
    pub class_weights: ClassWeights,
}

impl Default for Ridge {
    fn default() -> Self {
        Ridge { alpha: 1.0 }
    }
}

impl Default for Logistic {
    fn default() -> Self {
        Logistic { alpha: 1.0, class_weights: ClassWeights::Equal }
    }
}

impl Logistic {
    /// Sets the weights of the classes. The weight of a sample is multiplied by that of its class.
    ///
    /// # Panics
    /// If a weight is not positive and finite.
    #[track_caller]
    #[must_use]
    pub fn class_weights(self, class_weights: ClassWeights) -> Self {
        Logistic { class_weights: class_weights.expect(), ..self }
    }
}

/// Defines `new` and `alpha` of a linear model.
macro_rules! linear {
    ($Estimator:ident) => {
        impl $Estimator {
            /// The model with α = 1.
            pub fn new() -> Self {
                Self::default()
            }

            /// α of the penalty.
            ///
            /// # Panics
            /// If it is not positive and finite.
            #[track_caller]
            #[must_use]
            pub fn alpha(mut self, alpha: f64) -> Self {
                self.alpha = POSITIVE.expect(concat!(stringify!($Estimator), "::alpha"), alpha);
                self
            }
        }
    };
}
linear!(Ridge);
linear!(Logistic);

/// Defines `fit` and `fit_dataset`, which call the function with this name in this file.
macro_rules! fits {
    ($($Estimator:ident by $fit:ident, $given:ty => $Y:ty => $Fitted:ident;)*) => {
        $(impl $Estimator {
            /// Fits to samples `x`, features × samples, and their targets.
            ///
            /// # Errors
            /// If a setting is out of its range, or the samples cannot be learnt from.
            pub fn fit<T: Real>(&self, x: &Matrix<T>, t: &$given) -> Result<$Fitted<T>, EstimatorError> {
                let t: $Y = t.to_owned();
                as_many(x, Targets::len(&t))?;
                $fit(self, &Dataset::new(x.clone(), t))
            }

            /// Fits to a dataset with its weights, and keeps its names.
            ///
            /// # Errors
            /// Under the same conditions as [`fit`](Self::fit).
            pub fn fit_dataset<T: Real>(&self, data: &Dataset<T, $Y>) -> Result<$Fitted<T>, EstimatorError> {
                $fit(self, data)
            }
        })*
    };
}
fits! {
    Mean by mean_of, Matrix<T> => Matrix<T> => FittedRegressor;
    Ridge by ridge, Matrix<T> => Matrix<T> => FittedRegressor;
    Majority by majority, [usize] => Vec<usize> => FittedClassifier;
    Logistic by logistic, [usize] => Vec<usize> => FittedClassifier;
}

fn check_alpha(alpha: f64) -> Result<f64, EstimatorError> {
    let setting =
        |_| EstimatorError::Setting { setting: "alpha", expected: "positive and finite", value: alpha.to_string() };
    POSITIVE.check("alpha", alpha).map_err(setting)
}

/// W x + b as a network with one layer.
fn net<T: Real>(weight: &Matrix<f64>, bias: &Matrix<f64>) -> Mlp<T> {
    let [weight, bias] = [weight, bias].map(|values| Param::new(values.map(T::from_f64)));
    Mlp::from_layers(vec![Linear { weight, bias: Some(bias) }], Activation::Identity)
}

/// Σ wₙ xₙ / Σ wₙ of each row; weights have the mean 1.
fn weighted_mean(x: &Matrix<f64>, weights: Option<&[f64]>) -> Matrix<f64> {
    let n = x.cols();
    let row = |i: usize| (0..n).map(|j| weights.map_or(1.0, |weights| weights[j]) * x[(i, j)]).sum::<f64>();
    Matrix::from_fn(x.rows(), 1, |i, _| row(i) / n as f64)
}

#[compiled_once]
fn mean_of<T: Real>(_: &Mean, data: &Dataset<T, Matrix<T>>) -> Result<FittedRegressor<T>, EstimatorError> {
    let ready = regressor::prepare(data, true)?;
    let t = ready.data.t.map(T::to_f64);
    let bias = weighted_mean(&t, ready.data.weights.as_deref());
    let weight = Matrix::zeros(t.rows(), ready.data.x.rows());
    Ok(ready.fitted(net(&weight, &bias), Curves::solved()))
}

#[compiled_once]
fn ridge<T: Real>(ridge: &Ridge, data: &Dataset<T, Matrix<T>>) -> Result<FittedRegressor<T>, EstimatorError> {
    let alpha = check_alpha(ridge.alpha)?;
    let ready = regressor::prepare(data, true)?;
    let (x, t, weights) = (ready.data.x.map(T::to_f64), ready.data.t.map(T::to_f64), ready.data.weights.as_deref());
    let [x_mean, t_mean] = [&x, &t].map(|x| weighted_mean(x, weights));
    // Both sides are multiplied by √w.
    let centred = |x: &Matrix<f64>, mean: &Matrix<f64>| {
        let root = |n: usize| weights.map_or(1.0, |weights| weights[n].sqrt());
        Matrix::from_fn(x.rows(), x.cols(), |i, n| root(n) * (x[(i, n)] - mean[(i, 0)]))
    };
    let tape = Tape::<f64>::new();
    let [x, t] = [centred(&x, &x_mean), centred(&t, &t_mean)].map(|x| tape.constant(x));
    let penalty = tape.constant(Matrix::from_fn(x.rows(), x.rows(), |i, j| if i == j { alpha } else { 0.0 }));
    // (X Xᵀ + α I) Wᵀ = X Tᵀ.
    let weight = (x.matmul_nt(x) + penalty).solve(x.matmul_nt(t)).map_err(|_| EstimatorError::Singular { alpha })?;
    let weight = weight.value().transpose();
    let of_mean = tape.constant(&weight).matmul(tape.constant(&x_mean)).value();
    let bias = Matrix::from_fn(weight.rows(), 1, |i, _| t_mean[(i, 0)] - of_mean[(i, 0)]);
    Ok(ready.fitted(net(&weight, &bias), Curves::solved()))
}

#[compiled_once]
fn majority<T: Real>(_: &Majority, data: &Dataset<T>) -> Result<FittedClassifier<T>, EstimatorError> {
    let ready = classifier::prepare(data, true, &ClassWeights::Equal)?;
    let mut shares = vec![0.0; ready.classes];
    for (n, &class) in ready.data.t.iter().enumerate() {
        shares[class] += ready.data.weights.as_ref().map_or(1.0, |weights| weights[n]) / ready.data.len() as f64;
    }
    // A probability of 0 would need an infinite bias, which files cannot store.
    let bias = Matrix::from_fn(ready.classes, 1, |i, _| shares[i].max(f64::from(f32::MIN_POSITIVE)).ln());
    let weight = Matrix::zeros(ready.classes, ready.data.x.rows());
    Ok(ready.fitted(net(&weight, &bias), Curves::solved()))
}

#[compiled_once]
fn logistic<T: Real>(logistic: &Logistic, data: &Dataset<T>) -> Result<FittedClassifier<T>, EstimatorError> {
    let alpha = check_alpha(logistic.alpha)?;
    let ready = classifier::prepare(data, true, &logistic.class_weights)?;
    let (x, n) = (ready.data.x.map(T::to_f64), ready.data.len() as f64);
    let layer = [Matrix::zeros(ready.classes, x.rows()), Matrix::zeros(ready.classes, 1)].map(Param::new);
    let mut layer = layer.to_vec();
    let penalty = if ready.classes == 2 { alpha / n } else { 0.5 * alpha / n };
    let report = Lbfgs::default().minimize_model(&mut layer, |layer| {
        let tape = Tape::<f64>::new();
        let [weight, bias] = [&layer[0], &layer[1]].map(|param| tape.param(param));
        let y = affine(&[(weight, tape.constant(&x))], Some(bias));
        let losses = CrossEntropy::default().each(y, &ready.data.t).values();
        let loss = mean(losses, ready.data.weights.as_deref()) + weight.square().sum() * penalty;
        (loss.item(), loss.backward())
    });
    let converged = !matches!(report.stop, Stop::Iterations | Stop::NotFinite);
    let curves = Curves { losses: vec![report.value], validation: vec![], converged };
    let net = net(layer[0].value(), layer[1].value());
    Ok(ready.fitted(net, curves))
}
