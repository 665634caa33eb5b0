//! What a plan is given in every run, and what it gives back.

use kernel::split_mix;

use super::{EachParam, Leaves, Plan, PlanMisfit, PlannedParam, emptied};
use crate::ops::write_one_hot;
use crate::sweep::regions::Deltas;
use crate::{MatrixRef, Real};

impl<T: Real> Plan<T> {
    /// The leaves of a run, if they fit.
    pub(super) fn leaves<'a>(
        &mut self,
        inputs: &[MatrixRef<'a, T>],
        params: &mut dyn EachParam<'a, T>,
    ) -> Result<Leaves<'a, T>, PlanMisfit> {
        if !inputs.iter().map(|x| x.shape()).eq(self.inputs.iter().copied()) {
            let (given, recorded) = (inputs.iter().map(|x| x.shape()).collect::<Vec<_>>(), &self.inputs);
            return Err(PlanMisfit::Inputs(format!("inputs of shapes {given:?} for a recording of {recorded:?}")));
        }
        let mut leaves: Leaves<'a, T> = emptied(std::mem::take(&mut self.spare));
        leaves.extend_from_slice(inputs);
        leaves.resize(inputs.len() + self.params.len(), MatrixRef::EMPTY);
        let found = &mut leaves[inputs.len()..];
        // They mostly come in the order of their identities.
        let (mut next, mut wrong) = (0, None);
        params.each(&mut |param| {
            let known = match self.params.get(next) {
                Some(planned) if planned.id == param.id() => Ok(next),
                _ => self.params.binary_search_by_key(&param.id(), |planned| planned.id),
            };
            let Ok(k) = known else { return };
            let (planned, value) = (&mut self.params[k], param.value());
            if planned.shape != value.shape() || planned.trained != param.is_trained() {
                wrong = Some((*planned, value.shape(), param.is_trained()));
            }
            (found[k], planned.run, next) = (value.view(), self.runs, k + 1);
        });
        if let Some((PlannedParam { shape, trained, .. }, now, is_trained)) = wrong {
            return Err(PlanMisfit::Params(format!(
                "a parameter {now:?}, trained: {is_trained}, was recorded as {shape:?}, trained: {trained}"
            )));
        }
        let missing = self.params.iter().filter(|planned| planned.run != self.runs).count();
        if missing > 0 {
            let all = self.params.len();
            return Err(PlanMisfit::Params(format!("{missing} of {all} recorded parameters are not given")));
        }
        Ok(leaves)
    }

    /// Writes the one-hot constants of these classes.
    pub(super) fn write_classes(&mut self, classes: &[usize]) -> Result<(), PlanMisfit> {
        for place in &self.classes {
            let (rows, count) = (place.rows as usize, place.cols as usize);
            if classes.len() != count {
                return Err(PlanMisfit::Inputs(format!("{} classes for a recording of {count}", classes.len())));
            }
            if let Some(class) = classes.iter().find(|&&class| class >= rows) {
                return Err(PlanMisfit::Inputs(format!("class {class} is not below the {rows} rows")));
            }
            let t = &mut self.steps.values[place.start..][..place.len()];
            t.fill(T::default());
            write_one_hot(rows, classes, t);
        }
        Ok(())
    }

    /// Writes the constants of random numbers.
    pub(super) fn draw(&mut self, seed: Option<u64>) {
        let Some(mut state) = seed else { return };
        for (place, write) in &self.drawn {
            let x = &mut self.steps.values[place.start..][..place.len()];
            x.fill(T::default());
            write(split_mix(&mut state), x);
        }
    }

    /// The derivatives of the value times a factor, and the new values of buffers.
    pub(super) fn sweep(&self, leaves: &Leaves<'_, T>, factor: T, to: &mut Deltas<T>) {
        self.steps.sweep(leaves, &[factor], to.lay_out(&self.layout));
        self.write_updates(leaves, to);
    }

    /// The new values of buffers.
    pub(super) fn write_updates(&self, leaves: &Leaves<'_, T>, to: &mut Deltas<T>) {
        to.updates.retain(|(id, _)| self.updates.iter().any(|(own, _)| own == id));
        for (id, place) in &self.updates {
            let new = place.look(&self.steps.values, leaves);
            match to.updates.iter_mut().find(|(known, value)| known == id && value.shape() == new.shape()) {
                Some((_, value)) => value.as_mut_slice().copy_from_slice(new.as_slice()),
                None => to.updates.push((*id, new.to_owned())),
            }
        }
    }
}
