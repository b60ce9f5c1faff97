//! One step of a plan through a set of kernels.

use std::{borrow::Cow, sync::Arc};

use super::{
    kernels::{BothMaps, Input, Kernels, Output, PoolDifference, Slope, TapSlope},
    twin::Features,
};
use crate::{
    error::{Error, Result},
    plan::{Maps, Operation, Plan, Step, TapGradient},
    style::Style,
};

/// Pictures as the pixels step reads them.
#[derive(Debug, Default)]
pub(super) struct Packed<'a> {
    pub(super) generated: Vec<Vec<u32>>,
    /// One for each of them, or for all; or what is compared with nothing.
    pub(super) targets: Vec<Cow<'a, [u32]>>,
}

/// What is summed at each tap, an image after another.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) sums: Vec<Vec<f64>>,
    /// What Gram matrices differ by, shape (C, C), of all parts so far.
    pub(super) matrices: Vec<Vec<Vec<f64>>>,
    /// What they begin with; with zeros where there is none.
    pub(super) style: Option<Arc<Style>>,
}

impl Sums {
    /// Nothing yet, at so many taps.
    pub(super) fn new(taps: usize) -> Self {
        Self { sums: vec![vec![]; taps], matrices: vec![vec![]; taps], style: None }
    }
}

/// Computes a step: of both maps the target's first.
pub(super) fn compute(
    plan: &Plan,
    kernels: &dyn Kernels,
    step: &Step,
    packed: &Packed<'_>,
    (reads, writes): (&[Input<'_>], Vec<Output<'_>>),
    Sums { sums, matrices, style }: &mut Sums,
) -> Result<()> {
    let mut writes = writes.into_iter();
    let (first, second) = (writes.next(), writes.next());
    let slope = |of: TapGradient, difference| TapSlope {
        difference,
        slope: Slope { criterion: of.criterion, factor: plan.factor(of.tap) },
    };
    match (step.operation, reads, first, second) {
        (Operation::Pixels { normalization, maps }, [], Some(first), second) => {
            packed.check(maps, first.0.images)?;
            let generated: Vec<&[u32]> = packed.generated.iter().map(Vec::as_slice).collect();
            let targets: Vec<&[u32]> = packed.targets.iter().map(|words| &**words).collect();
            match (maps, second) {
                (Maps::Target, _) => kernels.pixels(&targets, &normalization, first),
                (_, None) => kernels.pixels_difference(&generated, &targets, &normalization, first),
                (_, Some(second)) => {
                    kernels.pixels(&targets, &normalization, first)?;
                    kernels.pixels_difference(&generated, &targets, &normalization, second)
                }
            }
        }
        (Operation::Conv3x3 { layer, maps: Maps::Target, input_relu, .. }, &[target], Some(to), None) => {
            kernels.conv3x3(target, input_relu, &layer, to)
        }
        (Operation::Conv3x3 { layer, maps: Maps::Difference, .. }, &[difference], Some(to), None) => {
            kernels.conv3x3_difference(difference, None, &layer, to)
        }
        (Operation::Conv3x3 { layer, maps: Maps::Difference, .. }, &[difference, made], Some(to), None) => {
            kernels.conv3x3_difference(difference, Some(made), &layer, to)
        }
        (
            Operation::Conv3x3 { layer, maps: Maps::Both, input_relu, relu },
            &[target, difference],
            Some(to_target),
            Some(to_difference),
        ) => {
            let maps = BothMaps { target, input_relu, difference, relu, to_target, to_difference };
            kernels.conv3x3_both(maps, &layer)
        }
        (Operation::Relu, &[difference, target], Some(to), None) => kernels.relu(difference, target, to),
        (Operation::MaxPool { maps: Maps::Target, input_relu }, &[target], Some(to), None) => {
            kernels.max_pool(target, input_relu, to)
        }
        (Operation::MaxPool { maps, input_relu }, &[one, other], Some(first), second) => {
            let is_both = maps == Maps::Both;
            let place = usize::from(is_both);
            let breaks_ties =
                plan.convolution_of(step.reads[place]).is_some_and(|layer| kernels.breaks_ties(&layer));
            let how = PoolDifference { input_relu, breaks_ties };
            match second {
                Some(second) => kernels.max_pool_both(one, other, how, first, second),
                None => kernels.max_pool_difference(one, other, how, first),
            }
        }
        (Operation::Copy, &[from], Some(to), None) => {
            kernels.copy(from, to);
            Ok(())
        }
        (Operation::Difference { criterion, tap, input_relu }, &[(tensor, values)], map, None) => {
            let images = values.chunks_exact(kernels.image(tensor));
            let sum = |image: &[f32]| kernels.difference(tensor, criterion, input_relu, image);
            sums[tap] = images.clone().map(sum).collect();
            if let Some((shape, kept, map)) = map {
                for (image, map) in images.zip(map.chunks_exact_mut(kernels.image(shape))) {
                    kernels.difference_map(tensor, criterion, input_relu, image, (shape, kept, map));
                }
            }
            Ok(())
        }
        (Operation::Lpips { tap, input_relu }, &[difference, ref target @ ..], None, None) => {
            let features = Features { difference, target: target.first().copied(), input_relu };
            let (tensor, _) = difference;
            let weights = kernels.channel_weights(plan.taps()[tap].name, tensor.channels)?;
            let sum = |image| kernels.lpips(features, image as usize, weights);
            sums[tap] = (0..tensor.images).map(sum).collect();
            Ok(())
        }
        (Operation::Gram { tap, input_relu, adds }, &[difference, ref target @ ..], None, None) => {
            let features = Features { difference, target: target.first().copied(), input_relu };
            let divisor = plan.gram_divisor(tap);
            let images = 0..difference.0.images as usize;
            let made = images.map(|image| kernels.gram(features, image, divisor));
            let all = &mut matrices[tap];
            if adds && !all.is_empty() {
                all.iter_mut().zip(made).for_each(|(all, part)| add(all, &part));
            } else {
                *all = made.collect();
                if let Some(style) = style.as_ref().and_then(|style| style.of_tap(tap)) {
                    all.iter_mut().for_each(|matrix| add(matrix, style));
                }
            }
            let squares = |matrix: &Vec<f64>| matrix.iter().map(|value| value * value).sum();
            sums[tap] = all.iter().map(squares).collect();
            Ok(())
        }
        (
            Operation::GramGradient { tap, input_relu, adds, .. },
            &[difference, target, ref beside @ ..],
            Some(to),
            None,
        ) => {
            let features = Features { difference, target: Some(target), input_relu };
            let (added, mask) = beside.split_at(usize::from(adds));
            let (added, mask) = (added.first().copied(), mask.first().copied());
            let matrices = &matrices[tap];
            if matrices.len() != difference.0.images as usize {
                return Err(Error::Config(format!(
                    "step '{}' is of a matrix that was not made yet",
                    step.name
                )));
            }
            kernels.gram_gradient(features, (matrices, plan.gram_factor(tap)), added, mask, to)
        }
        (
            Operation::LpipsGradient { tap, input_relu, adds, .. },
            &[difference, target, ref beside @ ..],
            Some(to),
            None,
        ) => {
            let features = Features { difference, target: Some(target), input_relu };
            let weights = kernels.channel_weights(plan.taps()[tap].name, difference.0.channels)?;
            let (added, mask) = beside.split_at(usize::from(adds));
            let (added, mask) = (added.first().copied(), mask.first().copied());
            kernels.lpips_gradient(features, (weights, plan.factor(tap)), added, mask, to)
        }
        (Operation::ReluMask, &[target, difference], Some(mask), None) => {
            kernels.relu_mask(target, difference, mask)
        }
        (Operation::MaxPoolRoutes { input_relu }, &[target, difference], Some(routes), None) => {
            kernels.max_pool_routes(target, difference, input_relu, routes)
        }
        (Operation::DifferenceGradient { of, adds, .. }, &[difference, ref beside @ ..], Some(to), None) => {
            let (added, mask) = beside.split_at(usize::from(adds));
            let (added, mask) = (added.first().copied(), mask.first().copied());
            kernels.difference_gradient(slope(of, difference), added, mask, to)
        }
        (
            Operation::MaxPoolGradient { adds, masked },
            &[gradient, routes, ref beside @ ..],
            Some(to),
            None,
        ) => {
            let (mask, difference) = beside.split_at(usize::from(masked));
            let tap = adds.zip(difference.first()).map(|(of, difference)| slope(of, *difference));
            kernels.max_pool_gradient(gradient, routes, mask.first().copied(), tap, to)
        }
        (Operation::Conv3x3Gradient { layer, .. }, &[gradient, ref mask @ ..], Some(to), None) => {
            kernels.conv3x3_gradient(gradient, mask.first().copied(), &layer, to)
        }
        (Operation::PixelsGradient { normalization }, &[gradient], Some(to), None) => {
            kernels.pixels_gradient(gradient, &normalization, to)
        }
        // The check of a plan lets no such step through. Each is named, so that a new one is not forgotten here.
        (
            Operation::Pixels { .. }
            | Operation::Conv3x3 { .. }
            | Operation::Relu
            | Operation::MaxPool { .. }
            | Operation::Copy
            | Operation::Difference { .. }
            | Operation::Lpips { .. }
            | Operation::LpipsGradient { .. }
            | Operation::Gram { .. }
            | Operation::GramGradient { .. }
            | Operation::ReluMask
            | Operation::MaxPoolRoutes { .. }
            | Operation::DifferenceGradient { .. }
            | Operation::MaxPoolGradient { .. }
            | Operation::Conv3x3Gradient { .. }
            | Operation::PixelsGradient { .. },
            ..,
        ) => Err(Error::Config(format!("step '{}' lacks a tensor", step.name))),
    }
}

/// Adds a matrix to another.
fn add(to: &mut [f64], matrix: &[f64]) {
    to.iter_mut().zip(matrix).for_each(|(sum, value)| *sum += value);
}

impl Packed<'_> {
    /// That there are as many pictures as the step has images.
    fn check(&self, maps: Maps, images: u32) -> Result<()> {
        let (generated, targets) = (self.generated.len(), self.targets.len());
        let (given, wanted, fits) = if maps.difference() {
            let fits = generated == images as usize && (targets == generated || targets == 1);
            (generated + targets, 2 * images, fits)
        } else {
            (targets, images, targets == images as usize)
        };
        if fits {
            return Ok(());
        }
        Err(Error::Image(format!("{given} pictures were given; the plan is for {wanted}")))
    }
}
