//! The device of a trainer.

use nn::train::{DeviceFound, DeviceRun, DeviceStep, TrainDevice};
use nn::{Module, Optimizer, State};

use crate::device::Device;
use crate::step::{OnDevice, Step, WHOLE};
use crate::weights::{DeviceNumber, Weights};

impl<T: DeviceNumber> TrainDevice<T> for Device {
    fn begin(
        &self,
        model: &dyn Module<T>,
        optimizer: &dyn Optimizer<T>,
        state: &mut State<T>,
    ) -> Result<Box<dyn DeviceRun<T>>, String> {
        let weights = Weights::new(self, model, optimizer, state).map_err(|error| error.to_string())?;
        Ok(Box::new(Running { weights, steps: Vec::new(), changed: Vec::new() }))
    }
}

/// A model that is trained, and the compiled steps of the shapes of its batches.
struct Running<T: DeviceNumber> {
    weights: Weights<T>,
    steps: Vec<(Shapes, Step<T>)>,
    /// What the first part of a batch changes.
    changed: Vec<u32>,
}

/// What batches with the same step have in common: the shapes of the inputs, the number of classes, and whether they are parts.
type Shapes = (Vec<(usize, usize)>, usize, bool);

/// The number of compiled steps that are kept.
const KEPT: usize = 4;

impl<T: DeviceNumber> DeviceRun<T> for Running<T> {
    fn step(&mut self, at: DeviceStep<'_, T>) -> Result<Option<DeviceFound>, String> {
        let shapes: Shapes = (at.inputs.iter().map(|x| x.shape()).collect(), at.classes.len(), at.part.is_some());
        let known = self.steps.iter().position(|(known, _)| *known == shapes);
        let last = match known {
            Some(k) => self.steps.remove(k),
            None => {
                self.steps.truncate(KEPT - 1);
                (shapes, (at.record)()?.on(&self.weights).map_err(|error| error.to_string())?)
            }
        };
        self.steps.insert(0, last);
        let step = &mut self.steps[0].1;
        let (part, seed) = (at.part.unwrap_or(WHOLE), Some(at.seed));
        if part.is_first {
            self.changed.clone_from(&step.changed);
        }
        if step.changed != self.changed {
            return Err("the parts of a batch change different parameters or buffers, as batch normalisation does with a part of one sample: \
                        choose `micro_batch` so that the last part of every batch has at least two samples"
                .to_owned());
        }
        let run = step.run_part(at.optimizer, at.steps, at.inputs, at.classes, seed, part);
        let found = run.and_then(|()| part.is_last.then(|| step.found()).transpose());
        found.map_err(|error| error.to_string())
    }

    fn epsilon(&self) -> f64 {
        if self.weights.device.has_half_values() { 2f64.powi(-10) } else { T::EPSILON }
    }

    fn read_into(&mut self, model: &mut dyn Module<T>, state: &mut State<T>) -> Result<(), String> {
        self.weights.read_into(model, state).map_err(|error| error.to_string())
    }
}
