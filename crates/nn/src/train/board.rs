//! The events of a run for TensorBoard.

use std::path::PathBuf;

use super::plan::Plan;
use super::ranked::agree;
use super::run::Run;
use super::steps::{Loop, TAPES, seed_at, stream};
use super::{TrainError, Trainer};
use crate::diagnose::{Diagnosis, LayerReport};
use crate::tensorboard::{Events, EventsError};
use crate::{Module, Real, Tape, diagnose_step};

/// Where the events go.
pub(super) struct Board {
    folder: PathBuf,
    /// The number of steps between losses of single batches.
    pub every: Option<u64>,
}

impl<'a, T: Real, M: Module<T>, B> Trainer<'a, T, M, B> {
    /// Writes the run to a folder as events, which `tensorboard --logdir FOLDER` shows while it runs. Feature `tensorboard`.
    ///
    /// | tag | when | what |
    /// |---|---|---|
    /// | `loss/training` | after every epoch | the mean training loss over the epoch |
    /// | `loss/validation`, `accuracy/validation`, … | after every epoch | loss and metrics of each watched set, by its name |
    /// | `learning_rate` | after every epoch, and [as asked](Trainer::tensorboard_every) | α of the last step |
    /// | `loss/step` | [as asked](Trainer::tensorboard_every) | the loss of the batch of a step |
    /// | `weights/NAME`, `gradients/NAME` | before the first step and after every epoch | histograms of each parameter |
    /// | `layer rms/LAYER`, `layer delta/LAYER`, … | the same | the numbers of a [`LayerReport`] |
    /// | `diagnosis` | the same | the [diagnosis](mod@crate::diagnose) as text |
    /// | `settings`, `model` | at the start | the settings and the [summary](Module::summary) as text |
    ///
    /// The step of an event is the number of steps that were made before it was written. Gradients and diagnosis are those of the next
    /// step, of its batch with its random numbers; so an epoch takes about three steps longer. Nothing else of the run changes. They are
    /// computed on one tape, which takes the memory of a whole batch. If the steps use shards or micro-batches, they draw other random
    /// numbers for dropout and augmentation, and batch normalisation sees smaller batches there.
    ///
    /// If the run was killed and [resumes](Trainer::resume), or is started again, the events that come anew
    /// [replace](Events::begin) those in the folder. Each run needs a folder of its own.
    ///
    /// Of several [ranks](Trainer::ranks) the first writes, and there are no gradients and no diagnosis, because it may have only its
    /// part of the samples.
    ///
    /// ```
    /// # use nn::{Activation, Adam, Matrix, Mlp, data::Dataset, loss::Loss, train::Trainer};
    /// # let data = Dataset::new(Matrix::from_fn(1, 64, |_, n| n as f64), Matrix::from_fn(1, 64, |_, n| (n % 2) as f64));
    /// # let mut net = Mlp::new(&[1, 4, 1], Activation::Tanh, &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(1));
    /// # let folder = std::env::temp_dir().join(format!("nn-board-{}", std::process::id()));
    /// Trainer::with_loss(Loss::Mse, Adam::new(0.01)).hold_out(0.2).tensorboard(&folder).epochs(5).fit(&mut net, &data)?;
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), nn::train::TrainError>(())
    /// ```
    pub fn tensorboard(mut self, folder: impl Into<PathBuf>) -> Self {
        self.plan.board = Some(Board { folder: folder.into(), every: None });
        self
    }

    /// Also writes loss and learning rate after every `steps` steps.
    ///
    /// # Panics
    /// If it is 0, or there is no [folder](Trainer::tensorboard).
    #[track_caller]
    pub fn tensorboard_every(mut self, steps: u64) -> Self {
        assert!(steps > 0, "tensorboard_every: a number of steps from 1");
        self.plan.board.as_mut().expect("tensorboard_every: name the folder by `tensorboard` first").every =
            Some(steps);
        self
    }
}

impl<T: Real> Loop<'_, '_, T> {
    /// Begins the file of a run, which is new or resumed. Of several ranks the first writes.
    pub(super) fn open_board(&mut self, run: &Run<T>) -> Result<(), TrainError> {
        if self.plan.board.is_none() {
            return Ok(());
        }
        let opened = if self.plan.is_first() { self.open(run) } else { Ok(()) };
        agree(self.plan.ranks, opened)
    }

    fn open(&mut self, run: &Run<T>) -> Result<(), TrainError> {
        let Some(board) = &self.plan.board else { return Ok(()) };
        self.plan.tags()?;
        // Events of a step precede its checkpoint, so a resumed run has all of that step.
        let first = if run.step == 0 { 0 } else { run.step + 1 };
        let mut events = Events::begin(&board.folder, first)?;
        events.text("settings", first, &self.settings())?;
        let model = self.task.model().summary().to_string();
        events.text("model", first, &verbatim(&model))?;
        if run.step == 0 {
            self.put_layers(&mut events, run)?;
        }
        events.flush()?;
        self.onlookers.events = Some(events);
        Ok(())
    }

    pub(super) fn board_step(&mut self, run: &Run<T>, loss: f64) -> Result<(), TrainError> {
        if !self.plan.on_board(run.step) {
            return Ok(());
        }
        let written = self.onlookers.events.as_mut().map_or(Ok(()), |events| {
            events.scalar("loss/step", run.step, loss)?;
            events.scalar(RATE, run.step, self.plan.optimizer.lr())
        });
        agree(self.plan.ranks, written.map_err(TrainError::from))
    }

    pub(super) fn board_epoch(&mut self, run: &Run<T>) -> Result<(), TrainError> {
        if self.plan.board.is_none() {
            return Ok(());
        }
        let written = self.write_epoch(run);
        agree(self.plan.ranks, written)
    }

    fn write_epoch(&mut self, run: &Run<T>) -> Result<(), TrainError> {
        let Some(mut events) = self.onlookers.events.take() else { return Ok(()) };
        let curves = run.history.names().filter(|name| *name != "step");
        for (tag, curve) in self.plan.tags()?.iter().zip(curves) {
            if let (Some(value), false) = (run.history.last(curve), tag == RATE && self.plan.on_board(run.step)) {
                events.scalar(tag, run.step, value)?;
            }
        }
        self.put_layers(&mut events, run)?;
        self.onlookers.events = Some(events);
        self.flush_board()
    }

    pub(super) fn flush_board(&mut self) -> Result<(), TrainError> {
        Ok(self.onlookers.events.as_mut().map_or(Ok(()), Events::flush)?)
    }

    /// Weights, and gradients and diagnosis of the next step. One of several ranks may not have its samples.
    fn put_layers(&mut self, events: &mut Events, run: &Run<T>) -> Result<(), EventsError> {
        self.plan.optimizer.set_lr(self.plan.rate(run.plateau.as_ref(), run.step));
        let model = self.task.model();
        let numbers = |x: &[T]| x.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
        for (name, param) in model.named_params() {
            events.histogram(&format!("weights/{name}"), run.step, numbers(param.value().as_slice()))?;
        }
        if self.plan.ranks.is_some() {
            return Ok(());
        }
        let Some(samples) = self.sampler.epoch(run.epoch as u64).next() else { return Ok(()) };
        let seed = seed_at(&mut stream(self.plan.seed, TAPES), run.step);
        let batch = self.task.batch(0, &self.training(samples), Some(seed));
        let tape = Tape::training(seed);
        let loss = batch.loss(&tape);
        let grads = loss.backward();
        for (name, param) in model.named_params() {
            if let Some(gradient) = grads.get(param) {
                events.histogram(&format!("gradients/{name}"), run.step, numbers(gradient.as_slice()))?;
            }
        }
        put_diagnosis(events, run.step, &diagnose_step(model, loss, &*self.plan.optimizer, &run.optimizer))
    }

    /// The settings as a table.
    fn settings(&self) -> String {
        let plan = &*self.plan;
        let rates = [0, 1, 10, 100, 1_000, 10_000, 100_000].map(|step| plan.rate(plan.plateau.as_ref(), step));
        let (samples, batch) = (self.parts.as_ref().map_or(self.task.len(0), |parts| parts.0.len()), &self.sampler);
        let shown = |setting: &dyn std::fmt::Debug| format!("{setting:?}");
        let rows = [
            ("loss", plan.loss.clone().unwrap_or_else(|| "a closure".to_owned())),
            ("optimizer", format!("{} {}", plan.optimizer.name(), plan.optimizer.settings())),
            ("learning rate of steps 0, 1, 10, 100, …", shown(&rates)),
            ("plateau", shown(&plan.plateau)),
            ("samples", samples.to_string()),
            ("samples in a step", batch.batch_size().to_string()),
            ("steps in an epoch", batch.batches().to_string()),
            ("epochs", plan.epochs.to_string()),
            ("seed", plan.seed.to_string()),
            ("moving average of weights", shown(&plan.ema)),
            ("held out", shown(&plan.held_out)),
            ("monitored", plan.steering().0),
            ("patience", shown(&plan.patience)),
            ("frozen until epoch", shown(&plan.frozen)),
        ];
        let rows = rows.map(|(name, value)| format!("| {name} | {} |\n", value.replace('|', "\\|")));
        format!("| setting | value |\n|---|---|\n{}", rows.concat())
    }
}

const RATE: &str = "learning_rate";

impl<T: Real> Plan<'_, T> {
    /// The tags of all curves but `step`, in their order.
    fn tags(&self) -> Result<Vec<String>, TrainError> {
        let own = [RATE, "loss/training"].map(str::to_owned).into_iter();
        let tags: Vec<String> = own.chain(self.measured().map(|(set, of)| format!("{of}/{set}"))).collect();
        match (0..tags.len()).find(|&k| tags[k] == "loss/step" || tags[..k].contains(&tags[k])) {
            Some(k) => Err(TrainError::Setting(format!(
                "tensorboard: a trainer writes another curve by the tag `{}`: give the watched set another name",
                tags[k]
            ))),
            None => Ok(tags),
        }
    }

    /// Whether loss and learning rate of this step are written.
    fn on_board(&self, step: u64) -> bool {
        self.board.as_ref().and_then(|board| board.every).is_some_and(|every| step.is_multiple_of(every))
    }
}

fn put_diagnosis(events: &mut Events, step: u64, diagnosis: &Diagnosis) -> Result<(), EventsError> {
    type Number = fn(&LayerReport) -> Option<f64>;
    let numbers: [(&str, Number); 9] = [
        ("mean", |layer| Some(layer.mean)),
        ("rms", |layer| Some(layer.rms)),
        ("spread", |layer| layer.spread),
        ("dead", |layer| layer.dead),
        ("saturated", |layer| layer.saturated),
        ("delta", |layer| layer.delta),
        ("weight", |layer| Some(layer.weight)),
        ("weight gradient", |layer| layer.weight_gradient),
        ("update", |layer| layer.update),
    ];
    let mut seen: Vec<String> = Vec::new();
    for layer in &diagnosis.layers {
        // Two layers that no module distinguishes.
        let again = seen.iter().filter(|name| **name == layer.name).count();
        let name = if again == 0 { layer.name.clone() } else { format!("{} ({})", layer.name, again + 1) };
        for (what, number) in numbers {
            if let Some(number) = number(layer) {
                events.scalar(&format!("layer {what}/{name}"), step, number)?;
            }
        }
        seen.push(layer.name.clone());
    }
    events.scalar("gradient norm", step, diagnosis.gradient)?;
    events.text("diagnosis", step, &verbatim(&format!("{diagnosis:#}")))
}

/// Text that Markdown shows as it is.
fn verbatim(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
