//! Twin of every tuning, `shaders/conv3x3.*.wgsl`: of Winograd's three stages together.

use rayon::prelude::*;

use super::relu::{difference_through_relu, loaded};
use crate::{
    cpu::threads::on_callers,
    error::{Error, Result},
    plan::Tensor,
    weights::Convolution,
};

/// 3x3 cross-correlation with bias, of `input` or of max(input, 0): what lies outside the region that it holds counts as zero,
/// which the plan arranges to be so only outside the picture itself.
///
/// Shapes: input (N, inputs, H, W), output (N, outputs, H', W') by the tensors' regions; output channels are
/// split over threads.
///
/// # Errors
/// [`Error::NotFinite`] where a result is not finite.
pub fn conv3x3(
    input: (&Tensor, &[f32]),
    input_relu: bool,
    conv: &Convolution,
    output: (&Tensor, &mut [f32]),
) -> Result<()> {
    let load = |value: f32| f64::from(loaded(value, input_relu));
    correlate(input, load, conv, |channel| f64::from(conv.bias()[channel]), |_, sum| sum, output)
}

/// 3x3 cross-correlation of a difference, without bias; where there is the target's result, before its activation, the
/// difference that the activation makes.
///
/// Shapes: as [`conv3x3`]; the target (1 or N, outputs, H', W'), of the output's region or more.
///
/// # Errors
/// As [`conv3x3`], also where an activation follows.
pub fn conv3x3_difference(
    input: (&Tensor, &[f32]),
    target: Option<(&Tensor, &[f32])>,
    conv: &Convolution,
    (to, output): (&Tensor, &mut [f32]),
) -> Result<()> {
    let through_relu = |[plane, y, x]: [usize; 3], sum: f64| match target {
        Some(target) => difference_through_relu(sum, of_target(target, to, [plane, y, x])),
        None => sum,
    };
    correlate(input, f64::from, conv, |_| 0.0, through_relu, (to, output))
}

/// The target's value at a place of the difference's: plane, row and column.
pub(super) fn of_target(
    (tensor, target): (&Tensor, &[f32]),
    difference: &Tensor,
    [plane, y, x]: [usize; 3],
) -> f64 {
    let [left, top] =
        [0, 1].map(|axis| (difference.region.origin[axis] - tensor.region.origin[axis]) as usize);
    // One target's planes are those of all images.
    let plane = plane % (target.len() / tensor.channel_stride() as usize);
    let row = plane * tensor.region.extent[1] as usize + top + y;
    f64::from(target[row * tensor.row_stride() as usize + left + x])
}

/// For each output channel the sum over kernels of what `load` makes of the inputs under them, from `start` on; `store` makes the
/// result of it.
fn correlate(
    (from, input): (&Tensor, &[f32]),
    load: impl Fn(f32) -> f64 + Sync,
    conv: &Convolution,
    start: impl Fn(usize) -> f64 + Sync,
    store: impl Fn([usize; 3], f64) -> f64 + Sync,
    (to, output): (&Tensor, &mut [f32]),
) -> Result<()> {
    let (width, height) = (from.region.extent[0] as usize, from.region.extent[1] as usize);
    let (out_width, out_height) = (to.region.extent[0] as usize, to.region.extent[1] as usize);
    let (inputs, outputs) = (from.channels as usize, to.channels as usize);
    // Output position plus shift is the input position under the kernel's centre.
    let shift = [0, 1].map(|axis| i64::from(to.region.origin[axis]) - i64::from(from.region.origin[axis]));
    // Under an output row lies an input row with a column more on either side: it begins with input column `left`, and
    // `inside` is the part of it that the input holds.
    let left = shift[0] - 1;
    let under_width = out_width + 2;
    let within = |column: i64| (column - left).clamp(0, under_width as i64) as usize;
    let inside = within(0)..within(width as i64);
    let first = (inside.start as i64 + left) as usize;

    let of_plane = |(plane, output): (usize, &mut [f32])| {
        let (image, channel) = (plane / outputs, plane % outputs);
        let input = &input[image * inputs * width * height..][..inputs * width * height];
        let weights = &conv.weight()[channel * inputs * 9..][..inputs * 9];
        let mut sums = vec![0.0f64; out_width];
        let mut under = vec![0.0f64; under_width];
        let mut is_finite = true;
        for (y, row_out) in output.chunks_mut(out_width).enumerate() {
            sums.fill(start(channel));
            for (plane, kernel) in input.chunks(width * height).zip(weights.chunks(9)) {
                for (ky, taps) in kernel.chunks(3).enumerate() {
                    let row = y as i64 + shift[1] + ky as i64 - 1;
                    if inside.is_empty() || row < 0 || row >= height as i64 {
                        continue;
                    }
                    let row = &plane[row as usize * width + first..][..inside.len()];
                    for (under, &value) in under[inside.clone()].iter_mut().zip(row) {
                        *under = load(value);
                    }
                    let taps = [0, 1, 2].map(|kx| f64::from(taps[kx]));
                    for (sum, under) in sums.iter_mut().zip(under.windows(3)) {
                        *sum = *sum + taps[0] * under[0] + taps[1] * under[1] + taps[2] * under[2];
                    }
                }
            }
            for (x, (out, &sum)) in row_out.iter_mut().zip(&sums).enumerate() {
                is_finite &= (sum as f32).is_finite();
                *out = store([plane, y, x], sum) as f32;
            }
        }
        is_finite
    };
    let are_finite = on_callers(|| {
        let planes = output.par_chunks_mut(out_width * out_height).enumerate();
        planes.map(of_plane).reduce(|| true, |one, other| one & other)
    });
    if are_finite { Ok(()) } else { Err(Error::NotFinite { layer: conv.layer().name }) }
}
