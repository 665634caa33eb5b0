//! A run as a file, and whether a file is of this run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::plan::{Checkpoint, Plan};
use super::run::Run;
use super::weights::Weights;
use crate::data::Sampler;
use crate::{Matrix, Module, Optimizer, Param, Path, Real, Tape, persist};

/// What a run is made of, by name, as text: equal for runs whose steps are the same.
pub(super) type Config = Vec<(String, String)>;

/// What is in the file: `C` and `R` are a [`Config`] and a [`Run`], borrowed to write them.
#[derive(Serialize, Deserialize)]
struct File<C, W, R> {
    config: C,
    weights: W,
    run: R,
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
    pub(super) fn save(&self, model: &dyn Module<T>, config: &Config, run: &Run<T>) -> Result<(), TrainError> {
        let Some(Checkpoint { path, .. }) = &self.checkpoint else { return Ok(()) };
        let file = File { config, weights: Weights::of(model), run };
        persist::save_value(path, &file).map_err(TrainError::Save)
    }

    /// The run to go on with, whose weights the model has then; `None` if there is none.
    pub(super) fn resumed(&self, model: &mut dyn Module<T>, config: &Config) -> Result<Option<Run<T>>, TrainError> {
        let Some(Checkpoint { path, resume: true, .. }) = &self.checkpoint else { return Ok(None) };
        if !path.exists() {
            return Ok(None);
        }
        let file: File<Config, Weights<T>, Run<T>> = persist::load(path).map_err(TrainError::Load)?;
        let File { config: was, weights, run } = file;
        let mut differences = differences(&was, config);
        differences.extend(weights.misfit(model));
        differences.extend(self.optimizer.check_state(model, &run.optimizer).err().map(|error| error.to_string()));
        if let (Some(best), true) = (&run.best, differences.is_empty()) {
            differences.extend(best.weights.misfit(model));
        }
        if !differences.is_empty() {
            return Err(TrainError::OtherRun { file: path.display().to_string(), differences });
        }
        weights.give(model);
        Ok(Some(run))
    }

    /// What decides the bits of a run, but for the loss, the values of the data and the weights at the start; nothing where none
    /// is kept. The training set has `samples` samples, the sets that are watched as many as `watched` says.
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
        own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(self.notes.iter().cloned()).collect()
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
        let mut probe = Weights(Vec::new());
        model.params(&Path::Root, &mut |path, param| {
            if param.is_trained() {
                let value = [0.5, -2.0].map(T::from_f64);
                probe.0.push((path.to_string(), Param::new(Matrix::row(&value))));
            }
        });
        let mut state = self.optimizer.init(&probe);
        for slope in [0.01, -1.0, 100.0] {
            let tape = Tape::new();
            let terms = probe.0.iter().map(|(_, param)| (tape.param(param) * slope).sum());
            let Some(sum) = terms.reduce(|a, b| a + b) else { break };
            let grads = sum.backward();
            self.optimizer.step(&mut probe, &grads, &mut state);
        }
        digest(probe.0.iter().flat_map(|(_, param)| param.value().as_slice().iter().map(|x| x.to_f64().to_bits())))
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
