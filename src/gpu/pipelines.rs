//! A device's pipelines, each compiled when it is first asked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    kernel::{Access, Kernel, labelled},
    once::Once,
};
use crate::{clock::Instant, error::Result};

#[derive(Debug, Default)]
pub(crate) struct Pipelines {
    /// By kernel.
    made: Once<&'static str, Arc<Pipeline>>,
    compiled: AtomicUsize,
    /// Nanoseconds.
    compiling: AtomicU64,
    /// Sources that tests put in place of kernels', to see them found wrong.
    #[cfg(test)]
    pub(crate) replaced: std::collections::HashMap<&'static str, String>,
}

#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) kernel: &'static Kernel,
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

impl Pipelines {
    /// A kernel's pipeline, of its source.
    pub(super) fn get(
        &self,
        kernel: &'static Kernel,
        compile: impl FnOnce(&str) -> Result<Pipeline>,
    ) -> Result<Arc<Pipeline>> {
        self.made.get(kernel.name, || {
            let start = Instant::now();
            let pipeline = Arc::new(compile(&self.source(kernel))?);
            self.compiled.fetch_add(1, Ordering::Relaxed);
            self.compiling.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
            Ok(pipeline)
        })
    }

    /// How many there are so far.
    pub(super) fn compiled(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }

    /// The time that compiling them took.
    pub(super) fn compile_time(&self) -> Duration {
        Duration::from_nanos(self.compiling.load(Ordering::Relaxed))
    }

    /// A kernel's WGSL.
    fn source(&self, kernel: &Kernel) -> String {
        #[cfg(test)]
        if let Some(source) = self.replaced.get(kernel.name) {
            return source.clone();
        }
        kernel.source()
    }
}

impl Pipeline {
    pub(super) fn compile(device: &wgpu::Device, kernel: &'static Kernel, source: &str) -> Self {
        let _span = tracing::debug_span!("compile", kernel = kernel.name).entered();
        let label = labelled(kernel.name);
        let label = Some(label.as_str());
        let descriptor =
            wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(source.into()) };
        // SAFETY: the shaders are this crate's own, and all their loops end. They index within what their parameters say of
        // the buffers that they are bound to. Those of a program are made of a plan that `plan::Builder` has checked, since a
        // plan's fields are private, and its tensors are no larger than `Capabilities::max_tensor`; weights have the
        // shapes of their layers (`Model::check`), a source's parameters come from a source that was validated against its own
        // texture or buffer and against the picture's (`Executor::load`, `FrameSession`), and those of `peak.rs` and `sum.rs` from
        // the buffers made there. The checks left out cost 5 % of the direct convolution on a software adapter, and much more
        // where a driver cannot see through the bound on loops (gfx-rs/wgpu#7698).
        let module = unsafe {
            device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        };
        let buffer = |ty, has_dynamic_offset| wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset,
            min_binding_size: None,
        };
        let storage = |read_only| buffer(wgpu::BufferBindingType::Storage { read_only }, false);
        let bound = kernel.bindings.iter().map(|access| match access {
            Access::Read => storage(true),
            Access::Write => storage(false),
            Access::Texture => wgpu::BindingType::Texture {
                sample_type: wgpu::TextureSampleType::Float { filterable: false },
                view_dimension: wgpu::TextureViewDimension::D2,
                multisampled: false,
            },
        });
        let params = buffer(wgpu::BufferBindingType::Uniform, true);
        let entries: Vec<_> = std::iter::once(params)
            .chain(bound)
            .zip(0..)
            .map(|(ty, binding)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty,
                count: None,
            })
            .collect();
        let layout =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Self { kernel, pipeline, layout }
    }
}
