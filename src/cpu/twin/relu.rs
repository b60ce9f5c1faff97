//! Twin of `shaders/relu.wgsl`.

use crate::plan::Tensor;

/// max(x, 0) for every position that the output holds, which the input holds as well.
pub fn relu((from, input): (&Tensor, &[f32]), (to, output): (&Tensor, &mut [f32])) {
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    let [left, top] = [0, 1].map(|axis| (to.region.origin[axis] - from.region.origin[axis]) as usize);
    let planes = input.chunks(from.channel_stride() as usize);
    for (out, plane) in output.chunks_mut(to.channel_stride() as usize).zip(planes) {
        for row in 0..rows {
            let values = &plane[(top + row) * from.row_stride() as usize + left..];
            for (out, &value) in out[row * columns..][..columns].iter_mut().zip(values) {
                *out = value.max(0.0);
            }
        }
    }
}
