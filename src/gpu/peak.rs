//! What a GPU does at best: `shaders/peak.fma.wgsl` and `shaders/peak.copy.wgsl`, timed and checked.

use std::time::Instant;

use super::{
    context::{Gpu, PARAMS_BYTES},
    kernel::Kernel,
    lower::{WORKGROUP, grid},
    params,
    timing::Timestamps,
};
use crate::{
    error::{Error, Result},
    profile::Peak,
};

/// Workgroups of the arithmetic: half a million threads, several times what the largest GPU holds at once.
const GROUPS: u32 = 8192;
/// Chains of multiply-adds of a thread of the shader.
const CHAINS: u32 = 12;
/// Multiply-adds of each chain in one round of the shader's loop.
const UNROLLED: u32 = 8;
/// Bytes copied at most; several times the largest cache.
const COPIED: u64 = 256 << 20;
/// A dispatch this long outweighs what surrounds it, and is far from what watchdogs end.
const LONG_ENOUGH: f64 = 0.02;
/// Of how many dispatches the fastest counts.
const TRIES: usize = 7;

pub(crate) fn peak(gpu: &Gpu) -> Result<Peak> {
    Ok(Peak { flops_per_second: arithmetic(gpu)?, bytes_per_second: copying(gpu)? })
}

fn arithmetic(gpu: &Gpu) -> Result<f64> {
    let threads = u64::from(GROUPS) * WORKGROUP;
    let output = gpu.create("the arithmetic's results", 4 * threads, || {
        gpu.buffer("arithmetic", 4 * threads, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC)
    })?;
    let run = |rounds: u32| {
        let params = params::PeakFma { rounds, groups: GROUPS, factor: 1.0, addend: 1.0 };
        Dispatch::new(gpu, Kernel::PeakFma, bytemuck::bytes_of(&params), &[&output], GROUPS)
    };
    let mut rounds = 4;
    // Counts of a chain are exact in float32 up to 2^24.
    while run(rounds)?.seconds(gpu)? < LONG_ENOUGH && 2 * rounds * UNROLLED < 1 << 24 {
        rounds *= 2;
    }
    let seconds = run(rounds)?.fastest(gpu)?;
    let counted: Vec<f32> = gpu.read(&output, 0, output.size())?;
    if counted.iter().any(|&count| count != (rounds * UNROLLED) as f32) {
        return Err(wrong("multiply-adds"));
    }
    Ok(threads as f64 * f64::from(rounds * UNROLLED) * f64::from(CHAINS) * 2.0 / seconds)
}

fn copying(gpu: &Gpu) -> Result<f64> {
    use wgpu::BufferUsages as Usage;
    let bytes = COPIED.min(gpu.capabilities.max_tensor()) & !15;
    let buffers = gpu.create("two buffers to copy between", 2 * bytes, || {
        let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        [0, 1].map(|_| gpu.buffer("copying", bytes, usage))
    })?;
    let [from, to] = &buffers;
    // The two ends, which tell whether all was copied.
    let ends = [0, bytes - 16];
    let mark = [1.0f32, 2.0, 3.0, 4.0];
    ends.iter().for_each(|&at| gpu.queue.write_buffer(from, at, bytemuck::cast_slice(&mark)));
    let elements = bytes / 16;
    let groups = elements.div_ceil(WORKGROUP) as u32;
    let params = params::PeakCopy { elements: elements as u32, groups, pad: [0; 2] };
    let dispatch = Dispatch::new(gpu, Kernel::PeakCopy, bytemuck::bytes_of(&params), &[from, to], groups)?;
    dispatch.seconds(gpu)?; // memory is mapped when it is first touched
    let seconds = dispatch.fastest(gpu)?;
    for at in ends {
        if gpu.read::<f32>(to, at, 16)? != mark {
            return Err(wrong("copy"));
        }
    }
    Ok(2.0 * bytes as f64 / seconds)
}

fn wrong(what: &str) -> Error {
    Error::Device(format!("the GPU's {what} came out wrong; its speed cannot be measured"))
}

/// One kernel, ready to run.
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    groups: [u32; 2],
}

impl Dispatch {
    fn new(gpu: &Gpu, kernel: Kernel, params: &[u8], buffers: &[&wgpu::Buffer], groups: u32) -> Result<Self> {
        let groups = grid(groups.into(), gpu.capabilities.max_workgroups)?;
        gpu.create(kernel.name(), PARAMS_BYTES, || {
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let uniform = gpu.buffer("parameters", PARAMS_BYTES, usage);
            gpu.queue.write_buffer(&uniform, 0, params);
            Self {
                pipeline: gpu.pipeline(kernel).pipeline.clone(),
                bind_group: gpu.bind(kernel, &uniform, buffers),
                groups,
            }
        })
    }

    fn fastest(&self, gpu: &Gpu) -> Result<f64> {
        (0..TRIES).try_fold(f64::INFINITY, |fastest, _| Ok(self.seconds(gpu)?.min(fastest)))
    }

    /// The time of one dispatch.
    fn seconds(&self, gpu: &Gpu) -> Result<f64> {
        let timestamps = Timestamps::new(gpu, 1)?;
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("perceptual-loss peak"),
            timestamp_writes: timestamps.as_ref().map(|timestamps| timestamps.writes(0)),
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[0]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], 1);
        drop(pass);
        if let Some(timestamps) = timestamps {
            return Ok(timestamps.read(gpu, encoder)?.iter().sum());
        }
        let commands = encoder.finish();
        let start = Instant::now();
        gpu.wait(gpu.queue.submit([commands]))?;
        Ok(start.elapsed().as_secs_f64())
    }
}
