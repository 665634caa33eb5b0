//! Steps on another device, such as a GPU.

use autograd::{Means, Plan as StepPlan};

use super::run::Run;
use super::steps::Loop;
use super::{TrainError, Trainer};
use crate::optim::count_step;
use crate::parallel::{Weight, on_batch};
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
    /// Makes a step. With a `part`, it adds the gradients of this part of a batch instead, and makes the step after the last part. If the loss
    /// or the norm is not finite, nothing is changed. Returns what it found, and `None` before the last part.
    ///
    /// # Errors
    /// If the step has no code for the device, or the device fails. The text says what to do.
    fn step(&mut self, step: DeviceStep<'_, T>, part: Option<DevicePart<'_>>) -> Result<Option<DeviceFound>, String>;

    /// The distance from 1 to the next larger number of those in which the device stores values. A loss may differ from that of the processor by
    /// its square root.
    fn epsilon(&self) -> f64 {
        T::EPSILON
    }

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

/// The number of sizes of batches whose first losses are compared.
const MOST_COMPARED: usize = 8;

/// A part of a batch.
pub struct DevicePart<'s> {
    /// Called with what the means of the part were divided by. It returns the factors of the part.
    ///
    /// # Errors
    /// If there is no mean over the parts. The text says what to do.
    pub shares: &'s mut dyn FnMut(Means) -> Result<DeviceShares, String>,
    /// Whether it is the first part of its batch.
    pub is_first: bool,
    /// Whether it is the last one.
    pub is_last: bool,
}

/// What a part is multiplied by before it is added to those before it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceShares {
    /// The factor of the loss and the gradients of the parts before.
    pub before: f64,
    /// The factor of the loss of the part.
    pub loss: f64,
    /// The factor of its gradients.
    pub gradients: f64,
    /// Its share of the samples of the batch, by which the new values of buffers count.
    pub samples: f64,
}

/// What a step on a device found.
#[derive(Clone, Copy, Debug)]
pub struct DeviceFound {
    /// The loss before the step.
    pub loss: f64,
    /// The norm of all gradients, if a rule of the optimizer needs it.
    pub norm: Option<f64>,
    /// What the means in the loss were divided by.
    pub means: Means,
}

impl<'a, T: Real, M: Module<T>, B> Trainer<'a, T, M, B> {
    /// Makes the steps on another device, such as the `Device` of the crate `tape-gpu`. Weights, moments and gradients stay there. The model is
    /// copied back after every epoch, before a checkpoint is written, and after every step if there is an [average](Trainer::ema) of the
    /// weights or a callback that [sees steps](super::Callback::sees_steps). Measurements run on the processor.
    ///
    /// A run computes the same as without a device, up to rounding and to what the documentation of the device excludes. Its
    /// [checkpoint](Trainer::checkpoint) is resumed with or without one. The losses of the steps 1, 2, 3, 5, 9, 17, …, and of the first step
    /// with each of the first eight sizes of a batch, are compared with those of the processor. An optimizer with `clip_norm` or
    /// `skip_not_finite` also skips a step whose norm is above the largest number of the type, which the processor would clip.
    ///
    /// The trainer has to be made [with a loss](Trainer::with_loss) whose inputs are a matrix. The gradients of
    /// [micro-batches](Trainer::micro_batch) are added up on the device.
    ///
    /// A device has no use for [shards](Trainer::parallel): it computes a batch, or a micro-batch, as a whole. Where the processor would divide it by
    /// its rule, layers that look at the whole batch, such as [`BatchNorm`](crate::BatchNorm), and random numbers of layers are
    /// those of a run with one shard. Shards that you ask for by [`shards_of`](crate::parallel::Parallel::shards_of) are an error.
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

    /// A step on the device, its loss, and the weight of the loss.
    pub(super) fn step_on_device(
        &mut self,
        run: &mut Run<T>,
        samples: &[usize],
        seed: u64,
    ) -> Result<(f64, Weight), TrainError> {
        let all = samples.len();
        let parts: Vec<_> = self.objective().micro_batches(samples, seed).collect();
        let is_new = self.compared.len() < MOST_COMPARED && !self.compared.contains(&all);
        if is_new {
            self.compared.push(all);
        }
        let is_compared = is_new || run.step == 0 || run.step.is_power_of_two();
        let compared = is_compared.then(|| self.download_model(run)).transpose()?;
        let expected =
            compared.map(|()| self.objective().gradients(samples, seed, true)).transpose()?.map(|(loss, _)| loss);
        let (mut found, mut weight, of_part) = (None, None, parts.len() > 1);
        let reduction = self.plan.parallel.reduction;
        for (k, &(part, seed)) in parts.iter().enumerate() {
            let (is_first, is_last) = (k == 0, k + 1 == parts.len());
            let mut shares = |means| {
                let new = Weight::checked(reduction, means, part.len())?;
                let (both, [before, gradients]) =
                    weight.map_or(Ok((new, [1.0; 2])), |old: Weight| old.mean_with(new))?;
                weight = Some(both);
                // Without any weight the loss is NaN, as without parts.
                let loss = if is_last && both.is_nothing() { f64::INFINITY } else { gradients };
                Ok(DeviceShares { before, loss, gradients, samples: part.len() as f64 / all as f64 })
            };
            let of_batch = of_part.then_some(DevicePart { shares: &mut shares, is_first, is_last });
            found = self.part_on_device(run, part, seed, of_batch).map_err(TrainError::Device)?;
        }
        let DeviceFound { loss, norm, means } = found.expect("the last part makes the step");
        let epsilon = self.on_device.as_ref().map_or(T::EPSILON, |device| device.epsilon());
        let is_coarse = epsilon > T::EPSILON;
        if let Some(expected) = expected.filter(|_| loss.is_finite() || !is_coarse) {
            let rounding = epsilon.sqrt();
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
            count_step(self.task.model(), &mut run.optimizer, norm);
        } else {
            self.download_model(run)?;
            if is_coarse && self.objective().gradients(samples, seed, true)?.0.is_finite() {
                return Err(TrainError::Device(format!(
                    "the loss of step {} is {loss:e} on the device and finite on the processor: a value is beyond the range of the numbers \
                     in which the device stores values, so let it store them in those of the model",
                    run.step + 1
                )));
            }
        }
        Ok((loss, weight.unwrap_or_else(|| Weight::of(reduction, means, all))))
    }

    fn part_on_device(
        &mut self,
        run: &Run<T>,
        samples: &[usize],
        seed: u64,
        part: Option<DevicePart<'_>>,
    ) -> Result<Option<DeviceFound>, String> {
        let device = self.on_device.as_mut().expect("a step on a device follows `upload_model`");
        let batch = self.task.batch(0, samples, Some(seed));
        let (optimizer, steps) = (&*self.plan.optimizer, run.optimizer.steps);
        let made = on_batch(&*batch, |data, recorder| {
            let pass = PassKind { seed, of_part: part.is_some() };
            let record = || recorded(pass, &|_| 1.0, recorder, Some(data.classes)).1.expect("it was asked for");
            let (inputs, classes) = (data.inputs, data.classes);
            device.step(DeviceStep { optimizer, steps, inputs, classes, seed, record: &record }, part)
        });
        made.unwrap_or_else(|| Err("a device needs a trainer `with_loss` whose inputs are a matrix".to_owned()))
    }
}
