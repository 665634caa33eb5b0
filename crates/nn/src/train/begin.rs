//! The checks before the first step.

use super::plan::Plan;
use super::ranked::agree;
use super::run::Run;
use super::stages::AT_LAST;
use super::steps::{HELD_OUT, Loop, Onlookers, stream};
use super::task::Task;
use super::{History, TrainError};
use crate::data::{Sampler, random_split};
use crate::{Ema, Real};

const WEIGHTS: &str = "the dataset has weights of its samples, which batches (x, t) do not contain; use an estimator, give the \
                       weights to the loss, or set `weights` to None";

impl<'r, 'a, T: Real> Loop<'r, 'a, T> {
    /// All checks that are possible before the first step.
    #[track_caller]
    pub fn new(
        plan: &'r mut Plan<'a, T>,
        task: &'r mut dyn Task<T>,
        onlookers: &'r mut Onlookers,
    ) -> Result<Self, TrainError> {
        plan.check_monitored()?;
        plan.optimizer.set_lr(plan.lr); // an earlier run may have changed it
        plan.optimizer.check(task.model()).map_err(TrainError::Setting)?;
        plan.check_stages(task.model_mut()).map_err(TrainError::Setting)?;
        for set in 1..=plan.watched.len() {
            let name = &plan.watched[set - 1];
            assert!(task.len(set) > 0, "fit: the set `{name}` has no samples to be measured on");
        }
        for set in 0..=plan.watched.len() {
            if task.has_weights(set) {
                return Err(TrainError::Setting(WEIGHTS.to_owned()));
            }
            let nan = task.not_finite(set).filter(|(_, value)| value.is_nan() && plan.loss.is_some());
            if let Some((entry, _)) = nan {
                let set = if set == 0 { "training".to_owned() } else { plan.watched[set - 1].clone() };
                return Err(TrainError::NotANumber { set, entry });
            }
        }
        if plan.device.is_some() && plan.ranks.is_some() {
            let problem = "a device makes whole steps, and ranks divide them: train on a device or on several ranks";
            return Err(TrainError::Setting(problem.to_owned()));
        }
        if plan.is_first() {
            plan.attempt()?;
        }
        let all = task.len(0);
        let parts = match plan.held_out {
            None => None,
            Some(fraction) => {
                let parts = random_split(all, 1.0 - fraction, &mut stream(plan.seed, HELD_OUT));
                assert!(!parts.1.is_empty(), "fit: {fraction} of {all} samples is less than one to hold out");
                Some(parts)
            }
        };
        let samples = parts.as_ref().map_or(all, |(training, _)| training.len());
        let sampler = plan.sampler.clone().unwrap_or_else(|| Sampler::shuffled(samples, plan.batch, plan.seed));
        assert!(sampler.batches() > 0, "fit: the {samples} samples make no batch");
        let largest = sampler.batch_size().min(samples).min(plan.micro_batch);
        if let Some(shard) = plan.parallel.shard.filter(|shard| plan.device.is_some() && *shard < largest) {
            return Err(TrainError::Setting(format!(
                "parallel: {largest} samples would be divided into shards of {shard}, which a device does not do: set no shards, or \
                 `.micro_batch({})`",
                shard.max(1)
            )));
        }
        let held_out = parts.iter().map(|(_, held_out)| held_out.len());
        let watched: Vec<usize> = held_out.chain((1..=plan.watched.len()).map(|set| task.len(set))).collect();
        // The settings of parameters that are frozen at first count too.
        plan.stage(task.model_mut(), AT_LAST);
        let config = plan.config(task.model(), samples, &watched, &sampler);
        plan.stage(task.model_mut(), 0);
        let observed = task.has_callbacks() || plan.is_interruptible();
        Ok(Loop {
            plan,
            task,
            onlookers,
            parts,
            sampler,
            config,
            saved: None,
            observed,
            differed: false,
            on_device: None,
            compared: Vec::new(),
        })
    }

    /// The run from the checkpoint, or a new one.
    pub fn begin(&mut self) -> Result<Run<T>, TrainError> {
        let Some(world) = self.plan.ranks else { return self.begin_alone() };
        let run = if self.plan.is_first() { self.begin_alone() } else { Ok(self.begin_anew()) };
        self.of_first(world, agree(Some(world), run)?)
    }

    fn begin_alone(&mut self) -> Result<Run<T>, TrainError> {
        #[cfg(feature = "save")]
        if let Some(mut found) = self.plan.resumed(self.task.model_mut(), &self.config, self.sampler.batches())? {
            let (probe, warning) = (self.objective().probe(), found.warning.take());
            let mut run = self.plan.same_probe(self.task, probe, found)?;
            self.warn(&mut run, warning);
            self.saved = Some(run.step);
            return Ok(run);
        }
        Ok(self.begin_anew())
    }

    fn begin_anew(&mut self) -> Run<T> {
        let mut run = self.start();
        let (itself, deaf) = (self.plan.judges_itself(), self.onlookers.deaf(self.plan));
        self.warn(&mut run, itself);
        self.warn(&mut run, deaf);
        run
    }

    fn start(&self) -> Run<T> {
        Run {
            step: 0,
            epoch: 0,
            batch: 0,
            losses: (0.0, 0.0),
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
}
