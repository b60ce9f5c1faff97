//! Fast form of `src/cpu/twin/relu.rs`.

use super::bordered::{Bordered, offset};
use crate::{cpu::simd::arch, plan::Tensor};

/// The activation of a difference from a target, for every position of one image that the output holds, of which the output's first
/// `kept` rows stay.
pub(super) fn relu(
    (from, input): (&Tensor, &[f32]),
    (of_target, target): (&Tensor, &[f32]),
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let row_of = |tensor: &Tensor| {
        let (bordered, [left, top]) = (Bordered::of(tensor), offset(tensor, &to.region.below(kept)));
        move |y: usize| (bordered, top + y, left * bordered.channels)
    };
    let (input_row, target_row) = (row_of(from), row_of(of_target));
    Bordered::below(to, kept).fill_rows(output, |y, row| {
        let (bordered, line, first) = input_row(y);
        let d = &bordered.inner(input, line)[first..];
        let (bordered, line, first) = target_row(y);
        let a = &bordered.inner(target, line)[first..];
        // Compiled for the registers there are.
        arch().dispatch(|| {
            for ((out, d), a) in row.iter_mut().zip(d).zip(a) {
                *out = difference_through_relu(*d, *a);
            }
        });
    });
}

/// d, -a, a + d or 0, as a and a + d are positive or not.
#[inline(always)]
pub(super) fn difference_through_relu(d: f32, a: f32) -> f32 {
    (d + a.min(0.0)).max(-a.max(0.0))
}
