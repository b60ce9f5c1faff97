//! What a GPU does at best: `shaders/peak.fma.wgsl` and `shaders/peak.copy.wgsl`, timed and checked.

use super::{
    context::Gpu,
    kernel::{Kernel, WORKGROUP},
    kernels::peak::{CHAINS, COPY, FMA, UNROLLED, copy_params, fma_params},
    lower::grid,
    program::Params,
    single::Single,
};
use crate::{
    error::{Error, Result},
    profile::Peak,
};

/// Workgroups of the arithmetic: half a million threads, several times what the largest GPU holds at once.
const GROUPS: u32 = 8192;
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
    let threads = u64::from(GROUPS * WORKGROUP);
    let output = gpu.create("the arithmetic's results", 4 * threads, || {
        gpu.buffer("arithmetic", 4 * threads, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC)
    })?;
    let run = |rounds: u32| single(gpu, &FMA, &fma_params(rounds, GROUPS), &[&output], GROUPS);
    let mut rounds = 4;
    // Counts of a chain are exact in float32 up to 2^24.
    while run(rounds)?.seconds(gpu)? < LONG_ENOUGH && 2 * rounds * UNROLLED < 1 << 24 {
        rounds *= 2;
    }
    let seconds = fastest(gpu, &run(rounds)?)?;
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
    for at in ends {
        gpu.write(from, at, bytemuck::cast_slice(&mark))?;
    }
    let elements = bytes / 16;
    let groups = elements.div_ceil(WORKGROUP.into()) as u32;
    let copy = single(gpu, &COPY, &copy_params(elements as u32, groups), &[from, to], groups)?;
    copy.seconds(gpu)?; // memory is mapped when it is first touched
    let seconds = fastest(gpu, &copy)?;
    for at in ends {
        if gpu.read::<f32>(to, at, 16)? != mark {
            return Err(wrong("copy"));
        }
    }
    Ok(2.0 * bytes as f64 / seconds)
}

fn single(
    gpu: &Gpu,
    kernel: &'static Kernel,
    params: &Params,
    buffers: &[&wgpu::Buffer],
    groups: u32,
) -> Result<Single> {
    let [x, y] = grid(groups.into(), gpu.capabilities.max_workgroups)?;
    Single::new(gpu, kernel, params, buffers, [x, y, 1])
}

fn fastest(gpu: &Gpu, single: &Single) -> Result<f64> {
    (0..TRIES).try_fold(f64::INFINITY, |fastest, _| Ok(single.seconds(gpu)?.min(fastest)))
}

fn wrong(what: &str) -> Error {
    Error::Device(format!("the GPU's {what} came out wrong; its speed cannot be measured"))
}
