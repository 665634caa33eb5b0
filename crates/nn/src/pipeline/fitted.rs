//! A fitted pipeline.

use serde::{Deserialize, Serialize};

use super::score::{Metric, Truth};
use super::{FittedEstimator, PipelineError};
use crate::data::{Encoder, Preprocessing, Table};
use crate::{Matrix, Module};

/// A fitted [`Pipeline`](super::Pipeline). It predicts from any table with the same feature columns.
///
/// It is a model like any other; its parameters are those of the estimator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
#[serde(try_from = "Raw")]
pub struct FittedPipeline {
    #[module(skip)]
    pub(super) encoder: Encoder,
    #[module(skip)]
    pub(super) preprocessing: Preprocessing<f64>,
    pub(super) model: FittedEstimator<f64>,
}

/// A pipeline as read from a file, before it is checked.
#[derive(Deserialize)]
struct Raw {
    encoder: Encoder,
    preprocessing: Preprocessing<f64>,
    model: FittedEstimator<f64>,
}

impl TryFrom<Raw> for FittedPipeline {
    type Error = String;
    fn try_from(Raw { encoder, preprocessing, model }: Raw) -> Result<Self, String> {
        let (encoded, steps) = (encoder.blocks().iter().map(|(_, rows)| rows).sum::<usize>(), preprocessing.steps());
        let takes = steps.first().map_or(model.features(), |step| step.inputs());
        let gives = steps.last().map_or(encoded, |step| step.outputs());
        if encoded != takes || gives != model.features() {
            let expected = model.features();
            return Err(format!(
                "an encoder of {encoded} features, steps from {takes} to {gives} and a model of {expected} features do not fit"
            ));
        }
        let (outputs, named, least) = match &model {
            FittedEstimator::Classifier(model) => (model.classes(), encoder.class_names().len(), 2),
            FittedEstimator::Regressor(model) => (model.outputs(), encoder.target_names().len(), 1),
        };
        if outputs != named {
            return Err("the outputs of the model are not those of the encoder".to_owned());
        }
        if outputs < least {
            return Err(format!("a model with {outputs} outputs: at least {least} needed"));
        }
        Ok(FittedPipeline { encoder, preprocessing, model })
    }
}

/// The predictions of a pipeline for the rows of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Predictions {
    /// Numbers, targets × rows.
    Numbers(Matrix<f64>),
    /// The name of the class of each row.
    Classes(Vec<String>),
}

impl Predictions {
    /// The numbers, targets × rows.
    ///
    /// # Panics
    /// If the pipeline predicts classes.
    #[track_caller]
    pub fn numbers(&self) -> &Matrix<f64> {
        match self {
            Predictions::Numbers(numbers) => numbers,
            Predictions::Classes(_) => {
                panic!("Predictions::numbers: the pipeline predicts classes; call `classes`")
            }
        }
    }

    /// The name of the class of each row.
    ///
    /// # Panics
    /// If the pipeline predicts numbers.
    #[track_caller]
    pub fn classes(&self) -> &[String] {
        match self {
            Predictions::Classes(names) => names,
            Predictions::Numbers(_) => panic!("Predictions::classes: the pipeline predicts numbers; call `numbers`"),
        }
    }
}

impl FittedPipeline {
    /// The prediction for each row. The table needs no columns of targets, classes and weights.
    ///
    /// # Errors
    /// If a column is absent, or a cell does not fit what was seen when the pipeline was fitted.
    pub fn predict(&self, table: &Table) -> Result<Predictions, PipelineError> {
        let x = self.features(table)?;
        Ok(match &self.model {
            FittedEstimator::Classifier(model) => Predictions::Classes(model.predict_names(&x)?),
            FittedEstimator::Regressor(model) => Predictions::Numbers(model.predict(&x)?),
        })
    }

    /// The probability of each class, classes × rows, in the order of [`class_names`](FittedPipeline::class_names).
    ///
    /// # Errors
    /// Under the same conditions as [`predict`](FittedPipeline::predict), or if the pipeline predicts numbers.
    pub fn predict_proba(&self, table: &Table) -> Result<Matrix<f64>, PipelineError> {
        match &self.model {
            FittedEstimator::Classifier(model) => Ok(model.predict_proba(&self.features(table)?)?),
            FittedEstimator::Regressor(_) => Err(PipelineError::NoClasses),
        }
    }

    /// The value of a metric for the predictions from a table that has targets or classes. The metrics of numbers are `r2`, `mse`, `rmse`
    /// and `mae`. Those of classes are `accuracy`, `f1` (the mean over the classes), `log_loss` and `roc_auc` (each class against the
    /// rest). [`metrics`](crate::metrics) defines them. Rows of weight 0 are left out, and all others have the same weight.
    ///
    /// # Errors
    /// Under the same conditions as [`predict`](FittedPipeline::predict), or if the metric does not exist, or the targets or classes are
    /// absent.
    pub fn score(&self, table: &Table, metric: &str) -> Result<f64, PipelineError> {
        Ok(self.scores(table, &[self.metric(metric)?])?[0])
    }

    /// Writes the pipeline to a file: as JSON, or in the binary format if the name ends in `.nn`.
    /// [`Pipeline::load`](super::Pipeline::load) reads it with the same bits.
    ///
    /// # Errors
    /// If the file cannot be written, or a parameter is not finite.
    #[cfg(feature = "save")]
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<(), crate::SaveError> {
        crate::save(path, self)
    }

    /// The encoder, which computes features from a table.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The maps of the features.
    pub fn preprocessing(&self) -> &Preprocessing<f64> {
        &self.preprocessing
    }

    /// The fitted estimator.
    pub fn model(&self) -> &FittedEstimator<f64> {
        &self.model
    }

    /// The names of the classes; empty if the pipeline predicts numbers.
    pub fn class_names(&self) -> &[String] {
        self.encoder.class_names()
    }

    fn features(&self, table: &Table) -> Result<Matrix<f64>, PipelineError> {
        Ok(self.preprocessing.apply(&self.encoder.features(table)?))
    }

    pub(super) fn metric(&self, name: &str) -> Result<Metric, PipelineError> {
        Metric::named(name, matches!(self.model, FittedEstimator::Classifier(_)))
    }

    /// The targets or classes of the rows of a table.
    pub(super) fn truth(&self, table: &Table) -> Result<Truth, PipelineError> {
        Ok(match &self.model {
            FittedEstimator::Classifier(_) => Truth::Classes(self.encoder.classes(table)?),
            FittedEstimator::Regressor(_) => Truth::Numbers(self.encoder.targets(table)?),
        })
    }

    pub(super) fn scores(&self, table: &Table, metrics: &[Metric]) -> Result<Vec<f64>, PipelineError> {
        let counted = self.encoder.counted(table)?;
        let table = counted.as_ref().unwrap_or(table);
        let (x, truth) = (self.features(table)?, self.truth(table)?);
        metrics.iter().map(|metric| Ok(metric.score(&self.model, &x, &truth)?)).collect()
    }
}
