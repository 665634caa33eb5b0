//! Weights of samples and classes.

use serde::{Deserialize, Serialize};

use super::EstimatorError;
use super::inputs::at_least;
use crate::data::{Dataset, Targets};
use crate::setting::POSITIVE;
use crate::{Matrix, Real, Var};

/// Weights of classes. The weight of a sample is multiplied by the weight of its class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// Every class has weight 1. This is the default.
    #[default]
    Equal,
    /// Class i has weight W / (k Wᵢ), where Wᵢ is the sum of the weights of its samples, W the sum of all weights, and k the number of
    /// classes that occur. So every class has the same total weight. This is scikit-learn's `class_weight="balanced"`, after
    /// G. King and L. Zeng, Political Analysis 9 (2001).
    Balanced,
    /// A positive number for each class.
    Each(Vec<f64>),
}

impl ClassWeights {
    /// # Panics
    /// If one is not positive and finite.
    #[track_caller]
    pub(super) fn expect(self) -> Self {
        if let ClassWeights::Each(weights) = &self {
            for &weight in weights {
                POSITIVE.expect("class_weights", weight);
            }
        }
        self
    }

    /// The weights of the samples times those of their classes, scaled to mean 1.
    pub(super) fn of<T: Real>(&self, data: &Dataset<T>) -> Result<Option<Vec<f64>>, EstimatorError> {
        let setting = |expected, value| EstimatorError::Setting { setting: "class_weights", expected, value };
        let weights = relative(data.weights.clone());
        let own = |n: usize| weights.as_ref().map_or(1.0, |weights| weights[n]);
        let each: Vec<f64> = match self {
            ClassWeights::Equal => return Ok(weights),
            ClassWeights::Balanced => {
                let mut sums = vec![0.0; data.classes()];
                data.t.iter().enumerate().for_each(|(n, &class)| sums[class] += own(n));
                let (all, some) = (sums.iter().sum::<f64>(), sums.iter().filter(|&&sum| sum > 0.0).count() as f64);
                sums.into_iter().map(|sum| all / (some * sum)).collect()
            }
            ClassWeights::Each(each) => match each.iter().find(|weight| POSITIVE.check("", **weight).is_err()) {
                Some(weight) => return Err(setting("positive and finite", weight.to_string())),
                None => each.clone(),
            },
        };
        if each.len() != data.classes() {
            return Err(setting("a weight for each class", format!("{each:?} for {} classes", data.classes())));
        }
        Ok(relative(Some(data.t.iter().enumerate().map(|(n, &class)| own(n) * each[class]).collect())))
    }
}

/// The samples of positive weight, after a check of the weights.
pub(super) fn counted<T: Real, Y: Targets + Clone>(data: &Dataset<T, Y>) -> Result<Dataset<T, Y>, EstimatorError> {
    let Some(weights) = &data.weights else { return Ok(data.clone()) };
    if weights.len() != data.len() {
        return Err(EstimatorError::Weights { weights: weights.len(), samples: data.len() });
    }
    if let Some(sample) = weights.iter().position(|&weight| !(weight >= 0.0 && weight.is_finite())) {
        return Err(EstimatorError::Weight { sample, value: weights[sample] });
    }
    let some: Vec<usize> = (0..data.len()).filter(|&n| weights[n] > 0.0).collect();
    at_least("samples of positive weight", some.len(), 1)?;
    Ok(if some.len() < data.len() { data.select(&some) } else { data.clone() })
}

/// Positive weights, scaled to mean 1, because only their ratios matter; `None` if all are equal.
pub(super) fn relative(weights: Option<Vec<f64>>) -> Option<Vec<f64>> {
    let weights = weights?;
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if weights.iter().all(|&weight| weight == largest) {
        return None;
    }
    let mean = weights.iter().map(|weight| weight / largest).sum::<f64>() / weights.len() as f64;
    Some(weights.into_iter().map(|weight| weight / largest / mean).collect())
}

/// The mean of the losses of samples or of their outputs, each multiplied by the weight of its sample.
pub(super) fn mean<'t, T: Real>(losses: Var<'t, T>, weights: Option<&[f64]>) -> Var<'t, T> {
    let Some(weights) = weights else { return losses.mean() };
    let (m, n) = losses.shape();
    let row = Matrix::from_fn(1, n, |_, n| T::from_f64(weights[n]));
    (losses * losses.tape().constant(row).repeat(m, n)).mean()
}
