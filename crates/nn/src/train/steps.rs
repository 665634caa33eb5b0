//! The loop.

use autograd::compiled_once;
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::callback::{Progress, When};
use super::checkpoint::Config;
#[cfg(feature = "interrupt")]
use super::interrupt::Listener;
use super::objective::Objective;
use super::plan::{Plan, VALIDATION};
#[cfg(feature = "progress")]
use super::progress::Bar;
use super::run::{Best, Run};
use super::task::Task;
use super::weights::{Weights, not_finite};
use super::{End, History, TrainError, Trained};
use crate::data::{Sampler, random_split};
use crate::init::symmetric;
use crate::schedule::{Goal, Threshold};
use crate::{Ema, Module, Real};

/// Trains a model as it was planned.
#[compiled_once]
#[track_caller]
pub(super) fn fit<T: Real>(plan: &mut Plan<'_, T>, task: &mut dyn Task<T>) -> Result<Trained, TrainError> {
    let onlookers = Onlookers {
        #[cfg(feature = "interrupt")]
        listener: if plan.interruptible { Some(Listener::new()?) } else { None },
        #[cfg(feature = "progress")]
        bar: if plan.quiet { None } else { Bar::new(plan.epochs) },
    };
    match plan.threads {
        None => Loop::new(plan, task, &onlookers).run(),
        Some(threads) => {
            let pool = rayon_core::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map_err(TrainError::Threads)?.install(|| Loop::new(plan, task, &onlookers).run())
        }
    }
}

/// Who else than the callbacks looks on.
struct Onlookers {
    #[cfg(feature = "interrupt")]
    listener: Option<Listener>,
    #[cfg(feature = "progress")]
    bar: Option<Bar>,
}

struct Loop<'r, 'a, T: Real> {
    plan: &'r mut Plan<'a, T>,
    task: &'r mut dyn Task<T>,
    onlookers: &'r Onlookers,
    /// Which samples are trained on and which are held out, where some are.
    parts: Option<(Vec<usize>, Vec<usize>)>,
    sampler: Sampler,
    config: Config,
}

/// Streams of random numbers of one seed.
const TAPES: u64 = 1;
const HELD_OUT: u64 = 2;

fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

impl<'r, 'a, T: Real> Loop<'r, 'a, T> {
    #[track_caller]
    fn new(plan: &'r mut Plan<'a, T>, task: &'r mut dyn Task<T>, onlookers: &'r Onlookers) -> Self {
        let all = task.len(0);
        let parts = match plan.held_out {
            None => None,
            Some(fraction) => {
                let parts = random_split(all, 1.0 - fraction, &mut stream(plan.seed, HELD_OUT));
                assert!(!parts.1.is_empty(), "fit: {fraction} of {all} samples is none to hold out");
                Some(parts)
            }
        };
        let samples = parts.as_ref().map_or(all, |(training, _)| training.len());
        let sampler = plan.sampler.clone().unwrap_or_else(|| Sampler::shuffled(samples, plan.batch, plan.seed));
        assert!(sampler.batches() > 0, "fit: the {samples} samples make no batch");
        let held_out = parts.iter().map(|(_, held_out)| held_out.len());
        let watched: Vec<usize> = held_out.chain((1..=plan.watched.len()).map(|set| task.len(set))).collect();
        let config = plan.config(task.model(), samples, &watched, &sampler);
        Loop { plan, task, onlookers, parts, sampler, config }
    }

    #[track_caller]
    fn run(mut self) -> Result<Trained, TrainError> {
        let resumed = self.plan.resumed(self.task.model_mut(), &self.config)?;
        let mut run = resumed.unwrap_or_else(|| self.start());
        // What stopped it then need not stop it now.
        run.end = run.end.filter(|end| *end == End::EarlyStopping);
        while run.end.is_none() && run.epoch < self.plan.epochs {
            self.steps(&mut run)?;
            let (parameters, epoch, step, loss) =
                (not_finite(self.task.model()), run.epoch + 1, run.step, run.losses.0);
            if !parameters.is_empty() {
                return Err(TrainError::Diverged { epoch, step, loss, parameters, anomaly: None });
            }
            if run.end.is_none() {
                swap(&mut run.ema, self.task.model_mut());
                self.close_epoch(&mut run);
                swap(&mut run.ema, self.task.model_mut());
                self.save(&run)?;
            }
        }
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
            eprintln!("{trained}");
        }
        Ok(trained)
    }

    fn start(&self) -> Run<T> {
        Run {
            step: 0,
            epoch: 0,
            batch: 0,
            losses: (0.0, 0),
            optimizer: self.plan.optimizer.init(self.task.model()),
            plateau: self.plan.plateau,
            ema: self.plan.ema.map(|decay| Ema::new(decay, self.task.model()).corrected()),
            best: None,
            stale: 0,
            history: History::default(),
            end: None,
            warnings: Vec::new(),
        }
    }

    fn objective(&self) -> Objective<'_, T> {
        let Plan { parallel, micro_batch, ref metrics, .. } = *self.plan;
        Objective { task: &*self.task, parallel, micro_batch, metrics: metrics.len() }
    }

    /// The steps of an epoch that are left.
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
            if !loss.is_finite() {
                let anomaly = self.objective().anomaly(&samples, seed);
                let parameters = anomaly.as_ref().map_or_else(Vec::new, |anomaly| self.task.model().involved(anomaly));
                let (epoch, step) = (run.epoch + 1, run.step + 1);
                return Err(TrainError::Diverged { epoch, step, loss, parameters, anomaly });
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
            let summed = self.objective().summed(loss, samples.len());
            run.losses = (run.losses.0 + summed, run.losses.1 + samples.len());
            if self.tell(When::Step, run, loss) {
                run.end = Some(End::Callback);
                break;
            }
            if self.onlookers.interrupt() {
                run.end = Some(End::Interrupted);
                break;
            }
            if self.plan.due(run.step) {
                self.save(run)?;
            }
        }
        Ok(())
    }

    /// Measures, and decides what comes of it.
    #[track_caller]
    fn close_epoch(&mut self, run: &mut Run<T>) {
        let loss = run.losses.0 / run.losses.1 as f64;
        let mut line = vec![
            ("step".to_owned(), run.step as f64),
            ("learning_rate".to_owned(), self.plan.rate(run.plateau.as_ref(), run.step - 1)),
            ("loss".to_owned(), loss),
        ];
        let mut measure = |name: &str, set, samples: &[usize]| {
            let names = std::iter::once("loss").chain(self.plan.metrics.iter().map(|name| &**name));
            line.extend(names.map(|of| format!("{name}_{of}")).zip(self.objective().evaluate(set, samples)));
        };
        if let Some((_, held_out)) = &self.parts {
            measure(VALIDATION, 0, held_out);
        }
        for (k, name) in self.plan.watched.iter().enumerate() {
            measure(name, k + 1, &(0..self.task.len(k + 1)).collect::<Vec<_>>());
        }
        run.history.push(line.iter().map(|(name, value)| (&**name, *value)));
        run.epoch += 1;
        (run.batch, run.losses) = (0, (0.0, 0));
        self.judge(run);
        if self.tell(When::EpochEnd, run, loss) {
            run.end = Some(End::Callback);
        }
    }

    /// What the last epoch means for the learning rate, and whether it is the best so far, or one too many.
    #[track_caller]
    fn judge(&self, run: &mut Run<T>) {
        if !self.plan.keep_best && run.plateau.is_none() {
            return;
        }
        let validation = format!("{VALIDATION}_loss");
        let (curve, goal) = match &self.plan.monitor {
            Some((curve, goal)) => (&**curve, *goal),
            None if run.history.get(&validation).is_some() => (&*validation, Goal::Min),
            None => ("loss", Goal::Min),
        };
        let score = run.history[curve][run.epoch - 1];
        if let Some(plateau) = &mut run.plateau {
            plateau.goal = goal;
            plateau.observe(score);
        }
        if !self.plan.keep_best {
            return;
        }
        let better =
            |best: &Best<T>| goal.is_better(score, best.score, Threshold::Absolute(0.0)) || best.score.is_nan();
        if run.best.as_ref().is_none_or(better) {
            let weights = match run.best.take() {
                None => Weights::of(self.task.model()),
                Some(Best { mut weights, .. }) => {
                    weights.take(self.task.model());
                    weights
                }
            };
            (run.best, run.stale) = (Some(Best { score, epoch: run.epoch, weights }), 0);
        } else {
            run.stale += 1;
            if self.plan.patience.is_some_and(|patience| run.stale >= patience) {
                run.end = Some(End::EarlyStopping);
            }
        }
    }

    /// Tells all that look on, and returns whether one asks to stop.
    fn tell(&mut self, when: When, run: &Run<T>, loss: f64) -> bool {
        let (epochs, batches) = (self.plan.epochs, self.sampler.batches());
        let lr = self.plan.rate(run.plateau.as_ref(), run.step - 1);
        let (epoch, batch) = match when {
            When::Step => (run.epoch + 1, run.batch),
            When::EpochEnd => (run.epoch, batches),
        };
        let progress = Progress { epoch, epochs, batch, batches, step: run.step, loss, lr, history: &run.history };
        let stop = self.task.tell(when, &progress);
        if let When::EpochEnd = when {
            self.onlookers.show(&progress);
        }
        stop
    }

    fn save(&self, run: &Run<T>) -> Result<(), TrainError> {
        self.plan.save(self.task.model(), &self.config, run)
    }

    fn warn(&self, run: &mut Run<T>, warning: Option<String>) {
        if let (Some(warning), false) = (&warning, self.plan.quiet) {
            eprintln!("warning: {warning}");
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

    fn show(&self, progress: &Progress<'_>) {
        #[cfg(feature = "progress")]
        self.bar.iter().for_each(|bar| bar.show(progress));
        #[cfg(not(feature = "progress"))]
        let _ = progress;
    }
}

/// Exchanges the weights and their average, if there is one.
fn swap<T: Real>(ema: &mut Option<Ema<T>>, model: &mut dyn Module<T>) {
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
