//! Those of gradients.

use super::targets;
use crate::{
    criterion::Criterion,
    error::Result,
    network::Layer,
    normalization::Normalization,
    plan::{Builder, CHANNELS_OF_BITS, Operation, Plan, Region, Step, TapGradient, TensorId},
};

/// The mask of a difference, from a target of its own and from that of all. The target holds the first region, the difference the
/// second.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn masks(
    images: u32,
    channels: u32,
    [of_target, of_difference, to]: [Region; 3],
    kept: u32,
) -> Result<Vec<Plan>> {
    let plan = |targets: u32| {
        let mut plan = Builder::new();
        let target = plan.tensor("target", targets, channels, of_target);
        let difference = plan.tensor("difference", images, channels, of_difference);
        let mask = plan.bits("mask", images, channels, to);
        plan.step(Step::new("the step", Operation::ReluMask, [target, difference], [mask]).keeping(kept));
        plan.finish()
    };
    targets(images).map(plan).collect()
}

/// The routes of a pool, the target through max(x, 0) or not, of a target of the difference's own or that of all.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn routes(images: u32, channels: u32, [from, to]: [Region; 2], kept: u32) -> Result<Vec<Plan>> {
    let plan = |targets: u32, input_relu: bool| {
        let mut plan = Builder::new();
        let target = plan.tensor("target", targets, channels, from);
        let difference = plan.tensor("difference", images, channels, from);
        let routes = of_routes(&mut plan, images, channels, to);
        let operation = Operation::MaxPoolRoutes { input_relu };
        plan.step(Step::new("the step", operation, [target, difference], [routes]).keeping(kept));
        plan.finish()
    };
    targets(images).flat_map(|targets| [plan(targets, false), plan(targets, true)]).collect()
}

fn of_routes(plan: &mut Builder, images: u32, channels: u32, region: Region) -> TensorId {
    let words = 2 * channels.div_ceil(CHANNELS_OF_BITS);
    plan.bits("routes", images, words * CHANNELS_OF_BITS, region)
}

/// The gradient of pictures' values.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn pixels_gradient(images: u32, region: Region, normalization: Normalization) -> Result<Plan> {
    let shape = (images, 3, region);
    super::one_step(Operation::PixelsGradient { normalization }, &[shape], &[shape], 0)
}

/// The gradient of what a convolution reads, without a mask and with one, from that of what it makes.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn conv3x3_gradients(images: u32, layer: Layer, [from, to]: [Region; 2], kept: u32) -> Result<[Plan; 2]> {
    let plan = |masked: bool| {
        let mut plan = Builder::new();
        let mut reads = vec![plan.tensor("gradient", images, layer.outputs, from)];
        if masked {
            reads.push(plan.bits("mask", images, layer.inputs, to));
        }
        let made = plan.tensor("output", images, layer.inputs, to);
        let operation = Operation::Conv3x3Gradient { layer, masked };
        plan.step(Step::new("the step", operation, reads, [made]).keeping(kept));
        plan.finish()
    };
    Ok([plan(false)?, plan(true)?])
}

/// How a tap of a test weighs on each of its values.
const WEIGHT: f64 = 0.3;

/// A tap on a difference that the first step is the gradient of.
fn tap(plan: &mut Builder, criterion: Criterion, difference: TensorId) {
    let tensor = &plan.tensors()[difference];
    let [width, height] = tensor.region.whole.map(f64::from);
    let weight = WEIGHT * f64::from(tensor.channels) * width * height;
    plan.tap(criterion.name(), weight, criterion, difference);
}

/// What a tap adds to a gradient: of each criterion, to what is there or to nothing, through a mask or not.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn slopes(images: u32, channels: u32, [from, to]: [Region; 2], kept: u32) -> Result<Vec<Plan>> {
    let mut plans = vec![];
    for criterion in Criterion::POINTWISE {
        for (adds, masked) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut plan = Builder::new();
            let mut reads = vec![plan.tensor("difference", images, channels, from)];
            if adds {
                reads.push(plan.tensor("gradient", images, channels, to));
            }
            if masked {
                reads.push(plan.bits("mask", images, channels, from));
            }
            let made = plan.tensor("output", images, channels, to);
            let of = TapGradient { criterion, tap: 0 };
            let operation = Operation::DifferenceGradient { of, adds, masked };
            plan.step(Step::new("the step", operation, reads, [made]).keeping(kept));
            tap(&mut plan, criterion, 0);
            plans.push(plan.finish()?);
        }
    }
    Ok(plans)
}

/// A gradient that routes lead through a pool: with what a tap of each criterion adds or without, through a mask or not.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn led(images: u32, channels: u32, [from, to]: [Region; 2], kept: u32) -> Result<Vec<Plan>> {
    let mut plans = vec![];
    for criterion in [None].into_iter().chain(Criterion::POINTWISE.map(Some)) {
        for masked in [false, true] {
            let mut plan = Builder::new();
            let mut reads = vec![plan.tensor("gradient", images, channels, from)];
            reads.push(of_routes(&mut plan, images, channels, from));
            if masked {
                reads.push(plan.bits("mask", images, channels, to));
            }
            let difference = criterion.map(|_| plan.tensor("difference", images, channels, to));
            reads.extend(difference);
            let made = plan.tensor("output", images, channels, to);
            let adds = criterion.map(|criterion| TapGradient { criterion, tap: 0 });
            let operation = Operation::MaxPoolGradient { adds, masked };
            plan.step(Step::new("the step", operation, reads, [made]).keeping(kept));
            if let (Some(criterion), Some(difference)) = (criterion, difference) {
                tap(&mut plan, criterion, difference);
            }
            plans.push(plan.finish()?);
        }
    }
    Ok(plans)
}

/// Whether a plan's first step goes through a mask.
#[must_use]
pub fn is_masked(plan: &Plan) -> bool {
    plan.steps().first().is_some_and(is_through_mask)
}

/// Whether its last one does.
#[must_use]
pub fn is_last_masked(plan: &Plan) -> bool {
    plan.steps().last().is_some_and(is_through_mask)
}

fn is_through_mask(step: &Step) -> bool {
    match step.operation {
        Operation::DifferenceGradient { masked, .. }
        | Operation::LpipsGradient { masked, .. }
        | Operation::GramGradient { masked, .. }
        | Operation::MaxPoolGradient { masked, .. }
        | Operation::Conv3x3Gradient { masked, .. } => masked,
        _ => false,
    }
}

/// Whether a plan's first step adds no tap's gradient.
#[must_use]
pub fn is_plain(plan: &Plan) -> bool {
    !matches!(
        plan.steps()[0].operation,
        Operation::DifferenceGradient { .. } | Operation::MaxPoolGradient { adds: Some(_), .. }
    )
}
