//! Twin of `shaders/difference.wgsl`.

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
                sum += match criterion {
                    Criterion::Mse => difference * difference,
                    Criterion::Mae => difference.abs(),
                };
            }
        }
    }
    sum
}
