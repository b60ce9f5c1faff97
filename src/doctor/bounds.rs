//! How far a kernel may stray from its twin.

use std::sync::Arc;

use super::{on_twin, plans};
use crate::{
    cpu::{
        executor::Executor,
        twin::{self, Features, length},
    },
    criterion::Criterion,
    error::{Error, Result},
    image::Image,
    normalization::Normalization,
    plan::{Maps, Operation, Plan, Region, TapGradient, Tensor, TensorId},
    tuning::Tuning,
    weights::{Convolution, Parameters},
};

/// How far a result may be from its twin's.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Bounds {
    /// Not at all.
    Bits,
    /// In no value. A zero may have either sign: WGSL leaves it open which of 0 and -0 is the larger, and nothing that
    /// reads a map tells them apart.
    Values,
    /// By a factor times the magnitude of what each element is made of.
    Relative(f64, Vec<f32>),
}

/// A convolution's result may differ from its twin's by this times the convolution of |input| with |weights|, plus
/// |bias| where it has one, at the position among those up to 3 away where that is largest: Winograd's convolution makes
/// the results of a tile of 4x4 from each other's inputs.
///
/// A float32 sum is rounded at each addition, by up to 2^-24 of the sum so far; that is bounded by the sum of
/// magnitudes, not by the result, which may cancel to nothing. Roundings point either way, and sums of both signs
/// stay far below the sum of their magnitudes, so that even after the 4608 products of 512 channels a few roundings
/// (6e-8 each) are what is left. A product that is missed or counted twice is 2e-4 of the sum on average.
///
/// A difference's activation, max(d + min(a, 0), -max(a, 0)), adds no magnitude to that. Its results are no further
/// apart than those of d. Where a is above 0 the sum is d. Elsewhere the sum is a result only where it is above 0: it
/// is then less than d, and so is its rounding. So a difference is held by its own magnitude, however large the
/// target's value is.
pub const CONV3X3: f64 = 1e-6;

/// A sum of differences may differ from its twin's by this, relative to the sum: its terms are all positive.
pub const SUM: f64 = 1e-6;

/// Two float32 roundings (of one unit in the last place each), relative to |value * factor| + |offset|: factor,
/// product, offset and sum are each rounded by half a unit at most.
///
/// Of a difference, relative to its own magnitude. Levels are subtracted without a rounding, also those of 8 bits from
/// those of 16, floats with one of half a unit; the factor, the product and the twin's result are rounded as well.
pub const PIXELS: f64 = 2.0 * f32::EPSILON as f64;

/// A difference of a float and a level, relative to |float * factor| + |level * factor|: the level is first divided by
/// 255 or 65,535, which WGSL may do two and a half units in the last place off. The rest is as [`PIXELS`].
pub const MIXED_PIXELS: f64 = 4.5 * f32::EPSILON as f64;

/// What a tap adds to a gradient, and the sum, relative to their magnitudes: the factor, the product and the sum are rounded by half a
/// unit at most, and so is the twin's result.
pub const GRADIENT: f64 = 2.0 * f32::EPSILON as f64;

/// What a difference counts by smooth-L1 and Charbonnier may differ from its twin's by this, relative to it: a root, two quotients, which
/// WGSL may do two and a half units in the last place off, and a few products and sums. Of squares and magnitudes it may not at all.
pub const TERM: f64 = 8.0 * f32::EPSILON as f64;

/// A sum of LPIPS's distances may differ from its twin's by this, relative to it. What two vectors differ by is right to a few roundings of
/// how long that is, but only what is across the vectors counts.
pub const LPIPS: f64 = 1e-5;

/// What a tap of LPIPS's adds to a gradient, relative to |d| / (|b| max(|a|, |b|)), twice its factor and the largest weight, and to the
/// result. What the two vectors differ by is right to a few roundings of |d|, and what is along the generated one is taken from it.
pub const LPIPS_GRADIENT: f64 = 2e-6;

/// A sum of squares of what Gram matrices differ by may differ from its twin's by this, relative to it: a few roundings of sums of
/// products are left of thousands, and each counts twice.
pub const GRAM: f64 = 1e-5;

/// What a tap of Gram matrices adds to a gradient, relative to the sum of the magnitudes that it is made of.
pub const GRAM_GRADIENT: f64 = 1e-6;

/// A value that a source's shader converts may differ from its twin's by this, relative to it, or to 0.04 where it is
/// less.
///
/// A tone map takes a dozen roundings of up to 6e-8, of which the power leaves 1 / 2.4; the sRGB curve from there on,
/// 1.055 * power - 0.055, takes four more, and where it begins, at 0.04, what cancels makes them 2.4 times as large.
/// There the line and the curve are 3e-8 apart, of which float32 may take the other.
pub const SOURCE: f64 = 1e-6;

/// A total on the device may differ from its twin's by this, relative to it: it is a sum of at most forty terms, none
/// of them negative, whose factors are rounded once and their products once.
pub const TOTAL: f64 = 1e-6;

/// A layer's loss may differ from the twins' by this, relative to it, where pictures differ in many places: a difference
/// keeps its own precision, and a few of its roundings are left. Where they differ in one, an activation whose value is
/// within a rounding of 0, and which takes the other side, can be more of the loss.
pub const LOSS: f64 = 1e-5;

/// The bounds of the tensors that step `step` writes, in their order. `twin` holds what it reads and writes. Pixels are
/// those of pairs that are both of levels or both of floats.
///
/// # Errors
/// [`Error::Config`] where there is no such step, and [`Error::Weights`] where its weights are not among `parameters`.
pub fn bounds(twin: &Executor, parameters: &Parameters, step: usize) -> Result<Vec<Bounds>> {
    let plan = twin.plan();
    let step = plan.steps().get(step).ok_or_else(|| Error::Config(format!("there is no step {step}")))?;
    let values = |id: TensorId| Ok::<_, Error>((plan.tensor(id)?, twin.read(id)?));
    match step.operation {
        Operation::Conv3x3 { layer, maps, input_relu, .. } => {
            let convolution = parameters.of_layer(&layer)?;
            let magnitudes = |(place, map): (usize, Map)| {
                let ((from, input), (to, _)) = (values(step.reads[place])?, values(step.writes[place])?);
                let magnitudes = match map {
                    Map::Target => conv3x3_magnitudes((from, &input), input_relu, convolution, to)?,
                    Map::Difference => conv3x3_difference_magnitudes((from, &input), convolution, to)?,
                };
                Ok(Bounds::Relative(CONV3X3, magnitudes))
            };
            each(maps).map(magnitudes).collect()
        }
        Operation::Pixels { normalization, maps } => {
            let magnitudes = |(place, map): (usize, Map)| {
                let (to, values) = values(step.writes[place])?;
                let magnitudes = match map {
                    Map::Target => pixels_magnitudes(&values, to, &normalization),
                    Map::Difference => absolute(&values),
                };
                Ok(Bounds::Relative(PIXELS, magnitudes))
            };
            each(maps).map(magnitudes).collect()
        }
        // Twins round as float32 does: sums of two values by float64 are rounded to the same float32.
        Operation::Relu | Operation::MaxPool { .. } => Ok(vec![Bounds::Values; step.writes.len()]),
        Operation::Copy
        | Operation::Gram { .. }
        | Operation::Lpips { .. }
        | Operation::ReluMask
        | Operation::MaxPoolRoutes { .. } => Ok(vec![Bounds::Bits; step.writes.len()]),
        Operation::Difference { criterion: Criterion::Mse | Criterion::Mae, .. } => {
            Ok(vec![Bounds::Bits; step.writes.len()])
        }
        Operation::Difference { .. } => {
            let of = |&map: &TensorId| Ok(Bounds::Relative(TERM, absolute(&values(map)?.1)));
            step.writes.iter().map(of).collect()
        }
        Operation::LpipsGradient { tap, input_relu, .. }
        | Operation::GramGradient { tap, input_relu, .. } => {
            let of = [step.reads[0], step.reads[1], step.writes[0]];
            let [difference, target, to] = of.map(values);
            let (difference, target) = (difference?, target?);
            let features = Features {
                difference: (difference.0, &difference.1),
                target: Some((target.0, &target.1)),
                input_relu,
            };
            if let Operation::GramGradient { .. } = step.operation {
                let factor = plan.gram_factor(tap) / plan.gram_divisor(tap);
                return Ok(vec![gram_bounds(features, factor, to?)]);
            }
            let weights = parameters.channel_weights(plan.taps()[tap].name, difference.0.channels)?;
            Ok(vec![lpips_bounds(features, (weights, plan.factor(tap)), to?)])
        }
        Operation::DifferenceGradient { of, .. } => {
            let (difference, to) = (step.reads[0], step.writes[0]);
            Ok(vec![tap_bounds(plan, of, values(difference)?, values(to)?)])
        }
        // What is led somewhere stays as it is.
        Operation::MaxPoolGradient { adds: None, .. } => Ok(vec![Bounds::Values]),
        Operation::MaxPoolGradient { adds: Some(of), .. } => {
            let (difference, to) = (step.reads[step.reads.len() - 1], step.writes[0]);
            Ok(vec![tap_bounds(plan, of, values(difference)?, values(to)?)])
        }
        Operation::Conv3x3Gradient { layer, .. } => {
            let transposed = parameters.of_layer(&layer)?.transposed()?;
            let ((from, input), (to, _)) = (values(step.reads[0])?, values(step.writes[0])?);
            let magnitudes = conv3x3_difference_magnitudes((from, &input), &transposed, to)?;
            Ok(vec![Bounds::Relative(CONV3X3, magnitudes)])
        }
        Operation::PixelsGradient { .. } => {
            Ok(vec![Bounds::Relative(PIXELS, absolute(&values(step.writes[0])?.1))])
        }
    }
}

/// The bounds of a gradient that a tap has added to: of its result, and of what it adds, once there and once in what was there.
fn tap_bounds(
    plan: &Plan,
    of: TapGradient,
    (from, difference): (&Tensor, Vec<f32>),
    (to, result): (&Tensor, Vec<f32>),
) -> Bounds {
    let mut slope = vec![0.0; result.len()];
    twin::difference_gradient((from, &difference), of.criterion, plan.factor(of.tap), (to, &mut slope));
    // Quotients and roots by WGSL are a few units in the last place off.
    let roundings = if matches!(of.criterion, Criterion::Mse | Criterion::Mae) { 2.0 } else { 8.0 };
    let magnitudes = result.iter().zip(&slope).map(|(result, slope)| result.abs() + roundings * slope.abs());
    Bounds::Relative(GRADIENT, magnitudes.collect())
}

/// The bounds of a gradient that a tap of LPIPS's has added to.
fn lpips_bounds(
    features: Features<'_>,
    (weights, factor): (&[f32], f64),
    (to, result): (&Tensor, Vec<f32>),
) -> Bounds {
    let (from, _) = features.difference;
    let [left, top] = [0, 1].map(|axis| (to.region.origin[axis] - from.region.origin[axis]) as usize);
    let (plane, columns) = (to.channel_stride() as usize, to.row_stride() as usize);
    let heaviest = f64::from(weights.iter().copied().fold(0.0, f32::max));
    let own = |image: usize, position: usize| {
        let vectors = features.at(image, [top + position / columns, left + position % columns]);
        let more: Vec<f64> = vectors.generated.iter().zip(&vectors.target).map(|(b, a)| b - a).collect();
        let [more, generated, target] = [&more, &vectors.generated, &vectors.target].map(|v| length(v));
        2.0 * factor * heaviest * more / (generated.max(target) * generated)
    };
    let mut magnitudes = vec![];
    for (image, values) in result.chunks(to.image_stride() as usize).enumerate() {
        let own: Vec<f64> = (0..plane).map(|position| own(image, position)).collect();
        let of_values = values.iter().enumerate();
        magnitudes.extend(of_values.map(|(index, value)| own[index % plane] as f32 + value.abs()));
    }
    Bounds::Relative(LPIPS_GRADIENT, magnitudes)
}

/// The bounds of a gradient that a tap of Gram matrices has added to: `factor` times |a + d/2| |d|ᵀ and its transpose, of all that the
/// region owns, times |b|; and the result.
fn gram_bounds(features: Features<'_>, factor: f64, (to, result): (&Tensor, Vec<f32>)) -> Bounds {
    let (from, _) = features.difference;
    let channels = to.channels as usize;
    let ([left, top, ..], [width, height]) = (from.region.halo, from.region.owned_extent());
    let [x, y] = [0, 1].map(|axis| (to.region.origin[axis] - from.region.origin[axis]) as usize);
    let (plane, columns) = (to.channel_stride() as usize, to.row_stride() as usize);
    let mut magnitudes = vec![0.0; result.len()];
    for image in 0..to.images as usize {
        let mut matrix = vec![0.0; channels * channels];
        for (row, column) in (top..top + height).flat_map(|row| (left..left + width).map(move |x| (row, x))) {
            let vectors = features.at(image, [row as usize, column as usize]);
            let both: Vec<_> = (vectors.generated.iter().zip(&vectors.target))
                .map(|(b, a)| ((a + b).abs() / 2.0, (b - a).abs()))
                .collect();
            for (index, value) in matrix.iter_mut().enumerate() {
                let ((middle, d), (other_middle, other_d)) = (both[index / channels], both[index % channels]);
                *value += middle * other_d + other_middle * d;
            }
        }
        for position in 0..plane {
            let vectors = features.at(image, [y + position / columns, x + position % columns]);
            for (channel, row) in matrix.chunks_exact(channels).enumerate() {
                let sum: f64 = row.iter().zip(&vectors.generated).map(|(value, b)| value * b.abs()).sum();
                let index = (image * channels + channel) * plane + position;
                magnitudes[index] = (factor * sum) as f32 + result[index].abs();
            }
        }
    }
    Bounds::Relative(GRAM_GRADIENT, magnitudes)
}

/// One of the maps that a step makes.
#[derive(Clone, Copy)]
enum Map {
    Target,
    Difference,
}

/// Each of the maps that a step makes, and its place among what it reads and writes.
fn each(maps: Maps) -> impl Iterator<Item = (usize, Map)> {
    let target = maps.target().then_some(Map::Target);
    target.into_iter().chain(maps.difference().then_some(Map::Difference)).enumerate()
}

impl Bounds {
    /// The same where a convolution went by this tuning, whose row says how far it may stray.
    #[must_use]
    pub fn of_tuning(self, tuning: Tuning) -> Self {
        match self {
            Self::Relative(_, magnitudes) => Self::Relative(tuning.row().bound, magnitudes),
            other => other,
        }
    }
}

/// The bounds of values that a source's shader converted, which `twin` has, before they are normalised.
#[must_use]
pub fn source_bounds(twin: &[f32]) -> Bounds {
    Bounds::Relative(SOURCE, twin.iter().map(|value| value.abs().max(0.04)).collect())
}

/// |value * factor| + |offset| of the pixels that these were made of.
fn pixels_magnitudes(values: &[f32], shape: &Tensor, normalization: &Normalization) -> Vec<f32> {
    let offsets = normalization.channels().map(|(_, _, offset)| offset as f32);
    let planes = values.chunks(shape.channel_stride() as usize).zip(offsets.iter().cycle());
    planes.flat_map(|(plane, offset)| plane.iter().map(move |v| (v - offset).abs() + offset.abs())).collect()
}

/// The bounds of what pictures have more than their targets in pairs of levels and floats.
pub(super) fn mixed_pixels_bounds(
    pairs: &[Image<'_>],
    region: Region,
    normalization: &Normalization,
) -> Result<Bounds> {
    // Without a mean to subtract, a pixel is value * factor.
    let scaled = Normalization { mean: [0.0; 3], ..*normalization };
    let plan = plans::pixels(pairs.len() as u32, region, scaled, Maps::Target)?;
    let values = on_twin(&plan, &Arc::new(Parameters::new(vec![], "none")), &[], pairs)?.read(0)?;
    let image = plan.tensors()[0].image_stride() as usize;
    let of_pair = |pair: &[f32]| -> Vec<f32> {
        let (generated, target) = pair.split_at(image);
        generated.iter().zip(target).map(|(generated, target)| generated.abs() + target.abs()).collect()
    };
    let magnitudes = values.chunks_exact(2 * image).flat_map(of_pair).collect();
    Ok(Bounds::Relative(MIXED_PIXELS, magnitudes))
}

fn absolute(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| value.abs()).collect()
}

/// The same convolution of absolute values.
fn of_absolutes(conv: &Convolution) -> Result<Convolution> {
    Convolution::new(conv.layer(), absolute(conv.weight()), absolute(conv.bias()))
}

/// The convolution of absolute values, and of those up to 3 positions away the largest: of a target's map, which may be
/// read through max(x, 0).
fn conv3x3_magnitudes(
    (from, input): (&Tensor, &[f32]),
    input_relu: bool,
    conv: &Convolution,
    to: &Tensor,
) -> Result<Vec<f32>> {
    let read = |value: &f32| if input_relu { value.max(0.0) } else { value.abs() };
    let input: Vec<f32> = input.iter().map(read).collect();
    let mut magnitudes = vec![0.0; to.elements() as usize];
    twin::conv3x3((from, &input), false, &of_absolutes(conv)?, (to, &mut magnitudes))?;
    Ok(largest_around(&magnitudes, to))
}

/// The same of a difference, which has no bias.
fn conv3x3_difference_magnitudes(
    (from, input): (&Tensor, &[f32]),
    conv: &Convolution,
    to: &Tensor,
) -> Result<Vec<f32>> {
    let mut magnitudes = vec![0.0; to.elements() as usize];
    twin::conv3x3_difference((from, &absolute(input)), None, &of_absolutes(conv)?, (to, &mut magnitudes))?;
    Ok(largest_around(&magnitudes, to))
}

/// For each element the largest of its plane up to 3 places away, across and down.
fn largest_around(values: &[f32], shape: &Tensor) -> Vec<f32> {
    let [width, height] = shape.region.extent.map(|side| side as usize);
    let planes = values.chunks(width * height);
    planes.flat_map(|plane| largest_within(plane, [width, height], 3)).collect()
}

/// For each place of a plane, the largest value up to `reach` places away, across and down.
fn largest_within(plane: &[f32], [width, height]: [usize; 2], reach: usize) -> Vec<f32> {
    let around = |at: usize, length: usize| at.saturating_sub(reach)..(at + reach + 1).min(length);
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, f32::max);
    let across: Vec<f32> = (0..width * height)
        .map(|at| largest(&mut around(at % width, width).map(|x| plane[at / width * width + x])))
        .collect();
    (0..width * height)
        .map(|at| largest(&mut around(at / width, height).map(|y| across[y * width + at % width])))
        .collect()
}
