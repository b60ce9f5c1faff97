//! Twin of `shaders/gram.wgsl`, `gram.sum.wgsl` and `gram.gradient.wgsl`.
//!
//! It takes the two pictures' matrices and subtracts them, in float64, where the shaders carry the difference.

use super::lpips::Features;
use crate::plan::Tensor;

/// What the generated picture's Gram matrix has more than the target's, shape (C, C), of what the region owns of an image: sums of
/// products over positions, divided by `divisor`.
#[must_use]
pub fn gram(features: Features<'_>, image: usize, divisor: f64) -> Vec<f64> {
    let (from, _) = features.difference;
    let channels = from.channels as usize;
    let [left, top, ..] = from.region.halo.map(|side| side as usize);
    let [width, height] = from.region.owned_extent().map(|side| side as usize);
    let mut matrix = vec![0.0; channels * channels];
    for y in top..top + height {
        for x in left..left + width {
            let vectors = features.at(image, [y, x]);
            for (row, values) in matrix.chunks_exact_mut(channels).enumerate() {
                let (b, a) = (vectors.generated[row], vectors.target[row]);
                for (value, (other_b, other_a)) in
                    values.iter_mut().zip(vectors.generated.iter().zip(&vectors.target))
                {
                    *value += (b * other_b - a * other_a) / divisor;
                }
            }
        }
    }
    matrix
}

/// Adds `factor` times a matrix, shape (C, C), times the generated picture's features to a gradient: `matrices` has one for each image.
pub fn gram_gradient(
    features: Features<'_>,
    matrices: &[Vec<f64>],
    factor: f64,
    (to, gradient): (&Tensor, &mut [f32]),
) {
    let (from, _) = features.difference;
    let [left, top] = [0, 1].map(|axis| (to.region.origin[axis] - from.region.origin[axis]) as usize);
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    let channels = to.channels as usize;
    for (image, matrix) in matrices.iter().enumerate() {
        for y in 0..rows {
            for x in 0..columns {
                let generated = features.at(image, [top + y, left + x]).generated;
                for (channel, row) in matrix.chunks_exact(channels).enumerate() {
                    let sum: f64 = row.iter().zip(&generated).map(|(value, b)| value * b).sum();
                    let value = &mut gradient[((image * channels + channel) * rows + y) * columns + x];
                    *value = (f64::from(*value) + factor * sum) as f32;
                }
            }
        }
    }
}
