//! The curves of a run: which there are, which one steers, and what it says.

#[cfg(feature = "save")]
use super::History;
use super::plan::{Plan, VALIDATION};
use crate::Real;
use crate::schedule::{Goal, Plateau, Threshold};

impl<T: Real> Plan<'_, T> {
    /// The names of the sets that are measured after every epoch, in the order of the curves.
    pub(super) fn sets(&self) -> impl Iterator<Item = &str> {
        let held_out = self.held_out.map(|_| VALIDATION);
        held_out.into_iter().chain(self.watched.iter().map(|name| &**name))
    }

    /// The names of all curves.
    pub(super) fn curves(&self) -> Vec<String> {
        let measured = || std::iter::once("loss").chain(self.metrics.iter().map(|name| &**name));
        let sets = self.sets().flat_map(|set| measured().map(move |of| format!("{set}_{of}")));
        ["step", "learning_rate", "loss"].into_iter().map(str::to_owned).chain(sets).collect()
    }

    /// # Panics
    /// If two curves have one name, or two metrics would as soon as there is a set.
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

    /// The curve that steers, and where it should go.
    pub(super) fn steering(&self) -> (String, Goal) {
        let validation = self.sets().any(|set| set == VALIDATION).then(|| format!("{VALIDATION}_loss"));
        let curve = || (validation.unwrap_or_else(|| "loss".to_owned()), Goal::Min);
        self.monitor.clone().unwrap_or_else(curve)
    }

    /// # Panics
    /// If the curve that is monitored is none.
    #[track_caller]
    pub(super) fn expect_monitored(&self) {
        let (curve, names) = (self.steering().0, self.curves());
        assert!(names.contains(&curve), "monitor: there is no curve `{curve}`: there are {}", names.join(", "));
    }

    /// Whether training ends early, or keeps the best, by the loss of the samples that it is trained on.
    pub(super) fn judges_itself(&self) -> Option<String> {
        let unasked = self.patience.is_some() && self.monitor.is_none() && self.steering().0 == "loss";
        unasked.then(|| {
            "early_stopping: without a validation set it goes by the loss in training, which does not see overfitting: \
             add `validate` or `hold_out`, or say `monitor(\"loss\", Goal::Min)` if that is meant"
                .to_owned()
        })
    }

    /// What the curve that steers has said up to the end of a history: as it was judged epoch by epoch.
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

/// What was made of the scores so far.
pub(super) struct Judged {
    pub plateau: Option<Plateau>,
    /// The best score and its epoch.
    pub best: Option<(f64, usize)>,
    /// How many epochs came after it.
    pub stale: usize,
}

impl Judged {
    /// Takes in the score of an epoch; says whether it is the best so far. One that is not finite is no better than any.
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
