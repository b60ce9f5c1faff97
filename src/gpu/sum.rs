//! `shaders/sum.wgsl` by itself, for diagnosis. In a program it follows a difference, and a fault of that would
//! look like one of this.

use super::{context::PARAMS_BYTES, gpu_of, kernel::Kernel, params};
use crate::{
    Context,
    error::{Error, Result},
};

/// The sums of some pairs' partial sums, each of `count` in a row.
///
/// # Errors
/// [`Error::Config`] where the context is not a GPU's or there is not a whole number of pairs; [`Error::Device`]
/// where the shader wrote beside its output; else as for sessions.
pub fn sum_blocking(context: &Context, partials: &[f32], count: u32) -> Result<Vec<f32>> {
    use wgpu::BufferUsages as Usage;
    let gpu = gpu_of(context)?;
    let pairs = partials.len().checked_div(count as usize).unwrap_or(0);
    if pairs == 0 || pairs * count as usize != partials.len() {
        return Err(Error::Config(format!("{} partial sums are no pairs of {count}", partials.len())));
    }
    // Nothing may be written in the places before and behind.
    let places = vec![f32::NAN; pairs + 2];
    let params = params::Sum { count, first: 1, pad: [0; 2] };
    let bytes = |values: &[f32]| size_of_val(values) as u64;
    let (sums, bind_group) = gpu.create("partial sums", bytes(partials) + bytes(&places), || {
        let buffer = |label: &str, contents: &[u8], size: u64, usage: Usage| {
            let buffer = gpu.buffer(label, size, usage | Usage::COPY_DST);
            gpu.queue.write_buffer(&buffer, 0, contents);
            buffer
        };
        let uniform = buffer("parameters", bytemuck::bytes_of(&params), PARAMS_BYTES, Usage::UNIFORM);
        let from = buffer("partial sums", bytemuck::cast_slice(partials), bytes(partials), Usage::STORAGE);
        let usage = Usage::STORAGE | Usage::COPY_SRC;
        let to = buffer("sums", bytemuck::cast_slice(&places), bytes(&places), usage);
        let bind_group = gpu.bind(Kernel::Sum, &uniform, &[&from, &to]);
        (to, bind_group)
    })?;
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    pass.set_pipeline(&gpu.pipeline(Kernel::Sum).pipeline);
    pass.set_bind_group(0, &bind_group, &[0]);
    pass.dispatch_workgroups(1, 1, pairs as u32);
    drop(pass);
    gpu.queue.submit([encoder.finish()]);
    match gpu.read::<f32>(&sums, 0, bytes(&places))?.as_slice() {
        [before, sums @ .., behind] if before.is_nan() && behind.is_nan() => Ok(sums.to_vec()),
        _ => Err(Error::Device("the sum's shader wrote beside its output".to_owned())),
    }
}
