//! Builds and trains a network according to the settings.

use std::borrow::Cow;
use std::ops::ControlFlow;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::inputs::at_least;
use super::weights::relative;
use super::{EstimatorError, Settings};
use crate::data::{Dataset, Sampler, Targets};
use crate::parallel::Parallel;
use crate::train::{Batches, End, TrainError, Trainer};
use crate::{Adam, Init, Layer, Matrix, Mlp, Real, Tape, Var};

/// The course of a training run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The mean loss of the samples in each epoch, including the penalty. The loss of a batch is measured before its step; by Levenberg
    /// and Marquardt's method it is the loss after each step, and there is none if no step decreased it. For
    /// [`Logistic`](super::Logistic) it is one number, the value at the end. For the other baselines, which are computed directly, it is
    /// empty.
    pub losses: Vec<f64>,
    /// The mean loss of the held-out samples, after each epoch.
    pub validation: Vec<f64>,
    /// Whether training ended because the loss no longer decreased, and not after the last epoch.
    pub converged: bool,
}

impl Curves {
    /// The course for a model that is computed directly; it has no curve.
    pub(super) fn solved() -> Self {
        Curves { converged: true, ..Curves::default() }
    }
}

/// Samples in batches `(x, t, weights)`.
struct Weighted<'d, T, Y>(&'d Dataset<T, Y>);

impl<T: Real, Y: Targets + Sync> Batches for Weighted<'_, T, Y> {
    type Batch = (Matrix<T>, Y, Option<Vec<f64>>);
    fn len(&self) -> usize {
        self.0.len()
    }
    fn batch(&self, samples: &[usize]) -> Self::Batch {
        let (x, t) = self.0.batch(samples);
        (x, t, self.0.weights.as_ref().map(|weights| weights.select(samples)))
    }
}

/// An initial network and the samples to train it on.
pub(super) struct Begun<'d, T: Real, Y: Clone> {
    pub net: Mlp<T>,
    pub data: Cow<'d, Dataset<T, Y>>,
    /// The samples whose loss decides, chosen by `split`. In each part the weights have mean 1.
    pub held_out: Option<Dataset<T, Y>>,
}

pub(super) fn begin<'d, T: Real, Y: Targets + Clone>(
    settings: &Settings,
    outputs: usize,
    data: &'d Dataset<T, Y>,
    split: impl Fn(&Y, f64, &mut ChaCha8Rng) -> (Vec<usize>, Vec<usize>),
) -> Result<Begun<'d, T, Y>, EstimatorError> {
    let rng = &mut ChaCha8Rng::seed_from_u64(settings.seed);
    let part = |samples: &Vec<usize>| {
        let part = data.select(samples);
        Dataset { weights: relative(part.weights), ..part }
    };
    let (data, held_out) = match settings.early_stopping.map(|share| split(&data.t, 1.0 - share, rng)) {
        Some((training, held_out)) => (Cow::Owned(part(&training)), Some(part(&held_out))),
        None => (Cow::Borrowed(data), None),
    };
    at_least("samples to train on", data.len(), 1)?;
    at_least("samples held out", held_out.as_ref().map_or(1, Dataset::len), 1)?;
    let sizes = [&[data.features()], &*settings.hidden, &[outputs]].concat();
    let net = Mlp::builder(&sizes).activation(settings.activation).init(Init::Xavier).build(rng);
    Ok(Begun { net, data, held_out })
}

/// Counts the epochs in which a loss did not fall.
pub(super) struct Patience {
    tolerance: f64,
    patience: usize,
    pub best: f64,
    stale: usize,
}

impl Patience {
    pub fn new(settings: &Settings) -> Self {
        Patience { tolerance: settings.tolerance, patience: settings.patience, best: f64::INFINITY, stale: 0 }
    }

    /// Whether to go on after an epoch with this loss.
    pub fn after(&mut self, loss: f64) -> ControlFlow<()> {
        self.stale = if loss > self.best - self.tolerance { self.stale + 1 } else { 0 };
        self.best = self.best.min(loss);
        if self.stale > self.patience { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// A network with this number of outputs, trained on `data` by Adam. If samples are held out (chosen by `split`), their loss decides. The
/// arguments of `loss` are outputs, targets and the weights of the samples, which have mean 1 over the part.
pub(super) fn train<T: Real, Y: Targets + Clone + Send + Sync>(
    settings: &Settings,
    outputs: usize,
    data: &Dataset<T, Y>,
    split: impl Fn(&Y, f64, &mut ChaCha8Rng) -> (Vec<usize>, Vec<usize>),
    loss: impl for<'t> Fn(Var<'t, T>, &Y, Option<&[f64]>) -> Var<'t, T> + Send + Sync,
) -> Result<(Mlp<T>, Curves), EstimatorError> {
    let Begun { mut net, data, held_out } = begin(settings, outputs, data, split)?;
    let &Settings { lr, alpha, .. } = settings;
    let curve = if held_out.is_some() { "validation_loss" } else { "loss" };
    let held_out = held_out.as_ref().map(Weighted);
    let mut patience = Patience::new(settings);
    let mut trainer = Trainer::new(
        |tape, net: &Mlp<T>, (x, t, weights): &(Matrix<T>, Y, Option<Vec<f64>>)| {
            let penalty = tape.is_training().then(|| squares(tape, net) * (alpha / (2.0 * x.cols() as f64)));
            let mean = loss(net.forward(tape.constant(x)), t, weights.as_deref());
            penalty.map_or(mean, |penalty| mean + penalty)
        },
        Adam::new(lr),
    )
    .epochs(settings.max_epochs)
    .sampler(Sampler::shuffled(data.len(), settings.batch.min(data.len()), settings.seed))
    .parallel(Parallel::mean().shards_of(usize::MAX)) // a penalty knows the n of its shard alone
    .quiet()
    .on_epoch_end(move |progress, _| patience.after(progress.history[curve][progress.epoch - 1]));
    if let Some(held_out) = &held_out {
        trainer = trainer.validate(held_out).keep_best();
    }
    let trained = trainer.fit(&mut net, &Weighted(&*data)).map_err(|error| match error {
        TrainError::Diverged { epoch, .. } => EstimatorError::Diverged { epoch },
        other => unreachable!("the settings were checked: {other}"),
    })?;
    let curve = |name| trained.history.get(name).unwrap_or_default().to_vec();
    let (losses, validation) = (curve("loss"), curve("validation_loss"));
    Ok((net, Curves { losses, validation, converged: trained.end == End::Callback }))
}

/// ‖W‖² over all layers.
fn squares<'t, T: Real>(tape: &'t Tape<'t, T>, net: &'t Mlp<T>) -> Var<'t, T> {
    let squares = net.layers.iter().map(|layer| tape.param(&layer.weight).square().sum());
    squares.reduce(|sum, w| sum + w).expect("a network has a layer")
}
