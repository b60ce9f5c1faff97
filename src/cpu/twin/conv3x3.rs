//! Twin of `shaders/conv3x3.direct.wgsl` and `shaders/conv3x3.blocked.wgsl`.

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

    output.par_chunks_mut(out_width * out_height).enumerate().for_each(|(plane, output)| {
        let (image, channel) = (plane / outputs, plane % outputs);
        let input = &input[image * inputs * width * height..][..inputs * width * height];
        let weights = &conv.weight()[channel * inputs * 9..][..inputs * 9];
        let mut sums = vec![0.0f64; out_width];
        for (y, row_out) in output.chunks_mut(out_width).enumerate() {
            sums.fill(f64::from(conv.bias()[channel]));
            for (plane, taps) in input.chunks(width * height).zip(weights.chunks(9)) {
                for (k, &weight) in taps.iter().enumerate() {
                    let (kx, ky) = ((k % 3) as i64 - 1, (k / 3) as i64 - 1);
                    let row = y as i64 + shift[1] + ky;
                    if row < 0 || row >= height as i64 {
                        continue;
                    }
                    // The part of the row for which x + offset lies inside the input.
                    let offset = shift[0] + kx;
                    let first = (-offset).clamp(0, out_width as i64) as usize;
                    let end = (width as i64 - offset).clamp(first as i64, out_width as i64) as usize;
                    if first == end {
                        continue;
                    }
                    let start = row as usize * width + (first as i64 + offset) as usize;
                    let weight = f64::from(weight);
                    for (sum, &value) in sums[first..end].iter_mut().zip(&plane[start..]) {
                        *sum += weight * f64::from(value);
                    }
                }
            }
            for (out, &sum) in row_out.iter_mut().zip(&sums) {
                *out = if relu { sum.max(0.0) } else { sum } as f32;
            }
        }
    });
}
