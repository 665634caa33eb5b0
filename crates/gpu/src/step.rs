//! A plan on a device: forward, backward and update without a way back to the processor.

use autograd::plan_view::LinearTerm;
use autograd::{Binary, MatrixRef, Means, Op, Plan, PlanMisfit};
use kernel::simd::Accum;
use nn::Optimizer;
use nn::train::{DeviceFound, DeviceShares};

use crate::error::GpuError;
use crate::fused::Fused;
use crate::kernels::kernels;
use crate::launch::Prepared;
use crate::shader::Buffer;
use crate::tasks::{Layout, Lists, Place, Task, tasks, updates};
use crate::update::{Segment, Trained, scratch};
use crate::weights::{DeviceNumber, Weights, bytes};

/// Puts plans on a device.
pub trait OnDevice<T: DeviceNumber> {
    /// Compiles the plan of a training step for the device of these weights, with the update of its trained parameters.
    ///
    /// # Errors
    /// If an op of the plan has no code for devices, a parameter of it is not among the weights, or something is too large.
    fn on(self, weights: &Weights<T>) -> Result<Step<T>, GpuError>;
}

/// A training step on a device.
pub struct Step<T: DeviceNumber> {
    weights: Weights<T>,
    plan: Plan<T>,
    layout: Layout,
    values: wgpu::Buffer,
    deltas: wgpu::Buffer,
    output: u32,
    /// Where the numbers begin that the update changes.
    pub(crate) changed: Vec<u32>,
    /// Where the loss of the whole batch is, the norm of the gradients if it is needed, and the weights of means.
    told: Vec<(wgpu::Buffer, u32)>,
    forward: Prepared,
    parts: Option<Parts>,
    update: Prepared,
}

/// How the gradients of a [part of a batch](autograd::Tape::of_part) are added to the totals, from which the update is made.
struct Parts {
    totals: wgpu::Buffer,
    /// Where the values have the factors of a part: those of [`DeviceShares`], in their order.
    factors: u32,
    add: Prepared,
}

impl<T: DeviceNumber> OnDevice<T> for Plan<T> {
    fn on(self, weights: &Weights<T>) -> Result<Step<T>, GpuError> {
        let device = weights.device.clone();
        let view = self.view();
        let found = |id: u64| weights.params.iter().find(|held| held.id == id);
        let mut params = Vec::new();
        for param in view.params() {
            let held = found(param.id).filter(|held| held.len as usize == param.shape.0 * param.shape.1);
            let what = || PlanMisfit::Params("a recorded parameter is not among those on the device".to_owned());
            params.push(held.ok_or_else(what)?.start);
        }
        let layout = Layout::new(&view, params, device.has_half_values());
        let mut count = layout.values;
        let output = computed(layout.place(view.output()), "the number that is minimized")?.start;
        let of_part = view.means().0.of_part;
        let factors = count as u32;
        count += if of_part { 4 } else { 0 };
        let norm_at = count as u32;
        count += weights.norm.map_or(0, |_| scratch(weights.len() as u32)) as usize;
        let values = device.buffer("the values of a step", bytes::<T>(count))?;
        let halves = device.buffer("the values of a step in half precision", 2 * layout.halves as u64)?;
        let deltas = device.buffer("the derivatives of a step", bytes::<T>(view.deltas()))?;
        let totals = of_part.then(|| weights.totals()).transpose()?;

        let (mut lists, vectors) = (Lists::new(&view), device.inner.vectors.filter(|_| !T::IS_DOUBLE));
        let mut forward = kernels(T::IS_DOUBLE, vectors, &tasks(&view, &layout)?, &mut lists);
        let mut new = updates(&view, |id| found(id).map(|held| held.start), &layout);
        let mut trained = Vec::new();
        for (param, &weights_at) in view.params().zip(&layout.params) {
            let delta = param.delta.filter(|_| param.trained && param.shape.0 * param.shape.1 > 0);
            if let Some((gradient, constants)) = delta.zip(weights.constants_of(param.id)) {
                let (gradient, len) = (gradient as u32, (param.shape.0 * param.shape.1) as u32);
                trained.push(Segment { len, weights: weights_at, gradient, constants });
            }
        }
        for &(_, value) in &new {
            computed(value, "the new value of a buffer")?;
        }
        let changed = trained.iter().map(|segment| segment.weights).chain(new.iter().map(|(to, _)| to.start)).collect();
        // The kernels of the update find the totals of a batch in place of the values.
        let all = weights.len() as u32;
        let (add, from, loss, norm) = match of_part {
            true => (to_totals(&mut trained, &mut new, (output, all), factors), Buffer::Values, all, all + 1),
            false => (Vec::new(), Buffer::Deltas, output, norm_at),
        };
        let add = kernels(T::IS_DOUBLE, vectors, &add, &mut lists);
        let (mut update, needed) = (Vec::new(), [loss, norm]);
        let needed = &needed[..1 + usize::from(weights.norm.is_some())];
        let trained = (!trained.is_empty()).then(|| Trained::new(from, &trained, &mut lists.entries));
        if let (Some(trained), Some(_)) = (&trained, weights.norm) {
            // Without parts, `compute` finds it too.
            (if of_part { &mut update } else { &mut forward }).extend(trained.norm(norm));
        }
        for (out, value) in new {
            let terms = vec![LinearTerm::Op(Op::Add(1.0, value))];
            let mut kernel = Fused::guarded(T::IS_DOUBLE, out.shape(), needed);
            kernel.add(&Task { out, accum: Accum::Replace, terms, custom: None }, &mut lists);
            update.push(kernel.finish());
        }
        if let Some(trained) = trained {
            update.push(trained.update(T::IS_DOUBLE, weights.kind, needed, weights.norm.map(|max| (max, norm))));
        }

        let list = device.buffer("the index lists of a step", 4 * lists.entries.len() as u64)?;
        device.write(&list, 0, &lists.entries)?;
        let [m0, m1, m2] = [0, 1, 2].map(|k| &weights.moments[k]);
        let prepare = |kernels: &[_], weights_at, values_at| {
            let buffers = [weights_at, values_at, &deltas, m0, m1, m2, &list, &weights.given, &halves];
            device.prepare(T::IS_DOUBLE, kernels, buffers)
        };
        let forward = prepare(&forward, &weights.buffer, &values)?;
        let found_in = totals.as_ref().unwrap_or(&values);
        let update = prepare(&update, &weights.buffer, found_in)?;
        let mut told: Vec<_> = needed.iter().map(|&at| (found_in.clone(), at)).collect();
        for place in view.means().1 {
            let sum = computed(layout.place(place), "the sum of the weights of a mean")?;
            told.push((values.clone(), sum.start));
        }
        let parts = totals.as_ref().map(|totals| prepare(&add, totals, &values)).transpose()?;
        let parts = parts.zip(totals).map(|(add, totals)| Parts { totals, factors, add });
        device.write(&values, 0, &layout.constants(view.values()))?;
        let weights = weights.clone();
        Ok(Step { weights, layout, values, deltas, output, changed, told, forward, parts, update, plan: self })
    }
}

/// A place among the values: that of a parameter itself is not there.
fn computed(x: Place, what: &str) -> Result<Place, GpuError> {
    let why = || GpuError::Setting(format!("{what} is a parameter as it is: multiply it by 1"));
    (x.buffer != Buffer::Weights).then_some(x).ok_or_else(why)
}

/// The tasks that add a part of a batch to the totals, which are at the places of the weights, and behind them the loss. What is updated is then
/// read from the totals.
fn to_totals(
    trained: &mut [Segment],
    new: &mut [(Place, Place)],
    (output, all): (u32, u32),
    factors: u32,
) -> Vec<Task> {
    let column = |buffer, start, rows| Place { buffer, start, rows, cols: 1 };
    let times = |x, factor| LinearTerm::Op(Op::Binary(Binary::Mul, x, column(Buffer::Values, factors + factor, 1)));
    let task = |out, accum, terms| Task { out, accum, terms, custom: None };
    let mean = |x: Place, to, factor| {
        let out = column(Buffer::Weights, to, x.rows);
        task(out, Accum::Replace, vec![times(out, 0), times(x, factor)])
    };
    let mut tasks = vec![mean(column(Buffer::Values, output, 1), all, 1)];
    for segment in trained {
        tasks.push(mean(column(Buffer::Deltas, segment.gradient, segment.len), segment.weights, 2));
        segment.gradient = segment.weights;
    }
    for (to, value) in new {
        let column_of = |x: Place| column(x.buffer, x.start, x.len());
        tasks.push(task(column_of(*to), Accum::Add, vec![times(column_of(*value), 3)]));
        *value = Place { buffer: Buffer::Values, ..*to };
    }
    tasks
}

impl<T: DeviceNumber> Step<T> {
    /// Starts a training step: forward pass, backward pass, and the update by `optimizer`. If the loss is not finite, or the norm of the
    /// gradients where a rule needs it, then weights, moments and buffers stay.
    /// `steps` is the number of steps made before. `inputs` have the order and the shapes of the recording. `classes` has the class of each
    /// sample if the recording has classes, and is empty otherwise. `seed` is that of the [training pass](autograd::Tape::training): the
    /// processor draws the random numbers, the same as without a device, and copies them to it.
    ///
    /// # Errors
    /// If the optimizer or its settings differ from those of [`Weights::new`](crate::Weights::new), the inputs are not those of the recording,
    /// or the device fails. Nothing is changed then, unless the device was lost.
    pub fn run(
        &mut self,
        optimizer: &dyn Optimizer<T>,
        steps: u64,
        inputs: &[MatrixRef<'_, T>],
        classes: &[usize],
        seed: Option<u64>,
    ) -> Result<(), GpuError> {
        self.compute(inputs, classes, seed)?;
        let whole = DeviceShares { before: 1.0, loss: 1.0, gradients: 1.0, samples: 1.0 };
        self.add(whole, true)?;
        self.update(optimizer, steps)
    }

    /// Adds what was computed of a part of a batch to the totals. Does nothing if the plan is not of a part.
    pub(crate) fn add(&self, shares: DeviceShares, is_first: bool) -> Result<(), GpuError> {
        let Some(Parts { totals, factors, add }) = &self.parts else { return Ok(()) };
        let DeviceShares { before, loss, gradients, samples } = shares;
        let device = &self.weights.device;
        device.write(&self.values, *factors as usize, &[before, loss, gradients, samples].map(T::from_f64))?;
        if is_first {
            device.submit(|encoder| encoder.clear_buffer(totals, 0, None))?;
        }
        device.launch(add)
    }

    /// Updates the weights after `steps` steps.
    pub(crate) fn update(&self, optimizer: &dyn Optimizer<T>, steps: u64) -> Result<(), GpuError> {
        self.weights.give(optimizer, steps)?;
        self.weights.device.launch(&self.update)
    }

    /// Runs the forward and the backward pass without the update. [`loss`](Step::loss) and [`gradient`](Step::gradient) read the results.
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
            self.weights.device.write(&self.values, self.layout.place(place).start as usize, new)?;
        }
        for (x, &start) in inputs.iter().zip(&self.layout.inputs) {
            self.weights.device.write(&self.values, start as usize, x.as_slice())?;
        }
        self.weights.device.launch(&self.forward)
    }

    /// What the last step found: of a batch in parts, the loss of all of them.
    pub(crate) fn found(&self) -> Result<DeviceFound, GpuError> {
        let parts: Vec<_> =
            self.told.iter().map(|(from, at)| (from, bytes::<T>(*at as usize), bytes::<T>(1))).collect();
        let read: Vec<T> = bytemuck::pod_collect_to_vec(&self.weights.device.read(&parts)?);
        let mut read = read.into_iter().map(|x| x.to_f64());
        let mut next = || read.next().expect("there is the loss, and the norm if it is needed");
        let (loss, norm) = (next(), self.weights.norm.map(|_| next()));
        Ok(DeviceFound { loss, norm, means: self.plan.view().means().0.over(read) })
    }

    /// What the means of the last pass were divided by.
    pub(crate) fn means(&self) -> Result<Means, GpuError> {
        let (means, weights) = self.plan.view().means();
        if weights.is_empty() { Ok(means) } else { Ok(self.found()?.means) }
    }

    /// The norm of all gradients in the last step, before they are clipped; `None` if no rule of the optimizer
    /// [needs it](nn::With::clip_norm). If it is NaN or infinite, also because it is above the largest number of the type, then the step was
    /// skipped.
    ///
    /// # Errors
    /// If the device fails.
    pub fn norm(&self) -> Result<Option<f64>, GpuError> {
        Ok(self.found()?.norm)
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
        let view = self.plan.view();
        let Some(param) = view.params().find(|param| param.id == id && param.trained) else { return Ok(None) };
        let Some(start) = param.delta else { return Ok(None) };
        let part = (&self.deltas, bytes::<T>(start), bytes::<T>(param.shape.0 * param.shape.1));
        Ok(Some(bytemuck::pod_collect_to_vec(&self.weights.device.read(&[part])?)))
    }
}
