//! `shaders/sum.wgsl` by itself, for diagnosis. In a program it follows a difference, and a fault of that would
//! look like one of this.

use super::{
    gpu_of,
    kernels::difference::{SUM, sum_params},
    single::Single,
};
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
    let bytes = |values: &[f32]| size_of_val(values) as u64;
    let [from, to] = gpu.create("partial sums", bytes(partials) + bytes(&places), || {
        let buffer = |label: &str, contents: &[f32], usage: Usage| {
            let buffer = gpu.buffer(label, bytes(contents), usage | Usage::STORAGE | Usage::COPY_DST);
            gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(contents));
            buffer
        };
        [buffer("partial sums", partials, Usage::empty()), buffer("sums", &places, Usage::COPY_SRC)]
    })?;
    let sum = Single::new(&gpu, &SUM, &sum_params(count, 1), &[&from, &to], [1, 1, pairs as u32])?;
    sum.run(&gpu);
    match gpu.read::<f32>(&to, 0, bytes(&places))?.as_slice() {
        [before, sums @ .., behind] if before.is_nan() && behind.is_nan() => Ok(sums.to_vec()),
        _ => Err(Error::Device("the sum's shader wrote beside its output".to_owned())),
    }
}
