//! One kernel on buffers of its own, outside any plan.

use super::{
    context::Gpu,
    kernel::Kernel,
    kernels::PARAMS_BYTES,
    prepared::Bound,
    program::Params,
    record::{Recorded, record, record_timed},
    timestamps::Timestamps,
};
use crate::{clock::Instant, error::Result};

/// A kernel, ready to run.
pub(super) struct Single {
    kernel: &'static Kernel,
    bound: Bound,
    groups: [u32; 3],
}

impl Single {
    pub(super) fn new(
        gpu: &Gpu,
        kernel: &'static Kernel,
        params: &Params,
        buffers: &[&wgpu::Buffer],
        groups: [u32; 3],
    ) -> Result<Self> {
        let pipeline = gpu.pipeline(kernel)?;
        gpu.create(kernel.name, PARAMS_BYTES, || {
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let uniform = gpu.buffer("parameters", PARAMS_BYTES, usage);
            gpu.queue.write_buffer(&uniform, 0, &params.bytes);
            let bind_group = gpu.bind(&pipeline, &uniform, buffers);
            Self { kernel, bound: Bound { pipeline, bind_group }, groups }
        })
    }

    fn recorded(&self) -> Recorded<'_> {
        Recorded::Dispatch {
            name: self.kernel.name,
            pipeline: &self.bound.pipeline.pipeline,
            bind_group: &self.bound.bind_group,
            params: 0,
            groups: self.groups,
        }
    }

    /// Submits it.
    pub(super) fn run(&self, gpu: &Gpu) -> wgpu::SubmissionIndex {
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        record(&mut encoder, [self.recorded()]);
        gpu.queue.submit([encoder.finish()])
    }

    /// Runs it, and gives the time that it took.
    pub(super) fn seconds(&self, gpu: &Gpu) -> Result<f64> {
        if let Some(timestamps) = Timestamps::new(gpu, 1)? {
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            record_timed(&mut encoder, Some(&self.recorded()), &timestamps, 0);
            return Ok(timestamps.read(gpu, encoder)?.iter().sum());
        }
        let start = Instant::now();
        gpu.wait(self.run(gpu))?;
        Ok(start.elapsed().as_secs_f64())
    }
}
