//! Fast form of `src/cpu/twin/relu.rs`.

use super::bordered::{Bordered, offset};
use crate::plan::Tensor;

/// max(x, 0) for every position of one image that the output holds, of which the output's first `kept` rows stay.
pub(super) fn relu((from, input): (&Tensor, &[f32]), (to, kept, output): (&Tensor, u32, &mut [f32])) {
    let source = Bordered::of(from);
    let [left, top] = offset(from, &to.region.below(kept));
    Bordered::below(to, kept).fill_rows(output, |y, row| {
        let values = &source.inner(input, top + y)[left * source.channels..];
        for (out, value) in row.iter_mut().zip(values) {
            *out = value.max(0.0);
        }
    });
}
