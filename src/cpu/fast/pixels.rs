//! Fast forms of `src/cpu/twin/pixels.rs`.

use super::bordered::Bordered;
use crate::{cpu::twin::value, normalization::Normalization, plan::Tensor};

/// What the output's region holds of a picture, packed, to one image of a normalised tensor of three channels, of which the first
/// `kept` rows stay.
pub(super) fn pixels(packed: &[u32], normalization: &Normalization, output: (&Tensor, u32, &mut [f32])) {
    fill(normalization, output, |place, factor, offset| value(packed, place) * factor + offset);
}

/// What a picture has more than its target.
pub(super) fn pixels_difference(
    generated: &[u32],
    target: &[u32],
    normalization: &Normalization,
    output: (&Tensor, u32, &mut [f32]),
) {
    fill(normalization, output, |place, factor, _| (value(generated, place) - value(target, place)) * factor);
}

fn fill(
    normalization: &Normalization,
    (to, kept, output): (&Tensor, u32, &mut [f32]),
    of: impl Fn([usize; 3], f64, f64) -> f64 + Sync,
) {
    let channels = normalization.channels();
    Bordered::below(to, kept).fill_rows(output, |y, row| {
        for (x, position) in row.chunks_exact_mut(3).enumerate() {
            for (out, (source, factor, offset)) in position.iter_mut().zip(channels) {
                *out = of([x, kept as usize + y, source], factor, offset) as f32;
            }
        }
    });
}
