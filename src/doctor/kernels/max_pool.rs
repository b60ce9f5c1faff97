//! Pools of either map, and the rule for ties.

use std::sync::Arc;

use super::{all, hold, no_weights, options};
use crate::{
    Context, Tuning,
    cpu::twin,
    doctor::{
        Bounds, Deviation, compare,
        executor::AnyExecutor,
        plans::{inputs, pools},
        subject::tunings,
        values::{features, values},
    },
    error::Result,
    network::Layer,
    plan::{Builder, Maps, Operation, Plan, Region, Step, TIED},
    weights::{Convolution, Parameters},
};

/// Odd sides, whose last row or column is dropped, and a tile whose input begins at odd positions.
fn plans() -> Result<Vec<Plan>> {
    let whole =
        |width: u32, height: u32| [Region::whole(width, height), Region::whole(width / 2, height / 2)];
    let shapes = [
        (1, 1, whole(2, 2)),
        (2, 3, whole(17, 9)),
        (1, 64, whole(33, 31)),
        (2, 3, [Region::part([29, 18], [9, 7], [19, 11]), Region::part([14, 9], [5, 4], [9, 5])]),
    ];
    let plans = shapes.map(|(images, channels, regions)| pools(images, channels, regions, 0));
    Ok(plans.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The target's map, by itself and beside the difference's.
pub(in crate::doctor) fn max_pool(context: &Context) -> Result<Deviation> {
    hold_map(context, Maps::Target)
}

/// The difference's, by itself and beside the target's.
pub(in crate::doctor) fn max_pool_difference(context: &Context) -> Result<Deviation> {
    let ties = tunings(context).into_iter().map(|tuning| ties(context, tuning));
    all([hold_map(context, Maps::Difference)].into_iter().chain(ties))
}

/// One of the maps of every plan that makes it.
fn hold_map(context: &Context, map: Maps) -> Result<Deviation> {
    let held = |(seed, plan): (usize, Plan)| {
        let Operation::MaxPool { maps, .. } = plan.steps()[0].operation else { return None };
        let place = usize::from(maps == Maps::Both && map == Maps::Difference);
        let inputs = inputs(&plan, seed as u64, values);
        let hold = || Ok(hold(context, None, &plan, &no_weights(), &inputs, &[])?.swap_remove(place));
        (maps == map || maps == Maps::Both).then(hold)
    };
    all(plans()?.into_iter().enumerate().filter_map(held))
}

/// A pool behind a convolution, from a target whose windows have a largest value and others that are a little more or a
/// little less below it than what counts as tied. In every other channel it is the generated picture's values that all but tie.
fn ties(context: &Context, tuning: Option<Tuning>) -> Result<Deviation> {
    // Channels that the CPU takes Winograd's tiles for.
    let layer = Layer::conv("conv", 0, 16, 64);
    // Each output is an input, so that differences are those that are given, to rounding.
    let mut weights = vec![0.0; 64 * 16 * 9];
    (0..64).for_each(|output| weights[(output * 16 + output % 16) * 9 + 4] = 1.0);
    let convolution = Convolution::new(layer, weights, vec![0.0; 64])?;
    let parameters = Arc::new(Parameters::new(vec![convolution], "one to one"));

    let (whole, half) = (Region::whole(12, 10), Region::whole(6, 5));
    let mut plan = Builder::new();
    let from = plan.tensor("from", 1, 16, whole);
    let target = plan.tensor("target", 1, 64, whole);
    let difference = plan.tensor("difference", 1, 64, whole);
    let pooled = plan.tensor("pooled", 1, 64, half);
    let conv = Operation::Conv3x3 { layer, maps: Maps::Difference, input_relu: false, relu: false };
    let pool = Operation::MaxPool { maps: Maps::Difference, input_relu: true };
    plan.step(Step::new("conv", conv, [from], [difference]));
    plan.step(Step::new("pool", pool, [difference, target], [pooled]));
    let plan = plan.finish()?;

    let less = |index: usize| [0.0, 0.75, 1.25, 4.0][(index + index / 12) % 4] * TIED;
    let values: Vec<f32> = (0..64 * 120).map(|index| 2.0 * (1.0 - less(index))).collect();
    let mut executor = AnyExecutor::new(context, &options(tuning), plan.clone(), &parameters)?;
    let mut differences = features(1, plan.tensors()[from].elements());
    for (index, difference) in differences.iter_mut().enumerate().filter(|(index, _)| index / 120 % 2 == 1) {
        *difference = 0.5 + 2.0 * less(index) + [0.0, 1.0, 3.0][index % 3] * TIED;
    }
    executor.write(from, &differences)?;
    executor.write(target, &values)?;
    executor.run(0..2, &[])?;
    let (made, result) = (executor.read(difference)?, executor.read(pooled)?);

    let [of_difference, to] = [difference, pooled].map(|id| &plan.tensors()[id]);
    let mut expected = vec![0.0; result.len()];
    let tied = if executor.breaks_ties(&layer) { TIED } else { 0.0 };
    let input = (of_difference, &*made);
    twin::max_pool_difference(input, (&plan.tensors()[target], &values), true, tied, (to, &mut expected));
    Ok(compare(&result, &expected, &Bounds::Values))
}
