//! Where a comparison ends on the device: `shaders/total.wgsl` and what it reads and writes.

use super::ring::HEADER_WORDS;
use crate::{
    error::{Error, Result},
    gpu::{
        context::{Gpu, PARAMS_BYTES},
        executor::Executor,
        kernel::Kernel,
        params,
    },
};

/// The header's bit that says that a picture was written: `WRITTEN` in `shaders/include/picture.wgsl`.
const WRITTEN: u32 = 1 << 9;

#[derive(Debug)]
pub(super) struct ResultStage {
    pub(super) loss: wgpu::Buffer,
    /// The first word of the header of the picture that the recorded target was made from.
    target_header: wgpu::Buffer,
    recorded_target: wgpu::BindGroup,
    given_target: wgpu::BindGroup,
}

impl ResultStage {
    pub(super) fn new(executor: &Executor) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let gpu = executor.gpu();
        let plan = executor.plan();
        let mut params = params::Total { taps: plan.taps.len() as u32, pad: [0; 3], factors: [[0.0; 4]; 10] };
        for (k, tap) in plan.taps.iter().enumerate() {
            let factor = tap.weight / plan.tensors[tap.tensor].image_stride() as f64;
            *params.factors.as_flattened_mut().get_mut(k).ok_or_else(|| {
                Error::Config(format!("{} taps are more than a network has layers", plan.taps.len()))
            })? = factor as f32;
        }
        let bytes = (HEADER_WORDS + plan.taps.len() as u64) * 4;
        gpu.create("the result", bytes + PARAMS_BYTES, || {
            // Compiled now, and not in the first frame.
            for kernel in [Kernel::SourceTexture, Kernel::SourceBuffer] {
                gpu.pipeline(kernel);
            }
            let buffer = |label: &str, bytes, usage| gpu.buffer(label, bytes, usage | Usage::COPY_DST);
            let loss = buffer("loss", bytes, Usage::STORAGE | Usage::COPY_SRC);
            let uniform = buffer("total parameters", PARAMS_BYTES, Usage::UNIFORM);
            gpu.queue.write_buffer(&uniform, 0, bytemuck::bytes_of(&params));
            let target_header = buffer("target header", 4, Usage::STORAGE);
            let given_header = buffer("given target header", 4, Usage::STORAGE);
            gpu.queue.write_buffer(&given_header, 0, bytemuck::bytes_of(&WRITTEN));
            let bind = |header: &wgpu::Buffer| {
                let buffers = [&executor.buffers.sums, &executor.buffers.pictures[0], header, &loss];
                gpu.bind(Kernel::Total, &uniform, &buffers)
            };
            Self {
                recorded_target: bind(&target_header),
                given_target: bind(&given_header),
                target_header,
                loss,
            }
        })
    }

    /// Records keeping what is known of the picture that a target is made from.
    pub(super) fn keep_target_header(&self, encoder: &mut wgpu::CommandEncoder, picture: &wgpu::Buffer) {
        encoder.copy_buffer_to_buffer(picture, 0, &self.target_header, 0, 4);
    }

    /// Records adding up the sums of the comparison before.
    pub(super) fn record(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, given_target: bool) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("perceptual-loss total"),
            timestamp_writes: None,
        });
        pass.set_pipeline(&gpu.pipeline(Kernel::Total).pipeline);
        let bind_group = if given_target { &self.given_target } else { &self.recorded_target };
        pass.set_bind_group(0, bind_group, &[0]);
        pass.dispatch_workgroups(1, 1, 1);
    }
}

/// # Errors
/// What the faults of a frame mean.
pub(super) fn check(faults: u32, frame: u64) -> Result<()> {
    let not_finite = |what: &str| {
        Err(Error::Image(format!(
            "{what} holds values that are not finite; every value must be a finite number"
        )))
    };
    match faults {
        0 => Ok(()),
        faults if faults & 4 != 0 => Err(Error::Device(format!(
            "frame {frame} was compared with a target whose commands were never submitted; record the target again"
        ))),
        faults if faults & 1 != 0 => not_finite(&format!("the source of frame {frame}")),
        _ => not_finite(&format!("the target that frame {frame} was compared with")),
    }
}
