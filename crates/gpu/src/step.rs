//! A plan on a device: forward, backward and update without a way back to the processor.

use autograd::{MatrixRef, Plan, PlanMisfit};
use nn::Optimizer;

use crate::device::Prepared;
use crate::error::GpuError;
use crate::fused::Fused;
use crate::kernels::kernels;
use crate::tasks::{Leaves, Lists, tasks, updates};
use crate::update::{self, Segment};
use crate::weights::{Number, Weights, bytes};

/// Puts plans on a device.
pub trait OnDevice<T: Number> {
    /// Compiles the plan of a training step for the device of these weights, with the update of its trained parameters.
    ///
    /// # Errors
    /// If an op of the plan has no code for devices, a parameter of it is not among the weights, or something is too large.
    fn on(self, weights: &Weights<T>) -> Result<Step<T>, GpuError>;
}

/// A training step on a device.
pub struct Step<T: Number> {
    weights: Weights<T>,
    plan: Plan<T>,
    values: wgpu::Buffer,
    deltas: wgpu::Buffer,
    inputs: Vec<u32>,
    output: u32,
    /// The trained parameters: identity, first entry and length of the gradient.
    gradients: Vec<(u64, usize, usize)>,
    forward: Prepared,
    update: Prepared,
}

impl<T: Number> OnDevice<T> for Plan<T> {
    fn on(self, weights: &Weights<T>) -> Result<Step<T>, GpuError> {
        let device = weights.device.clone();
        let view = self.view();
        let mut count = view.values().len();
        let mut inputs = Vec::new();
        for (rows, cols) in view.inputs() {
            inputs.push(count as u32);
            count += rows * cols;
        }
        let found = |id: u64| weights.params.iter().find(|held| held.id == id);
        let mut params = Vec::new();
        for param in view.params() {
            let held = found(param.id).filter(|held| held.len as usize == param.shape.0 * param.shape.1);
            let what = || PlanMisfit::Params("a recorded parameter is not among those on the device".to_owned());
            params.push(held.ok_or_else(what)?.start);
        }
        let values = device.buffer("the values of a step", bytes::<T>(count))?;
        let deltas = device.buffer("the derivatives of a step", bytes::<T>(view.deltas()))?;
        let leaves = Leaves { inputs, params };
        let mut lists = Lists::new(&view);
        let forward = kernels(T::IS_DOUBLE, device.lanes(), &tasks(&view, &leaves)?, &mut lists);
        let output = leaves.place(view.output()).start;
        let mut update = Vec::new();
        for task in updates(&view, |id| found(id).map(|held| held.start), &leaves) {
            let mut kernel = Fused::guarded(T::IS_DOUBLE, task.out.shape(), output);
            kernel.add(&task, &mut lists);
            update.push(kernel.finish());
        }
        let (mut trained, mut gradients) = (Vec::new(), Vec::new());
        for (param, &weights_at) in view.params().zip(&leaves.params) {
            let Some(delta) = param.delta.filter(|_| param.trained) else { continue };
            let (gradient, len) = (delta as u32, (param.shape.0 * param.shape.1) as u32);
            gradients.push((param.id, delta, len as usize));
            if let Some(constants) = weights.constants_of(param.id).filter(|_| len > 0) {
                trained.push(Segment { len, weights: weights_at, gradient, constants });
            }
        }
        if !trained.is_empty() {
            update.push(update::kernel(T::IS_DOUBLE, weights.kind, output, &trained, &mut lists.entries));
        }
        let list = device.buffer("the index lists of a step", 4 * lists.entries.len() as u64)?;
        device.write(&list, 0, &lists.entries)?;
        let [m0, m1, m2] = [0, 1, 2].map(|k| &weights.moments[k]);
        let buffers = [&weights.buffer, &values, &deltas, m0, m1, m2, &list, &weights.given];
        let [forward, update] = [forward, update].map(|kernels| device.prepare(T::IS_DOUBLE, &kernels, buffers));
        device.write(&values, 0, view.values())?;
        let (weights, inputs) = (weights.clone(), leaves.inputs);
        Ok(Step { weights, values, deltas, inputs, output, gradients, forward: forward?, update: update?, plan: self })
    }
}

impl<T: Number> Step<T> {
    /// Starts the step of an optimizer on inputs in the order of the recording, and classes if it has some. `steps` is the number of steps
    /// before. The seed is that of the [training pass](autograd::Tape::training). Random numbers are drawn by the processor, from the same seeds
    /// as without a device, and copied to it.
    ///
    /// # Errors
    /// If the inputs are not those of the recording, or the device fails. Then nothing was changed, unless the device was lost.
    pub fn run(
        &mut self,
        optimizer: &dyn Optimizer<T>,
        steps: u64,
        inputs: &[MatrixRef<'_, T>],
        classes: &[usize],
        seed: Option<u64>,
    ) -> Result<(), GpuError> {
        self.weights.give(optimizer, steps)?;
        self.compute(inputs, classes, seed)?;
        self.weights.device.launch(&self.update)
    }

    /// The same without the update: only the number and its gradient.
    ///
    /// # Errors
    /// As for [`run`](Step::run).
    pub fn compute(
        &mut self,
        inputs: &[MatrixRef<'_, T>],
        classes: &[usize],
        seed: Option<u64>,
    ) -> Result<(), GpuError> {
        let view = self.plan.view();
        if !inputs.iter().map(|x| x.shape()).eq(view.inputs().iter().copied()) {
            let given = inputs.iter().map(|x| x.shape()).collect::<Vec<_>>();
            let what = format!("inputs of shapes {given:?} for a recording of {:?}", view.inputs());
            return Err(PlanMisfit::Inputs(what).into());
        }
        self.plan.renew(classes, seed)?;
        let view = self.plan.view();
        for place in view.renewed() {
            let new = &view.values()[place.start..][..place.rows * place.cols];
            self.weights.device.write(&self.values, place.start, new)?;
        }
        for (x, &start) in inputs.iter().zip(&self.inputs) {
            self.weights.device.write(&self.values, start as usize, x.as_slice())?;
        }
        self.weights.device.launch(&self.forward)
    }

    /// The number that the last step computed, before its update.
    ///
    /// # Errors
    /// If the device fails.
    pub fn loss(&self) -> Result<T, GpuError> {
        let read = self.weights.device.read(&[(&self.values, bytes::<T>(self.output as usize), bytes::<T>(1))])?;
        Ok(bytemuck::pod_read_unaligned(&read))
    }

    /// The gradient of a parameter in the last step, column by column; `None` if it is not trained.
    ///
    /// # Errors
    /// If the device fails.
    pub fn gradient(&self, id: u64) -> Result<Option<Vec<T>>, GpuError> {
        let Some(&(_, start, len)) = self.gradients.iter().find(|known| known.0 == id) else { return Ok(None) };
        let part = (&self.deltas, bytes::<T>(start), bytes::<T>(len));
        Ok(Some(bytemuck::pod_collect_to_vec(&self.weights.device.read(&[part])?)))
    }

    /// The number of kernels that a step starts.
    pub fn kernels(&self) -> usize {
        self.forward.launches.len() + self.update.launches.len()
    }
}
