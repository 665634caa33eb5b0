//! Encoding, preprocessing and estimator as one object. It is fitted to a table, cross-validated and saved, and it predicts from tables.
//!
//! ```
//! use nn::data::{Csv, Encoding, Feature, Missing, PreprocessingStep, Unknown};
//! use nn::estimator::{Mean, Ridge};
//! use nn::pipeline::{FittedPipeline, Folds, Pipeline};
//!
//! let rows: String = (0..40).map(|n| format!("{},{},{}\n", n % 7, ["oak", "elm"][n % 2], 3 * (n % 7) + 10 * (n % 2))).collect();
//! let table = Csv::new().table_from_reader(format!("age,kind,height\n{rows}").as_bytes(), "trees.csv")?;
//! let encoding = Encoding::new()
//!     .column("age", Feature::number().missing(Missing::Median))
//!     .column("kind", Feature::one_hot().unknown(Unknown::Zeros))
//!     .target("height");
//!
//! let pipeline = Pipeline::new(encoding.clone(), &[PreprocessingStep::Standardize], Ridge::new().alpha(0.01));
//! let scores = pipeline.cross_validate(&table, &Folds::new(5).seed(1), &["r2", "mae"])?;
//! assert!(scores.mean("r2") > 0.99);
//! let baseline = Pipeline::new(encoding, &[], Mean).cross_validate(&table, &Folds::new(5).seed(1), &["r2"])?;
//! assert!(baseline.mean("r2") < 0.01);
//!
//! let model: FittedPipeline = pipeline.fit(&table)?;
//! let new = Csv::new().table_from_reader("kind,age\noak,NA\nash,2\n".as_bytes(), "new.csv")?;
//! assert_eq!(model.predict(&new)?.numbers().shape(), (1, 2));
//! # Ok::<(), nn::pipeline::PipelineError>(())
//! ```
//!
//! **Test rows do not leak into training.** [`Pipeline::fit`] learns everything that depends on data: categories, medians, means,
//! components, weights of a network. [`Pipeline::cross_validate`] calls it for each fold with the rows of the other folds only. Only the
//! names of the classes come from the whole table. A column of [`Table::computed`](crate::data::Table::computed) is a function of its
//! row.
//!
//! A pipeline computes in `f64`. Its results have the same bits on any number of threads.

mod cross_validate;
mod error;
mod estimator;
mod fitted;
mod halving;
mod importance;
mod score;

use std::ops::Range;

use crate::data::{Encoding, Fitted, Preprocessing, PreprocessingStep, Table};
use crate::estimator::EstimatorError;

pub use cross_validate::{Folds, Scores};
pub use error::PipelineError;
pub use estimator::{Estimator, FittedEstimator};
pub use fitted::{FittedPipeline, Predictions};
pub use halving::{Found, Halving, Round};
pub use importance::{Importance, Importances};

/// The roles of the columns of a table, the maps of its features, and an estimator, before they are fitted.
///
/// It corresponds to scikit-learn's `Pipeline` with a `ColumnTransformer` as its first step.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    encoding: Encoding,
    steps: Vec<PreprocessingStep>,
    estimator: Estimator,
}

impl Pipeline {
    /// A pipeline of these parts.
    ///
    /// # Panics
    /// If the estimator predicts classes and the encoding has no class column, or if it predicts numbers and there is no target column.
    #[track_caller]
    pub fn new(encoding: Encoding, preprocessing: &[PreprocessingStep], estimator: impl Into<Estimator>) -> Self {
        let (steps, estimator) = (preprocessing.to_vec(), estimator.into());
        match estimator.is_classifier() {
            true => assert!(
                encoding.class_column().is_some(),
                "Pipeline::new: {estimator:?} predicts classes; name their column with `Encoding::class`"
            ),
            false => assert!(
                encoding.has_targets(),
                "Pipeline::new: {estimator:?} predicts numbers; name their columns with `Encoding::target`"
            ),
        }
        Pipeline { encoding, steps, estimator }
    }

    /// The roles of the columns.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The estimator.
    pub fn estimator(&self) -> &Estimator {
        &self.estimator
    }

    /// Fits to a table. Rows of weight 0 are ignored.
    ///
    /// # Errors
    /// If the table does not fit the encoding, or the estimator cannot learn from it.
    ///
    /// # Panics
    /// If a step of the preprocessing cannot be fitted, for example principal components of rows that are all equal.
    #[track_caller]
    pub fn fit(&self, table: &Table) -> Result<FittedPipeline, PipelineError> {
        self.fit_classes(table, None)
    }

    /// Reads a fitted pipeline from a file that was written by [`FittedPipeline::save`].
    ///
    /// # Errors
    /// If the file cannot be read, or does not contain a fitted pipeline.
    #[cfg(feature = "save")]
    pub fn load(path: impl AsRef<std::path::Path>) -> Result<FittedPipeline, crate::LoadError> {
        crate::load(path)
    }

    /// Fits to a table. Some of the classes with these names may not occur in it.
    #[track_caller]
    fn fit_classes(&self, table: &Table, classes: Option<&[String]>) -> Result<FittedPipeline, PipelineError> {
        let counted = self.encoding.counted(table)?;
        let table = counted.as_ref().unwrap_or(table);
        if table.is_empty() {
            return Err(EstimatorError::TooFew { what: "rows of positive weight", found: 0, expected: 1 }.into());
        }
        let encoder = self.encoding.fit(table)?.with_classes(classes);
        let (preprocessing, model) = if self.estimator.is_classifier() {
            let mut data = encoder.classification(table)?;
            let preprocessing = Preprocessing::fit(&self.steps, &data.x);
            data.x = preprocessing.apply(&data.x);
            keep_names(&preprocessing, &mut data.feature_names);
            (preprocessing, self.estimator.classifier(&data).map(|model| model.map(FittedEstimator::Classifier)))
        } else {
            let mut data = encoder.regression(table)?;
            let preprocessing = Preprocessing::fit(&self.steps, &data.x);
            data.x = preprocessing.apply(&data.x);
            keep_names(&preprocessing, &mut data.feature_names);
            (preprocessing, self.estimator.regressor(&data).map(|model| model.map(FittedEstimator::Regressor)))
        };
        let model = model.expect("an estimator is of one kind")?;
        Ok(FittedPipeline { encoder, preprocessing, model })
    }
}

/// Keeps the names of the features if no step mixes features; otherwise removes them.
fn keep_names(preprocessing: &Preprocessing<f64>, names: &mut Vec<String>) {
    let keeps = |step: &Fitted<f64>| matches!(step, Fitted::Standardize(_) | Fitted::MinMax(_));
    if !preprocessing.steps().iter().all(keeps) {
        names.clear();
    }
}

/// Calls `f` with each number, on the threads of rayon's current pool, and returns the results in order, or the first error.
fn each<R: Send, E: Send>(numbers: Range<usize>, f: &(dyn Fn(usize) -> Result<R, E> + Sync)) -> Result<Vec<R>, E> {
    let (start, end) = (numbers.start, numbers.end);
    match numbers.len() {
        0 => Ok(vec![]),
        1 => Ok(vec![f(start)?]),
        n => {
            let middle = start + n / 2;
            let (first, second) = rayon_core::join(|| each(start..middle, f), || each(middle..end, f));
            let mut all = first?;
            all.extend(second?);
            Ok(all)
        }
    }
}
