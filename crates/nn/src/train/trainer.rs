//! A training run, built from its parts, each with a default.

use std::ops::ControlFlow;
use std::sync::Mutex;

use rand::rngs::ChaCha8Rng;

use super::callback::{OnEpochEnd, OnStep};
use super::plan::{Plan, VALIDATION};
use super::steps;
use super::task::{Augment, Look, Loss, Typed};
use super::{Batches, Callback, Progress, TrainError, Trained};
use crate::data::Sampler;
use crate::parallel::{DataOf, Metric, Parallel};
use crate::planned::{StepPlans, no_plans};
use crate::schedule::{Goal, Plateau, Schedule};
use crate::{Module, Optimizer, Real, Reduction, Tape, Var};

/// Trains a model with a loss, an optimizer, and further settings that all have defaults.
///
/// | part | default | method |
/// |---|---|---|
/// | number of epochs | 100 | [`epochs`](Trainer::epochs) |
/// | samples in a step | 32 | [`batch`](Trainer::batch), [`micro_batch`](Trainer::micro_batch) |
/// | order of the samples | shuffled in each epoch | [`sampler`](Trainer::sampler) |
/// | random numbers | from seed 0 | [`seed`](Trainer::seed) |
/// | learning rate | that of the optimizer | [`schedule`](Trainer::schedule), [`plateau`](Trainer::plateau) |
/// | weights | those of the last step | [`ema`](Trainer::ema), [`keep_best`](Trainer::keep_best) |
/// | validation | none | [`validate`](Trainer::validate), [`hold_out`](Trainer::hold_out), [`watch`](Trainer::watch) |
/// | metrics | only the loss | [`metric`](Trainer::metric) |
/// | end | after the last epoch | [`early_stopping`](Trainer::early_stopping), [`callback`](Trainer::callback) |
/// | files | none | [`checkpoint`](Trainer::checkpoint), [`resume`](Trainer::resume) |
/// | inputs | as they are | [`augment`](Trainer::augment) |
/// | parameters | all that are trained | [`freeze`](Trainer::freeze), [`freeze_until`](Trainer::freeze_until) |
/// | printed lines | none | [`print_every`](Trainer::print_every) |
/// | steps | on the processor | [`device`](Trainer::device) |
/// | cores | those of rayon's current pool | [`threads`](Trainer::threads), [`parallel`](Trainer::parallel) |
/// | processes | this one | [`ranks`](Trainer::ranks) |
///
/// `M` is the model and `B` a batch, as the [data](Batches) returns it.
///
/// An epoch of 20 steps takes 1.05 times as long as in a plain loop for the network of the digits (64-128-10, batches of 32),
/// 1.02 times for 784-256-10 and batches of 128, and 1.09 times for 2-8-2 and batches of 4, where a step takes 2 µs (benchmark `trainer`).
#[doc(alias = "fit")]
pub struct Trainer<'a, T: Real, M, B> {
    loss: Box<Loss<'a, T, M, B>>,
    pub(super) targets: Option<Box<Look<'a, B>>>,
    /// The number of samples of a batch, if it is known.
    pub(super) samples: Option<fn(&B) -> Option<usize>>,
    /// The data of a batch on which the loss depends, if it depends on nothing else but the model.
    pub(super) data: Option<DataOf<T, B>>,
    pub(super) plans: Box<dyn StepPlans<T>>,
    augment: Vec<Box<Augment<'a, B>>>,
    metrics: Vec<Metric<'a, M, B>>,
    watched: Vec<&'a (dyn Batches<Batch = B> + 'a)>,
    callbacks: Vec<Box<dyn Callback<M> + Send + 'a>>,
    pub(super) plan: Plan<'a, T>,
}

impl<'a, T: Real, M: Module<T>, B> Trainer<'a, T, M, B> {
    /// Minimises a loss of a model and a batch that is a mean over the samples of the batch; if it is a sum, see
    /// [`parallel`](Trainer::parallel).
    ///
    /// In training it is called with a [training tape](Tape::training), whose [`draw`](Tape::draw) gives it random numbers,
    /// for example for noise on the inputs; for measurements it is called with a plain tape.
    pub fn new(
        loss: impl for<'t> Fn(&'t Tape<'t, T>, &'t M, &'t B) -> Var<'t, T> + Send + Sync + 'a,
        optimizer: impl Optimizer<T> + Send + 'a,
    ) -> Self {
        Trainer {
            loss: Box::new(loss),
            targets: None,
            samples: None,
            data: None,
            plans: no_plans(),
            augment: Vec::new(),
            metrics: Vec::new(),
            watched: Vec::new(),
            callbacks: Vec::new(),
            plan: Plan::new(Box::new(optimizer)),
        }
    }

    /// The number of epochs.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.plan.epochs = epochs;
        self
    }

    /// The number of samples in a batch.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn batch(mut self, batch: usize) -> Self {
        assert!(batch > 0, "batch: a step is made from at least one sample");
        self.plan.batch = batch;
        self
    }

    /// Splits the batch of a step into parts of this number of samples and adds up their gradients: the same step with less
    /// memory.
    ///
    /// The mean of a loss over samples must be taken by [`Reduction::Mean`](crate::Reduction) or a function of [`loss`](crate::loss).
    /// Another mean, such as [`Var::mean`](crate::Var::mean), counts as a penalty, which is fully added for every part.
    ///
    /// # Panics
    /// If it is 0. Training panics if the loss is a sum of means with different weights, because its parts cannot be combined.
    #[track_caller]
    pub fn micro_batch(mut self, micro_batch: usize) -> Self {
        assert!(micro_batch > 0, "micro_batch: at least one sample at a time");
        self.plan.micro_batch = micro_batch;
        self
    }

    /// The order of the samples and the size of a batch, instead of [`batch`](Trainer::batch).
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.plan.sampler = Some(sampler);
        self
    }

    /// The seed of all random numbers: the order of the samples, the held-out set, the tapes of the steps.
    pub fn seed(mut self, seed: u64) -> Self {
        self.plan.seed = seed;
        self
    }

    /// The learning rate as a function of the step. [`Schedule::every`] converts a schedule of epochs into one of steps.
    ///
    /// # Panics
    /// If a setting of the schedule is [out of its range](Schedule::check).
    #[track_caller]
    pub fn schedule(mut self, schedule: impl Schedule + Send + 'a) -> Self {
        if let Err(problem) = schedule.check() {
            panic!("schedule: {problem}");
        }
        self.plan.schedule = Some(Box::new(schedule));
        self.plan.plateau = None;
        self
    }

    /// A learning rate that decreases when the [monitored](Trainer::monitor) curve stops improving, usually the validation
    /// error.
    ///
    /// # Panics
    /// If a setting of it is [out of its range](Plateau::check).
    #[track_caller]
    pub fn plateau(mut self, plateau: Plateau) -> Self {
        if let Err(problem) = plateau.check() {
            panic!("plateau: {problem}");
        }
        self.plan.plateau = Some(plateau);
        self.plan.schedule = None;
        self
    }

    /// Uses an average of the weights for measurements, for the best weights and for the final ones. It is taken over about 1 / (1 −
    /// `decay`) steps, without the initial weights: [`Ema::corrected`](crate::Ema::corrected).
    ///
    /// # Panics
    /// Unless 0 ≤ `decay` < 1.
    #[track_caller]
    pub fn ema(mut self, decay: f64) -> Self {
        assert!((0.0..1.0).contains(&decay), "ema: the decay must be at least 0 and below 1, and is {decay}");
        self.plan.ema = Some(decay);
        self
    }

    /// Changes each training batch at random: x ← f(x, r), with new random numbers r at every step. Batches for measurements are not
    /// changed. Several augmentations are applied in the order in which they were added.
    ///
    /// A batch of a [`Dataset`](crate::data::Dataset) is `(x, t)` with x of features × samples; after the call it must have as many
    /// samples. The generator is seeded by the [seed](Trainer::seed) and the number of the step, so the bits are the same on any
    /// number of threads and in a run that is resumed. If the samples of a step are divided, by [`micro_batch`](Trainer::micro_batch) or
    /// into shards by [`parallel`](Trainer::parallel), each part is a batch with a separate generator, as for dropout.
    ///
    /// ```
    /// # use nn::{Activation, Adam, Matrix, Mlp, data::Dataset, loss::Loss, train::Trainer};
    /// use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
    /// # let data = Dataset::new(Matrix::from_fn(2, 64, |i, n| (n * (i + 2) % 7) as f64), Matrix::from_fn(1, 64, |_, n| (n % 2) as f64));
    /// # let mut net = Mlp::new(&[2, 4, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
    /// let noise = |(x, _): &mut (Matrix<f64>, Matrix<f64>), rng: &mut ChaCha8Rng| {
    ///     x.as_mut_slice().iter_mut().for_each(|x| *x += rng.random_range(-0.1..0.1));
    /// };
    /// Trainer::with_loss(Loss::Mse, Adam::new(0.01)).augment(noise).epochs(5).fit(&mut net, &data)?;
    /// # Ok::<(), nn::train::TrainError>(())
    /// ```
    ///
    /// # Panics
    /// Training panics if the trainer was made [with a loss](Trainer::with_loss) and the function changes the number of samples.
    pub fn augment(mut self, f: impl Fn(&mut B, &mut ChaCha8Rng) + Send + Sync + 'a) -> Self {
        self.augment.push(Box::new(f));
        self.plan.augmentations += 1;
        self
    }

    /// How a batch is split over cores, and whether the loss is a mean or a sum over samples.
    ///
    /// # Panics
    /// If the trainer was made [with a loss](Trainer::with_loss), whose mean it minimises, and this is for sums.
    #[track_caller]
    pub fn parallel(mut self, parallel: Parallel) -> Self {
        assert!(parallel.shard != Some(0), "parallel: shard: Some(0) should be at least 1 sample");
        let is_mean = self.plan.loss.is_none() || parallel.reduction == Reduction::Mean;
        assert!(
            is_mean,
            "parallel: `with_loss` minimises a mean, and Parallel::sum() is for sums; use Parallel::mean()"
        );
        self.plan.parallel = parallel;
        self
    }

    /// Runs in a pool of this number of threads. The results are the same for any number.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "threads: 0 of them; give 1 or more");
        self.plan.threads = Some(threads);
        self
    }

    /// Measures loss and metrics on this set after every epoch. By default its loss is monitored.
    ///
    /// # Panics
    /// If there is a validation set already.
    #[track_caller]
    pub fn validate(self, data: &'a (impl Batches<Batch = B> + 'a)) -> Self {
        self.watch(VALIDATION, data)
    }

    /// Holds out this fraction of the training samples, drawn at random, and validates on them.
    ///
    /// # Panics
    /// If it is not between 0 and 1, or there is a validation set already.
    #[track_caller]
    pub fn hold_out(mut self, fraction: f64) -> Self {
        assert!(0.0 < fraction && fraction < 1.0, "hold_out: {fraction} is not a fraction between 0 and 1");
        self.plan.held_out = Some(fraction);
        self.plan.expect_distinct("hold_out");
        self
    }

    /// Measures loss and metrics on another set after every epoch, as curves `name_loss`, `name_…`.
    ///
    /// # Panics
    /// If two curves would have the same name.
    #[track_caller]
    pub fn watch(mut self, name: &str, data: &'a (impl Batches<Batch = B> + 'a)) -> Self {
        self.plan.watched.push(name.to_owned());
        self.plan.expect_distinct("validate or watch");
        self.watched.push(data);
        self
    }

    /// Adds a metric that is measured on all watched sets. A set is measured in parts of 1024
    /// samples, and the mean over its samples is used, which is right for accuracies and errors.
    ///
    /// # Panics
    /// If it is called `loss`, or like another metric.
    #[track_caller]
    pub fn metric(mut self, name: &str, metric: impl Fn(&M, &B) -> f64 + Send + Sync + 'a) -> Self {
        self.plan.metrics.push(name.to_owned());
        self.plan.expect_distinct("metric");
        self.metrics.push(Box::new(metric));
        self
    }

    /// The curve that decides which weights are kept and when training stops, instead of `validation_loss`, or of `loss` without
    /// validation.
    pub fn monitor(mut self, curve: &str, goal: Goal) -> Self {
        self.plan.monitor = Some((curve.to_owned(), goal));
        self
    }

    /// Stops after `patience` consecutive epochs without improvement, and restores the weights of the best one.
    ///
    /// # Panics
    /// If it is 0, because at least one epoch without improvement is needed to stop.
    #[track_caller]
    pub fn early_stopping(mut self, patience: usize) -> Self {
        assert!(patience > 0, "early_stopping: a patience of 0 epochs; give 1 or more");
        self.plan.patience = Some(patience);
        self.plan.keep_best = true;
        self
    }

    /// Ends with the weights of the best epoch instead of the last.
    pub fn keep_best(mut self) -> Self {
        self.plan.keep_best = true;
        self
    }

    /// Adds a callback, which observes and can stop the training.
    pub fn callback(mut self, callback: impl Callback<M> + Send + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Calls a closure after every step. `ControlFlow::Break(())` stops.
    pub fn on_step(self, f: impl FnMut(&Progress<'_>, &M) -> ControlFlow<()> + Send + 'a) -> Self {
        self.callback(OnStep(f))
    }

    /// Calls a closure after every epoch. `ControlFlow::Break(())` stops.
    pub fn on_epoch_end(self, f: impl FnMut(&Progress<'_>, &M) -> ControlFlow<()> + Send + 'a) -> Self {
        self.callback(OnEpochEnd(f))
    }

    /// Writes the run to a file after every epoch and at its end: weights, optimizer, position in schedule and data, history,
    /// the best weights. The file is written atomically. Weights that are not finite are never written:
    /// after an error the file is that of the last good step.
    ///
    /// The file also contains the settings of the run. The schedule is one of them: its rates are evaluated at many steps
    /// up to 2⁴⁰, so it must have a rate at every step. The loss is another: it is computed for the first 8 samples, so it must
    /// accept any number of samples.
    #[cfg(feature = "save")]
    pub fn checkpoint(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.plan.checkpoint.get_or_insert_default().path = path.into();
        self
    }

    /// Also writes the [checkpoint](Trainer::checkpoint) after every `steps` steps.
    ///
    /// # Panics
    /// If it is 0, or there is no checkpoint.
    #[track_caller]
    #[cfg(feature = "save")]
    pub fn checkpoint_every(mut self, steps: u64) -> Self {
        assert!(steps > 0, "checkpoint_every: a number of steps from 1");
        self.plan.checkpoint.as_mut().expect("checkpoint_every: name the file by `checkpoint` first").every =
            Some(steps);
        self
    }

    /// Resumes from the [checkpoint](Trainer::checkpoint) if the file exists, whatever the weights of the model are; otherwise starts a new run.
    ///
    /// A file of another model, or of other settings that change a step, is refused. So is a file of another loss, other data, or
    /// another dropout rate, if they change the loss of the first eight samples with the weights of the file.
    /// A larger number of epochs is allowed. Record anything that this cannot detect with [`note`](Trainer::note).
    ///
    /// A file that was written by another version of this crate, or under another system, architecture or width of vectors, is resumed
    /// with a warning that [the last digits](super#the-same-bits) may differ.
    ///
    /// A link that leads to no file, for example to a volume that is not mounted, is an error and not a new start.
    ///
    /// # Panics
    /// If there is no checkpoint.
    #[track_caller]
    #[cfg(feature = "save")]
    pub fn resume(mut self) -> Self {
        self.plan.checkpoint.as_mut().expect("resume: name the file by `checkpoint` first").resume = true;
        self
    }

    /// Records a setting in the checkpoint, which is then refused if the setting differs.
    ///
    /// # Panics
    /// If there is already a note with that name, or the name is one that a checkpoint uses itself, such as `seed` or `batch size`.
    #[track_caller]
    #[cfg(feature = "save")]
    pub fn note(mut self, name: &str, value: impl ToString) -> Self {
        self.plan.put_down(name, value.to_string());
        self
    }

    /// On Ctrl-C or a request of the system to end the process, stops after the step and writes the checkpoint. A second
    /// request ends the process. If hang-ups or termination requests are ignored when training begins, as under `nohup`, they stay
    /// ignored, and the run warns that it handles no signal; this is detected only on Linux. Feature `interrupt`.
    #[cfg(feature = "interrupt")]
    pub fn interruptible(mut self) -> Self {
        self.plan.interruptible = true;
        self
    }

    /// Trains a model on data.
    ///
    /// # Errors
    /// Before the first step if a setting of the optimizer is out of its range, if a [pattern](crate::With::group) matches no parameter or
    /// the monitored curve does not exist (the message gives the nearest names), if the data
    /// for a trainer [with a loss](Trainer::with_loss) contain NaN, or if a checkpoint cannot be written or read, belongs to another run
    /// or contradicts itself; later if the loss or a weight stops being finite.
    ///
    /// # Panics
    /// If there are no samples to train on or in a watched set, or if a sampler returns samples that do not exist; and if the loss
    /// panics, for example because shapes do not fit.
    #[track_caller]
    pub fn fit(&mut self, model: &mut M, data: &impl Batches<Batch = B>) -> Result<Trained, TrainError>
    where
        M: Send + Sync,
    {
        self.plans = no_plans();
        let Trainer { loss, targets, samples, data: of_batch, plans, augment, metrics, watched, callbacks, plan } =
            self;
        let callbacks = Mutex::new(&mut **callbacks);
        steps::fit(
            plan,
            &mut Typed {
                model,
                loss: &**loss,
                targets: targets.as_deref(),
                samples: *samples,
                planned: of_batch.map(|of_batch| (&**plans, of_batch)),
                metrics,
                augment,
                data,
                watched,
                callbacks,
            },
        )
    }
}
