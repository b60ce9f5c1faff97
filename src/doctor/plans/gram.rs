//! Those of Gram matrices.

use super::targets;
use crate::{
    error::Result,
    plan::{Builder, Operation, Plan, Region, Step, TensorId},
};

/// What the tap is called.
const NAME: &str = "gram";

/// Matrices in each of their forms: from a target of the difference's own and from that of all, which is read through max(x, 0) or not;
/// and of features alone. The target holds the first region, the difference the second.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn matrices(images: u32, channels: u32, [of_target, of_difference]: [Region; 2]) -> Result<Vec<Plan>> {
    let plan = |targets: Option<u32>, input_relu: bool| {
        let mut plan = Builder::new();
        let difference = plan.tensor("difference", images, channels, of_difference);
        let target = targets.map(|targets| plan.tensor("target", targets, channels, of_target));
        plan.gram_tap(NAME, 1.0, difference, target, input_relu);
        plan.finish()
    };
    let forms = targets(images).map(Some).chain([None]);
    forms.flat_map(|targets| [plan(targets, false), plan(targets, true)]).collect()
}

/// The same matrices, and then, by a second step, what they add to a gradient: to what is there or to nothing, through a mask or not.
///
/// # Errors
/// As [`one_step`](super::one_step).
pub fn matrix_gradients(
    images: u32,
    channels: u32,
    [of_target, from, to]: [Region; 3],
) -> Result<Vec<(Plan, TensorId)>> {
    let mut plans = vec![];
    for targets in targets(images) {
        for (input_relu, adds, masked) in
            [(false, false, false), (false, false, true), (true, true, false), (true, true, true)]
        {
            let mut plan = Builder::new();
            let difference = plan.tensor("difference", images, channels, from);
            let target = plan.tensor("target", targets, channels, of_target);
            // So that what it adds is of the order of the features.
            let weight = f64::from(channels).powi(2) * f64::from(channels);
            plan.gram_tap(NAME, weight, difference, Some(target), input_relu);
            let mut reads = vec![difference, target];
            if adds {
                reads.push(plan.tensor("gradient", images, channels, to));
            }
            if masked {
                reads.push(plan.bits("mask", images, channels, from));
            }
            let made = plan.tensor("output", images, channels, to);
            let operation = Operation::GramGradient { tap: 0, input_relu, adds, masked };
            plan.step(Step::new("the gradient", operation, reads, [made]));
            plans.push((plan.finish()?, made));
        }
    }
    Ok(plans)
}
