//! Scores on rows to which a pipeline was not fitted.

use std::collections::BTreeMap;
use std::fmt;

use super::score::Metric;
use super::{Pipeline, PipelineError, each};
use crate::data::{Table, group_k_fold, k_fold, stratified_k_fold};
use crate::train::stream;

/// The rows of the training set, and those of the test set.
type TrainAndTest = (Vec<usize>, Vec<usize>);

/// How the rows of a table are split into k folds. Each fold is the test set once, and the other folds are the training set.
///
/// For classifiers the shares of the classes are the same in all folds. For regressors the rows are drawn at random.
#[derive(Clone, Debug, PartialEq)]
pub struct Folds {
    k: usize,
    seed: u64,
    by: By,
}

#[derive(Clone, Debug, PartialEq)]
enum By {
    Classes,
    Rows,
    Groups(String),
}

impl Folds {
    /// k folds, with seed 0.
    ///
    /// # Panics
    /// If k is below 2.
    #[track_caller]
    pub fn new(k: usize) -> Self {
        assert!(k >= 2, "Folds::new: {k} folds; at least 2 are needed");
        Folds { k, seed: 0, by: By::Classes }
    }

    /// Sets the seed of the random split.
    pub fn seed(self, seed: u64) -> Self {
        Folds { seed, ..self }
    }

    /// Draws rows at random, regardless of their classes.
    pub fn plain(self) -> Self {
        Folds { by: By::Rows, ..self }
    }

    /// Puts rows with the same text in this column, such as those of one patient, into the same fold: see [`group_k_fold`].
    /// The column should be [ignored](crate::data::Encoding::ignore) by the encoding.
    pub fn grouped(self, column: &str) -> Self {
        Folds { by: By::Groups(column.to_owned()), ..self }
    }

    /// The rows of the training set and of the test set for each fold. [`Pipeline::cross_validate`] uses the same rows. Rows of weight 0
    /// are in no set.
    ///
    /// # Errors
    /// If there are fewer rows of positive weight or fewer groups than folds, the column of groups does not exist, or one of its values is
    /// missing.
    pub fn split(&self, pipeline: &Pipeline, table: &Table) -> Result<Vec<TrainAndTest>, PipelineError> {
        let Some(rows) = pipeline.encoding.counted_rows(table)? else { return self.split_all(pipeline, table) };
        let back = |part: Vec<usize>| part.into_iter().map(|i| rows[i]).collect();
        let parts = self.split_all(pipeline, &table.select(&rows))?;
        Ok(parts.into_iter().map(|(train, test)| (back(train), back(test))).collect())
    }

    /// The split of a table without rows of weight 0.
    fn split_all(&self, pipeline: &Pipeline, table: &Table) -> Result<Vec<TrainAndTest>, PipelineError> {
        let (rng, n) = (&mut stream(self.seed, 0), table.len());
        let enough = |of, found: usize| {
            let folds = self.k;
            if found < folds { Err(PipelineError::Folds { folds, of, found }) } else { Ok(()) }
        };
        enough("rows", n)?;
        match &self.by {
            By::Groups(column) => {
                let groups = groups(table, column)?;
                enough("groups", groups.iter().max().map_or(0, |most| most + 1))?;
                Ok(group_k_fold(&groups, self.k, rng))
            }
            By::Classes if pipeline.estimator.is_classifier() => {
                let classes = pipeline.encoding.labels(table)?.map_or(vec![0; n], |(classes, _)| classes);
                Ok(stratified_k_fold(&classes, self.k, rng))
            }
            _ => Ok(k_fold(n, self.k, rng)),
        }
    }
}

/// The index of the group of each row.
fn groups(table: &Table, column: &str) -> Result<Vec<usize>, PipelineError> {
    let j = table.column(column)?;
    let mut known = BTreeMap::new();
    let group = |i| {
        let text = table.cell(i, j).ok_or_else(|| table.no_value(i, j, true))?;
        let next = known.len();
        Ok(*known.entry(text.to_owned()).or_insert(next))
    };
    (0..table.len()).map(group).collect()
}

/// The value of each metric on each fold.
///
/// `Display` writes the mean and the standard deviation of each metric over the folds: `r2 0.812 ± 0.034, mae 1.250 ± 0.110`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    names: Vec<&'static str>,
    /// One row for each fold.
    folds: Vec<Vec<f64>>,
}

impl Scores {
    /// The value of a metric on each fold.
    ///
    /// # Panics
    /// If the metric was not computed. The other methods panic under the same condition.
    #[track_caller]
    pub fn folds(&self, metric: &str) -> Vec<f64> {
        let Some(k) = self.names.iter().position(|name| *name == metric) else {
            panic!("Scores: {metric:?} was not computed, only {:?}", self.names)
        };
        self.folds.iter().map(|scores| scores[k]).collect()
    }

    /// The mean over the folds.
    #[track_caller]
    pub fn mean(&self, metric: &str) -> f64 {
        mean_and_deviation(&self.folds(metric)).0
    }

    /// The standard deviation s over the folds, s² = Σ (score − mean)² / (k − 1). The folds share training rows, so s / √k is not the
    /// standard error of the mean.
    #[track_caller]
    pub fn deviation(&self, metric: &str) -> f64 {
        mean_and_deviation(&self.folds(metric)).1
    }
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, name) in self.names.iter().enumerate() {
            let between = if k > 0 { ", " } else { "" };
            write!(f, "{between}{name} {:.3} ± {:.3}", self.mean(name), self.deviation(name))?;
        }
        Ok(())
    }
}

/// Σ x / n and √(Σ (x − mean)² / (n − 1)); the latter is 0 for one number.
pub(super) fn mean_and_deviation(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let squares = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

impl Pipeline {
    /// For each fold, fits the whole pipeline with encoder and preprocessing to the other folds, and scores it on this fold. The names
    /// of the metrics are those of [`score`](super::FittedPipeline::score). Rows of weight 0 are ignored.
    ///
    /// # Errors
    /// Under the same conditions as [`fit`](Pipeline::fit) and [`score`](super::FittedPipeline::score) in any fold. A category that occurs
    /// in no other fold is an error, unless the encoding has [`Unknown::Zeros`](crate::data::Unknown::Zeros). If there are more folds than
    /// rows of positive weight.
    ///
    /// # Panics
    /// Under the same conditions as [`fit`](Pipeline::fit).
    #[track_caller]
    pub fn cross_validate(&self, table: &Table, folds: &Folds, metrics: &[&str]) -> Result<Scores, PipelineError> {
        let named = |name: &&str| Metric::named(name, self.estimator.is_classifier());
        let metrics = metrics.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        let counted = self.encoding.counted(table)?;
        let table = counted.as_ref().unwrap_or(table);
        let parts = folds.split(self, table)?;
        let classes = if self.estimator.is_classifier() { self.encoding.labels(table)? } else { None };
        let classes = classes.as_ref().map(|(_, names)| &**names);
        let folds = each(0..parts.len(), &|k| {
            let (train, test) = &parts[k];
            self.fit_classes(&table.select(train), classes)?.scores(&table.select(test), &metrics)
        })?;
        Ok(Scores { names: metrics.iter().map(|metric| metric.name).collect(), folds })
    }
}
