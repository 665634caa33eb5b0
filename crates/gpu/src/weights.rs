//! The parameters of a model and the state of its optimizer, on a device.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use bytemuck::Pod;
use nn::optim::{self, FormulaKind, ParamRule, param_rules};
use nn::{Module, Optimizer, Path, Real, Role, State};

use crate::device::Device;
use crate::error::GpuError;
use crate::update::{self, constants_of};

/// A number type of a device: `f32`, and `f64` where the device has it.
pub trait DeviceNumber: Real + Pod {
    /// Whether it is `f64`.
    const IS_DOUBLE: bool;
}

impl DeviceNumber for f32 {
    const IS_DOUBLE: bool = false;
}

impl DeviceNumber for f64 {
    const IS_DOUBLE: bool = true;
}

/// The parameters of a model and the moments of its optimizer, on a device. Steps of [plans](crate::OnDevice) change them. Clones are the same
/// numbers.
#[derive(Clone)]
pub struct Weights<T> {
    pub(crate) device: Device,
    pub(crate) params: Arc<[Held]>,
    pub(crate) buffer: wgpu::Buffer,
    pub(crate) moments: Vec<wgpu::Buffer>,
    pub(crate) given: wgpu::Buffer,
    pub(crate) kind: FormulaKind,
    /// The largest norm of all gradients, if a rule needs it.
    pub(crate) norm: Option<f64>,
    totals: Arc<OnceLock<wgpu::Buffer>>,
    rules: Arc<[ParamRule]>,
    settings: String,
    number: PhantomData<T>,
}

/// A parameter on the device.
pub(crate) struct Held {
    pub id: u64,
    pub start: u32,
    pub len: u32,
    pub role: Role,
}

/// The bytes of this number of entries.
pub(crate) fn bytes<T>(entries: usize) -> u64 {
    (entries * size_of::<T>()) as u64
}

impl<T: DeviceNumber> Weights<T> {
    /// Copies a model and the state of its optimizer to a device.
    ///
    /// # Errors
    /// If the optimizer or one of its rules has no code for devices, the device has no such numbers or too little memory, or it stores values in half
    /// precision and the model is of `f64`.
    pub fn new(
        device: &Device,
        model: &dyn Module<T>,
        optimizer: &dyn Optimizer<T>,
        state: &mut State<T>,
    ) -> Result<Self, GpuError> {
        if T::IS_DOUBLE && !device.has_double() {
            let what = "numbers of double precision: train an `f32` model".to_owned();
            return Err(GpuError::Lacks(device.name().to_owned(), what));
        }
        if T::IS_DOUBLE && device.has_half_values() {
            let what = "values in half precision belong to models of single precision: train an `f32` model";
            return Err(GpuError::Setting(what.to_owned()));
        }
        let (rules, norm) = param_rules(optimizer, model, state).map_err(GpuError::Setting)?;
        let kind = optimizer.formula(1).map(|formula| formula.kind).expect("its rules were found");
        let (mut params, mut numbers) = (Vec::new(), Vec::new());
        model.params(&Path::Root, &mut |_, param| {
            let (start, value) = (numbers.len() as u32, param.value().as_slice());
            params.push(Held { id: param.id(), start, len: value.len() as u32, role: param.role() });
            numbers.extend_from_slice(value);
        });
        let all = numbers.len();
        let buffer = device.buffer("the weights of the model", bytes::<T>(all))?;
        let count = kind.counts().1;
        let moment = |k| device.buffer("the moments of the optimizer", if k < count { bytes::<T>(all) } else { 0 });
        let moments = (0..3).map(moment).collect::<Result<_, _>>()?;
        let given = device.buffer("the constants of a step", bytes::<T>(rules.len() * constants_of(kind)))?;
        let (device, settings) = (device.clone(), optimizer.settings());
        let (params, totals, rules, number) = (params.into(), Arc::default(), rules.into(), PhantomData);
        let weights = Weights { device, params, buffer, moments, given, kind, norm, totals, rules, settings, number };
        weights.device.write(&weights.buffer, 0, &numbers)?;
        for (held, moments) in weights.with_moments().zip(optim::moments(state)) {
            for (to, moment) in weights.moments.iter().zip(moments) {
                weights.device.write(to, held.start as usize, moment)?;
            }
        }
        Ok(weights)
    }

    /// The number of weights.
    pub(crate) fn len(&self) -> usize {
        self.params.iter().map(|held| held.len as usize).sum()
    }

    /// The sums over the parts of a batch. Gradients and new values of buffers are at the places of their parameters. The loss follows them,
    /// and then the scratch of the norm.
    pub(crate) fn totals(&self) -> Result<wgpu::Buffer, GpuError> {
        if let Some(known) = self.totals.get() {
            return Ok(known.clone());
        }
        let entries = self.len() + 1 + update::scratch(self.len() as u32) as usize;
        let new = self.device.buffer("the gradients of the parts of a batch", bytes::<T>(entries))?;
        Ok(self.totals.get_or_init(|| new).clone())
    }

    fn with_moments(&self) -> impl Iterator<Item = &Held> {
        self.params.iter().filter(|held| held.role != Role::Buffer)
    }

    /// Copies everything back, after all steps that were started.
    ///
    /// # Errors
    /// If the device fails. The model and the state are unchanged then.
    ///
    /// # Panics
    /// If they are not those that were copied to the device.
    pub fn read_into(&self, model: &mut dyn Module<T>, state: &mut State<T>) -> Result<(), GpuError> {
        let all = self.len();
        let size = bytes::<T>(all);
        let buffers = std::iter::once(&self.buffer).chain(&self.moments[..self.kind.counts().1]);
        let parts: Vec<_> = buffers.map(|buffer| (buffer, 0, size)).collect();
        let read: Vec<T> = bytemuck::pod_collect_to_vec(&self.device.read(&parts)?);
        let mut held = self.params.iter();
        model.params_mut(&Path::Root, &mut |path, param| {
            let held = held.next().filter(|held| held.id == param.id());
            let held = held.unwrap_or_else(|| panic!("read_into: parameter `{path}` was not copied to the device"));
            let to = param.value_mut().as_mut_slice();
            to.copy_from_slice(&read[held.start as usize..][..held.len as usize]);
        });
        for (held, moments) in self.with_moments().zip(optim::moments(state)) {
            for (k, moment) in moments.iter_mut().enumerate() {
                moment.copy_from_slice(&read[(k + 1) * all + held.start as usize..][..held.len as usize]);
            }
        }
        Ok(())
    }

    /// Gives the constants of the next step after `steps` steps.
    pub(crate) fn give(&self, optimizer: &dyn Optimizer<T>, steps: u64) -> Result<(), GpuError> {
        if optimizer.formula(1).map(|formula| formula.kind) != Some(self.kind) || optimizer.settings() != self.settings
        {
            let text = "the weights were copied for another optimizer, or one with other settings";
            return Err(GpuError::Setting(text.to_owned()));
        }
        let all = self.rules.iter().flat_map(|rule| rule.constants(optimizer, steps));
        self.device.write(&self.given, 0, &all.map(T::from_f64).collect::<Vec<T>>())
    }

    /// The place of the constants of a trained parameter.
    pub(crate) fn constants_of(&self, id: u64) -> Option<u32> {
        let k = self.rules.iter().position(|rule| rule.id == id)?;
        Some((k * constants_of(self.kind)) as u32)
    }
}
