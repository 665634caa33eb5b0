//! The loop.

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::batches::Subset;
use super::checkpoint::Config;
use super::trainer::VALIDATION;
use super::weights::{Weights, not_finite};
use super::{Batches, Callback, History, Progress, TrainError, Trainer};
use crate::data::{Sampler, random_split};
use crate::init::symmetric;
use crate::schedule::{Goal, Plateau, Threshold};
use crate::{Ema, Module, Real, State};

/// What came of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// What was measured after every epoch.
    pub history: History,
    /// Why it ended.
    pub end: End,
    /// How many steps were made in all.
    pub step: u64,
    /// How many epochs are done.
    pub epoch: usize,
    /// The epoch, from 1, whose weights the model has, where that is not the last.
    pub best_epoch: Option<usize>,
    /// The file that the run was written to.
    pub checkpoint: Option<PathBuf>,
    /// What is suspicious about the model or the data.
    pub warnings: Vec<String>,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// After the last epoch.
    Epochs,
    /// Too many epochs in a row were no better than the best.
    EarlyStopping,
    /// A callback asked for it.
    Callback,
    /// Ctrl-C was pressed.
    Interrupted,
}

/// How it ended, and how to go on.
impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.end {
            End::Epochs => "trained",
            End::EarlyStopping => "stopped early",
            End::Callback => "stopped by a callback",
            End::Interrupted => "interrupted",
        };
        write!(f, "{why} after step {}, {} epochs done", self.step, self.epoch)?;
        if let Some(epoch) = self.best_epoch {
            write!(f, "; the weights are those of epoch {epoch}")?;
        }
        match (&self.checkpoint, self.end) {
            (Some(path), End::Callback | End::Interrupted) => {
                write!(f, "; saved in {}: start the same training with `resume` to go on", path.display())
            }
            (None, End::Interrupted) => f.write_str("; without a `checkpoint` it cannot go on"),
            _ => Ok(()),
        }
    }
}

/// Where a run is: with the weights and the configuration, all that the rest of it depends on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(super) struct Run<T> {
    /// Steps made.
    pub step: u64,
    /// Epochs done.
    pub epoch: usize,
    /// Batches done in the epoch after them.
    pub batch: usize,
    /// Their losses, summed over samples, and how many samples that were.
    pub losses: (f64, usize),
    pub optimizer: State<T>,
    pub plateau: Option<Plateau>,
    pub ema: Option<Ema<T>>,
    pub best: Option<Best<T>>,
    /// Epochs since the best.
    pub stale: usize,
    pub history: History,
    pub end: Option<End>,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(super) struct Best<T> {
    pub score: f64,
    pub epoch: usize,
    pub weights: Weights<T>,
}

/// Streams of random numbers of one seed.
const TAPES: u64 = 1;
const HELD_OUT: u64 = 2;

fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

impl<T: Real, M: Module<T> + Send + Sync, B> Trainer<'_, T, M, B> {
    /// Trains a model on data.
    ///
    /// # Errors
    /// If the loss stops being finite; if a checkpoint cannot be written or read, or is of another run.
    ///
    /// # Panics
    /// If there are no samples, a sampler asks for some that are not there, or the curve that is monitored does not exist; and as the
    /// loss does, when shapes do not fit.
    #[track_caller]
    pub fn fit(&mut self, model: &mut M, data: &impl Batches<Batch = B>) -> Result<Trained, TrainError> {
        #[cfg(feature = "interrupt")]
        if self.interruptible {
            self.listener = Some(super::interrupt::Listener::new()?);
        }
        let callbacks = self.callbacks.len();
        self.callbacks.extend(self.bar());
        let trained = match self.threads {
            None => self.divide(model, data),
            Some(threads) => {
                let pool = rayon_core::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.map_err(TrainError::Threads).and_then(|pool| pool.install(|| self.divide(model, data)))
            }
        };
        self.callbacks.truncate(callbacks);
        #[cfg(feature = "interrupt")]
        drop(self.listener.take());
        trained
    }

    #[track_caller]
    fn divide(&mut self, model: &mut M, data: &dyn Batches<Batch = B>) -> Result<Trained, TrainError> {
        let Some(fraction) = self.held_out else { return self.run(model, data, None) };
        let (training, held_out) = random_split(data.len(), 1.0 - fraction, &mut stream(self.seed, HELD_OUT));
        let [training, held_out] = [training, held_out].map(|samples| Subset { data, samples });
        assert!(!held_out.is_empty(), "fit: {fraction} of {} samples is none to hold out", data.len());
        self.run(model, &training, Some(&held_out))
    }

    #[track_caller]
    fn run(
        &mut self,
        model: &mut M,
        data: &dyn Batches<Batch = B>,
        held_out: Option<&dyn Batches<Batch = B>>,
    ) -> Result<Trained, TrainError> {
        let sampler = self.sampler.clone();
        let sampler = sampler.unwrap_or_else(|| Sampler::shuffled(data.len(), self.batch, self.seed));
        assert!(sampler.batches() > 0, "fit: the {} samples make no batch", data.len());
        let config = self.config(model, data, held_out, &sampler);
        let mut run = self.resumed(model, &config)?.unwrap_or_else(|| self.start(model));
        // What stopped it then need not stop it now.
        run.end = run.end.filter(|end| *end == End::EarlyStopping);
        while run.end.is_none() && run.epoch < self.epochs {
            self.steps(model, data, &sampler, &config, &mut run)?;
            let (parameters, epoch, step, loss) = (not_finite(model), run.epoch + 1, run.step, run.losses.0);
            if !parameters.is_empty() {
                return Err(TrainError::Diverged { epoch, step, loss, parameters, anomaly: None });
            }
            if run.end.is_none() {
                swap(&mut run.ema, model);
                self.close_epoch(model, held_out, &sampler, &mut run);
                swap(&mut run.ema, model);
                self.save(model, &config, &run)?;
            }
        }
        run.end = run.end.or(Some(End::Epochs));
        self.save(model, &config, &run)?;
        swap(&mut run.ema, model);
        let best = run.best.filter(|_| self.keep_best);
        if let Some(best) = &best {
            best.weights.give(model);
        }
        let best_epoch = best.map(|best| best.epoch).filter(|epoch| *epoch != run.epoch);
        let Run { history, warnings, end, step, epoch, .. } = run;
        let checkpoint = self.file();
        let trained =
            Trained { history, end: end.unwrap_or(End::Epochs), step, epoch, best_epoch, checkpoint, warnings };
        if trained.end == End::Interrupted && !self.quiet {
            eprintln!("{trained}");
        }
        Ok(trained)
    }

    fn start(&self, model: &M) -> Run<T> {
        Run {
            step: 0,
            epoch: 0,
            batch: 0,
            losses: (0.0, 0),
            optimizer: self.optimizer.init(model),
            plateau: self.plateau,
            ema: self.ema.map(|decay| Ema::new(decay, model).corrected()),
            best: None,
            stale: 0,
            history: History::default(),
            end: None,
            warnings: Vec::new(),
        }
    }

    /// α of a step.
    pub(super) fn rate(&self, plateau: Option<&Plateau>, step: u64) -> f64 {
        let schedule = self.schedule.as_ref().map(|schedule| schedule.lr(step));
        plateau.map(|plateau| plateau.lr).or(schedule).unwrap_or(self.lr)
    }

    /// The steps of an epoch that are left.
    #[track_caller]
    fn steps(
        &mut self,
        model: &mut M,
        data: &dyn Batches<Batch = B>,
        sampler: &Sampler,
        config: &Config,
        run: &mut Run<T>,
    ) -> Result<(), TrainError> {
        let mut seeds = stream(self.seed, TAPES);
        for samples in sampler.epoch(run.epoch as u64).skip(run.batch) {
            self.optimizer.set_lr(self.rate(run.plateau.as_ref(), run.step));
            seeds.set_word_pos(2 * u128::from(run.step));
            let seed = seeds.next_u64();
            let (loss, grads) = self.objective.gradients(model, data, &samples, seed);
            if !loss.is_finite() {
                let anomaly = self.objective.anomaly(model, data, &samples, seed);
                let parameters = anomaly.as_ref().map_or_else(Vec::new, |anomaly| model.involved(anomaly));
                let (epoch, step) = (run.epoch + 1, run.step + 1);
                return Err(TrainError::Diverged { epoch, step, loss, parameters, anomaly });
            }
            if run.step == 0 {
                self.warn(run, alike(&symmetric(model, &grads)));
            }
            self.optimizer.step(model, &grads, &mut run.optimizer);
            if let Some(ema) = &mut run.ema {
                ema.update(model);
            }
            run.step += 1;
            run.batch += 1;
            run.losses = (run.losses.0 + self.objective.summed(loss, samples.len()), run.losses.1 + samples.len());
            if self.tell(run, run.epoch + 1, sampler, loss, |callback, progress| callback.on_step(progress, model)) {
                run.end = Some(End::Callback);
                break;
            }
            if self.interrupted() {
                run.end = Some(End::Interrupted);
                break;
            }
            if self.due(run.step) {
                self.save(model, config, run)?;
            }
        }
        Ok(())
    }

    /// Measures, and decides what comes of it.
    #[track_caller]
    fn close_epoch(
        &mut self,
        model: &M,
        held_out: Option<&dyn Batches<Batch = B>>,
        sampler: &Sampler,
        run: &mut Run<T>,
    ) {
        let loss = run.losses.0 / run.losses.1 as f64;
        let mut line = vec![
            ("step".to_owned(), run.step as f64),
            ("learning_rate".to_owned(), self.rate(run.plateau.as_ref(), run.step - 1)),
            ("loss".to_owned(), loss),
        ];
        let held_out = held_out.map(|data| (VALIDATION, data));
        let watched = self.watched.iter().map(|(name, data)| (&**name, *data as &dyn Batches<Batch = B>));
        for (set, data) in held_out.into_iter().chain(watched) {
            let names = std::iter::once("loss").chain(self.objective.metrics.iter().map(|(name, _)| &**name));
            line.extend(names.map(|name| format!("{set}_{name}")).zip(self.objective.evaluate(model, data)));
        }
        run.history.push(line.iter().map(|(name, value)| (&**name, *value)));
        run.epoch += 1;
        (run.batch, run.losses) = (0, (0.0, 0));
        self.judge(model, run);
        if self.tell(run, run.epoch, sampler, loss, |callback, progress| callback.on_epoch_end(progress, model)) {
            run.end = Some(End::Callback);
        }
    }

    /// What the last epoch means for the learning rate, and whether it is the best so far, or one too many.
    #[track_caller]
    fn judge(&self, model: &M, run: &mut Run<T>) {
        if !self.keep_best && run.plateau.is_none() {
            return;
        }
        let validation = format!("{VALIDATION}_loss");
        let (curve, goal) = match &self.monitor {
            Some((curve, goal)) => (&**curve, *goal),
            None if run.history.get(&validation).is_some() => (&*validation, Goal::Min),
            None => ("loss", Goal::Min),
        };
        let score = run.history[curve][run.epoch - 1];
        if let Some(plateau) = &mut run.plateau {
            plateau.goal = goal;
            plateau.observe(score);
        }
        if !self.keep_best {
            return;
        }
        let better =
            |best: &Best<T>| goal.is_better(score, best.score, Threshold::Absolute(0.0)) || best.score.is_nan();
        if run.best.as_ref().is_none_or(better) {
            let weights = match run.best.take() {
                None => Weights::of(model),
                Some(Best { mut weights, .. }) => {
                    weights.take(model);
                    weights
                }
            };
            (run.best, run.stale) = (Some(Best { score, epoch: run.epoch, weights }), 0);
        } else {
            run.stale += 1;
            if self.patience.is_some_and(|patience| run.stale > patience) {
                run.end = Some(End::EarlyStopping);
            }
        }
    }

    /// Tells all callbacks, also after one has asked to stop; returns whether one has.
    fn tell(
        &mut self,
        run: &Run<T>,
        epoch: usize,
        sampler: &Sampler,
        loss: f64,
        mut what: impl FnMut(&mut dyn Callback<M>, &Progress<'_>) -> ControlFlow<()>,
    ) -> bool {
        let (epochs, batches) = (self.epochs, sampler.batches());
        let lr = self.rate(run.plateau.as_ref(), run.step - 1);
        let batch = if run.epoch == epoch { batches } else { run.batch };
        let progress = Progress { epoch, epochs, batch, batches, step: run.step, loss, lr, history: &run.history };
        self.callbacks.iter_mut().map(|callback| what(&mut **callback, &progress)).filter(ControlFlow::is_break).count()
            > 0
    }

    fn warn(&self, run: &mut Run<T>, warning: Option<String>) {
        if let (Some(warning), false) = (&warning, self.quiet) {
            eprintln!("warning: {warning}");
        }
        run.warnings.extend(warning);
    }

    /// The progress bar, if there is a place for one.
    #[cfg(feature = "progress")]
    fn bar<'b>(&self) -> Option<Box<dyn Callback<M> + Send + 'b>> {
        if self.quiet { None } else { super::progress::Bar::new(self.epochs).map(|bar| Box::new(bar) as _) }
    }
    #[cfg(not(feature = "progress"))]
    fn bar<'b>(&self) -> Option<Box<dyn Callback<M> + Send + 'b>> {
        None
    }

    #[cfg(feature = "interrupt")]
    fn interrupted(&self) -> bool {
        self.listener.as_ref().is_some_and(|listener| listener.requested())
    }
    #[cfg(not(feature = "interrupt"))]
    fn interrupted(&self) -> bool {
        false
    }
}

/// Exchanges the weights and their average, if there is one.
fn swap<T: Real>(ema: &mut Option<Ema<T>>, model: &mut impl Module<T>) {
    if let Some(ema) = ema {
        ema.swap(model);
    }
}

/// The warning that units start alike and [stay so](crate::init#zero-does-not-train).
fn alike(names: &[String]) -> Option<String> {
    let names = if names.is_empty() { return None } else { names.join("`, `") };
    Some(format!(
        "all units of `{names}` have the same weights and the same gradients, and will stay alike: \
         start from random weights, such as `Init::Xavier`"
    ))
}
