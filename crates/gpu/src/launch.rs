//! Kernels as compiled shaders with what they read and write, and how they are started.

use std::num::NonZero;

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayoutEntry, BindingResource, BindingType, BufferBinding,
    BufferBindingType, BufferUsages, Extent3d, Features, StorageTextureAccess, TexelCopyBufferInfo,
    TexelCopyBufferLayout, TextureDescriptor, TextureDimension, TextureFormat, TextureUsages, TextureViewDimension,
};

use crate::device::{Device, Inner, LEAST_BYTES, lock};
use crate::error::GpuError;
use crate::kernels::Kernel;
use crate::shader::{Buffer, CONSTANTS, INDICES, PANELS, PARAMS, ROW, shader};
use crate::tasks::refused;

/// Kernels that can be started.
pub(crate) struct Prepared {
    launches: Vec<Launch>,
    bound: BindGroup,
    /// Panels as they are written, and as they are read.
    panels: Option<(wgpu::Buffer, wgpu::Texture)>,
}

/// A kernel that can be started.
struct Launch {
    pipeline: wgpu::ComputePipeline,
    /// Where its parameters begin.
    params: u32,
    groups: [u32; 2],
    /// The rows of panels that it reads.
    rows: u32,
}

/// The size of the parameters of a kernel, and of a row of the texture of panels.
const PARAM_BYTES: u64 = 4 * PARAMS as u64;
pub(crate) const ROW_BYTES: u64 = 16 * ROW as u64;
/// Mesa's llvmpipe leaves all loops of a thread after 65,535 passes, without a message.
const MOST_PASSES: u32 = 60_000;

impl Device {
    /// Compiles kernels, stores their parameters, and binds what they read and write.
    pub(crate) fn prepare(
        &self,
        is_double: bool,
        kernels: &[Kernel],
        buffers: [&wgpu::Buffer; 9],
    ) -> Result<Prepared, GpuError> {
        let apart = u64::from(self.inner.device.limits().min_uniform_buffer_offset_alignment).max(PARAM_BYTES);
        let mut words = vec![0u32; kernels.len() * (apart / 4) as usize];
        let mut launches = Vec::new();
        for (k, kernel) in kernels.iter().enumerate() {
            let at = k * (apart / 4) as usize;
            if self.is_software() && kernel.passes > MOST_PASSES {
                let passes = kernel.passes.into();
                return Err(self.too_large("the passes of loops in one thread", passes, MOST_PASSES.into()));
            }
            words[at + 1..][..kernel.params.values.len()].copy_from_slice(&kernel.params.values);
            let named = |error| match (error, &kernel.of) {
                (GpuError::Refused(why), Some((op, at))) => refused(op, at, &format!("its WGSL is refused: {why}")),
                (error, _) => error,
            };
            let pipeline = self.pipeline(shader(is_double, &kernel.text)).map_err(named)?;
            let rows = kernel.panels.div_ceil(ROW_BYTES) as u32;
            launches.push(Launch { pipeline, params: 4 * at as u32, groups: kernel.groups, rows });
        }
        let params = self.plain_buffer(4 * words.len() as u64, BufferUsages::UNIFORM | BufferUsages::COPY_DST)?;
        self.write(&params, 0, &words)?;
        let binding = BufferBinding { buffer: &params, offset: 0, size: NonZero::new(PARAM_BYTES) };
        let mut resources = vec![BindingResource::Buffer(binding)];
        resources.extend(buffers.map(wgpu::Buffer::as_entire_binding));
        let rows = launches.iter().map(|launch| launch.rows).max().unwrap_or(0);
        let panels = self.inner.vectors.map(|_| self.panels(rows)).transpose()?;
        let view = panels.as_ref().map(|(_, texture)| texture.create_view(&Default::default()));
        if let (Some((buffer, _)), Some(view)) = (&panels, &view) {
            resources.extend([buffer.as_entire_binding(), BindingResource::TextureView(view)]);
        }
        let entry = |&binding: &u32| BindGroupEntry { binding, resource: resources[binding as usize].clone() };
        let entries: Vec<_> = self.inner.bindings.iter().map(entry).collect();
        let descriptor = BindGroupDescriptor { label: None, layout: &self.inner.layout, entries: &entries };
        let bound = self.caught(|| self.inner.device.create_bind_group(&descriptor))?;
        Ok(Prepared { launches, bound, panels })
    }

    /// A buffer for panels and a texture, of these rows.
    fn panels(&self, rows: u32) -> Result<(wgpu::Buffer, wgpu::Texture), GpuError> {
        let rows = rows.max(1);
        let buffer = self.plain_buffer(u64::from(rows) * ROW_BYTES, BufferUsages::STORAGE | BufferUsages::COPY_SRC)?;
        let descriptor = TextureDescriptor {
            label: None,
            size: Extent3d { width: ROW, height: rows, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: TextureFormat::Rgba32Uint,
            usage: TextureUsages::STORAGE_BINDING | TextureUsages::COPY_DST,
            view_formats: &[],
        };
        Ok((buffer, self.caught(|| self.inner.device.create_texture(&descriptor))?))
    }

    fn pipeline(&self, text: String) -> Result<wgpu::ComputePipeline, GpuError> {
        let Inner { device, pipelines, pipeline_layout, .. } = &*self.inner;
        if let Some(known) = lock(pipelines).get(&text) {
            return Ok(known.clone());
        }
        let compilation_options =
            wgpu::PipelineCompilationOptions { zero_initialize_workgroup_memory: false, ..Default::default() };
        let pipeline = self.caught(|| {
            let source = wgpu::ShaderSource::Wgsl(text.as_str().into());
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: Some(pipeline_layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options,
                cache: None,
            })
        })?;
        lock(pipelines).insert(text, pipeline.clone());
        Ok(pipeline)
    }

    /// Starts kernels, one after the other.
    pub(crate) fn launch(&self, prepared: &Prepared) -> Result<(), GpuError> {
        self.submit(|encoder| {
            for launches in prepared.launches.chunk_by(|_, next| next.rows == 0) {
                if let (Some((from, to)), height @ 1..) = (&prepared.panels, launches[0].rows) {
                    let layout = TexelCopyBufferLayout { bytes_per_row: Some(ROW_BYTES as u32), ..Default::default() };
                    let size = Extent3d { width: ROW, height, depth_or_array_layers: 1 };
                    let from = TexelCopyBufferInfo { buffer: from, layout };
                    encoder.copy_buffer_to_texture(from, to.as_image_copy(), size);
                }
                let mut pass = encoder.begin_compute_pass(&Default::default());
                for Launch { pipeline, params, groups: [x, y], .. } in launches {
                    pass.set_pipeline(pipeline);
                    pass.set_bind_group(0, &prepared.bound, &[*params]);
                    pass.dispatch_workgroups(*x, *y, 1);
                }
            }
        })
    }
}

/// What kernels can read and write on a device with these features.
pub(crate) fn layout(features: Features, has_panels: bool) -> Vec<BindGroupLayoutEntry> {
    let any = |binding, ty| BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None };
    let entry = |binding, ty, has_dynamic_offset, bytes| {
        any(binding, BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: NonZero::new(bytes) })
    };
    let storage = |read_only| BufferBindingType::Storage { read_only };
    let mut all = vec![entry(0, BufferBindingType::Uniform, true, PARAM_BYTES)];
    all.extend([INDICES, CONSTANTS].map(|binding| entry(binding, storage(true), false, 8)));
    let exists = |buffer: &Buffer| *buffer != Buffer::Halves || features.contains(Features::SHADER_F16);
    let written = Buffer::ALL.into_iter().filter(exists).map(|buffer| buffer as u32);
    let written = written.chain(has_panels.then_some(PANELS[0]));
    all.extend(written.map(|binding| entry(binding, storage(false), false, LEAST_BYTES)));
    let (access, format) = (StorageTextureAccess::ReadOnly, TextureFormat::Rgba32Uint);
    let texture = BindingType::StorageTexture { access, format, view_dimension: TextureViewDimension::D2 };
    all.extend(has_panels.then(|| any(PANELS[1], texture)));
    all
}
