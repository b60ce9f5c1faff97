//! Twin of `shaders/pixels.wgsl`.

use crate::{
    image::{FORMAT_F32, HEADER_WORDS},
    normalization::Normalization,
    plan::Tensor,
};

/// What the output's region holds of a picture, packed ([`crate::Image`], as it is uploaded), to one image of a normalised
/// (N, 3, H, W) tensor.
pub fn pixels(packed: &[u32], normalization: &Normalization, output: (&Tensor, &mut [f32])) {
    let (to, output) = output;
    let extent = to.region.extent.map(|side| side as usize);
    let (header, data) = packed.split_at(HEADER_WORDS);
    let [pixel_stride, channel_stride, row_stride] = [1, 2, 3].map(|i| header[i] as usize);
    let planes = output.chunks_mut(extent[0] * extent[1]);
    for (plane, (source, factor, offset)) in planes.zip(normalization.channels()) {
        for (i, out) in plane.iter_mut().enumerate() {
            let (x, y) = (i % extent[0], i / extent[0]);
            let word = data[y * row_stride + x * pixel_stride + source * channel_stride];
            // The format is the first word's low byte.
            let value = match header[0] & 255 {
                FORMAT_F32 => f64::from(f32::from_bits(word)),
                _ => f64::from((word >> (8 * source)) & 255) / 255.0,
            };
            *out = (value * factor + offset) as f32;
        }
    }
}
