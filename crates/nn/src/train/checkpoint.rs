//! Stores a run in a file, and checks whether a file belongs to this run.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::bits::{digest, made};
use super::objective::{Objective, Probe};
use super::plan::{Checkpoint, Plan};
use super::run::Run;
use super::task::Task;
use crate::data::Sampler;
use crate::weights::Weights;
use crate::{LoadError, Matrix, Module, Optimizer, Param, Real, Role, SaveError, Tape, atomic, persist};

/// The settings of a run, by name, as text: equal for runs with the same steps.
pub(super) type Config = Vec<(String, String)>;

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

    /// Everything that determines the bits of a run, except the values of the data, a custom loss and the initial weights; empty
    /// if there is no checkpoint and a single rank. The training set has `samples` samples; `watched` gives the sizes of the watched sets.
    pub(super) fn config(&self, model: &dyn Module<T>, samples: usize, watched: &[usize], sampler: &Sampler) -> Config {
        if self.checkpoint.is_none() && self.ranks.is_none() {
            return Config::new();
        }
        let order = (0..2).flat_map(|epoch| sampler.epoch(epoch)).flatten().map(|sample| sample as u64);
        let own = [
            std::any::type_name::<T>().to_owned(),
            samples.to_string(),
            format!("{watched:?}"),
            sampler.batch_size().to_string(),
            sampler.batches().to_string(),
            digest(order),
            self.seed.to_string(),
            format!("{} {}", self.optimizer.name(), self.fingerprint(model)),
            self.rates(),
            format!("{:?}", self.ema),
            format!("{:?}, {:?}", self.parallel, self.micro_batch),
            self.metrics.join(", "),
            format!("{:?} of {:?}, patience {:?}", self.keep_best, self.monitor, self.patience),
        ];
        // These are stored only if there are any, because older files do not have them.
        let augmentations = (self.augmentations > 0).then(|| (AUGMENTATIONS, self.augmentations.to_string()));
        let frozen = (!self.frozen.is_empty()).then(|| (FROZEN, format!("{:?}", self.frozen)));
        let of_optimizer = Some((OF_OPTIMIZER, self.optimizer.settings())).filter(|(_, settings)| !settings.is_empty());
        let own = SETTINGS
            .into_iter()
            .zip(own)
            .chain(self.loss.clone().map(|loss| (LOSS, loss)))
            .chain(augmentations)
            .chain(frozen)
            .chain(of_optimizer);
        own.map(|(name, value)| (name.to_owned(), value)).chain(self.notes.iter().cloned()).collect()
    }

    /// Stores a note of the user under a unique name. Of two notes with one name, only one would be compared.
    #[track_caller]
    pub(super) fn put_down(&mut self, name: &str, value: String) {
        let own = SETTINGS.contains(&name) || [LOSS, AUGMENTATIONS, FROZEN, OF_OPTIMIZER].contains(&name);
        assert!(!own, "note: `{name}` is what a checkpoint calls a setting of the trainer: give the note another name");
        let known = self.notes.iter().any(|(other, _)| other == name);
        assert!(!known, "note: `{name}` is noted already: give each note a name of its own");
        self.notes.push((name.to_owned(), value));
    }

    /// α at a few steps, for human readers, and a digest of α at many steps: the first 2¹⁴, and then 64 steps between consecutive powers of
    /// 2, up to 2⁴⁰.
    fn rates(&self) -> String {
        if let Some(plateau) = &self.plateau {
            return format!("{plateau:?}");
        }
        let rate = |step| self.rate(None, step);
        let later = (14..40).flat_map(|power| (0..64).map(move |part| (1 << power) + (part << (power - 6))));
        let all = digest((0..1 << 14).chain(later).map(|step| rate(step).to_bits()));
        format!("{:?} {all}", [0, 1, 10, 100, 1_000, 10_000, 100_000].map(rate))
    }

    /// The result of a few steps of the optimizer on small parameters with the names of the model's, if they are trained. It differs
    /// for most settings; [those](crate::Hyperparameters::settings) that matter only later are compared as text.
    fn fingerprint(&self, model: &dyn Module<T>) -> String {
        let mut probe = Weights::of_each(model, |param| {
            let mut small = Param::new(Matrix::row(&[0.5, -2.0].map(T::from_f64)));
            if !param.is_trained() {
                small.freeze();
            }
            (param.role() != Role::Buffer).then_some(small)
        });
        let mut state = self.optimizer.init(&probe);
        for slope in [0.01, -1.0, 100.0] {
            let tape = Tape::new();
            let terms = trained(&probe).map(|param| (tape.param(param) * slope).sum());
            let Some(sum) = terms.reduce(|a, b| a + b) else { break };
            let grads = sum.backward();
            self.optimizer.step(&mut probe, &grads, &mut state);
        }
        digest(trained(&probe).flat_map(|param| param.value().as_slice().iter().map(|x| x.to_f64().to_bits())))
    }
}

/// The names of the settings that are in every checkpoint.
const SETTINGS: [&str; 13] = [
    "numbers",
    "samples",
    "samples that are watched",
    "batch size",
    "batches in an epoch",
    "order of the samples",
    "seed",
    "optimizer",
    "learning rates",
    "moving average",
    "shards",
    "metrics",
    "best epoch",
];

/// The name of the loss among the settings.
const LOSS: &str = "loss";
/// The name of the number of augmentations.
const AUGMENTATIONS: &str = "augmentations";
/// The name of the stages.
const FROZEN: &str = "frozen until epoch";
/// The name of the settings of the optimizer.
const OF_OPTIMIZER: &str = "settings of the optimizer";

fn trained<T: Real>(weights: &Weights<T>) -> impl Iterator<Item = &Param<T>> {
    weights.0.iter().map(|(_, param)| param).filter(|param| param.is_trained())
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
