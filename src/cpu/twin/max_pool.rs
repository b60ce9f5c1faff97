//! Twin of `shaders/max_pool.wgsl`.

use crate::plan::Tensor;

/// 2x2 maximum, stride 2, in the picture's own phase: output position (x, y) of the feature map covers input
/// positions (2x, 2y) to (2x + 1, 2y + 1), wherever the regions lie.
pub fn max_pool(input: (&Tensor, &[f32]), output: (&Tensor, &mut [f32])) {
    let ((from, input), (to, output)) = (input, output);
    let width = from.region.extent[0] as usize;
    let (out_width, out_height) = (to.region.extent[0] as usize, to.region.extent[1] as usize);
    let first = [0, 1].map(|axis| (2 * to.region.origin[axis] - from.region.origin[axis]) as usize);

    let planes = input.chunks(from.region.positions() as usize);
    for (plane, output) in planes.zip(output.chunks_mut(out_width * out_height)) {
        for (i, out) in output.iter_mut().enumerate() {
            let (x, y) = (first[0] + 2 * (i % out_width), first[1] + 2 * (i / out_width));
            let at = |dx: usize, dy: usize| plane[(y + dy) * width + x + dx];
            *out = at(0, 0).max(at(1, 0)).max(at(0, 1)).max(at(1, 1));
        }
    }
}
