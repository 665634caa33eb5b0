//! Validates a run from a file. Every field must agree with the model, the settings, and the other fields.

use super::plan::Plan;
use super::run::Run;
use crate::weights::not_finite;
use crate::{Module, Real};

/// The name of a field, and a description of what is wrong with it.
pub(super) type Problem = (&'static str, String);

impl<T: Real> Plan<'_, T> {
    /// The run, with the curves of its history in the order in which they are measured.
    ///
    /// # Errors
    /// If a field contradicts the plan, the model, or another field.
    pub(super) fn believed(&self, run: Run<T>, model: &dyn Module<T>, batches: usize) -> Result<Run<T>, Problem> {
        let history = run.history.in_order(&self.curves(), run.epoch).map_err(|problem| ("history", problem))?;
        let run = Run { history, ..run };
        self.counters(&run, batches)?;
        self.states(&run, model)?;
        self.judgements(&run)?;
        Ok(run)
    }

    /// Steps, epochs and batches must agree.
    fn counters(&self, run: &Run<T>, batches: usize) -> Result<(), Problem> {
        let Run { step, epoch, batch, losses, ref history, .. } = *run;
        let of = |epochs: usize, more: usize| epochs.checked_mul(batches)?.checked_add(more)?.try_into().ok();
        if batch > batches {
            return Err(("batch", format!("{batch} batches are done, but an epoch has {batches}")));
        }
        if of(epoch, batch) != Some(step) {
            return Err((
                "step",
                format!("{epoch} epochs of {batches} batches and {batch} batches are not {step} steps"),
            ));
        }
        let measured = history.get("step").unwrap_or_default();
        if let Some(k) = (0..epoch).find(|&k| of(k + 1, 0).map(|step: u64| step as f64) != Some(measured[k])) {
            return Err(("history", format!("curve `step` has {} after epoch {}", measured[k], k + 1)));
        }
        let empty = losses == (0.0, 0.0);
        if !(losses.0.is_finite() && losses.1.is_finite() && losses.1 >= 0.0) || empty != (batch == 0) {
            return Err(("losses", format!("{losses:?} after {batch} batches")));
        }
        Ok(())
    }

    /// The values stored beside the weights must belong to this model and to the same number of steps.
    fn states(&self, run: &Run<T>, model: &dyn Module<T>) -> Result<(), Problem> {
        let state = &run.optimizer;
        if state.steps.checked_add(state.skipped) != Some(run.step) {
            let Run { step, .. } = run;
            return Err((
                "optimizer",
                format!("{} steps made and {} left out are not {step}", state.steps, state.skipped),
            ));
        }
        if state.norm.is_some_and(|norm| !(norm.is_finite() && norm >= 0.0)) {
            return Err(("optimizer", format!("a norm of {:?}", state.norm)));
        }
        if let Some(name) = state.not_finite().or_else(|| not_finite(model).pop()) {
            return Err(("optimizer or weights", format!("numbers of `{name}` are NaN or infinite")));
        }
        match (&run.ema, self.ema) {
            (None, None) => {}
            (Some(ema), Some(decay)) => {
                if let Some(problem) = ema.contradiction(decay, run.step, model) {
                    return Err(("ema", problem));
                }
            }
            (found, _) => {
                let found = if found.is_some() { "an average, which the settings do not have" } else { "no average" };
                return Err(("ema", found.to_owned()));
            }
        }
        if let Some(best) = &run.best {
            if let Some(problem) = best.weights.misfit(model, false) {
                return Err(("best", problem));
            }
            if let Some(name) = not_finite(&best.weights).pop() {
                return Err(("best", format!("numbers of `{name}` are NaN or infinite")));
            }
        }
        Ok(())
    }

    /// Decisions must agree with the curves. Curves that are not finite were judged differently by older versions.
    fn judgements(&self, run: &Run<T>) -> Result<(), Problem> {
        let scores = run.history.get(&self.steering().0).unwrap_or_default();
        let best = run.best.as_ref().map(|best| (best.score, best.epoch));
        let finite = scores.iter().all(|score| score.is_finite());
        if let (true, Some(judged)) = (finite || run.epoch == 0, self.judged(&run.history)) {
            if judged.plateau != run.plateau {
                return Err(("plateau", format!("{:?}, where the curve says {:?}", run.plateau, judged.plateau)));
            }
            if judged.best != best || judged.stale != run.stale {
                let says = (judged.best, judged.stale);
                return Err(("best or stale", format!("{:?}, where the curve says {says:?}", (best, run.stale))));
            }
        }
        let plateau = run.plateau.map(|plateau| plateau.check());
        if let Some(Err(problem)) = plateau {
            return Err(("plateau", problem));
        }
        if run.plateau.is_some() != self.plateau.is_some()
            || run.stale > run.epoch
            || best.is_some_and(|b| b.1 > run.epoch)
        {
            return Err(("plateau, stale or best", "of another run".to_owned()));
        }
        let ended = run.end == Some(super::End::EarlyStopping);
        if ended && self.patience.is_none_or(|patience| run.stale < patience) {
            return Err(("end", format!("stopped early after {} epochs without a better one", run.stale)));
        }
        Ok(())
    }
}
