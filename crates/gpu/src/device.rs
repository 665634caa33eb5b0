//! A device: what it can do, its buffers, and its errors.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytemuck::Pod;
use wgpu::{BindGroupLayout, BindGroupLayoutDescriptor, BufferDescriptor, BufferUsages, Features, Limits};

use crate::error::GpuError;
use crate::launch::{ROW_BYTES, layout};
use crate::product::Vectors;
use crate::shader::{PANELS, ROW};

/// A GPU, or a program that acts as one. Clones are the same device.
#[derive(Clone)]
pub struct Device {
    pub(crate) inner: Arc<Inner>,
    has_half_values: bool,
}

pub(crate) struct Inner {
    pub device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    pub vectors: Option<Vectors>,
    /// The numbers of the bindings of every kernel.
    pub bindings: Vec<u32>,
    pub layout: BindGroupLayout,
    pub pipeline_layout: wgpu::PipelineLayout,
    /// By the text of the shader.
    pub pipelines: Mutex<HashMap<String, wgpu::ComputePipeline>>,
    lost: Arc<Mutex<Option<String>>>,
}

/// A vector of four numbers of double precision. Every buffer consists of some.
pub(crate) const LEAST_BYTES: u64 = 32;
/// The number of workgroups along one axis. Tests have fewer, so that small matrices have too many.
pub(crate) const MOST_GROUPS: u32 = if cfg!(test) { 7 } else { 65_535 };
/// The largest number of bytes of a buffer whose entries of two bytes have numbers below 2³¹. Threads behind the last entry have numbers
/// of 32 bits, too.
const MOST_BYTES: u64 = 2 << 31;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Device {
    /// The first device of the best kind: a card of its own, else a GPU in the processor, else a virtual GPU, else a program that acts as a
    /// GPU, such as Mesa's lavapipe.
    ///
    /// # Errors
    /// If there is no such device, or its shaders have fewer than 8 buffers or workgroups of fewer than 256 threads.
    pub fn new() -> Result<Self, GpuError> {
        Self::named("")
    }

    /// As [`new`](Device::new), among the devices whose names contain `text`.
    ///
    /// # Errors
    /// As for [`new`](Device::new).
    pub fn named(text: &str) -> Result<Self, GpuError> {
        Self::limited(text, |_| {})
    }

    /// The same with lower limits.
    pub(crate) fn limited(text: &str, lower: impl Fn(&mut Limits)) -> Result<Self, GpuError> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::PRIMARY;
        let instance = wgpu::Instance::new(descriptor);
        let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
        let found: Vec<String> = adapters.iter().map(|adapter| adapter.get_info().name).collect();
        adapters.retain(|adapter| adapter.get_info().name.contains(text));
        let rank = |adapter: &wgpu::Adapter| match adapter.get_info().device_type {
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            wgpu::DeviceType::VirtualGpu => 2,
            wgpu::DeviceType::Cpu | wgpu::DeviceType::Other => 3,
        };
        let adapter = adapters.into_iter().min_by_key(rank).ok_or_else(|| {
            GpuError::NoAdapter(match found.is_empty() {
                true => "neither Vulkan nor Metal finds a device".to_owned(),
                false => format!("none of {found:?} has {text:?} in its name"),
            })
        })?;
        let info = adapter.get_info();
        let lacks = |what: &str| GpuError::Lacks(info.name.clone(), what.to_owned());
        let mut limits = adapter.limits();
        lower(&mut limits);
        if limits.max_storage_buffers_per_shader_stage < 8 || limits.max_compute_invocations_per_workgroup < 256 {
            return Err(lacks("shaders with 8 buffers and workgroups of 256: use another device"));
        }
        let double = Features::SHADER_F64 | Features::SHADER_INT64;
        let double = if adapter.features().contains(double) { double } else { Features::empty() };
        let half =
            if limits.max_storage_buffers_per_shader_stage > 8 { Features::SHADER_F16 } else { Features::empty() };
        let required_features = double | adapter.features() & (Features::SUBGROUP | half);
        let descriptor = wgpu::DeviceDescriptor {
            required_features,
            required_limits: limits,
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| GpuError::NoAdapter(error.to_string()))?;
        let lost = Arc::new(Mutex::new(None));
        let note = lost.clone();
        device.set_device_lost_callback(move |reason, what| *lock(&note) = Some(format!("{reason:?}: {what}")));
        let vectors = vectors(&info, &device);
        let entries = layout(device.features(), vectors.is_some());
        let bindings = entries.iter().map(|entry| entry.binding).collect();
        let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor { label: None, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipelines = Mutex::default();
        let inner = Inner { device, queue, info, vectors, bindings, layout, pipeline_layout, pipelines, lost };
        Ok(Device { inner: Arc::new(inner), has_half_values: false })
    }

    /// The same device, whose steps keep the matrices that they compute in half precision. They take half the memory then, and less time where
    /// memory is what a step waits for. A matrix here has more than one row and more than one column. Vectors, numbers, inputs, weights,
    /// moments and derivatives stay in single precision, and so does all arithmetic. So do the softmax of a cross-entropy, and sums of terms
    /// that several kernels compute, such as those of more than six terms.
    ///
    /// Each entry x of a stored matrix has an error of at most 2⁻¹¹ |x|, and of 2⁻²⁵ where |x| < 2⁻¹⁴; a device may replace numbers below 2⁻¹⁴ by 0.
    /// A finite entry of 65,520 or more is stored as NaN, which makes the loss NaN. Gradients are those at the stored values. Models are of
    /// `f32`.
    ///
    /// ```
    /// # use gpu::{Device, GpuError};
    /// let device = Device::new().and_then(Device::with_half_values);
    /// match &device {
    ///     Ok(device) => assert!(device.has_half_values()),
    ///     Err(error) => assert!(matches!(error, GpuError::NoAdapter(_) | GpuError::Lacks(..))),
    /// }
    /// ```
    ///
    /// # Errors
    /// If shaders of the device have no numbers of half precision, or fewer than 9 buffers.
    pub fn with_half_values(self) -> Result<Self, GpuError> {
        match self.inner.device.features().contains(Features::SHADER_F16) {
            true => Ok(Device { has_half_values: true, ..self }),
            false => {
                let what =
                    "numbers of half precision, or fewer than 9 buffers in a shader: do not call `with_half_values`";
                Err(GpuError::Lacks(self.name().to_owned(), what.to_owned()))
            }
        }
    }

    /// Whether steps keep the matrices that they compute in half precision.
    pub fn has_half_values(&self) -> bool {
        self.has_half_values
    }

    /// The largest number of bytes of a buffer: of all weights, of one of the moments, of the values or of the derivatives.
    pub fn largest_buffer(&self) -> u64 {
        largest_buffer(&self.inner.device.limits())
    }

    /// Its name, as the driver gives it.
    pub fn name(&self) -> &str {
        &self.inner.info.name
    }

    /// Whether it is a program on the processor.
    pub fn is_software(&self) -> bool {
        self.inner.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Whether it computes in double precision.
    pub fn has_double(&self) -> bool {
        self.inner.device.features().contains(Features::SHADER_F64)
    }

    /// Calls `f`, and returns the errors of the device in it.
    pub(crate) fn caught<R>(&self, f: impl FnOnce() -> R) -> Result<R, GpuError> {
        let Inner { device, lost, .. } = &*self.inner;
        let refused = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let inside = device.push_error_scope(wgpu::ErrorFilter::Internal);
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let result = f();
        let memory = pollster::block_on(memory.pop());
        let others = [pollster::block_on(inside.pop()), pollster::block_on(refused.pop())];
        // A device says only when it is asked that it is lost.
        let _ = device.poll(wgpu::PollType::Poll);
        if let Some(why) = &*lock(lost) {
            return Err(GpuError::Lost(why.clone()));
        }
        if let Some(error) = memory {
            return Err(GpuError::OutOfMemory(error.to_string()));
        }
        others.into_iter().flatten().next().map_or(Ok(result), |error| Err(GpuError::Refused(error.to_string())))
    }

    pub(crate) fn too_large(&self, what: &str, size: u64, limit: u64) -> GpuError {
        GpuError::TooLarge(format!("{what} are {size}, and {} allows {limit}", self.name()))
    }

    /// A buffer of this size.
    pub(crate) fn buffer(&self, what: &str, bytes: u64) -> Result<wgpu::Buffer, GpuError> {
        let limit = self.largest_buffer();
        if bytes > limit {
            return Err(self.too_large(&format!("the bytes of {what}"), bytes, limit));
        }
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        self.plain_buffer(bytes, usage)
    }

    pub(crate) fn plain_buffer(&self, bytes: u64, usage: BufferUsages) -> Result<wgpu::Buffer, GpuError> {
        // Whole vectors of four numbers, so that a kernel can read the buffer as an array of them.
        let size = bytes.max(LEAST_BYTES).next_multiple_of(LEAST_BYTES);
        let descriptor = BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        self.caught(|| self.inner.device.create_buffer(&descriptor))
    }

    /// Writes entries from one on, before anything that is started later.
    pub(crate) fn write<T: Pod>(&self, to: &wgpu::Buffer, start: usize, entries: &[T]) -> Result<(), GpuError> {
        let bytes = bytemuck::cast_slice(entries);
        match bytes.is_empty() {
            true => Ok(()),
            false => self.caught(|| self.inner.queue.write_buffer(to, (start * size_of::<T>()) as u64, bytes)),
        }
    }

    pub(crate) fn submit(&self, commands: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<(), GpuError> {
        let Inner { device, queue, .. } = &*self.inner;
        self.caught(|| {
            let mut encoder = device.create_command_encoder(&Default::default());
            commands(&mut encoder);
            queue.submit([encoder.finish()]);
        })
    }

    /// Reads parts of buffers, after everything that was started: the buffer, the first byte and the number of bytes.
    pub(crate) fn read(&self, parts: &[(&wgpu::Buffer, u64, u64)]) -> Result<Vec<u8>, GpuError> {
        let most = self.largest_buffer().min(64 << 20);
        let piece = |(from, start, bytes)| {
            (0..bytes).step_by(most as usize).map(move |at| (from, start + at, most.min(bytes - at)))
        };
        let pieces: Vec<_> = parts.iter().copied().flat_map(piece).collect();
        let all: u64 = pieces.iter().map(|piece| piece.2).sum();
        let mut read = Vec::new();
        for pieces in pieces.chunks(if all <= most { pieces.len().max(1) } else { 1 }) {
            read.extend(self.read_at_once(pieces)?);
        }
        Ok(read)
    }

    fn read_at_once(&self, pieces: &[(&wgpu::Buffer, u64, u64)]) -> Result<Vec<u8>, GpuError> {
        let all = pieces.iter().map(|piece| piece.2).sum();
        let to = self.plain_buffer(all, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        self.submit(|encoder| {
            let mut at = 0;
            for &(from, start, bytes) in pieces {
                encoder.copy_buffer_to_buffer(from, start, &to, at, bytes);
                at += bytes;
            }
        })?;
        let lost = |error: &dyn fmt::Display| GpuError::Lost(error.to_string());
        self.caught(|| {
            let slice = to.slice(..all);
            let (told, hear) = std::sync::mpsc::channel();
            slice.map_async(wgpu::MapMode::Read, move |result| drop(told.send(result)));
            self.inner.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|error| lost(&error))?;
            hear.recv().map_err(|error| lost(&error))?.map_err(|error| lost(&error))?;
            Ok(slice.get_mapped_range().map_err(|error| lost(&error))?.to_vec())
        })?
    }
}

fn largest_buffer(limits: &Limits) -> u64 {
    limits.max_buffer_size.min(limits.max_storage_buffer_binding_size).min(MOST_BYTES) / LEAST_BYTES * LEAST_BYTES
}

/// How a program on the processor computes with vectors, if its threads can hand each other numbers.
fn vectors(info: &wgpu::AdapterInfo, device: &wgpu::Device) -> Option<Vectors> {
    let (limits, least, most) = (device.limits(), info.subgroup_min_size, info.subgroup_max_size);
    let has_room = limits.max_storage_buffers_per_shader_stage >= PANELS[0]
        && limits.max_storage_textures_per_shader_stage > 0
        && limits.max_texture_dimension_2d >= ROW;
    let is_known = info.device_type == wgpu::DeviceType::Cpu && least == most && [4, 8, 16].contains(&least);
    let most =
        largest_buffer(&limits).min(u64::from(limits.max_texture_dimension_2d) * ROW_BYTES) / ROW_BYTES * ROW_BYTES;
    let vectors = Vectors { lanes: least, most };
    (is_known && has_room && device.features().contains(Features::SUBGROUP)).then_some(vectors)
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wgpu::AdapterInfo { name, backend, driver, driver_info, .. } = &self.inner.info;
        write!(f, "{name} by {backend:?} ({driver} {driver_info})")
    }
}

autograd::debug_as_display!(Device);
