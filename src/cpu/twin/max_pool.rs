//! Twin of `shaders/max_pool.wgsl`, `max_pool.difference.wgsl`, `max_pool.routes.wgsl` and `max_pool.gradient.wgsl`.

use super::relu::loaded;
use crate::plan::{CHANNELS_OF_BITS, Tensor};

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

/// Which of the four inputs of each window is the generated picture's largest: the first, row by row, of those with the largest
/// a - max(a) + d. Words of the numbers' lower bits for all channels, 32 a word, and then of their upper bits.
pub fn max_pool_routes(
    (_, target): (&Tensor, &[f32]),
    (from, difference): (&Tensor, &[f32]),
    input_relu: bool,
    (to, routes): (&Tensor, &mut [f32]),
) {
    let plane_size = from.channel_stride() as usize;
    let (words, channels) = (to.channels as usize / 2, from.channels as usize);
    windows(from, (to, routes), |plane, window| {
        let (image, word) = (plane / to.channels as usize, plane % to.channels as usize);
        let (upper, first) = (word / words, word % words * CHANNELS_OF_BITS as usize);
        let bits =
            (first..channels.min(first + CHANNELS_OF_BITS as usize)).enumerate().map(|(bit, channel)| {
                let plane = image * channels + channel;
                // One target's planes are those of all images.
                let of_target = plane % (target.len() / plane_size) * plane_size;
                let a = window.map(|at| loaded(target[of_target + at], input_relu));
                let largest = a.into_iter().fold(f32::NEG_INFINITY, f32::max);
                let b = [0, 1, 2, 3].map(|k| a[k] - largest + difference[plane * plane_size + window[k]]);
                let route = (1..4).fold(0, |first, k| if b[k] > b[first] { k } else { first });
                (route as u32 >> upper & 1) << bit
            });
        f32::from_bits(bits.fold(0, |word, bit| word | bit))
    });
}

/// The gradient of what a max-pool reads, for every position that the output holds: that of the window that it is in, where the
/// route leads to it, and else 0. A last odd row or column is in none.
pub fn max_pool_gradient(
    (from, gradient): (&Tensor, &[f32]),
    routes: (&Tensor, &[f32]),
    (to, output): (&Tensor, &mut [f32]),
) {
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    let (channels, of_bits) = (to.channels as usize, CHANNELS_OF_BITS as usize);
    let value = |tensor: &Tensor, values: &[f32], plane: usize, [x, y]: [u32; 2]| {
        let [x, y] = [x - tensor.region.origin[0], y - tensor.region.origin[1]].map(|at| at as usize);
        values[(plane * tensor.region.extent[1] as usize + y) * tensor.row_stride() as usize + x]
    };
    for (index, out) in output.iter_mut().enumerate() {
        let [plane, y, x] = [index / columns / rows, index / columns % rows, index % columns];
        let [x, y] = [to.region.origin[0] + x as u32, to.region.origin[1] + y as u32];
        let window = [x / 2, y / 2];
        if window[0] >= from.region.whole[0] || window[1] >= from.region.whole[1] {
            *out = 0.0;
            continue;
        }
        let (image, channel) = (plane / channels, plane % channels);
        let bit = |upper: usize| {
            let words = routes.0.channels as usize;
            let plane = image * words + upper * words / 2 + channel / of_bits;
            value(routes.0, routes.1, plane, window).to_bits() >> (channel % of_bits) & 1
        };
        let leads_here = [bit(0), bit(1)] == [x % 2, y % 2];
        *out = if leads_here { value(from, gradient, plane, window) } else { 0.0 };
    }
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
