//! A random search for settings, which drops most candidates early.

use rand::rngs::ChaCha8Rng;

use super::score::Metric;
use super::{Folds, Pipeline, PipelineError};
use crate::data::Table;
use crate::estimator::EstimatorError;
use crate::train::stream;

/// Random search with successive halving (K. Jamieson and A. Talwalkar, AISTATS 2016, p. 240). It draws candidates at random and
/// cross-validates them with a small budget. The best candidates are tried again with a larger budget, until one is left.
///
/// ```text
/// n candidates of budget b   →   the best ⌈n / η⌉ of budget η b   →   the best ⌈n / η²⌉ of budget η² b   →   …   →   one
/// ```
///
/// Every round costs about as much as the first. Your function decides what the budget means; usually it is the number of epochs.
///
/// ```
/// use nn::data::{Csv, Encoding};
/// use nn::estimator::MlpRegressor;
/// use nn::pipeline::{Folds, Halving, Pipeline};
/// use nn::prelude::RngExt;
/// let rows: String = (0..40).map(|n| format!("{},{}\n", n % 10, (n % 10) * (n % 10))).collect();
/// let table = Csv::new().table_from_reader(format!("x,t\n{rows}").as_bytes(), "test.csv")?;
///
/// let found = Halving::new(6, 4).factor(3).seed(1).search(&table, &Folds::new(2), "r2", |rng, epochs| {
///     let lr = 10f64.powf(rng.random_range(-4.0..-1.0));
///     let hidden = [4, 8, 16][rng.random_range(0..3)];
///     Pipeline::new(Encoding::new().target("t"), &[], MlpRegressor::new().hidden(&[hidden]).lr(lr).batch(10).max_epochs(epochs))
/// })?;
/// assert_eq!(found.rounds.iter().map(|round| (round.budget, round.scores.len())).collect::<Vec<_>>(), [(4, 6), (12, 2)]);
/// let model = found.pipeline.fit(&table)?;
/// # Ok::<(), nn::pipeline::PipelineError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halving {
    candidates: usize,
    budget: usize,
    factor: usize,
    seed: u64,
}

/// A round of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// The budget of each candidate.
    pub budget: usize,
    /// The index of each candidate and its mean score over the folds, the best first; NaN if training diverged.
    pub scores: Vec<(usize, f64)>,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The best pipeline, with its settings and the budget of the last round.
    pub pipeline: Pipeline,
    /// Its mean score in the last round. It is the best of several scores, so it is optimistic: score the pipeline on other rows.
    pub score: f64,
    /// All rounds.
    pub rounds: Vec<Round>,
}

impl Halving {
    /// A search with this number of candidates and this budget in the first round, with η = 3 and seed 0.
    ///
    /// # Panics
    /// If the number of candidates or the budget is 0.
    #[track_caller]
    pub fn new(candidates: usize, budget: usize) -> Self {
        assert!(candidates > 0, "Halving::new: at least one candidate");
        assert!(budget > 0, "Halving::new: the budget is at least 1");
        Halving { candidates, budget, factor: 3, seed: 0 }
    }

    /// Sets η: a round keeps one of η candidates, and the next round has η times the budget.
    ///
    /// # Panics
    /// If it is below 2.
    #[track_caller]
    pub fn factor(self, factor: usize) -> Self {
        assert!(factor >= 2, "Halving::factor: {factor} should be at least 2");
        Halving { factor, ..self }
    }

    /// Sets the seed of the candidates.
    pub fn seed(self, seed: u64) -> Self {
        Halving { seed, ..self }
    }

    /// Searches for the pipeline with the best mean of a metric over the folds. `settings` builds a candidate from random numbers and the
    /// budget. The random numbers of a candidate are the same in every round, and the folds are the same for all candidates.
    ///
    /// # Errors
    /// Under the same conditions as [`cross_validate`](Pipeline::cross_validate), except that a candidate whose training diverges is
    /// ranked last; or if no candidate has a score.
    ///
    /// # Panics
    /// Under the same conditions as [`fit`](Pipeline::fit).
    #[track_caller]
    pub fn search(
        &self,
        table: &Table,
        folds: &Folds,
        metric: &str,
        settings: impl Fn(&mut ChaCha8Rng, usize) -> Pipeline,
    ) -> Result<Found, PipelineError> {
        self.run(table, folds, metric, &settings)
    }

    fn run(
        &self,
        table: &Table,
        folds: &Folds,
        metric: &str,
        settings: &dyn Fn(&mut ChaCha8Rng, usize) -> Pipeline,
    ) -> Result<Found, PipelineError> {
        let draw = |candidate: usize, budget| settings(&mut stream(self.seed, candidate as u64), budget);
        let (mut alive, mut budget, mut rounds): (Vec<usize>, _, _) =
            ((0..self.candidates).collect(), self.budget, vec![]);
        loop {
            let mut scores = Vec::new();
            let mut sign = 1.0;
            for &candidate in &alive {
                let pipeline = draw(candidate, budget);
                sign = Metric::named(metric, pipeline.estimator.is_classifier())?.sign;
                let score = match pipeline.cross_validate(table, folds, &[metric]) {
                    Ok(scores) => scores.mean(metric),
                    Err(PipelineError::Estimator(EstimatorError::Diverged { .. })) => f64::NAN,
                    Err(error) => return Err(error),
                };
                scores.push((candidate, score));
            }
            // The best comes first, NaN last; for equal scores the candidate that was drawn first.
            let worth = |score: f64| if score.is_nan() { f64::NEG_INFINITY } else { sign * score };
            let nan_last = |a: f64, b: f64| a.is_nan().cmp(&b.is_nan());
            scores.sort_by(|a, b| worth(b.1).total_cmp(&worth(a.1)).then(nan_last(a.1, b.1)).then(a.0.cmp(&b.0)));
            let best = scores[0];
            let kept = scores.len().div_ceil(self.factor);
            let done = kept == 1;
            alive = scores[..kept].iter().map(|&(candidate, _)| candidate).collect();
            if best.1.is_nan() {
                return Err(PipelineError::NoScore { metric: metric.to_owned(), candidates: scores.len() });
            }
            rounds.push(Round { budget, scores });
            if done {
                return Ok(Found { pipeline: draw(best.0, budget), score: best.1, rounds });
            }
            budget = budget.saturating_mul(self.factor);
        }
    }
}
