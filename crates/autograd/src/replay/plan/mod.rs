//! A training step as lists of terms with fixed places. `record` makes them from a tape, and `given` is what every run gets.

mod complete;
mod given;
mod record;
mod view;

use std::fmt;
use std::panic::Location;

use kernel::compiled_once;
use kernel::pool::Pooled;

use super::Stale;
use super::steps::{Misfit, Place, Steps};
use crate::sweep::regions::Deltas;
use crate::tape::anew::Fill;
use crate::{Gradients, MatrixRef, Means, Param, Real, Var};
pub use complete::Told;
pub use view::{PlanView, ViewedParam};

/// A recorded number and its gradient, as lists of terms that run on new values of inputs and parameters.
///
/// A tape decides for every node where its value lies, and a sweep decides which derivatives share a place, which are the first
/// terms of a sum, and which nodes it can leave out. A plan makes these decisions once. A run then does the same arithmetic in the same
/// order, so values and gradients have the bits of the tape on any number of threads. After the first run, a run with its gradient
/// allocates nothing itself. Random numbers
/// ([`Tape::drawn`](crate::Tape::drawn)) are drawn anew from the seed of each run, and buffers get new values
/// ([`Tape::update_to`](crate::Tape::update_to)).
///
/// ```
/// use autograd::{Matrix, Param, Tape};
/// let w = Param::new(Matrix::from([[2.0]]));
/// let x = Matrix::from([[1.0, 3.0]]);
/// let mut plan = {
///     let tape = Tape::new();
///     let x = tape.constant(&x);
///     (tape.param(&w) * x).square().sum().plan(&[x])?
/// };
/// let x = Matrix::from([[0.5, 1.0]]);
/// let run = plan.run(&[x.view()], &[&w], None)?;
/// assert_eq!(run.item(), 1.0 + 4.0);
/// assert_eq!(run.backward().wrt(&w)[(0, 0)], 2.0 * 2.0 * (0.25 + 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Plan<T: Real> {
    /// The tape on which it was recorded.
    tape: u64,
    steps: Steps<T>,
    /// The places of the derivatives after the sweep.
    layout: Deltas<T>,
    /// When they are complete, once it was asked.
    complete: Option<Vec<complete::Complete>>,
    inputs: Vec<(usize, usize)>,
    params: Vec<PlannedParam>,
    is_training: bool,
    classes: Vec<Place>,
    drawn: Vec<(Place, Fill<T>)>,
    updates: Vec<(u64, Place)>,
    /// The notes on means without weights, and the places of the sums of weights.
    means: Means,
    weights: Vec<Place>,
    /// The number of runs.
    runs: u64,
    /// The list of leaves of the last run, emptied.
    spare: Leaves<'static, T>,
}

/// A parameter as it was recorded.
#[derive(Clone, Copy)]
struct PlannedParam {
    id: u64,
    shape: (usize, usize),
    trained: bool,
    /// The last run for which it was given.
    run: u64,
}

/// What keeps a recording from becoming a plan, and the line that did it.
#[derive(Clone, PartialEq)]
pub struct NotPlanned {
    /// What a plan could not do anew, as in "reads a plain number".
    pub what: String,
    /// The line of the program.
    pub source: &'static Location<'static>,
}

/// Why a plan cannot run on these inputs and parameters: record again.
#[derive(Clone, PartialEq)]
pub enum PlanMisfit {
    /// The number or the shapes of the inputs, or the number or a row of the classes.
    Inputs(String),
    /// A parameter is missing, or has another shape or role.
    Params(String),
    /// The plan was recorded in a training pass and no seed is given, or the other way round.
    Pass,
    /// A comparison has another outcome.
    Stale(Stale),
    /// The value of a function with a custom rule has another shape.
    Shape(String),
}

impl From<Misfit> for PlanMisfit {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Stale(stale) => PlanMisfit::Stale(stale),
            Misfit::Shape(what) => PlanMisfit::Shape(what),
        }
    }
}

impl fmt::Display for NotPlanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the recording cannot be made a plan: it {} at {}", self.what, self.source)
    }
}

impl fmt::Display for PlanMisfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanMisfit::Inputs(what) | PlanMisfit::Params(what) | PlanMisfit::Shape(what) => {
                write!(f, "the plan does not fit: {what}")
            }
            PlanMisfit::Pass => f.write_str(
                "the plan does not fit: a plan of a training pass needs a seed, and that of an evaluation has none",
            ),
            PlanMisfit::Stale(stale) => stale.fmt(f),
        }
    }
}

crate::debug_as_display!(NotPlanned);
crate::debug_as_display!(PlanMisfit);
impl std::error::Error for NotPlanned {}
impl std::error::Error for PlanMisfit {}

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// A plan that computes this number and its gradient from new values of these leaves and of the parameters on the tape. All
    /// other leaves stay as they are.
    /// # Errors
    /// If the recording did something that a run could not do anew. It read a plain number from the tape, it drew a
    /// random number by [`draw`](crate::Tape::draw), it computed a buffer outside the tape, a custom rule left out a gradient, or
    /// a [checkpoint](crate::checkpoint) read or compared numbers, drew random ones, updated a buffer or noted a mean.
    ///
    /// # Panics
    /// If it is not 1 × 1 or depends on constants only, or an input is not a leaf of the same tape, is given twice, or is a
    /// parameter or random numbers, which a run finds by itself.
    #[track_caller]
    pub fn plan(self, inputs: &[Var<'t, T>]) -> Result<Plan<T>, NotPlanned> {
        self.plan_of(inputs, &[])
    }

    /// The same, where constants that were made by [`one_hot`](crate::Tape::one_hot) from exactly these classes, at this address, are
    /// made from new classes in every run.
    ///
    /// # Errors
    /// As for [`plan`](Var::plan).
    #[doc(hidden)]
    #[track_caller]
    pub fn plan_of(self, inputs: &[Var<'t, T>], classes: &[usize]) -> Result<Plan<T>, NotPlanned> {
        let (m, n) = self.shape();
        assert!((m, n) == (1, 1), "plan: {m} × {n} is not a single number: sum it");
        assert!(self.needs_gradient(), "plan: the value depends on constants only: `explain_no_gradient` says why");
        for (k, x) in inputs.iter().enumerate() {
            self.same_tape("plan", *x);
            assert!(self.tape().with(|tape| tape.is_leaf(x.id)), "plan: input {k} is not a leaf");
            assert!(inputs[..k].iter().all(|y| y.id != x.id), "plan: input {k} is given twice");
            let own = self.tape().with(|tape| tape.found_in_every_run(x.id));
            assert!(
                own.is_none(),
                "plan: input {k} is {}, which is new in every run by itself",
                own.unwrap_or_default()
            );
        }
        record::plan(self, inputs, classes)
    }
}

#[compiled_once]
impl<T: Real> Plan<T> {
    /// Computes the number from these inputs, in the order in which they were given to [`plan`](Var::plan), and from the parameters that
    /// were recorded, in any order, among others or not. The seed is that of a [training pass](crate::Tape::training), and `None` for a plan of an
    /// evaluation.
    ///
    /// # Errors
    /// If the shapes, parameters, their roles or the kind of the pass differ from the recorded ones, a comparison has another
    /// outcome, or a function with a custom rule gives another shape.
    #[track_caller]
    pub fn run<'p, 'a>(
        &'p mut self,
        inputs: &[MatrixRef<'a, T>],
        params: &[&'a Param<T>],
        seed: Option<u64>,
    ) -> Result<PlanRun<'p, 'a, T>, PlanMisfit> {
        self.run_of(inputs, &[], &mut |f: &mut dyn FnMut(&'a Param<T>)| params.iter().for_each(|param| f(param)), seed)
    }

    /// The same for a [plan of classes](Var::plan_of), and parameters that `params` passes to a function.
    ///
    /// # Errors
    /// As for [`run`](Plan::run), or if the number of classes differs or a class has no row.
    #[doc(hidden)]
    #[track_caller]
    pub fn run_of<'p, 'a>(
        &'p mut self,
        inputs: &[MatrixRef<'a, T>],
        classes: &[usize],
        params: &mut dyn EachParam<'a, T>,
        seed: Option<u64>,
    ) -> Result<PlanRun<'p, 'a, T>, PlanMisfit> {
        self.runs += 1;
        let leaves = self.leaves(inputs, params)?;
        if self.is_training != seed.is_some() {
            return Err(PlanMisfit::Pass);
        }
        self.write_classes(classes)?;
        self.draw(seed);
        self.steps.compute(&leaves)?;
        Ok(PlanRun { plan: self, leaves })
    }
}

/// The values of a run of a plan.
pub struct PlanRun<'p, 'a, T: Real> {
    plan: &'p mut Plan<T>,
    leaves: Leaves<'a, T>,
}

/// An empty list of matrices of other lifetimes. It keeps its memory, because the items have the same layout.
fn emptied<'b, T>(mut leaves: Leaves<'_, T>) -> Leaves<'b, T> {
    leaves.clear();
    leaves.into_iter().map(|_| MatrixRef::EMPTY).collect()
}

/// Passes parameters to a function, one after the other.
#[doc(hidden)]
pub trait EachParam<'a, T> {
    fn each(&mut self, f: &mut dyn FnMut(&'a Param<T>));
}

impl<'a, T: 'a, F: FnMut(&mut dyn FnMut(&'a Param<T>))> EachParam<'a, T> for F {
    fn each(&mut self, f: &mut dyn FnMut(&'a Param<T>)) {
        self(f);
    }
}

/// The inputs, then the parameters.
type Leaves<'a, T> = Vec<MatrixRef<'a, T>>;

#[compiled_once]
impl<'p, 'a, T: Real> PlanRun<'p, 'a, T> {
    /// The number.
    pub fn item(&self) -> T {
        self.plan.steps.output(&self.leaves).as_slice()[0]
    }

    /// What means in it were divided by.
    pub fn means(&self) -> Means {
        let sum = |place: &Place| place.look(&self.plan.steps.values, &self.leaves).as_slice()[0].to_f64();
        self.plan.means.over(self.plan.weights.iter().map(sum))
    }

    /// Its gradient with respect to the parameters, and to the variables among the leaves of the recorded tape.
    ///
    /// # Panics
    /// If a custom rule gives no gradient of an operand of which it gave one when it was recorded.
    pub fn backward(self) -> Gradients<T> {
        self.backward_times(T::from_f64(1.0))
    }

    /// `factor` times the gradient.
    ///
    /// # Panics
    /// Under the same condition as [`backward`](PlanRun::backward).
    pub fn backward_times(self, factor: T) -> Gradients<T> {
        self.swept(factor, None)
    }

    /// The same, which passes each gradient to a function as soon as it is complete.
    ///
    /// # Panics
    /// Under the same condition as [`backward`](PlanRun::backward).
    #[doc(hidden)]
    pub fn backward_telling(self, factor: T, told: &mut Told<'_, T>) -> Gradients<T> {
        self.swept(factor, Some(told))
    }

    fn swept(self, factor: T, told: Option<&mut Told<'_, T>>) -> Gradients<T> {
        let mut deltas = Pooled::<Deltas<T>>::take();
        match told {
            None => self.plan.sweep(&self.leaves, factor, &mut deltas),
            Some(told) => {
                if self.plan.complete.is_none() {
                    self.plan.complete = Some(self.plan.completed());
                }
                self.plan.sweep_telling(&self.leaves, factor, &mut deltas, told);
            }
        }
        self.plan.spare = emptied(self.leaves);
        Gradients { tape: self.plan.tape, outputs: 1, deltas }
    }
}
