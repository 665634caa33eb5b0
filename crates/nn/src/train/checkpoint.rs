//! A run as a file, and whether a file is of this run.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::objective::Objective;
use super::plan::{Checkpoint, Plan};
use super::run::Run;
use super::task::Task;
use crate::data::Sampler;
use crate::weights::Weights;
use crate::{Kind, LoadError, Matrix, Module, Optimizer, Param, Path, Real, Role, SaveError, Tape, atomic, persist};

/// What a run is made of, by name, as text: equal for runs whose steps are the same.
pub(super) type Config = Vec<(String, String)>;

/// What is in the file: `C` and `R` are a [`Config`] and a [`Run`], borrowed to write them.
#[derive(Serialize, Deserialize)]
struct File<C, W, R> {
    config: C,
    weights: W,
    run: R,
    /// The loss of the first samples with these weights, in evaluation and in training; older files do not say it.
    #[serde(default)]
    losses: Option<[f64; 2]>,
}

/// What was found in a file.
pub(super) struct Resumed<T> {
    pub run: Run<T>,
    losses: Option<[f64; 2]>,
    /// The weights that the model had.
    before: Weights<T>,
}

impl<T: Real> Plan<'_, T> {
    /// The file, if there is to be one.
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
        // A loss that draws random numbers of its own cannot be compared.
        let losses = Some(objective.probe());
        let losses = losses.filter(|losses| losses.iter().all(|loss| loss.is_finite()) && *losses == objective.probe());
        let file = File { config, weights: Weights::of(objective.task.model()), run, losses };
        persist::save_value(path, &file).map_err(TrainError::Save)
    }

    /// Tries whether it can be written, before anything is computed.
    pub(super) fn attempt(&self) -> Result<(), TrainError> {
        let Some(Checkpoint { path, .. }) = &self.checkpoint else { return Ok(()) };
        let file = || path.display().to_string();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors")) {
            return Err(TrainError::Save(SaveError::Extension { file: file() }));
        }
        atomic::attempt(path).map_err(|source| TrainError::Save(SaveError::Write { file: file(), source }))
    }

    /// The run to go on with, whose weights the model has then; `None` if there is none.
    pub(super) fn resumed(
        &self,
        model: &mut dyn Module<T>,
        config: &Config,
        batches: usize,
    ) -> Result<Option<Resumed<T>>, TrainError> {
        let Some(Checkpoint { path, resume: true, .. }) = &self.checkpoint else { return Ok(None) };
        // A link that leads nowhere is there, and an error to read.
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(TrainError::Load(LoadError::Read { file: path.display().to_string(), source })),
            Ok(_) => {}
        }
        let file: File<Config, Weights<T>, Run<T>> = persist::load(path).map_err(TrainError::Load)?;
        let File { config: was, weights, run, losses } = file;
        let mut differences = differences(&was, config);
        differences.extend(weights.misfit(model));
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
        Ok(Some(Resumed { run, losses, before }))
    }

    /// The run that was found, if the loss of the first samples is what it was; else the model has the weights that it had.
    pub(super) fn same_loss(
        &self,
        task: &mut dyn Task<T>,
        is: [f64; 2],
        found: Resumed<T>,
    ) -> Result<Run<T>, TrainError> {
        let Resumed { run, losses, before } = found;
        let Some(was) = losses else { return Ok(run) };
        let rounding = T::EPSILON.sqrt(); // a small loss may be made of larger terms
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= rounding * a.abs().max(b.abs()).max(rounding);
        if was.iter().zip(&is).all(close) {
            return Ok(run);
        }
        before.give(task.model_mut());
        let say = |[measured, trained]: [f64; 2]| format!("{measured:e}, in training {trained:e}");
        Err(self.other_run(vec![format!(
            "loss of the first samples: was {}, is {}, so the loss, its regularisation, the data, or a setting of a layer such \
             as dropout is another",
            say(was),
            say(is)
        )]))
    }

    fn other_run(&self, differences: Vec<String>) -> TrainError {
        let file = self.file().unwrap_or_default().display().to_string();
        TrainError::OtherRun { file, differences }
    }

    /// What decides the bits of a run, but for the values of the data, a loss of one's own and the weights at the start; nothing
    /// where none is kept. The training set has `samples` samples, the sets that are watched as many as `watched` says.
    pub(super) fn config(&self, model: &dyn Module<T>, samples: usize, watched: &[usize], sampler: &Sampler) -> Config {
        if self.checkpoint.is_none() {
            return Config::new();
        }
        let order = (0..2).flat_map(|epoch| sampler.epoch(epoch)).flatten().map(|sample| sample as u64);
        let own = [
            ("numbers", std::any::type_name::<T>().to_owned()),
            ("samples", samples.to_string()),
            ("samples that are watched", format!("{watched:?}")),
            ("batch size", sampler.batch_size().to_string()),
            ("batches in an epoch", sampler.batches().to_string()),
            ("order of the samples", digest(order)),
            ("seed", self.seed.to_string()),
            ("optimizer", format!("{} {}", self.optimizer.name(), self.fingerprint(model))),
            ("learning rates", self.rates()),
            ("moving average", format!("{:?}", self.ema)),
            ("shards", format!("{:?}, {:?}", self.parallel, self.micro_batch)),
            ("metrics", self.metrics.join(", ")),
            ("best epoch", format!("{:?} of {:?}, patience {:?}", self.keep_best, self.monitor, self.patience)),
        ];
        let own = own.into_iter().chain(self.loss.clone().map(|loss| (LOSS, loss)));
        own.map(|(name, value)| (name.to_owned(), value)).chain(self.notes.iter().cloned()).collect()
    }

    /// α of some steps to read, and a digest of that of many: of the first 2¹⁴, then of every 64th part of a power of 2 up to 2⁴⁰.
    fn rates(&self) -> String {
        if let Some(plateau) = &self.plateau {
            return format!("{plateau:?}");
        }
        let rate = |step| self.rate(None, step);
        let later = (14..40).flat_map(|power| (0..64).map(move |part| (1 << power) + (part << (power - 6))));
        let all = digest((0..1 << 14).chain(later).map(|step| rate(step).to_bits()));
        format!("{:?} {all}", [0, 1, 10, 100, 1_000, 10_000, 100_000].map(rate))
    }

    /// What the optimizer makes of a few steps on small parameters with the names of the model's: different for every
    /// setting that matters.
    fn fingerprint(&self, model: &dyn Module<T>) -> String {
        let mut probe = Probe(Vec::new());
        model.params(&Path::Root, &mut |path, param| {
            if param.role() != Role::Buffer {
                let mut small = Param::new(Matrix::row(&[0.5, -2.0].map(T::from_f64)));
                if !param.is_trained() {
                    small.freeze();
                }
                probe.0.push((path.to_string(), path.kind(), small));
            }
        });
        let mut state = self.optimizer.init(&probe);
        for slope in [0.01, -1.0, 100.0] {
            let tape = Tape::new();
            let terms = probe.trained().map(|param| (tape.param(param) * slope).sum());
            let Some(sum) = terms.reduce(|a, b| a + b) else { break };
            let grads = sum.backward();
            self.optimizer.step(&mut probe, &grads, &mut state);
        }
        digest(probe.trained().flat_map(|param| param.value().as_slice().iter().map(|x| x.to_f64().to_bits())))
    }
}

/// The name of the loss among the settings.
const LOSS: &str = "loss";

/// Small parameters with the names and kinds of a model's.
struct Probe<T>(Vec<(String, Kind, Param<T>)>);

impl<T: Real> Probe<T> {
    fn trained(&self) -> impl Iterator<Item = &Param<T>> {
        self.0.iter().map(|(_, _, param)| param).filter(|param| param.is_trained())
    }
}

impl<T: Real> Module<T> for Probe<T> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        self.0.iter().for_each(|(name, kind, param)| f(&path.field(name).with_kind(*kind), param));
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        self.0.iter_mut().for_each(|(name, kind, param)| f(&path.field(name).with_kind(*kind), param));
    }
}

/// FNV-1a of some words (Fowler, Noll, Vo; RFC 9923).
fn digest(words: impl Iterator<Item = u64>) -> String {
    let bytes = words.flat_map(u64::to_le_bytes);
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("#{hash:016x}")
}

fn differences(was: &Config, is: &Config) -> Vec<String> {
    let get = |config: &Config, name: &str| {
        config.iter().find(|entry| entry.0 == name).map_or("nothing".to_owned(), |entry| entry.1.clone())
    };
    let mut names: Vec<&String> = was.iter().chain(is).map(|(name, _)| name).collect();
    names.dedup();
    // Older files do not say which loss they are of.
    names.retain(|name| *name != LOSS || was.iter().any(|(other, _)| other == LOSS));
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
