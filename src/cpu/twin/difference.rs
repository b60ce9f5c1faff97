//! Twin of `shaders/difference.wgsl`, `difference.map.wgsl` and `difference.gradient.wgsl`.

use super::{conv3x3::of_target, relu::loaded};
use crate::{criterion::Criterion, plan::Tensor};

/// The sum over one image, as far as the region owns it, of what each value of a difference counts; or of features, through
/// max(x, 0). `image` is one (C, H, W) of tensors like `shape`.
#[must_use]
pub fn difference(shape: &Tensor, criterion: Criterion, input_relu: bool, image: &[f32]) -> f64 {
    let region = &shape.region;
    let width = region.extent[0] as usize;
    let [left, top, ..] = region.halo.map(|v| v as usize);
    let [owned_width, owned_height] = region.owned_extent().map(|v| v as usize);
    let mut sum = 0.0;
    for channel in 0..shape.channels as usize {
        for row in top..top + owned_height {
            let start = channel * region.positions() as usize + row * width + left;
            let values = image[start..][..owned_width].iter();
            sum += values.map(|&value| measure(criterion, input_relu, value)).sum::<f64>();
        }
    }
    sum
}

/// Each position's own part of that sum, to one image (C, H, W) of a map, of which the first `kept` rows stay. The map's
/// halo gets its part as well.
pub fn difference_map(
    shape: &Tensor,
    criterion: Criterion,
    input_relu: bool,
    image: &[f32],
    (to, kept, map): (&Tensor, u32, &mut [f32]),
) {
    let width = shape.region.extent[0] as usize;
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    let at = |channel: usize, row: usize, column: usize| {
        let [x, y] = [column, row].map(|at| at as u32);
        let x = (to.region.origin[0] + x - shape.region.origin[0]) as usize;
        let y = (to.region.origin[1] + y - shape.region.origin[1]) as usize;
        channel * shape.region.positions() as usize + y * width + x
    };
    for channel in 0..shape.channels as usize {
        for row in kept as usize..rows {
            for column in 0..columns {
                let value = image[at(channel, row, column)];
                map[(channel * rows + row) * columns + column] = measure(criterion, input_relu, value) as f32;
            }
        }
    }
}

/// Adds a tap's part to a gradient: the derivative of its criterion at each difference, times `factor`.
pub fn difference_gradient(
    difference: (&Tensor, &[f32]),
    criterion: Criterion,
    factor: f64,
    (to, gradient): (&Tensor, &mut [f32]),
) {
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    for (index, value) in gradient.iter_mut().enumerate() {
        let place = [index / columns / rows, index / columns % rows, index % columns];
        *value = (f64::from(*value) + factor * criterion.slope(of_target(difference, to, place))) as f32;
    }
}

fn measure(criterion: Criterion, input_relu: bool, value: f32) -> f64 {
    criterion.term(f64::from(loaded(value, input_relu)))
}
