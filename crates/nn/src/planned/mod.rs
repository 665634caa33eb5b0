//! Losses that are recorded once: their steps then run as plans, with the same bits.

mod plans;

use std::fmt;

use smallvec::SmallVec;

use crate::{Gradients, Matrix, Module, Real, Tape, Var};
pub(crate) use plans::{BatchData, Found, Inputs, PassKind, Ready, Recorder, StepPlans, no_plans, recorded};

/// A loss of a model and some matrices that is recorded once for every shape of the matrices, and then runs as a
/// [`Plan`](autograd::Plan): the same bits in less time, mainly for small models.
///
/// The second step of a shape becomes a plan. If a plan could not repeat the step, every step is recorded, and
/// [`plan_use`](RecordedLoss::plan_use) says why. The closure must depend only on its arguments, and read the numbers of parameters on the
/// tape. Layers may be exchanged, added, removed, frozen or loaded between two steps: the loss is then recorded anew. But a plan keeps
/// settings that are no parameters, such as the share of a [`Dropout`](crate::Dropout), so make another `RecordedLoss` after you change
/// one. Runs number 1, 2, 4, …, 128 of a plan and every 128th after them are compared with a new recording. If they differ, the recording
/// counts, and no further plan is used.
///
/// ```
/// use nn::{Activation, Adam, Layer, Matrix, Mlp, Optimizer, RecordedLoss, Reduction, loss};
/// # use rand::SeedableRng;
/// # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let mut net: Mlp<f32> = Mlp::new(&[2, 8, 1], Activation::Tanh, rng);
/// let x = Matrix::from([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]);
/// let t = Matrix::row(&[0.0, 1.0, 1.0, 0.0]);
/// let error = RecordedLoss::new(|_, net: &Mlp<f32>, v| loss::mse(net.forward(v[0]), v[1], Reduction::Mean));
/// let adam = Adam::new(0.05);
/// let mut state = adam.init(&net);
/// for step in 0..300 {
///     let (_, grads) = error.gradients(&net, &[&x, &t], step);
///     adam.step(&mut net, &grads, &mut state);
/// }
/// assert!(error.gradients(&net, &[&x, &t], 300).0 < 1e-2);
/// assert_eq!(error.plan_use().to_string(), "299 of 301 steps ran from a plan");
/// ```
pub struct RecordedLoss<'a, T: Real, M> {
    loss: Box<OfMatrices<'a, T, M>>,
    plans: Box<dyn StepPlans<T>>,
}

type OfMatrices<'a, T, M> = dyn for<'t> Fn(&'t Tape<'t, T>, &'t M, &[Var<'t, T>]) -> Var<'t, T> + Send + Sync + 'a;

impl<'a, T: Real, M: Module<T>> RecordedLoss<'a, T, M> {
    /// A loss of a training tape, a model, and variables of the matrices, which are constants on the tape.
    pub fn new(loss: impl for<'t> Fn(&'t Tape<'t, T>, &'t M, &[Var<'t, T>]) -> Var<'t, T> + Send + Sync + 'a) -> Self {
        RecordedLoss { loss: Box::new(loss), plans: no_plans() }
    }

    /// The loss and its gradients on a [training tape](Tape::training) with this seed.
    ///
    /// # Panics
    /// If the loss panics, or is not a single number that depends on a trained parameter.
    #[track_caller]
    pub fn gradients(&self, model: &M, x: &[&Matrix<T>], seed: u64) -> (f64, Gradients<T>) {
        let inputs: SmallVec<[_; 4]> = x.iter().map(|x| x.view()).collect();
        let data = BatchData { inputs: &inputs, classes: &[] };
        let recorder = OfModel { loss: &*self.loss, model, data };
        let found = self.plans.gradients(model, data, PassKind { seed, of_part: false }, &|_| 1.0, &recorder, None);
        (found.loss, found.gradients)
    }

    /// How many steps ran from a plan, and why others did not.
    pub fn plan_use(&self) -> PlanUse {
        self.plans.plan_use()
    }
}

/// How many steps ran from a plan, and why others did not. Of a step that is divided into shards or micro-batches each part counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanUse {
    /// Steps that ran from a plan.
    pub planned: u64,
    /// Steps that were recorded.
    pub recorded: u64,
    /// Why there is no plan.
    pub why: Option<String>,
    /// Whether a run of a plan differed from a recording, so that runs since the last comparison may have been wrong. A trainer
    /// warns of it.
    pub differed: bool,
}

impl fmt::Display for PlanUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} steps ran from a plan", self.planned, self.planned + self.recorded)?;
        self.why.as_ref().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

impl<T: Real, M> fmt::Debug for RecordedLoss<'_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordedLoss: {}", self.plans.plan_use())
    }
}

/// A loss of matrices, a model and a batch.
struct OfModel<'r, 'a, T: Real, M> {
    loss: &'r OfMatrices<'a, T, M>,
    model: &'r M,
    data: BatchData<'r, T>,
}

impl<T: Real, M> Recorder<T> for OfModel<'_, '_, T, M> {
    fn record<'t>(&'t self, tape: &'t Tape<'t, T>) -> Var<'t, T> {
        let inputs: Inputs<'t, T> = self.data.inputs.iter().map(|&x| tape.constant(x)).collect();
        (self.loss)(tape, self.model, &inputs)
    }
    fn inputs<'t>(&self, tape: &'t Tape<'t, T>) -> Option<Inputs<'t, T>> {
        Some(tape.nodes().take(self.data.inputs.len()).collect())
    }
}
