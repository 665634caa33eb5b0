//! Data parallelism over the cores, with the same bits for any number of threads.
//!
//! The size of a batch and the model alone determine its shards, never the number of threads. Every shard is
//! recorded on a separate tape, and the gradients are added along a fixed tree:
//!
//! ```text
//! shards     0     1     2     3        ∇E = Σₖ wₖ ∇Eₖ,  wₖ = nₖ / n for mean losses, 1 for sums;
//!             ╲   ╱       ╲   ╱        for weighted means the shard's part of the sum of weights
//!              sum         sum          computed by rayon's current pool, in any order
//!                 ╲       ╱
//!                    sum              computed by the optimizer, as it reads them
//! ```
//!
//! ```
//! use nn::{Activation, Layer, Matrix, Mlp, Module, ParamGradients, Reduction, loss, parallel::Parallel};
//! # use rand::SeedableRng;
//! # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
//! let net: Mlp<f64> = Mlp::new(&[3, 16, 2], Activation::Tanh, rng);
//! let (x, t) = (Matrix::from_fn(3, 100, |i, j| (i * j % 7) as f64), Matrix::from_fn(2, 100, |i, j| (i + j) as f64));
//!
//! let gradients = |threads| {
//!     let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
//!     pool.install(|| {
//!         let (loss, grads) = Parallel::mean().shards_of(16).gradients(
//!             &net,
//!             100,
//!             1,
//!             |samples| (x.select_cols(&samples.clone().collect::<Vec<_>>()), t.select_cols(&samples.collect::<Vec<_>>())),
//!             |tape, net, (x, t)| loss::mse(net.forward(tape.constant(x)), tape.constant(t), Reduction::Mean),
//!         );
//!         (loss.to_bits(), grads.gradient(&net.layers[0].weight).unwrap().to_owned())
//!     })
//! };
//! assert_eq!(gradients(1), gradients(3)); // to the bit
//! ```

mod row;
mod shards;
mod total;
mod weight;

use std::ops::Range;

use autograd::compiled_once;

pub(crate) use row::{Place, Row, Spare};
pub(crate) use shards::{Shard, Shards};
pub use total::Total;
pub(crate) use weight::{Factors, Weight};

use crate::planned::{BatchData, Found, Inputs, PassKind, Ready, Recorder, StepPlans, recorded};
use crate::{GradientSum, Gradients, MatrixRef, Module, Real, Reduction, Tape, Var};

/// How a batch is split and its gradients are combined.
///
/// Layers that use a whole batch see their shard: [`BatchNorm`](crate::BatchNorm) normalises by
/// the statistics of each shard, and its running averages are updated with their mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parallel {
    /// Whether the loss of a shard is the sum over its samples or their mean.
    pub reduction: Reduction,
    /// The largest number of samples in a shard; `None` uses the [rule](Parallel::count).
    pub shard: Option<usize>,
}

impl Parallel {
    /// For losses that are means over samples.
    pub fn mean() -> Self {
        Parallel { reduction: Reduction::Mean, shard: None }
    }

    /// For losses that are sums over samples.
    pub fn sum() -> Self {
        Parallel { reduction: Reduction::Sum, shard: None }
    }

    /// Splits a batch into shards of at most this number of samples. This pays for models that use each weight many times, such as recurrent
    /// ones, whose work the rule underestimates.
    ///
    /// # Panics
    /// If `samples` is 0.
    #[track_caller]
    pub fn shards_of(self, samples: usize) -> Self {
        assert!(samples > 0, "shards_of: a shard has at least one sample");
        Parallel { shard: Some(samples), ..self }
    }

    /// The number of shards of a batch of `samples` samples. By the rule it is the smaller of ⌊samples / 128⌋ and
    /// ⌊samples × parameters / 2²⁰⌋, and at least 1. A single shard is computed as if there were no shards.
    pub fn count<T: Real>(&self, model: &impl Module<T>, samples: usize) -> usize {
        self.count_of(model, samples)
    }

    /// Loss and gradients of a batch of `samples` samples. `batch` returns the part for a range of samples, `loss` records its loss.
    ///
    /// Every shard has a separate [training tape](Tape::training). A single shard uses this seed; several shards use
    /// seeds drawn from it. The batch of a shard is made on the thread that needs it.
    ///
    /// # Panics
    /// If there are no samples.
    #[track_caller]
    pub fn gradients<T, M, B>(
        &self,
        model: &M,
        samples: usize,
        seed: u64,
        batch: impl Fn(Range<usize>) -> B + Sync,
        loss: impl for<'t> Fn(&'t Tape<'t, T>, &'t M, &'t B) -> Var<'t, T> + Sync,
    ) -> (f64, Total<T>)
    where
        T: Real,
        M: Module<T> + Sync,
    {
        let (model, loss) = (model, &loss);
        sharded(*self, model, samples, seed, false, &|shard| {
            Box::new(OnBatch { model, batch: batch(shard.samples), loss, metrics: &[], planned: None })
        })
    }
}

/// A model and a batch of any types, from which a loss is recorded.
pub(crate) trait Recordable<T: Real> {
    /// Records the loss.
    fn loss<'t>(&'t self, tape: &'t Tape<'t, T>) -> Var<'t, T>;

    /// Further measurements.
    fn metrics(&self) -> Vec<f64>;

    /// The plans of the loss, if it has some, and what they need of the batch, if the loss depends on nothing else.
    fn planned(&self) -> Option<(&dyn StepPlans<T>, Option<InputsAndTargets<'_, T>>)>;
}

pub(crate) struct OnBatch<'a, T: Real, M, B, F: ?Sized> {
    pub model: &'a M,
    pub batch: B,
    pub loss: &'a F,
    pub metrics: &'a [Metric<'a, M, B>],
    pub planned: Option<(&'a dyn StepPlans<T>, DataOf<T, B>)>,
}

/// What a plan needs of a batch, if there is nothing else in it.
pub(crate) type DataOf<T, B> = for<'b> fn(&'b B) -> Option<InputsAndTargets<'b, T>>;

/// x, and targets that are numbers or classes.
pub(crate) struct InputsAndTargets<'b, T> {
    matrices: [MatrixRef<'b, T>; 2],
    count: usize,
    classes: &'b [usize],
}

impl<'b, T> InputsAndTargets<'b, T> {
    pub fn numbers(x: MatrixRef<'b, T>, t: MatrixRef<'b, T>) -> Self {
        InputsAndTargets { matrices: [x, t], count: 2, classes: &[] }
    }

    pub fn classes(x: MatrixRef<'b, T>, classes: &'b [usize]) -> Self {
        InputsAndTargets { matrices: [x, MatrixRef::EMPTY], count: 1, classes }
    }

    fn data(&self) -> BatchData<'_, T> {
        BatchData { inputs: &self.matrices[..self.count], classes: self.classes }
    }
}

pub(crate) type Metric<'a, M, B> = Box<dyn Fn(&M, &B) -> f64 + Send + Sync + 'a>;

impl<T: Real, M, B, F> Recordable<T> for OnBatch<'_, T, M, B, F>
where
    F: for<'t> Fn(&'t Tape<'t, T>, &'t M, &'t B) -> Var<'t, T> + ?Sized,
{
    fn loss<'t>(&'t self, tape: &'t Tape<'t, T>) -> Var<'t, T> {
        (self.loss)(tape, self.model, &self.batch)
    }
    fn metrics(&self) -> Vec<f64> {
        self.metrics.iter().map(|metric| metric(self.model, &self.batch)).collect()
    }
    fn planned(&self) -> Option<(&dyn StepPlans<T>, Option<InputsAndTargets<'_, T>>)> {
        let (plans, data) = self.planned?;
        Some((plans, data(&self.batch)))
    }
}

/// A batch, and what plans need of it.
struct Borrowed<'r, T: Real> {
    batch: &'r dyn Recordable<T>,
    data: Option<BatchData<'r, T>>,
}

impl<T: Real> Recorder<T> for Borrowed<'_, T> {
    fn record<'t>(&'t self, tape: &'t Tape<'t, T>) -> Var<'t, T> {
        self.batch.loss(tape)
    }
    fn inputs<'t>(&self, tape: &'t Tape<'t, T>) -> Option<Inputs<'t, T>> {
        self.data?.inputs.iter().map(|&x| tape.leaf_of(x)).collect()
    }
}

/// Hands what a step on a device needs of a batch to `f`; `None` if the batch is not made of matrices and classes.
pub(crate) fn on_batch<T: Real, R>(
    batch: &dyn Recordable<T>,
    f: impl FnOnce(BatchData<'_, T>, &dyn Recorder<T>) -> R,
) -> Option<R> {
    let (_, planned) = batch.planned()?;
    let planned = planned?;
    let data = planned.data();
    Some(f(data, &Borrowed { batch, data: Some(data) }))
}

/// Loss and gradients of a batch of `samples` samples, or of a part of one. `batch` returns the shards.
///
/// # Panics
/// If there are no samples.
#[compiled_once]
#[track_caller]
pub(crate) fn sharded<'a, 'b: 'a, T: Real>(
    parallel: Parallel,
    model: &(dyn Module<T> + Sync),
    samples: usize,
    seed: u64,
    of_part: bool,
    batch: &'a (dyn Fn(Shard) -> Box<dyn Recordable<T> + 'b> + Sync),
) -> (f64, Total<T>) {
    let divided = Divided { parallel, model, shards: parallel.shards(model, samples, seed), of_part, batch };
    let count = divided.shards.count;
    if count == 1 {
        let Part { loss, grads, weight, .. } = divided.part(0, None);
        return (loss, Total::of([Some(grads), None], GradientSum::new(), weight));
    }
    let (mut half, other) = divided.halves(0..count);
    half.buffers.merge_buffers(other.buffers);
    let (loss, weight) = (half.loss + other.loss, half.weight.and(other.weight));
    let Some(rest) = divided.rest(weight) else {
        return (loss, Total::of([Some(half.grads), Some(other.grads)], half.buffers, weight));
    };
    let mut sum = half.buffers;
    [half.grads, other.grads].iter().for_each(|grads| sum.add_gradients(rest.gradients, model, grads));
    (rest.loss * loss, Total::summed(sum, weight))
}

/// A batch that is cut into shards, or a part of one.
pub(crate) struct Divided<'a, 'b, T: Real> {
    pub parallel: Parallel,
    pub model: &'a (dyn Module<T> + Sync),
    pub shards: Shards,
    /// Whether it is a part of a batch.
    pub of_part: bool,
    pub batch: &'a (dyn Fn(Shard) -> Box<dyn Recordable<T> + 'b> + Sync),
}

impl<T: Real> Divided<'_, '_, T> {
    /// Runs a shard. If it runs from a plan, `ready` is told of its gradients.
    pub fn part(&self, shard: usize, ready: Option<&Ready<'_, T>>) -> Part<T, Gradients<T>> {
        let Divided { parallel, model, ref shards, of_part, batch } = *self;
        let (shard, samples) = (shards.get(shard), shards.samples);
        let (seed, len) = (shard.seed, shard.samples.len());
        let batch = batch(shard);
        let pass = PassKind { seed, of_part: of_part || shards.count > 1 };
        let weight = |means| Weight::of(parallel.reduction, means, len);
        // The mean of a single shard is that of the batch.
        let factor = |means| if shards.count > 1 { weight(means).factor(samples) } else { 1.0 };
        let planned = batch.planned();
        let data = planned.as_ref().and_then(|(_, data)| data.as_ref()).map(InputsAndTargets::data);
        let recorder = Borrowed { batch: &*batch, data };
        let Found { loss, means, gradients: grads } = match (&planned, data) {
            (Some((plans, _)), Some(data)) => plans.gradients(model, data, pass, &factor, &recorder, ready),
            _ => {
                if let Some((plans, _)) = planned {
                    plans.note_recorded("the inputs or the targets of a batch are not one matrix or classes");
                }
                recorded(pass, &factor, &recorder, None).0
            }
        };
        let (weight, value) = (weight(means), factor(means) * loss);
        let mut buffers = GradientSum::new();
        if shards.count > 1 {
            buffers.add_buffers(len as f64 / samples as f64, model, &grads);
        }
        Part { loss: value, grads, buffers, weight }
    }

    /// Runs several shards; returns the results of both halves.
    fn halves(&self, shards: Range<usize>) -> (Part<T, Gradients<T>>, Part<T, Gradients<T>>) {
        let [a, b] = halves(shards);
        rayon_core::join(|| self.tree(a), || self.tree(b))
    }

    /// Runs shards, and adds their results in halves.
    pub fn tree(&self, shards: Range<usize>) -> Part<T, Gradients<T>> {
        if shards.len() == 1 {
            return self.part(shards.start, None);
        }
        let (a, b) = self.halves(shards);
        a.and(b)
    }

    /// The factors for the sums over all shards, if their weights are not the numbers of samples.
    pub fn rest(&self, weight: Weight) -> Option<Factors> {
        if self.of_part { weight.rest_of_part(self.shards.samples) } else { weight.rest(self.shards.samples) }
    }
}

/// The halves in which the results of several shards are added.
pub(crate) fn halves(shards: Range<usize>) -> [Range<usize>; 2] {
    let middle = shards.start + shards.len() / 2;
    [shards.start..middle, middle..shards.end]
}

/// The result of some shards, with their gradients or a slice of them.
pub(crate) struct Part<T: Real, G> {
    pub loss: f64,
    pub grads: G,
    pub buffers: GradientSum<T>,
    pub weight: Weight,
}

/// Gradients, or a slice of them.
pub(crate) trait Summand {
    fn add(&mut self, other: Self);
}

impl<T: Real> Summand for Gradients<T> {
    fn add(&mut self, other: Self) {
        Gradients::add(self, &other);
    }
}

impl<T: Real, G: Summand> Part<T, G> {
    /// The sum of two parts.
    pub fn and(mut self, other: Self) -> Self {
        self.loss += other.loss;
        self.weight = self.weight.and(other.weight);
        self.grads.add(other.grads);
        self.buffers.merge_buffers(other.buffers);
        self
    }
}
