//! The device of a trainer.

use nn::train::{DeviceRun, DeviceStep, TrainDevice};
use nn::{Module, Optimizer, State};

use crate::device::Device;
use crate::step::{OnDevice, Step};
use crate::weights::{Number, Weights};

impl<T: Number> TrainDevice<T> for Device {
    fn begin(
        &self,
        model: &dyn Module<T>,
        optimizer: &dyn Optimizer<T>,
        state: &mut State<T>,
    ) -> Result<Box<dyn DeviceRun<T>>, String> {
        let weights = Weights::new(self, model, optimizer, state).map_err(|error| error.to_string())?;
        Ok(Box::new(Running { weights, steps: Vec::new() }))
    }
}

/// A model that is trained, and the compiled steps of the shapes of its batches.
struct Running<T: Number> {
    weights: Weights<T>,
    steps: Vec<(Shapes, Step<T>)>,
}

/// What batches with the same step have in common: the shapes of the inputs and the number of classes.
type Shapes = (Vec<(usize, usize)>, usize);

/// The number of compiled steps that are kept.
const KEPT: usize = 4;

impl<T: Number> DeviceRun<T> for Running<T> {
    fn step(&mut self, at: DeviceStep<'_, T>) -> Result<f64, String> {
        let shapes: Shapes = (at.inputs.iter().map(|x| x.shape()).collect(), at.classes.len());
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
        let run = step.run(at.optimizer, at.steps, at.inputs, at.classes, Some(at.seed));
        let loss = run.and_then(|()| step.loss()).map_err(|error| error.to_string())?;
        Ok(loss.to_f64())
    }

    fn read_into(&mut self, model: &mut dyn Module<T>, state: &mut State<T>) -> Result<(), String> {
        self.weights.read_into(model, state).map_err(|error| error.to_string())
    }
}
