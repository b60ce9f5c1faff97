//! Plans of one step, in each of the forms that it has, and what to feed them with.

mod gradients;
mod gram;
mod lpips;

pub use self::gradients::{
    conv3x3_gradients, is_last_masked, is_masked, is_plain, led, masks, pixels_gradient, routes, slopes,
};
pub use self::gram::{matrices, matrix_gradients};
pub use self::lpips::{LAYER, distance_gradients, distances};
use super::values::Rng;
use crate::{
    criterion::Criterion,
    error::Result,
    network::Layer,
    normalization::Normalization,
    plan::{Builder, Element, Maps, Operation, Plan, Region, Step, Tensor, TensorId},
};

/// What a tensor holds: so many images, so many channels, of a region.
pub type Shape = (u32, u32, Region);

/// A plan of one step, between tensors in the order in which it reads and writes them. The first `kept` rows of what it
/// writes are there.
///
/// # Errors
/// The plan's check's.
pub fn one_step(operation: Operation, reads: &[Shape], writes: &[Shape], kept: u32) -> Result<Plan> {
    let mut plan = Builder::new();
    let mut add = |name: &str, shapes: &[Shape]| {
        let of = |&(images, channels, region): &Shape| plan.tensor(name, images, channels, region);
        shapes.iter().map(of).collect::<Vec<_>>()
    };
    let (reads, writes) = (add("input", reads), add("output", writes));
    plan.step(Step::new("the step", operation, reads, writes).keeping(kept));
    plan.finish()
}

/// The maps that pictures become, and nothing of them.
///
/// # Errors
/// As [`one_step`].
pub fn pixels(images: u32, region: Region, normalization: Normalization, maps: Maps) -> Result<Plan> {
    let shape = (images, 3, region);
    let writes = if maps == Maps::Both { vec![shape; 2] } else { vec![shape] };
    one_step(Operation::Pixels { normalization, maps }, &[], &writes, 0)
}

/// One target for all of so many differences, and one for each.
fn targets(images: u32) -> impl Iterator<Item = u32> {
    [images, 1].into_iter().take(if images > 1 { 2 } else { 1 })
}

/// A convolution in each of its forms: of either map and of both, its input through max(x, 0) or not, the difference
/// through its activation or not, from a target of its own or from that of all.
///
/// # Errors
/// As [`one_step`].
pub fn convolutions(images: u32, layer: Layer, [from, to]: [Region; 2], kept: u32) -> Result<Vec<Plan>> {
    let (from, to) = ((images, layer.inputs, from), (images, layer.outputs, to));
    let mut plans = vec![];
    let mut plan = |maps, input_relu, relu, reads: &[Shape], writes: &[Shape]| {
        let operation = Operation::Conv3x3 { layer, maps, input_relu, relu };
        plans.push(one_step(operation, reads, writes, kept)?);
        Ok::<_, crate::Error>(())
    };
    for input_relu in [false, true] {
        plan(Maps::Target, input_relu, false, &[from], &[to])?;
    }
    plan(Maps::Difference, false, false, &[from], &[to])?;
    for targets in targets(images) {
        plan(Maps::Difference, false, true, &[from, (targets, layer.outputs, to.2)], &[to])?;
    }
    for (input_relu, relu) in [(false, false), (false, true), (true, false), (true, true)] {
        plan(Maps::Both, input_relu, relu, &[from; 2], &[to; 2])?;
    }
    Ok(plans)
}

/// The activation of a difference, from a target of its own and from that of all. The target holds `beside`.
///
/// # Errors
/// As [`one_step`].
pub fn activations(
    images: u32,
    channels: u32,
    [from, beside, to]: [Region; 3],
    kept: u32,
) -> Result<Vec<Plan>> {
    let plan = |targets: u32| {
        let reads = [(images, channels, from), (targets, channels, beside)];
        one_step(Operation::Relu, &reads, &[(images, channels, to)], kept)
    };
    targets(images).map(plan).collect()
}

/// A pool in each of its forms: of either map and of both, the target through max(x, 0) or not, from a target of the
/// difference's own or from that of all.
///
/// # Errors
/// As [`one_step`].
pub fn pools(images: u32, channels: u32, [from, to]: [Region; 2], kept: u32) -> Result<Vec<Plan>> {
    let (from, to) = ((images, channels, from), (images, channels, to));
    let mut plans = vec![];
    for input_relu in [false, true] {
        let mut plan = |maps, reads: &[Shape], writes: &[Shape]| {
            plans.push(one_step(Operation::MaxPool { maps, input_relu }, reads, writes, kept)?);
            Ok::<_, crate::Error>(())
        };
        plan(Maps::Target, &[from], &[to])?;
        for targets in targets(images) {
            plan(Maps::Difference, &[from, (targets, from.1, from.2)], &[to])?;
        }
        plan(Maps::Both, &[from; 2], &[to; 2])?;
    }
    Ok(plans)
}

/// Sums of a tensor, by each criterion, as it is and through max(x, 0): a tap each, in this order.
///
/// # Errors
/// As [`one_step`].
pub fn sums(images: u32, channels: u32, region: Region) -> Result<Plan> {
    let mut plan = Builder::new();
    let tensor = plan.tensor("features", images, channels, region);
    for criterion in Criterion::POINTWISE {
        for input_relu in [false, true] {
            plan.tap_through(criterion.name(), 1.0, criterion, tensor, input_relu);
        }
    }
    plan.finish()
}

/// The sum of a tensor that writes a map of its terms as well, at the positions that `map` has: by each criterion, of
/// the tensor as it is and through max(x, 0).
///
/// # Errors
/// As [`one_step`].
pub fn maps(images: u32, channels: u32, [from, map]: [Region; 2]) -> Result<Vec<Plan>> {
    let forms =
        Criterion::POINTWISE.into_iter().flat_map(|criterion| [false, true].map(|relu| (criterion, relu)));
    forms
        .map(|(criterion, input_relu)| {
            let mut plan = Builder::new();
            let tensor = plan.tensor("features", images, channels, from);
            let map = plan.tensor("map", images, channels, map);
            let operation = Operation::Difference { criterion, tap: 0, input_relu };
            plan.step(Step::new("the step", operation, [tensor], [map]));
            // Without the map, in a step of its own.
            plan.tap_through(criterion.name(), 1.0, criterion, tensor, input_relu);
            plan.finish()
        })
        .collect()
}

/// What the first step of a plan reads, of these values: a tensor each, none like another. Every second image of a
/// difference, or the only one where the seed is odd, is a 4096th as large as the target's values, whose roundings
/// would drown it.
#[must_use]
pub fn inputs(plan: &Plan, seed: u64, values: fn(u64, u64) -> Vec<f32>) -> Vec<Vec<f32>> {
    let step = &plan.steps()[0];
    let difference = difference_of(step.operation);
    let of = |(place, &id): (usize, &TensorId)| {
        let is_difference = Some(place) == difference;
        random(&plan.tensors()[id], (seed, place as u64), is_difference, values)
    };
    step.reads.iter().enumerate().map(of).collect()
}

/// The same of every tensor that no step of a plan makes.
#[must_use]
pub fn given(plan: &Plan, seed: u64, values: fn(u64, u64) -> Vec<f32>) -> Vec<(TensorId, Vec<f32>)> {
    let first = &plan.steps()[0];
    let difference = difference_of(first.operation).map(|place| first.reads[place]);
    let is_given = |id: &TensorId| !plan.steps().iter().any(|step| step.writes.contains(id));
    let ids = (0..plan.tensors().len()).filter(is_given);
    ids.map(|id| (id, random(&plan.tensors()[id], (seed, id as u64), Some(id) == difference, values)))
        .collect()
}

/// Which of the tensors that a step reads is a difference.
fn difference_of(operation: Operation) -> Option<usize> {
    match operation {
        Operation::Conv3x3 { maps, .. } | Operation::MaxPool { maps, .. } => {
            maps.difference().then_some(usize::from(maps.target()))
        }
        Operation::Relu
        | Operation::Lpips { .. }
        | Operation::LpipsGradient { .. }
        | Operation::Gram { .. } => Some(0),
        Operation::ReluMask | Operation::MaxPoolRoutes { .. } => Some(1),
        _ => None,
    }
}

/// A tensor's values, or random bits.
fn random(
    tensor: &Tensor,
    (seed, place): (u64, u64),
    is_difference: bool,
    values: fn(u64, u64) -> Vec<f32>,
) -> Vec<f32> {
    let seed_of_tensor = 2 * seed + place;
    if tensor.element == Element::Bits {
        let mut rng = Rng::new(seed_of_tensor);
        return (0..tensor.elements()).map(|_| f32::from_bits(rng.bits() as u32)).collect();
    }
    let mut values = values(seed_of_tensor, tensor.elements());
    if is_difference {
        for (image, values) in values.chunks_mut(tensor.image_stride() as usize).enumerate() {
            if (image as u64 + seed) % 2 == 1 {
                values.iter_mut().for_each(|value| *value /= 4096.0);
            }
        }
    }
    values
}
