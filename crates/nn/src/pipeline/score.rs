//! Metrics by name.

use super::{FittedEstimator, PipelineError};
use crate::Matrix;
use crate::estimator::EstimatorError;
use crate::metrics::{Average, Confusion, accuracy, log_loss, mae, mse, r2, rmse, roc_auc_ovr};

/// A metric of predictions.
#[derive(Clone, Copy)]
pub(super) struct Metric {
    pub name: &'static str,
    /// 1 if greater values are better, −1 if smaller values are.
    pub sign: f64,
    of: Of,
}

#[derive(Clone, Copy)]
enum Of {
    Numbers(fn(&Matrix<f64>, &Matrix<f64>) -> f64),
    Classes(fn(&[usize], &[usize]) -> f64),
    Probabilities(fn(&Matrix<f64>, &[usize]) -> f64),
}

/// The targets or classes.
pub(super) enum Truth {
    Numbers(Matrix<f64>),
    Classes(Vec<usize>),
}

const METRICS: [Metric; 8] = {
    const fn greater(name: &'static str, of: Of) -> Metric {
        Metric { name, sign: 1.0, of }
    }
    const fn less(name: &'static str, of: Of) -> Metric {
        Metric { name, sign: -1.0, of }
    }
    [
        greater("r2", Of::Numbers(r2)),
        less("mse", Of::Numbers(mse)),
        less("rmse", Of::Numbers(rmse)),
        less("mae", Of::Numbers(mae)),
        greater("accuracy", Of::Classes(accuracy)),
        greater("f1", Of::Classes(f1)),
        less("log_loss", Of::Probabilities(log_loss)),
        greater("roc_auc", Of::Probabilities(roc_auc_ovr)),
    ]
};

/// The mean of F₁ over the classes.
fn f1(predicted: &[usize], actual: &[usize]) -> f64 {
    let classes = predicted.iter().chain(actual).max().map_or(0, |most| most + 1);
    Confusion::new(predicted, actual, classes).mean_f1(Average::Macro)
}

impl Metric {
    /// The metric with this name for classes or for numbers.
    pub fn named(name: &str, classes: bool) -> Result<Metric, PipelineError> {
        let fits = |metric: &&Metric| classes != matches!(metric.of, Of::Numbers(_));
        METRICS.iter().filter(fits).find(|metric| metric.name == name).copied().ok_or_else(|| {
            let known = METRICS.iter().filter(fits).map(|metric| metric.name).collect();
            PipelineError::Metric { name: name.to_owned(), known }
        })
    }

    /// Its value for the predictions of a model from these features.
    pub fn score(&self, model: &FittedEstimator<f64>, x: &Matrix<f64>, truth: &Truth) -> Result<f64, EstimatorError> {
        match (self.of, model, truth) {
            (Of::Numbers(metric), FittedEstimator::Regressor(model), Truth::Numbers(t)) => {
                Ok(metric(&model.predict(x)?, t))
            }
            (Of::Classes(metric), FittedEstimator::Classifier(model), Truth::Classes(t)) => {
                Ok(metric(&model.predict(x)?, t))
            }
            (Of::Probabilities(metric), FittedEstimator::Classifier(model), Truth::Classes(t)) => {
                Ok(metric(&model.predict_proba(x)?, t))
            }
            _ => Err(EstimatorError::Damaged),
        }
    }
}
