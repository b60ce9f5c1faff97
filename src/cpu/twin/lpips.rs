//! Twin of `shaders/lpips.wgsl` and `lpips.gradient.wgsl`.
//!
//! It takes the two pictures' features and subtracts what they become, in float64, where the shaders carry the difference.

use super::relu::loaded;
use crate::plan::Tensor;

/// What is added to lengths, as the package lpips has it.
const EPSILON: f64 = 1e-10;

/// Two pictures' features: a difference, the target, or zeros where there is none, and whether that is read through max(x, 0); where
/// there is none, the difference is.
#[derive(Clone, Copy)]
pub struct Features<'a> {
    /// Shape (N, C, H, W).
    pub difference: (&'a Tensor, &'a [f32]),
    /// Shape (N, C, H, W), or one image for all.
    pub target: Option<(&'a Tensor, &'a [f32])>,
    /// Whether the target, or the difference where there is none, is read through max(x, 0).
    pub input_relu: bool,
}

/// The two vectors of channels at a position.
pub(crate) struct Vectors {
    pub(crate) target: Vec<f64>,
    pub(crate) generated: Vec<f64>,
}

impl Features<'_> {
    /// Those of an image, at a row and a column of the difference's.
    pub(crate) fn at(&self, image: usize, [y, x]: [usize; 2]) -> Vectors {
        let (from, difference) = self.difference;
        let channels = from.channels as usize;
        let [columns, rows] = from.region.extent.map(|side| side as usize);
        // One target is that of all images.
        let of_target = |(tensor, values): (&Tensor, &[f32]), channel: usize| {
            let place = [x, y].map(|at| at as u32);
            let [x, y] = [0, 1]
                .map(|axis| (from.region.origin[axis] + place[axis] - tensor.region.origin[axis]) as usize);
            let image = if tensor.images == 1 { 0 } else { image };
            let [columns, rows] = tensor.region.extent.map(|side| side as usize);
            values[((image * channels + channel) * rows + y) * columns + x]
        };
        let both = (0..channels).map(|channel| {
            let difference = difference[((image * channels + channel) * rows + y) * columns + x];
            match self.target {
                Some(target) => {
                    let target = f64::from(loaded(of_target(target, channel), self.input_relu));
                    (target, target + f64::from(difference))
                }
                None => (0.0, f64::from(loaded(difference, self.input_relu))),
            }
        });
        let (target, generated) = both.unzip();
        Vectors { target, generated }
    }
}

impl Vectors {
    /// What they differ by once each is divided by its length.
    fn difference(&self) -> Vec<f64> {
        let unit = |vector: &[f64]| {
            let length = length(vector) + EPSILON;
            vector.iter().map(|value| value / length).collect::<Vec<_>>()
        };
        let (target, generated) = (unit(&self.target), unit(&self.generated));
        generated.iter().zip(&target).map(|(generated, target)| generated - target).collect()
    }
}

pub(crate) fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// The sum over the positions of an image that its region owns of the distance there, by channels' `weights`.
#[must_use]
pub fn lpips(features: Features<'_>, image: usize, weights: &[f32]) -> f64 {
    let region = &features.difference.0.region;
    let [left, top, ..] = region.halo.map(|side| side as usize);
    let [width, height] = region.owned_extent().map(|side| side as usize);
    let mut sum = 0.0;
    for y in top..top + height {
        for x in left..left + width {
            let difference = features.at(image, [y, x]).difference();
            let terms = difference.iter().zip(weights).map(|(d, weight)| f64::from(*weight) * d * d);
            sum += terms.sum::<f64>();
        }
    }
    sum
}

/// Adds the gradient of that sum, times `factor`, to a gradient of the difference. It adds 0 where the generated picture's features are
/// all 0.
pub fn lpips_gradient(
    features: Features<'_>,
    weights: &[f32],
    factor: f64,
    (to, gradient): (&Tensor, &mut [f32]),
) {
    let (from, _) = features.difference;
    let [left, top] = [0, 1].map(|axis| (to.region.origin[axis] - from.region.origin[axis]) as usize);
    let [columns, rows] = to.region.extent.map(|side| side as usize);
    let channels = to.channels as usize;
    for image in 0..to.images as usize {
        for y in 0..rows {
            for x in 0..columns {
                let vectors = features.at(image, [top + y, left + x]);
                let generated = &vectors.generated;
                let length = length(generated);
                if length == 0.0 {
                    continue;
                }
                let difference = vectors.difference();
                let slopes: Vec<f64> = (difference.iter().zip(weights))
                    .map(|(d, weight)| 2.0 * factor * f64::from(*weight) * d)
                    .collect();
                let along: f64 = slopes.iter().zip(generated).map(|(slope, b)| slope * b).sum();
                let whole = length + EPSILON;
                for (channel, (slope, b)) in slopes.iter().zip(generated).enumerate() {
                    let value = &mut gradient[((image * channels + channel) * rows + y) * columns + x];
                    let own = slope / whole - b * along / (length * whole * whole);
                    *value = (f64::from(*value) + own) as f32;
                }
            }
        }
    }
}
