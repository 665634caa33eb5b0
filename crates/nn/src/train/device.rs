//! Steps on another device, such as a GPU.

use autograd::Plan as StepPlan;

use super::run::Run;
use super::steps::Loop;
use super::{TrainError, Trainer};
use crate::optim::count_step;
use crate::parallel::on_batch;
use crate::planned::{PassKind, recorded};
use crate::{MatrixRef, Module, Optimizer, Real, State};

/// A device that makes whole training steps. The crate `tape-gpu` has one.
pub trait TrainDevice<T: Real>: Send {
    /// Copies a model and the state of its optimizer to the device.
    ///
    /// # Errors
    /// If the optimizer has no code for the device, or the device fails. The text says what to do.
    fn begin(
        &self,
        model: &dyn Module<T>,
        optimizer: &dyn Optimizer<T>,
        state: &mut State<T>,
    ) -> Result<Box<dyn DeviceRun<T>>, String>;
}

/// A model that is trained on a device.
pub trait DeviceRun<T: Real>: Send {
    /// Makes a step and returns the loss before it. If the loss is not finite, nothing is changed.
    ///
    /// # Errors
    /// If the step has no code for the device, or the device fails. The text says what to do.
    fn step(&mut self, step: DeviceStep<'_, T>) -> Result<f64, String>;

    /// Copies everything back.
    ///
    /// # Errors
    /// If the device fails. The model and the state are unchanged then.
    fn read_into(&mut self, model: &mut dyn Module<T>, state: &mut State<T>) -> Result<(), String>;
}

/// What a step depends on.
pub struct DeviceStep<'s, T: Real> {
    /// The optimizer, with the learning rate of the step.
    pub optimizer: &'s dyn Optimizer<T>,
    /// The number of steps before.
    pub steps: u64,
    /// The matrices of the batch.
    pub inputs: &'s [MatrixRef<'s, T>],
    /// The classes of the batch.
    pub classes: &'s [usize],
    /// The seed of the training pass.
    pub seed: u64,
    /// Records the step, for matrices of shapes that the device has not seen.
    pub record: &'s dyn Fn() -> Result<StepPlan<T>, String>,
}

impl<'a, T: Real, M: Module<T>, B> Trainer<'a, T, M, B> {
    /// Makes the steps on another device, such as the `Device` of the crate `tape-gpu`. Weights, moments and gradients stay there. The model is
    /// copied back after every epoch, before a checkpoint is written, and after every step if there is an [average](Trainer::ema) of the
    /// weights or a callback that [sees steps](super::Callback::sees_steps). Measurements run on the processor.
    ///
    /// A run computes the same as without a device, up to rounding, and its [checkpoint](Trainer::checkpoint) is resumed with or
    /// without one. The losses of the steps 1, 2, 3, 5, 9, 17, … are compared with those of the processor.
    ///
    /// The trainer has to be made [with a loss](Trainer::with_loss) whose inputs are a matrix. A batch that would be divided into
    /// [shards](Trainer::parallel) or [micro-batches](Trainer::micro_batch) is an error.
    pub fn device(mut self, device: impl TrainDevice<T> + 'a) -> Self {
        self.plan.device = Some(Box::new(device));
        self
    }
}

impl<T: Real> Loop<'_, '_, T> {
    /// Copies the model to the device, if there is one and it is not there.
    pub(super) fn upload_model(&mut self, run: &mut Run<T>) -> Result<(), TrainError> {
        if let (Some(device), None) = (&self.plan.device, &self.on_device) {
            let begun = device.begin(self.task.model(), &*self.plan.optimizer, &mut run.optimizer);
            self.on_device = Some(begun.map_err(TrainError::Device)?);
        }
        Ok(())
    }

    /// Copies the model from the device, if there is one.
    pub(super) fn download_model(&mut self, run: &mut Run<T>) -> Result<(), TrainError> {
        let Some(device) = &mut self.on_device else { return Ok(()) };
        device.read_into(self.task.model_mut(), &mut run.optimizer).map_err(TrainError::Device)
    }

    /// A step on the device, and its loss.
    pub(super) fn step_on_device(&mut self, run: &mut Run<T>, samples: &[usize], seed: u64) -> Result<f64, TrainError> {
        let count = self.plan.parallel.shards(self.task.model(), samples.len(), seed).count;
        if count > 1 || samples.len() > self.plan.micro_batch {
            let n = samples.len();
            return Err(TrainError::Device(format!(
                "the {n} samples of a step would be divided: set `.parallel(Parallel::mean().shards_of({n}))` and no micro-batches"
            )));
        }
        let compared = (run.step == 0 || run.step.is_power_of_two()).then(|| self.download_model(run)).transpose()?;
        let expected =
            compared.map(|()| self.objective().gradients(samples, seed, true)).transpose()?.map(|(loss, _)| loss);
        let device = self.on_device.as_mut().expect("a step on a device follows `upload_model`");
        let batch = self.task.batch(0, samples, Some(seed));
        let (optimizer, steps) = (&*self.plan.optimizer, run.optimizer.steps);
        let made = on_batch(&*batch, |data, recorder| {
            let record = || {
                let pass = PassKind { seed, of_part: false };
                let (_, plan) = recorded(pass, &|_| 1.0, recorder, Some(data.classes));
                let plan = plan.expect("it was asked for")?;
                match plan.view().means().1.is_empty() {
                    true => Ok(plan),
                    false => Err("a mean with weights of its samples has no code for devices".to_owned()),
                }
            };
            let (inputs, classes) = (data.inputs, data.classes);
            device.step(DeviceStep { optimizer, steps, inputs, classes, seed, record: &record })
        });
        drop(batch);
        let why = "a device needs a trainer `with_loss` whose inputs are a matrix".to_owned();
        let loss = made.unwrap_or(Err(why)).map_err(TrainError::Device)?;
        if let Some(expected) = expected {
            let rounding = T::EPSILON.sqrt();
            let close = (loss - expected).abs() <= rounding * loss.abs().max(expected.abs()).max(rounding);
            if !close && (loss.is_finite() || expected.is_finite()) {
                return Err(TrainError::Device(format!(
                    "the loss of step {} is {loss:e} on the device and {expected:e} on the processor: the loss depends on more than \
                     the model and the batch, or the driver computes wrongly",
                    run.step + 1
                )));
            }
        }
        if loss.is_finite() {
            count_step(self.task.model(), &mut run.optimizer);
        } else {
            self.download_model(run)?;
        }
        Ok(loss)
    }
}
