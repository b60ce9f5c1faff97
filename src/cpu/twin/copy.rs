//! Twin of `shaders/copy.wgsl`.

use crate::plan::Tensor;

/// The positions that both tensors hold, from one to the other; all others of the output stay as they are.
pub fn copy((from, input): (&Tensor, &[f32]), (to, output): (&Tensor, &mut [f32])) {
    let Some(shared) = from.region.shared(&to.region) else { return };
    let [columns, rows] = shared.extent.map(|side| side as usize);
    let first = |tensor: &Tensor, row: usize| {
        let [x, y] = [0, 1].map(|axis| (shared.origin[axis] - tensor.region.origin[axis]) as usize);
        (y + row) * tensor.row_stride() as usize + x
    };
    let planes = output.chunks_mut(to.channel_stride() as usize);
    for (out, plane) in planes.zip(input.chunks(from.channel_stride() as usize)) {
        for row in 0..rows {
            out[first(to, row)..][..columns].copy_from_slice(&plane[first(from, row)..][..columns]);
        }
    }
}
