//! The training loop.

use autograd::{Anomaly, compiled_once};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::callback::{Progress, When};
use super::config::Config;
use super::curves::Judged;
#[cfg(feature = "interrupt")]
use super::interrupt::Listener;
use super::objective::Objective;
use super::plan::Plan;
use super::progress::{Printer, why};
use super::ranked::{Alarm, agree, any};
use super::run::{Best, Run};
use super::stages::Roles;
use super::task::Task;
use super::{DeviceRun, End, TrainError, Trained};
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
    let world = plan.ranks;
    let _alarm = Alarm(world);
    let mut onlookers = Onlookers {
        #[cfg(feature = "interrupt")]
        listener: agree(world, if plan.interruptible { Listener::new() } else { Ok(None) })?,
        printer: Printer::new(plan),
        #[cfg(feature = "tensorboard")]
        events: None,
    };
    let pool = |threads| rayon_core::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = agree(world, plan.threads.map(pool).transpose().map_err(TrainError::Threads))?;
    let mut run = agree(world, Loop::new(plan, task, &mut onlookers))?;
    run.check_ranks()?;
    [run.observed] = any(world, [run.observed])?;
    match pool {
        None => run.run(),
        Some(pool) => pool.install(|| run.run()),
    }
}

/// The observers other than the callbacks.
pub(super) struct Onlookers {
    #[cfg(feature = "interrupt")]
    listener: Option<Listener>,
    printer: Option<Printer>,
    #[cfg(feature = "tensorboard")]
    pub events: Option<crate::tensorboard::Events>,
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
    /// Whether something can stop the run after a step, on any rank.
    pub observed: bool,
    /// Whether a warning has said that a plan differed from a recording.
    pub differed: bool,
    /// The model on the device.
    pub on_device: Option<Box<dyn DeviceRun<T>>>,
    /// The sizes of batches whose losses on the device were compared.
    pub compared: Vec<usize>,
}

/// The random streams of a seed.
pub(super) const TAPES: u64 = 1;
pub(super) const HELD_OUT: u64 = 2;
pub(super) const AUGMENTED: u64 = 3;

pub(crate) fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// The seed of the tape of a step.
pub(super) fn seed_at(seeds: &mut ChaCha8Rng, step: u64) -> u64 {
    seeds.set_word_pos(2 * u128::from(step));
    seeds.next_u64()
}

impl<'r, 'a, T: Real> Loop<'r, 'a, T> {
    #[track_caller]
    fn run(mut self) -> Result<Trained, TrainError> {
        let mut run = self.begin()?;
        self.open_board(&run)?;
        // The earlier reason to stop may no longer apply.
        run.end = run.end.filter(|end| *end == End::EarlyStopping);
        while run.end.is_none() && run.epoch < self.plan.epochs {
            self.upload_model(&mut run)?;
            self.steps(&mut run)?;
            self.download_model(&mut run)?;
            self.gather_moments(&mut run)?;
            self.expect_finite(&run)?;
            if run.end.is_none() {
                swap(&mut run.ema, self.task.model_mut());
                let closed = self.close_epoch(&mut run);
                swap(&mut run.ema, self.task.model_mut());
                closed?;
                if !self.plan.frozen.is_empty() {
                    self.plan.stage(self.task.model_mut(), run.epoch);
                    self.on_device = None; // its roles may be others
                    self.compared.clear();
                }
                self.board_epoch(&run)?;
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
        if trained.end == End::Interrupted && !self.plan.quiet && self.plan.is_first() {
            self.onlookers.printer = None; // which ends the line on a terminal
            eprintln!("{trained}");
        }
        Ok(trained)
    }

    pub fn objective(&self) -> Objective<'_, T> {
        let Plan { ranks, overlaps, ref spare, mut parallel, micro_batch, ref metrics, .. } = *self.plan;
        if self.plan.device.is_some() {
            parallel.shard = Some(usize::MAX); // a device computes a batch as one
        }
        Objective { task: &*self.task, ranks, overlaps, spare, parallel, micro_batch, metrics: metrics.len() }
    }

    /// The remaining steps of an epoch.
    #[track_caller]
    fn steps(&mut self, run: &mut Run<T>) -> Result<(), TrainError> {
        let mut seeds = stream(self.plan.seed, TAPES);
        for samples in self.sampler.epoch(run.epoch as u64).skip(run.batch) {
            let rate = self.plan.rate(run.plateau.as_ref(), run.step);
            self.plan.optimizer.set_lr(rate);
            let seed = seed_at(&mut seeds, run.step);
            let samples = self.training(samples);
            let (on_device, divided) = (self.on_device.is_some(), self.divides_step(run));
            let made = if on_device { Some(self.step_on_device(run, &samples, seed)?) } else { None };
            // On a device the step is made already; the gradients of the first one are looked at.
            let found = match made.is_none() || run.step == 0 {
                true => Some(self.objective().gradients(&samples, seed, !divided)?),
                false => None,
            };
            let made = made.or(found.as_ref().map(|(loss, grads)| (*loss, grads.weight())));
            let (loss, weight) = made.expect("one of both made the step");
            if !loss.is_finite() {
                let anomaly = self.objective().anomaly(&samples, seed);
                let parameters = anomaly.as_ref().map_or_else(Vec::new, |anomaly| self.task.model().involved(anomaly));
                return Err(self.diverged(run, run.step + 1, loss, self.first_names(parameters)?, anomaly));
            }
            if let Some((_, grads)) = &found {
                if run.step == 0 {
                    self.warn(run, alike(&symmetric(self.task.model(), grads)));
                }
                if !on_device {
                    self.plan.optimizer.step(self.task.model_mut(), grads, &mut run.optimizer);
                }
                if divided {
                    self.gather_weights()?;
                }
            }
            if on_device && (run.ema.is_some() || self.task.sees_steps() || self.plan.due(run.step + 1)) {
                self.download_model(run)?;
            }
            if let Some((_, grads)) = found {
                grads.into_row().into_iter().for_each(|row| self.plan.spare.give(row));
            }
            if let Some(ema) = &mut run.ema {
                ema.update(self.task.model());
            }
            run.step += 1;
            run.batch += 1;
            run.losses = (run.losses.0 + weight.summed(loss), run.losses.1 + weight.sum);
            self.board_step(run, loss)?;
            if self.observed {
                let stops = [self.tell(When::Step, run, loss), self.onlookers.interrupt()];
                run.end = match any(self.plan.ranks, stops)? {
                    [true, _] => Some(End::Callback),
                    [_, true] => Some(End::Interrupted),
                    _ => None,
                };
                if run.end.is_some() {
                    break;
                }
            }
            // After the last batch the run is stored with its epoch.
            if self.plan.due(run.step) && run.batch < self.sampler.batches() {
                self.gather_moments(run)?;
                self.expect_finite(run)?;
                self.save(run)?;
            }
        }
        Ok(())
    }

    /// The samples that a sampler means, by their numbers in the whole set.
    pub(super) fn training(&self, samples: Vec<usize>) -> Vec<usize> {
        match &self.parts {
            None => samples,
            Some((training, _)) => samples.iter().map(|&i| training[i]).collect(),
        }
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
    fn close_epoch(&mut self, run: &mut Run<T>) -> Result<(), TrainError> {
        let loss = run.losses.0 / run.losses.1;
        let mut values = vec![run.step as f64, self.plan.rate(run.plateau.as_ref(), run.step - 1), loss];
        if let Some((_, held_out)) = &self.parts {
            values.extend(self.objective().evaluate(0, held_out)?);
        }
        for set in 1..=self.plan.watched.len() {
            values.extend(self.objective().evaluate(set, &(0..self.task.len(set)).collect::<Vec<_>>())?);
        }
        run.history.push(self.plan.curves().iter().map(|name| &**name).zip(values));
        run.epoch += 1;
        (run.batch, run.losses) = (0, (0.0, 0.0));
        let differs = self.task.plan_use().is_some_and(|used| used.differed);
        if !self.differed && any(self.plan.ranks, [differs])? == [true] {
            self.differed = true;
            let impure = "a step from a plan differed from a recording: the model is not the same function at every call, and steps \
                          since the last comparison may be wrong; train with a closure (`Trainer::new`), which records every step";
            self.warn(run, Some(impure.to_owned()));
        }
        self.judge(run);
        let stop = self.tell(When::EpochEnd, run, loss);
        if any(self.plan.ranks, [stop])? == [true] {
            run.end = run.end.or(Some(End::Callback));
        }
        Ok(())
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
        let saved = if self.plan.is_first() {
            self.flush_board().and_then(|()| self.plan.save(&self.objective(), &self.config, run))
        } else {
            Ok(())
        };
        agree(self.plan.ranks, saved)?;
        self.saved = Some(run.step);
        Ok(())
    }

    pub fn warn(&self, run: &mut Run<T>, warning: Option<String>) {
        if let (Some(warning), true) = (&warning, self.plan.is_first() && !self.plan.quiet) {
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
