//! A training run, put together from its parts, each with a default.

use std::ops::ControlFlow;
use std::sync::Mutex;

use super::batches::first_not_finite;
use super::callback::{OnEpochEnd, OnStep};
use super::plan::{Plan, VALIDATION};
use super::steps;
use super::task::{Look, Loss as LossFn, Typed};
use super::{Batches, Callback, Progress, Targets, TrainError, Trained};
use crate::data::Sampler;
use crate::loss::{Loss, Target};
use crate::parallel::{Metric, Parallel};
use crate::schedule::{Goal, Plateau, Schedule};
use crate::{Layer, Matrix, Module, Optimizer, Real, Reduction, Tape, Var};

/// Trains a model: a loss, an optimizer, and everything else as you set it or as it is by default.
///
/// | part | default | method |
/// |---|---|---|
/// | how often each sample is seen | 100 | [`epochs`](Trainer::epochs) |
/// | samples in a step | 32 | [`batch`](Trainer::batch), [`micro_batch`](Trainer::micro_batch) |
/// | order of the samples | shuffled in each epoch | [`sampler`](Trainer::sampler) |
/// | random numbers | of seed 0 | [`seed`](Trainer::seed) |
/// | learning rate | that of the optimizer | [`schedule`](Trainer::schedule), [`plateau`](Trainer::plateau) |
/// | weights | those of the last step | [`ema`](Trainer::ema), [`keep_best`](Trainer::keep_best) |
/// | validation | none | [`validate`](Trainer::validate), [`hold_out`](Trainer::hold_out), [`watch`](Trainer::watch) |
/// | metrics | the loss alone | [`metric`](Trainer::metric) |
/// | end | after the last epoch | [`early_stopping`](Trainer::early_stopping), [`callback`](Trainer::callback) |
/// | files | none | [`checkpoint`](Trainer::checkpoint), [`resume`](Trainer::resume) |
/// | cores | those of rayon's current pool | [`threads`](Trainer::threads), [`parallel`](Trainer::parallel) |
///
/// `M` is the model and `B` a batch as the [data](Batches) makes it.
///
/// An epoch of 20 steps takes 1.05 times as long as in the bare loop for the network of the digits (64-128-10, batches of 32),
/// 1.02 times for 784-256-10 and batches of 128, 1.09 times for 2-8-2 and batches of 4, where a step takes 2 µs (bench `trainer`).
#[doc(alias = "fit")]
pub struct Trainer<'a, T: Real, M, B> {
    loss: Box<LossFn<'a, T, M, B>>,
    targets: Option<Box<Look<'a, B>>>,
    metrics: Vec<Metric<'a, M, B>>,
    watched: Vec<&'a (dyn Batches<Batch = B> + 'a)>,
    callbacks: Vec<Box<dyn Callback<M> + Send + 'a>>,
    plan: Plan<'a, T>,
}

impl<'a, T: Real, Y: Targets<T>, M: Layer<T>> Trainer<'a, T, M, (Matrix<T>, Y)> {
    /// Minimises the mean of a [`Loss`] of the outputs of a [`Layer`] on a [`Dataset`](crate::data::Dataset).
    pub fn with_loss(loss: Loss, optimizer: impl Optimizer<T> + Send + 'a) -> Self {
        let said = format!("{loss:?}");
        let mut trainer = Trainer::new(
            move |tape, model: &M, (x, t): &(Matrix<T>, Y)| {
                loss.of(model.forward(tape.constant(x)), t.on(tape), Reduction::Mean)
            },
            optimizer,
        );
        trainer.plan.loss = Some(said);
        trainer.targets = Some(Box::new(|(_, t): &(Matrix<T>, Y)| {
            let tape = Tape::new();
            match t.on(&tape) {
                Target::Classes(_) => None,
                Target::Values(t) => first_not_finite(&t.value()),
            }
        }));
        trainer
    }
}

impl<'a, T: Real, M: Module<T>, B> Trainer<'a, T, M, B> {
    /// Minimises a loss of a model and a batch, which is a mean over the samples of the batch; for one that is a sum, see
    /// [`parallel`](Trainer::parallel).
    ///
    /// In training it is called with a [training tape](Tape::training), whose [`draw`](Tape::draw) gives it random numbers,
    /// such as noise on the inputs; to measure, with a plain one.
    pub fn new(
        loss: impl for<'t> Fn(&'t Tape<'t, T>, &'t M, &'t B) -> Var<'t, T> + Send + Sync + 'a,
        optimizer: impl Optimizer<T> + Send + 'a,
    ) -> Self {
        Trainer {
            loss: Box::new(loss),
            targets: None,
            metrics: Vec::new(),
            watched: Vec::new(),
            callbacks: Vec::new(),
            plan: Plan::new(Box::new(optimizer)),
        }
    }

    /// How often every sample is seen.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.plan.epochs = epochs;
        self
    }

    /// How many samples a step is made from.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn batch(mut self, batch: usize) -> Self {
        assert!(batch > 0, "batch: a step is made from at least one sample");
        self.plan.batch = batch;
        self
    }

    /// Works through the batch of a step in parts of this number of samples and adds up their gradients: the same step in less
    /// memory.
    ///
    /// The mean of a loss over samples must be taken by [`Reduction::Mean`](crate::Reduction) or a function of [`loss`](crate::loss).
    /// Another mean, such as [`Var::mean`](crate::Var::mean), counts as a penalty, which every part has in full.
    ///
    /// # Panics
    /// If it is 0. Training panics if the loss is a sum of means with different weights, which parts cannot be put together from.
    #[track_caller]
    pub fn micro_batch(mut self, micro_batch: usize) -> Self {
        assert!(micro_batch > 0, "micro_batch: at least one sample at a time");
        self.plan.micro_batch = micro_batch;
        self
    }

    /// Which samples are seen in which order, and how many in a step: in place of [`batch`](Trainer::batch).
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.plan.sampler = Some(sampler);
        self
    }

    /// The seed of everything that is drawn: the order of the samples, the set that is held out, the tapes of the steps.
    pub fn seed(mut self, seed: u64) -> Self {
        self.plan.seed = seed;
        self
    }

    /// The learning rate as a function of the step. A schedule of epochs is one of steps by [`Schedule::every`].
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

    /// A learning rate that decreases when the curve that is [monitored](Trainer::monitor) gets no better: the validation
    /// error drives it.
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

    /// Measures, keeps and ends with an average of the weights over about 1 / (1 − `decay`) steps, without those before the first
    /// step: [`Ema::corrected`](crate::Ema::corrected).
    ///
    /// # Panics
    /// Unless 0 ≤ `decay` < 1.
    #[track_caller]
    pub fn ema(mut self, decay: f64) -> Self {
        assert!((0.0..1.0).contains(&decay), "ema: the decay must be at least 0 and below 1, and is {decay}");
        self.plan.ema = Some(decay);
        self
    }

    /// How a batch is divided over cores, and whether the loss is a mean or a sum over samples.
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

    /// Measures loss and metrics on this set after every epoch. It steers what is kept and when training stops.
    ///
    /// # Panics
    /// If there is a validation set already.
    #[track_caller]
    pub fn validate(self, data: &'a (impl Batches<Batch = B> + 'a)) -> Self {
        self.watch(VALIDATION, data)
    }

    /// Keeps this fraction of the training samples out of training, drawn at random, and validates on them.
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
    /// If two curves would have one name.
    #[track_caller]
    pub fn watch(mut self, name: &str, data: &'a (impl Batches<Batch = B> + 'a)) -> Self {
        self.plan.watched.push(name.to_owned());
        self.plan.expect_distinct("validate or watch");
        self.watched.push(data);
        self
    }

    /// Measures something else than the loss on all sets that are watched. A set is measured in parts of 1024
    /// samples, and the mean over its samples is what counts: right for accuracies and errors.
    ///
    /// # Panics
    /// If it is called `loss`, or as another one.
    #[track_caller]
    pub fn metric(mut self, name: &str, metric: impl Fn(&M, &B) -> f64 + Send + Sync + 'a) -> Self {
        self.plan.metrics.push(name.to_owned());
        self.plan.expect_distinct("metric");
        self.metrics.push(Box::new(metric));
        self
    }

    /// The curve that steers what is kept and when training stops, in place of `validation_loss`, or of `loss` where there is no
    /// validation.
    pub fn monitor(mut self, curve: &str, goal: Goal) -> Self {
        self.plan.monitor = Some((curve.to_owned(), goal));
        self
    }

    /// Stops when `patience` epochs in a row were no better than the best, and restores the weights of the best.
    ///
    /// # Panics
    /// If that is 0: an epoch that is no better must be seen first.
    #[track_caller]
    pub fn early_stopping(mut self, patience: usize) -> Self {
        assert!(patience > 0, "early_stopping: a patience of 0 epochs; give 1 or more");
        self.plan.patience = Some(patience);
        self.plan.keep_best = true;
        self
    }

    /// Ends with the weights of the best epoch in place of the last.
    pub fn keep_best(mut self) -> Self {
        self.plan.keep_best = true;
        self
    }

    /// Looks on, and can stop.
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

    /// Writes the run to a file after every epoch and at its end: weights, optimizer, where it is in schedule and data, history,
    /// the best weights. The file is always whole: the old one or the new one. Weights that are not finite are never written:
    /// after an error the file is that of the last good step.
    ///
    /// The file also says by which settings the run was made. The schedule is one of them: it is asked for its rates at many steps
    /// up to 2⁴⁰, so it must have a rate at every step. The loss is another: it is computed for the first 8 samples, so it must
    /// take any number of samples.
    #[cfg(feature = "save")]
    pub fn checkpoint(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.plan.checkpoint.get_or_insert_default().path = path.into();
        self
    }

    /// Writes the [checkpoint](Trainer::checkpoint) after every `steps` steps too.
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

    /// Goes on from the [checkpoint](Trainer::checkpoint) if the file exists, whatever the weights of the model are; else starts.
    ///
    /// A file of another model, or of other settings that change what a step does, is refused: so is one of another loss, of
    /// other data, or of another rate of dropout, as the loss of the first eight samples shows it, with the weights of the file.
    /// More epochs are welcome. What cannot be seen so can be put down by [`note`](Trainer::note).
    ///
    /// A link that leads to no file, as to a volume that is not there, is an error and no new start.
    ///
    /// # Panics
    /// If there is no checkpoint.
    #[track_caller]
    #[cfg(feature = "save")]
    pub fn resume(mut self) -> Self {
        self.plan.checkpoint.as_mut().expect("resume: name the file by `checkpoint` first").resume = true;
        self
    }

    /// Puts a setting down in the checkpoint, which is then refused where it is another.
    #[cfg(feature = "save")]
    pub fn note(mut self, name: &str, value: impl ToString) -> Self {
        self.plan.notes.push((name.to_owned(), value.to_string()));
        self
    }

    /// Stops after the step when Ctrl-C is pressed or the system asks the process to end, and writes the checkpoint; asked
    /// again, the process ends. Where a hang-up or such a request is ignored when training begins, as under `nohup`, it stays so,
    /// and the run warns that it listens to no signal; Linux alone tells. Feature `interrupt`.
    #[cfg(feature = "interrupt")]
    pub fn interruptible(mut self) -> Self {
        self.plan.interruptible = true;
        self
    }

    /// No progress bar and no warnings on the terminal.
    pub fn quiet(mut self) -> Self {
        self.plan.quiet = true;
        self
    }

    /// Trains a model on data.
    ///
    /// # Errors
    /// Before the first step if a setting of the optimizer is out of its range or one of its groups fits no parameter, if data
    /// for a trainer [with a loss](Trainer::with_loss) hold NaN, or if a checkpoint cannot be written or read, is of another run
    /// or contradicts itself; later if the loss or a weight stops being finite.
    ///
    /// # Panics
    /// If there are no samples to train on or in a set that is watched, a sampler asks for some that are not there, or the curve that is monitored does not exist; and as the
    /// loss does, when shapes do not fit.
    #[track_caller]
    pub fn fit(&mut self, model: &mut M, data: &impl Batches<Batch = B>) -> Result<Trained, TrainError>
    where
        M: Send + Sync,
    {
        let Trainer { loss, targets, metrics, watched, callbacks, plan } = self;
        let callbacks = Mutex::new(&mut **callbacks);
        steps::fit(
            plan,
            &mut Typed { model, loss: &**loss, targets: targets.as_deref(), metrics, data, watched, callbacks },
        )
    }
}
