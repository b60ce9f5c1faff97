//! Twin of `shaders/max_pool.wgsl` and `shaders/max_pool.difference.wgsl`.

use super::relu::loaded;
use crate::plan::Tensor;

/// 2x2 maximum, stride 2, of `input` or of max(input, 0), in the picture's own phase: output position (x, y) of the feature map
/// covers input positions (2x, 2y) to (2x + 1, 2y + 1), wherever the regions lie.
pub fn max_pool(input: (&Tensor, &[f32]), input_relu: bool, output: (&Tensor, &mut [f32])) {
    windows(input.0, output, |plane, window| {
        window
            .map(|at| loaded(input.1[plane * input.0.channel_stride() as usize + at], input_relu))
            .into_iter()
            .fold(f32::NEG_INFINITY, f32::max)
    });
}

/// The same of a difference d from a target a: max(a + d) - max(a), which is max(a - max(a) + d) over the four.
///
/// What is less than max(a) by the share `tied` of it at the most counts as a tie. Values of a that all but tie with the largest
/// count as the largest; and where a + d is largest elsewhere, and all but ties with a + d where a is largest, it is that one, if
/// that changes the result by an eighth at the most.
pub fn max_pool_difference(
    (from, difference): (&Tensor, &[f32]),
    (_, target): (&Tensor, &[f32]),
    input_relu: bool,
    tied: f32,
    output: (&Tensor, &mut [f32]),
) {
    let plane_size = from.channel_stride() as usize;
    windows(from, output, |plane, window| {
        // One target's planes are those of all images.
        let of_target = plane % (target.len() / plane_size) * plane_size;
        let a = window.map(|at| target[of_target + at]).map(|a| loaded(a, input_relu));
        let largest = a.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let d = window.map(|at| difference[plane * plane_size + at]);
        let (mut all, mut at_largest) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        for (a, d) in a.into_iter().zip(d) {
            let less = a - largest;
            if -less <= tied * largest {
                all = all.max(d);
                at_largest = at_largest.max(d);
            } else {
                all = all.max(d + less);
            }
        }
        if all - at_largest <= (tied * largest).min(at_largest.abs() / 8.0) { at_largest } else { all }
    });
}

/// Fills the output by `pool`, which gets a plane's number and the four places in it.
fn windows(from: &Tensor, (to, output): (&Tensor, &mut [f32]), pool: impl Fn(usize, [usize; 4]) -> f32) {
    let width = from.region.extent[0] as usize;
    let (out_width, out_height) = (to.region.extent[0] as usize, to.region.extent[1] as usize);
    let first = [0, 1].map(|axis| (2 * to.region.origin[axis] - from.region.origin[axis]) as usize);
    for (plane, output) in output.chunks_mut(out_width * out_height).enumerate() {
        for (i, out) in output.iter_mut().enumerate() {
            let (x, y) = (first[0] + 2 * (i % out_width), first[1] + 2 * (i / out_width));
            let at = |dx: usize, dy: usize| (y + dy) * width + x + dx;
            *out = pool(plane, [at(0, 0), at(1, 0), at(0, 1), at(1, 1)]);
        }
    }
}
