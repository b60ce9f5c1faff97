//! Fast form of `src/cpu/twin/max_pool.rs`.

use super::bordered::Bordered;
use crate::{cpu::simd::arch, plan::Tensor};

/// 2x2 maximum, stride 2, in the picture's own phase, of one image, of which the output's first `kept` rows stay.
pub(super) fn max_pool((from, input): (&Tensor, &[f32]), (to, kept, output): (&Tensor, u32, &mut [f32])) {
    let (source, target) = (Bordered::of(from), Bordered::below(to, kept));
    let written = to.region.below(kept);
    let [left, top] = [0, 1].map(|axis| (2 * written.origin[axis] - from.region.origin[axis]) as usize);
    let channels = source.channels;
    target.fill_rows(output, |y, row| {
        let [upper, lower] = [0, 1].map(|dy| &source.inner(input, top + 2 * y + dy)[left * channels..]);
        // Compiled for the registers there are.
        arch().dispatch(|| {
            let pairs = upper.chunks_exact(2 * channels).zip(lower.chunks_exact(2 * channels));
            for (out, (upper, lower)) in row.chunks_exact_mut(channels).zip(pairs) {
                let ((a, b), (c, d)) = (upper.split_at(channels), lower.split_at(channels));
                for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *out = a.max(*b).max(c.max(*d));
                }
            }
        });
    });
}
