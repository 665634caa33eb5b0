//! The plans of a loss: when one is made, used, compared with a recording, and given up.

use std::sync::{Mutex, PoisonError};

use autograd::{Means, Plan, PlanMisfit, compiled_once};
use smallvec::SmallVec;

use super::PlanUse;
use crate::{Gradients, Matrix, MatrixRef, Module, Param, Path, Real, Tape, Var};

/// The matrices and the classes of a batch.
#[derive(Clone, Copy)]
pub(crate) struct BatchData<'b, T> {
    pub inputs: &'b [MatrixRef<'b, T>],
    pub classes: &'b [usize],
}

/// The inputs of a recording, in the order of the matrices.
pub(crate) type Inputs<'t, T> = SmallVec<[Var<'t, T>; 2]>;

/// Records the loss of a batch.
pub(crate) trait Recorder<T: Real> {
    fn record<'t>(&'t self, tape: &'t Tape<'t, T>) -> Var<'t, T>;

    /// The leaves of the recorded tape that are the matrices of the batch, if each is there once.
    fn inputs<'t>(&self, tape: &'t Tape<'t, T>) -> Option<Inputs<'t, T>>;
}

/// The kind of a training pass.
#[derive(Clone, Copy)]
pub(crate) struct PassKind {
    pub seed: u64,
    /// Whether it is a pass of a part of a batch.
    pub of_part: bool,
}

impl PassKind {
    pub fn tape<'t, T: Real>(self) -> Tape<'t, T> {
        let tape = Tape::training(self.seed);
        if self.of_part { tape.of_part() } else { tape }
    }
}

/// What a pass gives.
pub(crate) struct Found<T: Real> {
    pub loss: f64,
    pub means: Means,
    /// The gradients times the factor.
    pub gradients: Gradients<T>,
}

/// Is told the identity of a parameter and its gradient as soon as a sweep has completed it.
pub(crate) type Ready<'r, T> = dyn Fn(u64, &[T]) + Sync + 'r;

/// The plans of a loss. What they are made of is compiled in this crate, so a user's program does not instantiate it.
pub(crate) trait StepPlans<T: Real>: Send + Sync {
    /// The loss of a batch and `factor` times its gradients, from a plan if there is one, and otherwise from a recording. A run of a plan
    /// tells `ready` of its gradients, unless it is compared with a recording.
    #[track_caller]
    fn gradients(
        &self,
        model: &dyn Module<T>,
        data: BatchData<'_, T>,
        pass: PassKind,
        factor: &dyn Fn(Means) -> f64,
        recorder: &dyn Recorder<T>,
        ready: Option<&Ready<'_, T>>,
    ) -> Found<T>;

    /// Counts a step that was recorded, and notes why.
    fn note_recorded(&self, why: &str);

    fn plan_use(&self) -> PlanUse;
}

/// No plans yet.
#[compiled_once]
pub(crate) fn no_plans<T: Real>() -> Box<dyn StepPlans<T>> {
    let shelf = Shelf { plans: Vec::new(), seen: Vec::new(), usage: PlanUse::default(), stale: 0, misfits: 0 };
    Box::new(Plans(Mutex::new(shelf)))
}

/// Plans for the shapes that a loss was recorded with. Threads take them out while they run.
struct Plans<T: Real>(Mutex<Shelf<T>>);

struct Shelf<T: Real> {
    plans: Vec<Planned<T>>,
    /// The shapes that were recorded once, and are planned when they come again.
    seen: Vec<Shapes>,
    usage: PlanUse,
    /// How often a comparison had another outcome than in a plan.
    stale: u32,
    /// How many plans did not fit since one did.
    misfits: u32,
}

struct Planned<T: Real> {
    shapes: Shapes,
    plan: Box<Plan<T>>,
    /// The parameters of the model, in order.
    params: Vec<u64>,
    runs: u64,
}

/// What a batch has in common with others that can use the same plan.
#[derive(Clone, PartialEq)]
struct Shapes {
    inputs: SmallVec<[(usize, usize); 2]>,
    classes: usize,
    of_part: bool,
}

/// The least number of plans that are kept, at least two for each thread. A further one replaces the one that was used longest ago.
const KEPT: usize = 8;

/// A run of a plan is compared with a recording if its number is a power of two or a multiple of this.
const CHECKED: u64 = 128;

/// After this number of comparisons with another outcome, or of plans in a row that did not fit, no plan is made.
const MISFITS: u32 = 8;

impl<T: Real> StepPlans<T> for Plans<T> {
    fn note_recorded(&self, why: &str) {
        self.give_up(why);
        self.with(|shelf| shelf.usage.recorded += 1);
    }

    fn plan_use(&self) -> PlanUse {
        self.with(|shelf| shelf.usage.clone())
    }

    #[track_caller]
    fn gradients(
        &self,
        model: &dyn Module<T>,
        data: BatchData<'_, T>,
        pass: PassKind,
        factor: &dyn Fn(Means) -> f64,
        recorder: &dyn Recorder<T>,
        ready: Option<&Ready<'_, T>>,
    ) -> Found<T> {
        let inputs = data.inputs.iter().map(|x| x.shape()).collect();
        let shapes = Shapes { inputs, classes: data.classes.len(), of_part: pass.of_part };
        if let Some(mut planned) = self.take(&shapes) {
            planned.runs += 1;
            let check = planned.runs.is_power_of_two() || planned.runs.is_multiple_of(CHECKED);
            match planned.run(model, data, pass, factor, ready.filter(|_| !check)) {
                Ok(found) => {
                    let recording = check.then(|| recorded(pass, factor, recorder, None).0);
                    let Some(recording) = recording.filter(|recording| !same(model, &found, recording)) else {
                        self.put(planned);
                        return found;
                    };
                    self.give_up(
                        "a run of the plan differs from a recording, so the loss depends on more than the model and the batch",
                    );
                    self.with(|shelf| {
                        shelf.usage.recorded += 1;
                        shelf.usage.differed = true;
                    });
                    return recording;
                }
                Err(misfit) => self.note(misfit),
            }
        }
        let (found, plan) = recorded(pass, factor, recorder, self.wanted(&shapes).then_some(data.classes));
        match plan {
            None => {}
            Some(Ok(plan)) => self.put(Planned { shapes, plan: Box::new(plan), params: ids(model), runs: 0 }),
            Some(Err(why)) => self.give_up(&why),
        }
        self.with(|shelf| shelf.usage.recorded += 1);
        found
    }
}

impl<T: Real> Plans<T> {
    fn with<R>(&self, f: impl FnOnce(&mut Shelf<T>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, shapes: &Shapes) -> Option<Planned<T>> {
        self.with(|shelf| {
            let k = shelf.plans.iter().rposition(|planned| planned.shapes == *shapes)?;
            Some(shelf.plans.remove(k))
        })
    }

    /// Puts back a plan that has run or was made.
    fn put(&self, planned: Planned<T>) {
        self.with(|shelf| {
            if planned.runs > 0 {
                shelf.usage.planned += 1;
                shelf.misfits = 0;
            }
            if shelf.usage.why.is_none() {
                if shelf.plans.len() >= KEPT.max(2 * rayon_core::current_num_threads()) {
                    shelf.plans.remove(0);
                }
                shelf.plans.push(planned);
            }
        });
    }

    /// Whether a recording of these shapes should become a plan: they are not new.
    fn wanted(&self, shapes: &Shapes) -> bool {
        self.with(|shelf| {
            if shelf.usage.why.is_some() {
                return false;
            }
            let seen = shelf.seen.contains(shapes);
            if !seen {
                if shelf.seen.len() == 4 * KEPT {
                    shelf.seen.remove(0);
                }
                shelf.seen.push(shapes.clone());
            }
            seen
        })
    }

    /// Notes why a plan did not fit. One that does not fit after a change of the model is followed by one that does.
    fn note(&self, misfit: PlanMisfit) {
        let most = self.with(|shelf| {
            shelf.misfits += 1;
            shelf.stale += u32::from(matches!(misfit, PlanMisfit::Stale(_)));
            shelf.misfits.max(shelf.stale)
        });
        if most >= MISFITS {
            self.give_up(&format!("plans did not fit {MISFITS} times: {misfit}"));
        }
    }

    fn give_up(&self, why: &str) {
        self.with(|shelf| {
            shelf.plans.clear();
            shelf.usage.why.get_or_insert_with(|| why.to_owned());
        });
    }
}

/// The identities of the parameters of a model, in order.
fn ids<T: Real>(model: &dyn Module<T>) -> Vec<u64> {
    let mut ids = Vec::new();
    model.params(&Path::Root, &mut |_, param| ids.push(param.id()));
    ids
}

impl<T: Real> Planned<T> {
    /// Runs the plan, if the model has the same parameters in the same order: otherwise its layers were exchanged.
    fn run<'m>(
        &mut self,
        model: &'m dyn Module<T>,
        data: BatchData<'m, T>,
        pass: PassKind,
        factor: &dyn Fn(Means) -> f64,
        ready: Option<&Ready<'_, T>>,
    ) -> Result<Found<T>, PlanMisfit> {
        let (mut known, mut same) = (self.params.iter(), true);
        let params = &mut |f: &mut dyn FnMut(&'m Param<T>)| {
            model.params(&Path::Root, &mut |_, param| {
                same = same && known.next() == Some(&param.id());
                f(param);
            });
        };
        let run = self.plan.run_of(data.inputs, data.classes, params, Some(pass.seed))?;
        if !same || known.next().is_some() {
            return Err(PlanMisfit::Params("the model has other parameters, or in another order".into()));
        }
        let (loss, means) = (run.item().to_f64(), run.means());
        let factor = T::from_f64(factor(means));
        let gradients = match ready {
            None => run.backward_times(factor),
            Some(ready) => run.backward_telling(factor, &mut |id, gradient| ready(id, gradient)),
        };
        Ok(Found { loss, means, gradients })
    }
}

/// Records a pass, and makes a plan of it if the classes are given.
#[compiled_once]
#[track_caller]
pub(crate) fn recorded<T: Real>(
    pass: PassKind,
    factor: &dyn Fn(Means) -> f64,
    recorder: &dyn Recorder<T>,
    classes: Option<&[usize]>,
) -> (Found<T>, Option<Result<Plan<T>, String>>) {
    let tape = pass.tape();
    let loss = recorder.record(&tape);
    let plan = classes.map(|classes| match recorder.inputs(&tape) {
        Some(inputs) => loss.plan_of(&inputs, classes).map_err(|why| why.to_string()),
        None => Err("the tape does not borrow the matrices of the batch, each once".to_owned()),
    });
    let means = tape.means();
    let gradients = loss.backward_with(MatrixRef::new(1, 1, &[T::from_f64(factor(means))]));
    (Found { loss: loss.item().to_f64(), means, gradients }, plan)
}

/// Whether two passes give the same bits.
fn same<T: Real>(model: &dyn Module<T>, a: &Found<T>, b: &Found<T>) -> bool {
    let number = |x: f64, y: f64| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan());
    let matrix = |x: Option<MatrixRef<'_, T>>, y: Option<MatrixRef<'_, T>>| match (x, y) {
        (None, None) => true,
        (Some(x), Some(y)) => x.as_slice().iter().zip(y.as_slice()).all(|(x, y)| number(x.to_f64(), y.to_f64())),
        _ => false,
    };
    let means = |means: Means| Means { weight: means.weight.filter(|weight| !weight.is_nan()), ..means };
    let mut same = number(a.loss, b.loss) && means(a.means) == means(b.means);
    model.params(&Path::Root, &mut |_, param| {
        same = same && matrix(a.gradients.get(param), b.gradients.get(param));
        let updated = |found: &Found<T>| found.gradients.updated(param).map(Matrix::to_owned);
        let (x, y) = (updated(a), updated(b));
        same = same && matrix(x.as_ref().map(Matrix::view), y.as_ref().map(Matrix::view));
    });
    same
}
