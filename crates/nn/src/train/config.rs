//! The settings of a run as text, which a checkpoint stores and ranks compare.

use super::bits::digest;
use super::plan::Plan;
use crate::data::Sampler;
use crate::weights::Weights;
use crate::{Matrix, Module, Optimizer, Param, Real, Role, Tape};

/// The settings of a run, by name, as text: equal for runs with the same steps.
pub(super) type Config = Vec<(String, String)>;

impl<T: Real> Plan<'_, T> {
    /// Everything that determines the bits of a run, except the values of the data, a custom loss and the initial weights; empty
    /// if there is no checkpoint and a single rank. The training set has `samples` samples; `watched` gives the sizes of the watched sets.
    pub(super) fn config(&self, model: &dyn Module<T>, samples: usize, watched: &[usize], sampler: &Sampler) -> Config {
        if self.file().is_none() && self.ranks.is_none() {
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

    #[cfg(feature = "save")]
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
pub(super) const LOSS: &str = "loss";
/// The name of the number of augmentations.
const AUGMENTATIONS: &str = "augmentations";
/// The name of the stages.
const FROZEN: &str = "frozen until epoch";
/// The name of the settings of the optimizer.
pub(super) const OF_OPTIMIZER: &str = "settings of the optimizer";

fn trained<T: Real>(weights: &Weights<T>) -> impl Iterator<Item = &Param<T>> {
    weights.0.iter().map(|(_, param)| param).filter(|param| param.is_trained())
}
