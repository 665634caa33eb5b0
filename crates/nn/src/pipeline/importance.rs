//! The importance of columns: how much worse a model predicts without the information in a column.

use std::fmt;

use rand::seq::SliceRandom;

use super::cross_validate::mean_and_deviation;
use super::{FittedPipeline, PipelineError, each};
use crate::Matrix;
use crate::data::Table;
use crate::train::stream;

/// The decrease of a score when the cells of a column are shuffled.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The column.
    pub column: String,
    /// The mean over the repeats.
    pub mean: f64,
    /// The standard deviation s over the r repeats, s² = Σ (decrease − mean)² / (r − 1).
    pub deviation: f64,
    /// The decrease in each repeat.
    pub falls: Vec<f64>,
}

/// The importance of each column of a table, in the order of the columns. `Display` writes one line for each, the most important first.
#[derive(Clone, Debug, PartialEq)]
pub struct Importances(pub Vec<Importance>);

impl Importances {
    /// The importance of the column with this name; `None` if there is none.
    pub fn of(&self, column: &str) -> Option<&Importance> {
        self.0.iter().find(|importance| importance.column == column)
    }
}

impl fmt::Display for Importances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut order: Vec<&Importance> = self.0.iter().collect();
        order.sort_by(|a, b| b.mean.total_cmp(&a.mean));
        let width = order.iter().map(|importance| importance.column.chars().count()).max().unwrap_or(0);
        for (k, Importance { column, mean, deviation, .. }) in order.into_iter().enumerate() {
            let between = if k > 0 { "\n" } else { "" };
            write!(f, "{between}{column:width$}  {mean:.3} ± {deviation:.3}")?;
        }
        Ok(())
    }
}

impl FittedPipeline {
    /// How much a metric gets worse when the cells of a column are shuffled over the rows, which removes the information in the column
    /// (L. Breiman, Machine Learning 45 (2001), p. 5, section 10). Each column except targets, class and weights is shuffled in several
    /// repeats. Use a table to which the pipeline was not fitted; otherwise columns to which it overfits seem important.
    ///
    /// All features of a column are shuffled together. Columns with the same information replace each other, so each of them has a small
    /// importance. A column that the pipeline does not read has importance 0.
    ///
    /// ```
    /// use nn::data::{Csv, Encoding};
    /// use nn::{estimator::Ridge, pipeline::Pipeline};
    /// let rows: String = (0..30).map(|n| format!("{},{},{}\n", n % 5, n % 7, 2 * (n % 5))).collect();
    /// let table = Csv::new().table_from_reader(format!("a,b,t\n{rows}").as_bytes(), "test.csv")?;
    /// let model = Pipeline::new(Encoding::new().ignore("b").target("t"), &[], Ridge::new()).fit(&table)?;
    /// let importances = model.permutation_importance(&table, "r2", 5, 1)?;
    /// assert!(importances.of("a").unwrap().mean > 0.5);
    /// assert_eq!(importances.of("b").unwrap().falls, [0.0; 5]);
    /// # Ok::<(), nn::pipeline::PipelineError>(())
    /// ```
    ///
    /// # Errors
    /// Under the same conditions as [`score`](FittedPipeline::score).
    ///
    /// # Panics
    /// If `repeats` is 0.
    #[track_caller]
    pub fn permutation_importance(
        &self,
        table: &Table,
        metric: &str,
        repeats: usize,
        seed: u64,
    ) -> Result<Importances, PipelineError> {
        assert!(repeats > 0, "permutation_importance: at least one repeat");
        let metric = self.metric(metric)?;
        let counted = self.encoder.counted(table)?;
        let table = counted.as_ref().unwrap_or(table);
        let (x, truth) = (self.encoder.features::<f64>(table)?, self.truth(table)?);
        let score = |x: &Matrix<f64>| metric.score(&self.model, &self.preprocessing.apply(x), &truth);
        let whole = score(&x)?;
        // The features of a column begin where those of the previous column end.
        let mut begin = 0;
        let blocks: Vec<_> = self
            .encoder
            .blocks()
            .into_iter()
            .map(|(name, rows)| {
                begin += rows;
                (name, begin - rows..begin)
            })
            .collect();
        let falls = each(0..blocks.len() * repeats, &|k| {
            let mut order: Vec<usize> = (0..x.cols()).collect();
            order.shuffle(&mut stream(seed, k as u64));
            let rows = &blocks[k / repeats].1;
            let shuffled =
                Matrix::from_fn(x.rows(), x.cols(), |i, n| x[(i, if rows.contains(&i) { order[n] } else { n })]);
            Ok::<_, PipelineError>(metric.sign * (whole - score(&shuffled)?))
        })?;
        let importance = |column: &String| {
            let read = blocks.iter().position(|(name, _)| name == column);
            let falls = read.map_or(vec![0.0; repeats], |k| falls[k * repeats..][..repeats].to_vec());
            let (mean, deviation) = mean_and_deviation(&falls);
            Importance { column: column.clone(), mean, deviation, falls }
        };
        let answers = self.encoder.answers();
        let columns = table.names().iter().filter(|name| !answers.contains(&name.as_str()));
        Ok(Importances(columns.map(importance).collect()))
    }
}
