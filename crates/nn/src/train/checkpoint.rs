//! Stores a run in a file, and checks whether a file belongs to this run.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::bits::made;
use super::config::{Config, LOSS, OF_OPTIMIZER};
use super::objective::{Objective, Probe};
use super::plan::{Checkpoint, Plan};
use super::run::Run;
use super::task::Task;
use crate::weights::Weights;
use crate::{LoadError, Module, Optimizer, Real, SaveError, atomic, persist};

/// The contents of the file. `C` and `R` are a [`Config`] and a [`Run`], borrowed for writing.
#[derive(Serialize, Deserialize)]
struct File<C, W, R> {
    config: C,
    weights: W,
    run: R,
    /// The loss of the first samples with these weights, in evaluation and in training; older files do not have it.
    #[serde(default)]
    losses: Option<[f64; 2]>,
    /// For each buffer the sum of the running statistics that a step on these samples would set; older files do not have it.
    #[serde(default)]
    statistics: Option<Vec<f64>>,
    /// The version and the machine that [wrote](made) the file; older files do not have it.
    #[serde(default)]
    made: Option<String>,
}

/// The contents of an existing file.
pub(super) struct Resumed<T> {
    pub run: Run<T>,
    losses: Option<[f64; 2]>,
    statistics: Option<Vec<f64>>,
    /// Why the rest of the run may have other bits.
    pub warning: Option<String>,
    /// The original weights of the model.
    before: Weights<T>,
}

impl<T: Real> Plan<'_, T> {
    /// The file, if there is one.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.checkpoint.as_ref().map(|checkpoint| checkpoint.path.clone())
    }

    /// Whether it is written after this step.
    pub(super) fn due(&self, step: u64) -> bool {
        let every = self.checkpoint.as_ref().and_then(|checkpoint| checkpoint.every);
        every.is_some_and(|every| step.is_multiple_of(every))
    }

    /// Writes it.
    pub(super) fn save(&self, objective: &Objective<'_, T>, config: &Config, run: &Run<T>) -> Result<(), TrainError> {
        let Some(Checkpoint { path, .. }) = &self.checkpoint else { return Ok(()) };
        // A loss with its own random numbers cannot be compared.
        let (is, again) = (objective.probe(), objective.probe());
        let finite = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
        let losses = Some(is.losses).filter(|losses| *losses == again.losses && finite(losses));
        let statistics = Some(is.statistics).filter(|sums| *sums == again.statistics && finite(sums));
        let weights = Weights::of(objective.task.model());
        let file = File { config, weights, run, losses, statistics, made: Some(made()) };
        persist::save_value(path, &file).map_err(TrainError::Save)
    }

    /// Checks that the checkpoint can be written, before anything is computed.
    pub(super) fn attempt(&self) -> Result<(), TrainError> {
        let Some(Checkpoint { path, .. }) = &self.checkpoint else { return Ok(()) };
        let file = || path.display().to_string();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors")) {
            return Err(TrainError::Save(SaveError::Extension { file: file() }));
        }
        atomic::attempt(path).map_err(|source| TrainError::Save(SaveError::Write { file: file(), source }))
    }

    /// The run to resume, after setting the model's weights; `None` if there is none.
    pub(super) fn resumed(
        &self,
        model: &mut dyn Module<T>,
        config: &Config,
        batches: usize,
    ) -> Result<Option<Resumed<T>>, TrainError> {
        let Some(Checkpoint { path, resume: true, .. }) = &self.checkpoint else { return Ok(None) };
        // A dangling link exists, and gives an error when it is read.
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(TrainError::Load(LoadError::Read { file: path.display().to_string(), source })),
            Ok(_) => {}
        }
        let file: File<Config, Weights<T>, Run<T>> = persist::load(path).map_err(TrainError::Load)?;
        let File { config: was, weights, run, losses, statistics, made: by } = file;
        self.stage(model, run.epoch);
        let mut differences = differences(&was, config);
        differences.extend(weights.misfit(model, true));
        differences.extend(self.optimizer.check_state(model, &run.optimizer).err().map(|error| error.to_string()));
        if !differences.is_empty() {
            return Err(self.other_run(differences));
        }
        let run = self.believed(run, &weights, batches).map_err(|(field, problem)| {
            let file = path.display().to_string();
            TrainError::Contradiction { file, field, problem }
        })?;
        let before = Weights::of(model);
        weights.give(model);
        let warning = by.filter(|by| *by != made()).map(|by| {
            format!(
                "resume: the checkpoint was written by {by}, and this is {}: the run goes on, but its last digits may be others \
                 than without the interruption",
                made()
            )
        });
        Ok(Some(Resumed { run, losses, statistics, warning, before }))
    }

    /// The run from the file, if the first samples give what they gave; otherwise the model gets its original weights back.
    pub(super) fn same_probe(
        &self,
        task: &mut dyn Task<T>,
        is: Probe,
        found: Resumed<T>,
    ) -> Result<Run<T>, TrainError> {
        let Resumed { run, losses, statistics, before, .. } = found;
        let rounding = T::EPSILON.sqrt(); // a small loss may be made of larger terms
        let close = |was: f64, is: f64| (was - is).abs() <= rounding * was.abs().max(is.abs()).max(rounding);
        let apart = |was: f64, is: f64| !is.is_finite() || !close(was, is);
        let mut differences = Vec::new();
        if let Some(was) = losses
            && was.into_iter().zip(is.losses).any(|(was, is)| apart(was, is))
        {
            let say = |[measured, trained]: [f64; 2]| format!("{measured:e}, in training {trained:e}");
            differences.push(format!(
                "loss of the first samples: was {}, is {}, so the loss, its regularisation, the data, their augmentation, or a \
                 setting of a layer such as dropout is another",
                say(was),
                say(is.losses)
            ));
        } else if let Some(was) = statistics
            && let Some((was, is)) = was.iter().zip(&is.statistics).find(|(was, is)| apart(**was, **is))
        {
            differences.push(format!(
                "running statistics after the first samples: the sum of a buffer was {was:e}, is {is:e}, so the momentum of a \
                 normalisation, or how the model updates its buffers, is another"
            ));
        }
        if differences.is_empty() {
            return Ok(run);
        }
        before.give(task.model_mut());
        Err(self.other_run(differences))
    }

    fn other_run(&self, differences: Vec<String>) -> TrainError {
        let file = self.file().unwrap_or_default().display().to_string();
        TrainError::OtherRun { file, differences }
    }
}

fn differences(was: &Config, is: &Config) -> Vec<String> {
    let get = |config: &Config, name: &str| {
        config.iter().find(|entry| entry.0 == name).map_or("nothing".to_owned(), |entry| entry.1.clone())
    };
    let mut names: Vec<&String> = was.iter().chain(is).map(|(name, _)| name).collect();
    names.dedup();
    // Older files do not name their loss, and not all optimizers report their settings.
    let says = |config: &Config, name: &str| config.iter().any(|(other, _)| other == name);
    names.retain(|name| *name != LOSS || says(was, LOSS));
    names.retain(|name| *name != OF_OPTIMIZER || [was, is].iter().all(|config| says(config, OF_OPTIMIZER)));
    let mut differences = Vec::new();
    for name in names {
        let (was, is) = (get(was, name), get(is, name));
        let difference = format!("{name}: was {was}, is {is}");
        if was != is && !differences.contains(&difference) {
            differences.push(difference);
        }
    }
    differences
}
