//! Fast form of `src/cpu/twin/pixels.rs`.

use super::bordered::Bordered;
use crate::{
    image::{FORMAT_F32, HEADER_WORDS},
    normalization::Normalization,
    plan::Tensor,
};

/// What the output's region holds of a picture, packed, to one image of a normalised tensor of three channels, of which the first
/// `kept` rows stay.
pub(super) fn pixels(
    packed: &[u32],
    normalization: &Normalization,
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let (header, data) = packed.split_at(HEADER_WORDS);
    let [pixel_stride, channel_stride, row_stride] = [1, 2, 3].map(|i| header[i] as usize);
    let channels = normalization.channels();
    let float = header[0] == FORMAT_F32;
    Bordered::below(to, kept).fill_rows(output, |y, row| {
        let line = &data[(kept as usize + y) * row_stride..];
        for (x, position) in row.chunks_exact_mut(3).enumerate() {
            for (out, (source, factor, offset)) in position.iter_mut().zip(channels) {
                let word = line[x * pixel_stride + source * channel_stride];
                let value = if float {
                    f64::from(f32::from_bits(word))
                } else {
                    f64::from((word >> (8 * source)) & 255) / 255.0
                };
                *out = (value * factor + offset) as f32;
            }
        }
    });
}
