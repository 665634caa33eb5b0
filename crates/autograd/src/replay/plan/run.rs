//! Runs a plan.

use kernel::pool::Pooled;
use kernel::simd::{Accum, Out, fill};
use kernel::split_mix;
use smallvec::SmallVec;

use super::{DELTAS, EachParam, Leaves, Place, PlacedCustom, Plan, PlanMisfit, PlannedParam, VALUES, emptied};
use crate::ops::write_one_hot;
use crate::replay::Stale;
use crate::rule::op::LinearTerm;
use crate::rule::run::{run_linear, run_sum};
use crate::sweep::regions::Deltas;
use crate::tape::comparison::Branch;
use crate::tape::custom_rule::NodeBuffers;
use crate::{MatrixRef, Real};

/// A step of a sweep with its places in the buffer of derivatives.
pub(super) enum PlacedStep {
    /// The factor is written.
    Seed {
        at: usize,
        len: usize,
    },
    Zero {
        at: usize,
        len: usize,
    },
    Copy {
        from: usize,
        to: usize,
        len: usize,
    },
    Add {
        from: usize,
        to: usize,
        len: usize,
    },
    /// δx = term of δy, or δx += it.
    Term {
        term: LinearTerm<Place>,
        dy: Place,
        dx: Place,
        accum: Accum,
    },
    /// A custom rule, and where the derivative of each operand goes.
    Custom {
        number: u32,
        dy: Place,
        to: SmallVec<[Target; 4]>,
    },
}

/// Where a custom rule writes the derivative of an operand.
#[derive(Clone, Copy, Default)]
pub(super) struct Target {
    pub start: usize,
    /// Whether its first term replaces what is there.
    pub replaces: bool,
    /// The first operand that is the same node.
    pub first: usize,
}

impl Place {
    fn len(&self) -> usize {
        self.rows as usize * self.cols as usize
    }

    /// The matrix at this place.
    #[inline(always)]
    pub fn look<'a, T: Real>(self, values: &'a [T], leaves: &[MatrixRef<'a, T>]) -> MatrixRef<'a, T> {
        let all = if self.of == VALUES { values } else { leaves[self.of as usize].as_slice() };
        MatrixRef::of(self.rows, self.cols, &all[self.start..][..self.len()])
    }
}

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
            let t = &mut self.values[place.start..][..place.len()];
            t.fill(T::default());
            write_one_hot(rows, classes, t);
        }
        Ok(())
    }

    /// Writes the constants of random numbers.
    pub(super) fn draw(&mut self, seed: Option<u64>) {
        let Some(mut state) = seed else { return };
        for (place, write) in &self.drawn {
            let x = &mut self.values[place.start..][..place.len()];
            x.fill(T::default());
            write(split_mix(&mut state), x);
        }
    }

    /// Computes every value, and compares as soon as both sides are known, because a function may be defined only where a
    /// comparison has the recorded outcome.
    pub(super) fn compute(&mut self, leaves: &Leaves<'_, T>) -> Result<(), PlanMisfit> {
        let (mut first, mut branches) = (0, &self.branches[..]);
        for (done, step) in self.forward.iter().enumerate() {
            self.compare(&mut branches, done, leaves)?;
            let (before, rest) = self.values.split_at_mut(step.place.start);
            let (shape, data) = ((step.place.rows as usize, step.place.cols as usize), &mut rest[..step.place.len()]);
            let terms = &self.terms[first..step.terms as usize];
            first = step.terms as usize;
            match step.custom {
                None => run_sum(terms, |place: Place| place.look(before, leaves), &self.indices, shape, data),
                Some(number) => {
                    let PlacedCustom { rule, operands, source, .. } = &self.customs[number as usize];
                    let x: SmallVec<[_; 4]> = operands.iter().map(|place| place.look(before, leaves)).collect();
                    if let Err((p, q)) = rule.forward(&x, shape, data) {
                        let (name, (m, n)) = (rule.name(), shape);
                        let what = format!("{name} ({source}): the value is {p} × {q} and was recorded as {m} × {n}");
                        return Err(PlanMisfit::Shape(what));
                    }
                }
            }
        }
        self.compare(&mut branches, self.forward.len(), leaves)
    }

    /// Takes the comparisons that are known after `done` steps off the list; whether they have the recorded outcome.
    #[inline]
    fn compare(
        &self,
        branches: &mut &[(usize, Branch)],
        done: usize,
        leaves: &Leaves<'_, T>,
    ) -> Result<(), PlanMisfit> {
        while let [(known, branch), rest @ ..] = branches
            && *known <= done
        {
            let now = branch.compare(|k| self.compared[k as usize].look(&self.values, leaves).as_slice()[0]);
            if now != branch.found {
                return Err(PlanMisfit::Stale(Stale { source: branch.source, recorded: branch.found, now }));
            }
            *branches = rest;
        }
        Ok(())
    }

    /// The derivatives of the value times a factor, and the new values of buffers.
    pub(super) fn sweep(&self, leaves: &Leaves<'_, T>, factor: T, to: &mut Deltas<T>) {
        let deltas = to.lay_out(&self.layout);
        for step in &self.backward {
            match step {
                PlacedStep::Seed { at, len } => deltas[*at..][..*len].fill(factor),
                PlacedStep::Zero { at, len } => deltas[*at..][..*len].fill(T::default()),
                PlacedStep::Copy { from, to, len } => deltas.copy_within(*from..from + len, *to),
                PlacedStep::Add { from, to, len } => {
                    let (x, y) = pair(deltas, (*from, *len), (*to, *len));
                    fill(y, Accum::Add, |i| x[i]);
                }
                &PlacedStep::Term { term, dy, dx, accum } => {
                    let (from, data) = pair(deltas, (dy.start, dy.len()), (dx.start, dx.len()));
                    let dy = MatrixRef::of(dy.rows, dy.cols, from);
                    let look = |place: Place| if place.of == DELTAS { dy } else { place.look(&self.values, leaves) };
                    let (rows, cols) = (dx.rows as usize, dx.cols as usize);
                    run_linear(term, look, &self.indices, accum, Out { rows, cols, data });
                }
                PlacedStep::Custom { number, dy, to } => {
                    self.pull_custom(&self.customs[*number as usize], leaves, *dy, to, deltas);
                }
            }
        }
        to.updates.retain(|(id, _)| self.updates.iter().any(|(own, _)| own == id));
        for (id, place) in &self.updates {
            let new = place.look(&self.values, leaves);
            match to.updates.iter_mut().find(|(known, value)| known == id && value.shape() == new.shape()) {
                Some((_, value)) => value.as_mut_slice().copy_from_slice(new.as_slice()),
                None => to.updates.push((*id, new.to_owned())),
            }
        }
    }

    fn pull_custom(
        &self,
        custom: &PlacedCustom<T>,
        leaves: &Leaves<'_, T>,
        dy: Place,
        to: &[Target],
        deltas: &mut [T],
    ) {
        let PlacedCustom { rule, operands, needs, value, source } = custom;
        let look = |place: &Place| place.look(&self.values, leaves);
        let x: SmallVec<[_; 4]> = operands.iter().map(look).collect();
        // A copy, because the rule reads δy while it writes several others.
        let mut copy = Pooled::<Vec<T>>::take();
        copy.clear();
        copy.extend_from_slice(&deltas[dy.start..][..dy.len()]);
        let at = NodeBuffers { x: &x, y: look(value), dy: MatrixRef::of(dy.rows, dy.cols, &copy), source };
        let mut written = SmallVec::<[bool; 4]>::from_elem(false, to.len());
        rule.pull(&at, needs, &mut |k, write| {
            let Target { start, replaces, first } = to[k];
            let accum = if replaces && !written[first] { Accum::Replace } else { Accum::Add };
            written[first] = true;
            write(&mut deltas[start..][..operands[k].len()], accum);
        });
        for (k, target) in to.iter().enumerate() {
            let name = rule.name();
            let given = !needs[k] || written[target.first];
            assert!(given, "{name} ({source}): operand {k} gets no gradient, but it got one when it was recorded");
        }
    }
}

/// A part of a buffer to read and another to write.
#[inline(always)]
fn pair<T>(all: &mut [T], from: (usize, usize), to: (usize, usize)) -> (&[T], &mut [T]) {
    let [from, to] = all.get_disjoint_mut([from.0..from.0 + from.1, to.0..to.0 + to.1]).expect("derivatives lie apart");
    (from, to)
}
