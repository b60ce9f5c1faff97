//! Twin of `shaders/difference.wgsl` and `shaders/difference.map.wgsl`.

use crate::{config::Criterion, plan::Tensor};

/// The sum over one picture's features, as far as the region owns them, of the squared or absolute difference.
/// `a` and `b` are images (C, H, W) of tensors like `shape`.
#[must_use]
pub fn difference(shape: &Tensor, criterion: Criterion, a: &[f32], b: &[f32]) -> f64 {
    let region = &shape.region;
    let width = region.extent[0] as usize;
    let [left, top, ..] = region.halo.map(|v| v as usize);
    let [owned_width, owned_height] = region.owned_extent().map(|v| v as usize);
    let mut sum = 0.0;
    for channel in 0..shape.channels as usize {
        for row in top..top + owned_height {
            let start = channel * region.positions() as usize + row * width + left;
            for (a, b) in a[start..][..owned_width].iter().zip(&b[start..]) {
                let difference = f64::from(*a) - f64::from(*b);
                sum += measure(criterion, difference);
            }
        }
    }
    sum
}

/// Each position's own part of that sum, to one image (C, H, W) of a map, of which the first `kept` rows stay. The map's
/// halo gets its part as well.
pub fn difference_map(
    shape: &Tensor,
    criterion: Criterion,
    [a, b]: [&[f32]; 2],
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
                let place = at(channel, row, column);
                let difference = f64::from(a[place]) - f64::from(b[place]);
                map[(channel * rows + row) * columns + column] = measure(criterion, difference) as f32;
            }
        }
    }
}

fn measure(criterion: Criterion, difference: f64) -> f64 {
    match criterion {
        Criterion::Mse => difference * difference,
        Criterion::Mae => difference.abs(),
    }
}
