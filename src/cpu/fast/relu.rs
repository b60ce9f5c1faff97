//! Fast form of `src/cpu/twin/relu.rs`.

use super::frame::Frame;
use crate::plan::Tensor;

/// max(x, 0) for every element of one image, of which the output's first `kept` rows stay.
pub(super) fn relu((from, input): (&Tensor, &[f32]), (to, kept, output): (&Tensor, usize, &mut [f32])) {
    let source = Frame::of(from);
    Frame { kept, ..Frame::of(to) }.fill_rows(output, |y, row| {
        for (out, value) in row.iter_mut().zip(source.inner(input, y)) {
            *out = value.max(0.0);
        }
    });
}
