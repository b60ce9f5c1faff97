//! Twin of `shaders/relu.wgsl`, `relu.mask.wgsl`, `relu.gradient.wgsl` and `include/activation.wgsl`.

use super::conv3x3::of_target;
use crate::plan::{CHANNELS_OF_BITS, Tensor};

/// The activation of a difference from a target, max(a + d, 0) - max(a, 0), for every position that the output holds, which both
/// hold as well.
pub fn relu(
    (from, input): (&Tensor, &[f32]),
    target: (&Tensor, &[f32]),
    (to, output): (&Tensor, &mut [f32]),
) {
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    for (index, out) in output.iter_mut().enumerate() {
        let place = [index / columns / rows, index / columns % rows, index % columns];
        let difference = of_target((from, input), to, place);
        *out = difference_through_relu(difference, of_target(target, to, place)) as f32;
    }
}

/// Where the generated picture's activation is positive: the bits of max(a, 0) + d > 0, of a target a before its activation and the
/// difference d behind it, 32 channels a word, the first in the lowest bit.
pub fn relu_mask(
    target: (&Tensor, &[f32]),
    (from, difference): (&Tensor, &[f32]),
    (to, mask): (&Tensor, &mut [f32]),
) {
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    let (words, channels) = (to.channels as usize, from.channels as usize);
    for (index, out) in mask.iter_mut().enumerate() {
        let [plane, y, x] = [index / columns / rows, index / columns % rows, index % columns];
        let (image, first) = (plane / words, plane % words * CHANNELS_OF_BITS as usize);
        let bits =
            (first..channels.min(first + CHANNELS_OF_BITS as usize)).enumerate().map(|(bit, channel)| {
                let place = [image * channels + channel, y, x];
                let generated =
                    of_target(target, to, place).max(0.0) + of_target((from, difference), to, place);
                u32::from(generated > 0.0) << bit
            });
        *out = f32::from_bits(bits.fold(0, |word, bit| word | bit));
    }
}

/// A gradient where a mask has its bit, and else 0.
pub fn relu_gradient(mask: (&Tensor, &[f32]), (to, gradient): (&Tensor, &mut [f32])) {
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    for (index, value) in gradient.iter_mut().enumerate() {
        if !bit(mask, to, [index / columns / rows, index / columns % rows, index % columns]) {
            *value = 0.0;
        }
    }
}

/// The bit of a place of a tensor's: plane, row and column.
pub(super) fn bit((tensor, words): (&Tensor, &[f32]), of: &Tensor, [plane, y, x]: [usize; 3]) -> bool {
    let (channels, of_bits) = (of.channels as usize, CHANNELS_OF_BITS as usize);
    let (image, channel) = (plane / channels, plane % channels);
    let [left, top] = [0, 1].map(|axis| (of.region.origin[axis] - tensor.region.origin[axis]) as usize);
    let plane = image * tensor.channels as usize + channel / of_bits;
    let row = plane * tensor.region.extent[1] as usize + top + y;
    words[row * tensor.row_stride() as usize + left + x].to_bits() >> (channel % of_bits) & 1 != 0
}

/// A target's value as it is read: max(x, 0) where it is stored before its activation.
pub(super) fn loaded(value: f32, input_relu: bool) -> f32 {
    if input_relu { value.max(0.0) } else { value }
}

/// d, -a, a + d or 0, as a and a + d are positive or not: a sum that cancels is made only where it is the result.
pub(super) fn difference_through_relu(d: f64, a: f64) -> f64 {
    (d + a.min(0.0)).max(-a.max(0.0))
}
