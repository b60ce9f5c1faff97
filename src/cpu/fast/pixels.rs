//! Fast forms of `src/cpu/twin/pixels.rs`.

use super::bordered::{Bordered, Lying};
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

/// The gradient of pictures' values, in their order of channels, of one image.
pub(super) fn pixels_gradient(
    (from, gradient): (&Tensor, &[f32]),
    normalization: &Normalization,
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let gradient = Lying::under(from, gradient, &to.region.below(kept));
    let factors = normalization.factors();
    Bordered::below(to, kept).fill_rows(output, |y, row| {
        for (out, gradient) in row.chunks_exact_mut(3).zip(gradient.row(y).chunks_exact(3)) {
            for (out, (channel, factor)) in out.iter_mut().zip(factors) {
                *out = (f64::from(gradient[channel]) * factor) as f32;
            }
        }
    });
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
