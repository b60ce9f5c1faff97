//! Twin of `shaders/pixels.wgsl`, `pixels.difference.wgsl` and `pixels.gradient.wgsl`.

use super::conv3x3::of_target;
use crate::{
    image::{FORMAT, FORMAT_F32, FORMAT_RGB16, HEADER_WORDS},
    normalization::Normalization,
    plan::Tensor,
};

/// What the output's region holds of a picture, packed ([`crate::Image`], as it is uploaded), to one image of a normalised
/// (N, 3, H, W) tensor.
pub fn pixels(packed: &[u32], normalization: &Normalization, output: (&Tensor, &mut [f32])) {
    fill(normalization, output, |[x, y, source], factor, offset| {
        value(packed, [x, y, source]) * factor + offset
    });
}

/// What a picture has more than its target.
pub fn pixels_difference(
    generated: &[u32],
    target: &[u32],
    normalization: &Normalization,
    output: (&Tensor, &mut [f32]),
) {
    // float64 holds the difference of any two values of pictures to all of float32's digits.
    fill(normalization, output, |place, factor, _| (value(generated, place) - value(target, place)) * factor);
}

/// The gradient of pictures' values, (N, 3, H, W) in their order of channels, from that of normalised ones.
pub fn pixels_gradient(
    gradient: (&Tensor, &[f32]),
    normalization: &Normalization,
    (to, output): (&Tensor, &mut [f32]),
) {
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    let factors = normalization.factors();
    for (index, out) in output.iter_mut().enumerate() {
        let [plane, y, x] = [index / columns / rows, index / columns % rows, index % columns];
        let (channel, factor) = factors[plane % 3];
        *out = (of_target(gradient, to, [plane / 3 * 3 + channel, y, x]) * factor) as f32;
    }
}

/// A picture's value of a channel at column x and row y, 1 at full intensity.
pub(in crate::cpu) fn value(packed: &[u32], [x, y, source]: [usize; 3]) -> f64 {
    let (header, data) = packed.split_at(HEADER_WORDS);
    let [pixel_stride, channel_stride, row_stride] = [1, 2, 3].map(|i| header[i] as usize);
    let pixel = y * row_stride + x * pixel_stride;
    match header[0] & FORMAT {
        FORMAT_F32 => f64::from(f32::from_bits(data[pixel + source * channel_stride])),
        FORMAT_RGB16 => f64::from((data[pixel + source / 2] >> (16 * (source % 2))) & 0xffff) / 65535.0,
        _ => f64::from((data[pixel] >> (8 * source)) & 255) / 255.0,
    }
}

fn fill(
    normalization: &Normalization,
    (to, output): (&Tensor, &mut [f32]),
    of: impl Fn([usize; 3], f64, f64) -> f64,
) {
    let [width, height] = to.region.extent.map(|side| side as usize);
    for (plane, (source, factor, offset)) in output.chunks_mut(width * height).zip(normalization.channels()) {
        for (i, out) in plane.iter_mut().enumerate() {
            *out = of([i % width, i / width, source], factor, offset) as f32;
        }
    }
}
