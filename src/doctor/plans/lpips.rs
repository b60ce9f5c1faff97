//! Those of LPIPS's distances.

use super::targets;
use crate::{
    error::Result,
    plan::{Builder, Operation, Plan, Region, Step, TensorId},
};

/// The layer whose channels' weights the plans here take.
pub const LAYER: &str = "relu1_2";

/// How a tap of a test weighs.
const WEIGHT: f64 = 0.3;

/// Distances in each of their forms: from a target of the difference's own and from that of all, which is read through max(x, 0) or
/// not; and of features alone. The target holds the first region, the difference the second.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn distances(images: u32, channels: u32, [of_target, of_difference]: [Region; 2]) -> Result<Vec<Plan>> {
    let plan = |targets: Option<u32>, input_relu: bool| {
        let mut plan = Builder::new();
        let difference = plan.tensor("difference", images, channels, of_difference);
        let target = targets.map(|targets| plan.tensor("target", targets, channels, of_target));
        plan.lpips_tap(LAYER, WEIGHT, difference, target, input_relu);
        plan.finish()
    };
    let forms = targets(images).map(Some).chain([None]);
    forms.flat_map(|targets| [plan(targets, false), plan(targets, true)]).collect()
}

/// What they add to a gradient: to what is there or to nothing, through a mask or not.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn distance_gradients(
    images: u32,
    channels: u32,
    [of_target, from, to]: [Region; 3],
    kept: u32,
) -> Result<Vec<Plan>> {
    let mut plans = vec![];
    for targets in targets(images) {
        for (input_relu, adds, masked) in
            [(false, false, false), (false, false, true), (true, true, false), (true, true, true)]
        {
            let mut plan = Builder::new();
            let difference = plan.tensor("difference", images, channels, from);
            let mut reads = vec![difference, plan.tensor("target", targets, channels, of_target)];
            if adds {
                reads.push(plan.tensor("gradient", images, channels, to));
            }
            if masked {
                reads.push(plan.bits("mask", images, channels, from));
            }
            let made = plan.tensor("output", images, channels, to);
            let operation = Operation::LpipsGradient { tap: 0, input_relu, adds, masked };
            plan.step(Step::new("the step", operation, reads, [made]).keeping(kept));
            tap(&mut plan, difference);
            plans.push(plan.finish()?);
        }
    }
    Ok(plans)
}

/// A tap on a difference that the first step is the gradient of, whose weight a position is of the order of 1.
fn tap(plan: &mut Builder, difference: TensorId) {
    let [width, height] = plan.tensors()[difference].region.whole.map(f64::from);
    plan.lpips_tap(LAYER, WEIGHT * width * height, difference, None, false);
}
