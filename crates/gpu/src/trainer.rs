//! The device of a trainer.

use nn::train::{DeviceFound, DevicePart, DeviceRun, DeviceStep, TrainDevice};
use nn::{Module, Optimizer, State};

use crate::device::Device;
use crate::error::GpuError;
use crate::step::{OnDevice, Step};
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
    fn step(&mut self, at: DeviceStep<'_, T>, part: Option<DevicePart<'_>>) -> Result<Option<DeviceFound>, String> {
        let text = |error: GpuError| error.to_string();
        let shapes: Shapes = (at.inputs.iter().map(|x| x.shape()).collect(), at.classes.len(), part.is_some());
        let last = match self.steps.iter().position(|(known, _)| *known == shapes) {
            Some(k) => self.steps.remove(k),
            None => {
                self.steps.truncate(KEPT - 1);
                (shapes, (at.record)()?.on(&self.weights).map_err(text)?)
            }
        };
        self.steps.insert(0, last);
        let step = &mut self.steps[0].1;
        if part.as_ref().is_none_or(|part| part.is_first) {
            self.changed.clone_from(&step.changed);
        }
        if step.changed != self.changed {
            return Err("the parts of a batch change different parameters or buffers, as batch normalisation does with a part of one sample: \
                        choose `micro_batch` so that the last part of every batch has at least two samples"
                .to_owned());
        }
        step.compute(at.inputs, at.classes, Some(at.seed)).map_err(text)?;
        if let Some(DevicePart { shares, is_first, is_last }) = part {
            let shares = shares(step.means().map_err(text)?)?;
            step.add(shares, is_first).map_err(text)?;
            if !is_last {
                return Ok(None);
            }
        }
        step.update(at.optimizer, at.steps).map_err(text)?;
        step.found().map(Some).map_err(text)
    }

    fn epsilon(&self) -> f64 {
        if self.weights.device.has_half_values() { 2f64.powi(-10) } else { T::EPSILON }
    }

    fn read_into(&mut self, model: &mut dyn Module<T>, state: &mut State<T>) -> Result<(), String> {
        self.weights.read_into(model, state).map_err(|error| error.to_string())
    }
}
