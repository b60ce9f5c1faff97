//! Fast form of `src/cpu/twin/conv3x3.rs`: three matrix products a strip of rows, with nothing rearranged.
//!
//! For one row of the kernel, what an output position sums is three neighbouring input positions with all their
//! channels: 3 * inputs consecutive elements. The next position's begin one position later. So a matrix whose
//! columns overlap in memory stands for the patches of a whole strip, and one product a kernel row does it.

use super::{filters::Filter, frame::Frame, gemm::gemm};
use crate::plan::Tensor;

/// Positions of a strip: enough that streaming the weights through the cache costs little, few enough that the
/// strip's output stays in the second-level cache and that small maps still keep several threads busy. Measured on
/// VGG19 at 256x256: 128 and 512 are within 6 % of it.
const STRIP: usize = 256;

/// 3x3 cross-correlation with bias of one image; tensors as the twin takes them, of which the output's first `kept`
/// rows stay.
pub(super) fn conv3x3(
    (from, input): (&Tensor, &[f32]),
    filter: &Filter,
    relu: bool,
    (to, kept, output): (&Tensor, usize, &mut [f32]),
) {
    let (source, target) = (Frame::of(from), Frame { kept, ..Frame::of(to) });
    let written = to.region.below(kept as u32);
    let [left, top] = [0, 1].map(|axis| (written.origin[axis] - from.region.origin[axis]) as usize);
    let (inputs, outputs) = (filter.inputs, filter.outputs);

    // Even strips. Where both images have one pitch, a strip's rows follow each other on both sides, and one product
    // goes over all of them; what it makes of the frame between two rows is overwritten.
    let strips = (target.written() * target.pitch()).div_ceil(STRIP);
    let rows = target.written().div_ceil(strips);
    let joined = if source.width == target.width { rows } else { 1 };

    target.fill_strips(output, rows, |first, strip| {
        for (index, part) in strip.chunks_mut(joined * target.row()).enumerate() {
            let y = first + index * joined;
            let columns = part.len() / outputs - 2;
            for ky in 0..3 {
                let patches = &input[(top + y + ky) * source.row() + left * inputs..];
                let place = &mut part[outputs..];
                gemm(
                    [outputs, columns, 3 * inputs],
                    filter.row(ky),
                    (patches, inputs),
                    (place, outputs),
                    ky > 0,
                );
            }
        }
        for row in strip.chunks_exact_mut(target.row()) {
            let least = if relu { 0.0 } else { f32::NEG_INFINITY };
            for position in target.without_frame(row).chunks_exact_mut(outputs) {
                for (value, bias) in position.iter_mut().zip(&filter.bias) {
                    *value = (*value + bias).max(least);
                }
            }
        }
    });
}
