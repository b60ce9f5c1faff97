//! Twin of `shaders/relu.wgsl` and `shaders/include/activation.wgsl`.

use super::conv3x3::of_target;
use crate::plan::Tensor;

/// The activation of a difference from a target, max(a + d, 0) - max(a, 0), for every position that the output holds, which both
/// hold as well.
pub fn relu(
    (from, input): (&Tensor, &[f32]),
    target: (&Tensor, &[f32]),
    (to, output): (&Tensor, &mut [f32]),
) {
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    for (index, out) in output.iter_mut().enumerate() {
        let place = [index / columns / rows, index / columns % rows, index % columns];
        let difference = of_target((from, input), to, place);
        *out = difference_through_relu(difference, of_target(target, to, place)) as f32;
    }
}

/// A target's value as it is read: max(x, 0) where it is stored before its activation.
pub(super) fn loaded(value: f32, input_relu: bool) -> f32 {
    if input_relu { value.max(0.0) } else { value }
}

/// d, -a, a + d or 0, as a and a + d are positive or not: a sum that cancels is made only where it is the result.
pub(super) fn difference_through_relu(d: f64, a: f64) -> f64 {
    (d + a.min(0.0)).max(-a.max(0.0))
}
