//! Twin of every tuning, `shaders/conv3x3.*.wgsl`: of Winograd's three stages together.

use rayon::prelude::*;

use crate::{plan::Tensor, weights::Convolution};

/// 3x3 cross-correlation with bias: what lies outside the region that `input` holds counts as zero, which the
/// plan arranges to be so only outside the picture itself.
///
/// Shapes: input (N, inputs, H, W), output (N, outputs, H', W') by the tensors' regions; output channels are
/// split over threads.
pub fn conv3x3(input: (&Tensor, &[f32]), conv: &Convolution, relu: bool, output: (&Tensor, &mut [f32])) {
    let ((from, input), (to, output)) = (input, output);
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
    let start = (inside.start as i64 + left) as usize;

    output.par_chunks_mut(out_width * out_height).enumerate().for_each(|(plane, output)| {
        let (image, channel) = (plane / outputs, plane % outputs);
        let input = &input[image * inputs * width * height..][..inputs * width * height];
        let weights = &conv.weight()[channel * inputs * 9..][..inputs * 9];
        let mut sums = vec![0.0f64; out_width];
        let mut under = vec![0.0f64; under_width];
        for (y, row_out) in output.chunks_mut(out_width).enumerate() {
            sums.fill(f64::from(conv.bias()[channel]));
            for (plane, kernel) in input.chunks(width * height).zip(weights.chunks(9)) {
                for (ky, taps) in kernel.chunks(3).enumerate() {
                    let row = y as i64 + shift[1] + ky as i64 - 1;
                    if inside.is_empty() || row < 0 || row >= height as i64 {
                        continue;
                    }
                    let row = &plane[row as usize * width + start..][..inside.len()];
                    for (under, &value) in under[inside.clone()].iter_mut().zip(row) {
                        *under = f64::from(value);
                    }
                    let taps = [0, 1, 2].map(|kx| f64::from(taps[kx]));
                    for (sum, under) in sums.iter_mut().zip(under.windows(3)) {
                        *sum = *sum + taps[0] * under[0] + taps[1] * under[1] + taps[2] * under[2];
                    }
                }
            }
            for (out, &sum) in row_out.iter_mut().zip(&sums) {
                *out = if relu { sum.max(0.0) } else { sum } as f32;
            }
        }
    });
}
