//! The training loop.

use autograd::{Anomaly, compiled_once};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::callback::{Progress, When};
use super::checkpoint::Config;
use super::curves::Judged;
#[cfg(feature = "interrupt")]
use super::interrupt::Listener;
use super::objective::Objective;
use super::plan::Plan;
use super::progress::{Printer, why};
use super::run::{Best, Run};
use super::stages::Roles;
use super::task::Task;
use super::{End, TrainError, Trained};
use crate::data::Sampler;
use crate::init::symmetric;
use crate::weights::{Weights, not_finite};
use crate::{Ema, Module, Real};

/// Trains a model by its settings.
#[compiled_once]
#[track_caller]
pub(super) fn fit<T: Real>(plan: &mut Plan<'_, T>, task: &mut dyn Task<T>) -> Result<Trained, TrainError> {
    let roles = (!plan.frozen.is_empty()).then(|| Roles::of(task.model()));
    let trained = looked_on(plan, task);
    roles.iter().for_each(|roles| roles.give(task.model_mut()));
    trained
}

#[track_caller]
fn looked_on<T: Real>(plan: &mut Plan<'_, T>, task: &mut dyn Task<T>) -> Result<Trained, TrainError> {
    let mut onlookers = Onlookers {
        #[cfg(feature = "interrupt")]
        listener: if plan.interruptible { Listener::new()? } else { None },
        printer: Printer::new(plan),
    };
    let run = Loop::new(plan, task, &mut onlookers)?;
    match run.plan.threads {
        None => run.run(),
        Some(threads) => {
            let pool = rayon_core::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map_err(TrainError::Threads)?.install(|| run.run())
        }
    }
}

/// The observers other than the callbacks.
pub(super) struct Onlookers {
    #[cfg(feature = "interrupt")]
    listener: Option<Listener>,
    printer: Option<Printer>,
}

pub(super) struct Loop<'r, 'a, T: Real> {
    pub plan: &'r mut Plan<'a, T>,
    pub task: &'r mut dyn Task<T>,
    pub onlookers: &'r mut Onlookers,
    /// The samples to train on and those to hold out, if any are held out.
    pub parts: Option<(Vec<usize>, Vec<usize>)>,
    pub sampler: Sampler,
    pub config: Config,
    /// The step of the checkpoint, once this run has one.
    pub saved: Option<u64>,
    /// Whether a warning has said that a plan differed from a recording.
    pub differed: bool,
}

/// The random streams of a seed.
const TAPES: u64 = 1;
pub(super) const HELD_OUT: u64 = 2;
pub(super) const AUGMENTED: u64 = 3;

pub(crate) fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

impl<'r, 'a, T: Real> Loop<'r, 'a, T> {
    #[track_caller]
    fn run(mut self) -> Result<Trained, TrainError> {
        let mut run = self.begin()?;
        // The earlier reason to stop may no longer apply.
        run.end = run.end.filter(|end| *end == End::EarlyStopping);
        while run.end.is_none() && run.epoch < self.plan.epochs {
            self.steps(&mut run)?;
            self.expect_finite(&run)?;
            if run.end.is_none() {
                swap(&mut run.ema, self.task.model_mut());
                self.close_epoch(&mut run);
                swap(&mut run.ema, self.task.model_mut());
                self.plan.stage(self.task.model_mut(), run.epoch);
                self.save(&run)?;
            }
        }
        self.finish(&run);
        run.end = run.end.or(Some(End::Epochs));
        self.save(&run)?;
        swap(&mut run.ema, self.task.model_mut());
        let best = run.best.filter(|_| self.plan.keep_best);
        if let Some(best) = &best {
            best.weights.give(self.task.model_mut());
        }
        let best_epoch = best.map(|best| best.epoch).filter(|epoch| *epoch != run.epoch);
        let Run { history, warnings, end, step, epoch, .. } = run;
        let checkpoint = self.plan.file();
        let trained =
            Trained { history, end: end.unwrap_or(End::Epochs), step, epoch, best_epoch, checkpoint, warnings };
        if trained.end == End::Interrupted && !self.plan.quiet {
            self.onlookers.printer = None; // which ends the line on a terminal
            eprintln!("{trained}");
        }
        Ok(trained)
    }

    pub fn objective(&self) -> Objective<'_, T> {
        let Plan { parallel, micro_batch, ref metrics, .. } = *self.plan;
        Objective { task: &*self.task, parallel, micro_batch, metrics: metrics.len() }
    }

    /// The remaining steps of an epoch.
    #[track_caller]
    fn steps(&mut self, run: &mut Run<T>) -> Result<(), TrainError> {
        let mut seeds = stream(self.plan.seed, TAPES);
        for samples in self.sampler.epoch(run.epoch as u64).skip(run.batch) {
            let rate = self.plan.rate(run.plateau.as_ref(), run.step);
            self.plan.optimizer.set_lr(rate);
            seeds.set_word_pos(2 * u128::from(run.step));
            let seed = seeds.next_u64();
            let samples = match &self.parts {
                None => samples,
                Some((training, _)) => samples.iter().map(|&i| training[i]).collect(),
            };
            let (loss, grads) = self.objective().gradients(&samples, seed);
            let weight = grads.weight();
            if !loss.is_finite() {
                let anomaly = self.objective().anomaly(&samples, seed);
                let parameters = anomaly.as_ref().map_or_else(Vec::new, |anomaly| self.task.model().involved(anomaly));
                return Err(self.diverged(run, run.step + 1, loss, parameters, anomaly));
            }
            if run.step == 0 {
                self.warn(run, alike(&symmetric(self.task.model(), &grads)));
            }
            self.plan.optimizer.step(self.task.model_mut(), &grads, &mut run.optimizer);
            if let Some(ema) = &mut run.ema {
                ema.update(self.task.model());
            }
            run.step += 1;
            run.batch += 1;
            run.losses = (run.losses.0 + weight.summed(loss), run.losses.1 + weight.sum);
            if self.tell(When::Step, run, loss) {
                run.end = Some(End::Callback);
                break;
            }
            if self.onlookers.interrupt() {
                run.end = Some(End::Interrupted);
                break;
            }
            if self.plan.due(run.step) {
                self.expect_finite(run)?;
                self.save(run)?;
            }
        }
        Ok(())
    }

    /// Checks that a step has not made a weight infinite or NaN: such weights never replace good ones in a file.
    fn expect_finite(&self, run: &Run<T>) -> Result<(), TrainError> {
        #[cfg(feature = "save")]
        let of_state = run.optimizer.not_finite().filter(|_| self.plan.file().is_some());
        #[cfg(not(feature = "save"))]
        let of_state = None;
        let mut parameters = not_finite(self.task.model());
        if parameters.is_empty() {
            parameters.extend(of_state);
        }
        let diverged = |parameters| self.diverged(run, run.step, run.losses.0, parameters, None);
        if parameters.is_empty() { Ok(()) } else { Err(diverged(parameters)) }
    }

    fn diverged(
        &self,
        run: &Run<T>,
        step: u64,
        loss: f64,
        parameters: Vec<String>,
        anomaly: Option<Box<Anomaly>>,
    ) -> TrainError {
        let data = self.task.not_finite(0).map(|(entry, _)| entry);
        let checkpoint = self.plan.file().zip(self.saved);
        TrainError::Diverged { epoch: run.epoch + 1, step, loss, parameters, anomaly, data, checkpoint }
    }

    /// Measures, and acts on the result.
    #[track_caller]
    fn close_epoch(&mut self, run: &mut Run<T>) {
        let loss = run.losses.0 / run.losses.1;
        let mut values = vec![run.step as f64, self.plan.rate(run.plateau.as_ref(), run.step - 1), loss];
        if let Some((_, held_out)) = &self.parts {
            values.extend(self.objective().evaluate(0, held_out));
        }
        for set in 1..=self.plan.watched.len() {
            values.extend(self.objective().evaluate(set, &(0..self.task.len(set)).collect::<Vec<_>>()));
        }
        run.history.push(self.plan.curves().iter().map(|name| &**name).zip(values));
        run.epoch += 1;
        (run.batch, run.losses) = (0, (0.0, 0.0));
        if !self.differed && self.task.plan_use().is_some_and(|used| used.differed) {
            self.differed = true;
            let impure = "a step from a plan differed from a recording: the model is not the same function at every call, and steps \
                          since the last comparison may be wrong; train with a closure (`Trainer::new`), which records every step";
            self.warn(run, Some(impure.to_owned()));
        }
        self.judge(run);
        if self.tell(When::EpochEnd, run, loss) {
            run.end = run.end.or(Some(End::Callback));
        }
    }

    /// The consequences of the last epoch: the learning rate, whether it is the best so far, and whether early stopping applies.
    #[track_caller]
    fn judge(&self, run: &mut Run<T>) {
        if !self.plan.keep_best && run.plateau.is_none() {
            return;
        }
        let (curve, goal) = self.plan.steering();
        let scores = &run.history[&*curve];
        let score = scores[run.epoch - 1];
        if !score.is_finite() && scores.iter().filter(|score| !score.is_finite()).count() == 1 {
            let problem = format!("`{curve}` is {score} after epoch {}, which is no improvement", run.epoch);
            self.warn(run, Some(problem));
        }
        let best = run.best.as_ref().map(|best| (best.score, best.epoch));
        let mut judged = Judged { plateau: run.plateau, best, stale: run.stale };
        let is_best = judged.observe(goal, score, run.epoch, self.plan.keep_best);
        (run.plateau, run.stale) = (judged.plateau, judged.stale);
        if is_best {
            let weights = match run.best.take() {
                None => Weights::of(self.task.model()),
                Some(Best { mut weights, .. }) => {
                    weights.take(self.task.model());
                    weights
                }
            };
            run.best = Some(Best { score, epoch: run.epoch, weights });
        } else if self.plan.patience.is_some_and(|patience| run.stale >= patience) {
            run.end = Some(End::EarlyStopping);
        }
    }

    /// Calls all observers, and returns whether one wants to stop.
    fn tell(&mut self, when: When, run: &Run<T>, loss: f64) -> bool {
        let progress = self.progress(when, run, loss);
        let stop = self.task.tell(when, &progress);
        if let (When::EpochEnd, Some(printer)) = (when, &mut self.onlookers.printer) {
            printer.show(&progress, stop || run.end.is_some());
        }
        stop
    }

    fn progress<'h>(&self, when: When, run: &'h Run<T>, loss: f64) -> Progress<'h> {
        let (epochs, batches) = (self.plan.epochs, self.sampler.batches());
        let lr = self.plan.rate(run.plateau.as_ref(), run.step - 1);
        let (epoch, batch) = match when {
            When::Step => (run.epoch + 1, run.batch),
            When::EpochEnd => (run.epoch, batches),
        };
        Progress { epoch, epochs, batch, batches, step: run.step, loss, lr, history: &run.history }
    }

    /// The last line.
    fn finish(&mut self, run: &Run<T>) {
        let Some(loss) = run.history.last("loss") else { return };
        let progress = self.progress(When::EpochEnd, run, loss);
        // `run` itself says where an interrupted run was saved.
        let end = run.end.filter(|end| *end != End::Interrupted || self.plan.quiet);
        let best = run.best.as_ref().map(|best| (best.score, best.epoch));
        let why = why(end, run.epoch, &self.plan.steering().0, best);
        let recorded = self.task.plan_use().and_then(|used| used.why).map(|why| format!("steps were recorded: {why}"));
        let lines: Vec<String> = why.into_iter().chain(recorded).collect();
        self.onlookers.printer.iter_mut().for_each(|printer| printer.finish(&progress, &lines));
    }

    fn save(&mut self, run: &Run<T>) -> Result<(), TrainError> {
        self.plan.save(&self.objective(), &self.config, run)?;
        self.saved = Some(run.step);
        Ok(())
    }

    pub fn warn(&self, run: &mut Run<T>, warning: Option<String>) {
        if let (Some(warning), false) = (&warning, self.plan.quiet) {
            eprintln!("{}warning: {warning}", self.onlookers.printer.as_ref().map_or("", Printer::aside));
        }
        run.warnings.extend(warning);
    }
}

impl Onlookers {
    /// Whether Ctrl-C was pressed.
    fn interrupt(&self) -> bool {
        #[cfg(feature = "interrupt")]
        return self.listener.as_ref().is_some_and(Listener::requested);
        #[cfg(not(feature = "interrupt"))]
        false
    }

    /// The warning that an interruptible run cannot be interrupted.
    pub fn deaf<T: Real>(&self, plan: &Plan<'_, T>) -> Option<String> {
        #[cfg(feature = "interrupt")]
        if plan.interruptible && self.listener.is_none() {
            return Some(
                "interruptible: this process ignores hang-up or termination signals, as under `nohup`, so a signal cannot \
                 interrupt the run; use `checkpoint_every` to lose less if it is killed"
                    .to_owned(),
            );
        }
        let _ = plan;
        None
    }
}

/// Exchanges the weights with their average, if there is one.
fn swap<T: Real>(ema: &mut Option<Ema<T>>, model: &mut dyn Module<T>) {
    if let Some(ema) = ema {
        ema.swap(model);
    }
}

/// The warning that units have equal initial weights and therefore [stay equal](crate::init#zero-does-not-train).
fn alike(names: &[String]) -> Option<String> {
    let names = if names.is_empty() { return None } else { names.join("`, `") };
    Some(format!(
        "all units of `{names}` have the same weights and the same gradients, and will stay alike: \
         start from random weights, such as `Init::Xavier`"
    ))
}
