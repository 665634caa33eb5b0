//! The curves of a run: their names, the monitored one, and the decisions that are based on it.

#[cfg(feature = "save")]
use super::History;
use super::TrainError;
use super::plan::{Plan, VALIDATION};
use crate::Real;
use crate::nearest::there_are;
use crate::schedule::{Goal, Plateau, Threshold};

impl<T: Real> Plan<'_, T> {
    /// The names of the sets that are measured after every epoch, in the order of the curves.
    pub(super) fn sets(&self) -> impl Iterator<Item = &str> {
        let held_out = self.held_out.map(|_| VALIDATION);
        held_out.into_iter().chain(self.watched.iter().map(|name| &**name))
    }

    /// The names of all curves.
    pub(super) fn curves(&self) -> Vec<String> {
        let sets = self.measured().map(|(set, of)| format!("{set}_{of}"));
        ["step", "learning_rate", "loss"].into_iter().map(str::to_owned).chain(sets).collect()
    }

    /// What is measured after every epoch, in the order of the curves: the set, and `loss` or the metric.
    pub(super) fn measured(&self) -> impl Iterator<Item = (&str, &str)> {
        let of = || std::iter::once("loss").chain(self.metrics.iter().map(|name| &**name));
        self.sets().flat_map(move |set| of().map(move |of| (set, of)))
    }

    /// # Panics
    /// If two curves have the same name, or if two metrics would get the same name in a watched set.
    #[track_caller]
    pub(super) fn expect_distinct(&self, setting: &str) {
        let metrics = std::iter::once("loss").chain(self.metrics.iter().map(|name| &**name)).map(str::to_owned);
        for names in [self.curves(), metrics.collect()] {
            let twice = (1..names.len()).find(|&k| names[..k].contains(&names[k]));
            assert!(
                twice.is_none(),
                "{setting}: there would be two curves or metrics `{}`: choose another name, or validate in one way",
                twice.map_or("", |k| &names[k])
            );
        }
    }

    /// The monitored curve, and the direction in which it improves.
    pub(super) fn steering(&self) -> (String, Goal) {
        let validation = self.sets().any(|set| set == VALIDATION).then(|| format!("{VALIDATION}_loss"));
        let curve = || (validation.unwrap_or_else(|| "loss".to_owned()), Goal::Min);
        self.monitor.clone().unwrap_or_else(curve)
    }

    /// # Errors
    /// If the monitored curve does not exist.
    pub(super) fn check_monitored(&self) -> Result<(), TrainError> {
        let (curve, names) = (self.steering().0, self.curves());
        if names.contains(&curve) {
            return Ok(());
        }
        let known = there_are(&curve, &names);
        Err(TrainError::Setting(format!("monitor: there is no curve `{curve}`: {known}")))
    }

    /// Whether early stopping, or keeping the best weights, uses the training loss.
    pub(super) fn judges_itself(&self) -> Option<String> {
        let unasked = self.patience.is_some() && self.monitor.is_none() && self.steering().0 == "loss";
        unasked.then(|| {
            "early_stopping: without a validation set it goes by the loss in training, which does not see overfitting: \
             add `validate` or `hold_out`, or say `monitor(\"loss\", Goal::Min)` if that is meant"
                .to_owned()
        })
    }

    /// The judgement of the monitored curve over a history, epoch by epoch.
    #[cfg(feature = "save")]
    pub(super) fn judged(&self, history: &History) -> Option<Judged> {
        let (curve, goal) = self.steering();
        let mut judged = Judged { plateau: self.plateau, best: None, stale: 0 };
        for (k, &score) in history.get(&curve)?.iter().enumerate() {
            judged.observe(goal, score, k + 1, self.keep_best);
        }
        Some(judged)
    }
}

/// The judgement of the scores so far.
pub(super) struct Judged {
    pub plateau: Option<Plateau>,
    /// The best score and its epoch.
    pub best: Option<(f64, usize)>,
    /// The number of epochs after it.
    pub stale: usize,
}

impl Judged {
    /// Adds the score of an epoch; returns whether it is the best so far. A score that is not finite is not an improvement.
    pub fn observe(&mut self, goal: Goal, score: f64, epoch: usize, keep_best: bool) -> bool {
        if let Some(plateau) = &mut self.plateau {
            plateau.goal = goal;
            plateau.observe(score);
        }
        let better = |(best, _)| goal.is_better(score, best, Threshold::Absolute(0.0));
        let is_best = keep_best && score.is_finite() && self.best.is_none_or(better);
        if is_best {
            (self.best, self.stale) = (Some((score, epoch)), 0);
        } else if keep_best {
            self.stale += 1;
        }
        is_best
    }
}
