//! What gradients are made by.

use std::sync::Arc;

use super::{all, hold, hold_all};
use crate::{
    Context, Normalization, Tuning,
    doctor::{
        Deviation, plans,
        values::{convolution, features, few, values},
    },
    error::Result,
    network::Layer,
    plan::{Plan, Region},
    weights::Parameters,
};

fn whole([width, height]: [u32; 2]) -> Region {
    Region::whole(width, height)
}

/// Channels that do not fill a word, that fill it, and more; whole maps, and a part of tensors that hold more.
pub(in crate::doctor) fn relu_mask(context: &Context) -> Result<Deviation> {
    let part = |origin, extent| Region::part([40, 30], origin, extent);
    let shapes = [
        (1, 1, [whole([1, 1]); 3]),
        (2, 33, [whole([9, 7]); 3]),
        (3, 64, [whole([17, 5]); 3]),
        (2, 70, [part([2, 5], [30, 20]), part([5, 4], [28, 16]), part([6, 5], [21, 12])]),
    ];
    all([values, few].into_iter().flat_map(|values| {
        shapes.map(|(images, channels, regions)| {
            hold_all(context, plans::masks(images, channels, regions, 0)?, values)
        })
    }))
}

/// Odd sides, and parts that begin at odd positions.
pub(in crate::doctor) fn max_pool_routes(context: &Context) -> Result<Deviation> {
    let halves = |[width, height]: [u32; 2]| [whole([width, height]), whole([width / 2, height / 2])];
    let shapes = [
        (1, 1, halves([2, 2])),
        (2, 35, halves([17, 9])),
        (1, 64, halves([33, 31])),
        (2, 40, [Region::part([29, 18], [9, 7], [19, 11]), Region::part([14, 9], [5, 4], [9, 5])]),
    ];
    all([values, few].into_iter().flat_map(|values| {
        shapes.map(|(images, channels, regions)| {
            hold_all(context, plans::routes(images, channels, regions, 0)?, values)
        })
    }))
}

pub(in crate::doctor) fn pixels_gradient(context: &Context) -> Result<Deviation> {
    let regions = [whole([17, 9]), Region::part([40, 30], [3, 2], [21, 12])];
    let plans = regions.into_iter().flat_map(|region| {
        [Normalization::IMAGENET, Normalization::CAFFE, Normalization::SIGNED]
            .map(|normalization| plans::pixels_gradient(2, region, normalization))
    });
    hold_all(context, plans.collect::<Result<Vec<_>>>()?, features)
}

/// Of three channels, too, which have a kernel of their own on the CPU, and of channels that go by Winograd's tiles. Without a mask.
pub(in crate::doctor) fn conv3x3_gradient(context: &Context, tuning: Option<Tuning>) -> Result<Deviation> {
    let shapes = [
        (1, 5, 7, [whole([1, 1]); 2]),
        (2, 3, 64, [whole([17, 33]); 2]),
        (1, 64, 16, [whole([23, 14]); 2]),
        (2, 6, 5, [Region::part([39, 23], [1, 0], [36, 22]), Region::part([39, 23], [2, 1], [34, 20])]),
    ];
    all(shapes.into_iter().enumerate().map(|(seed, (images, inputs, outputs, regions))| {
        let layer = Layer::conv("conv", 0, inputs, outputs);
        let parameters = Arc::new(Parameters::new(vec![convolution(layer, seed as u64)?], "random"));
        let [plain, _] = plans::conv3x3_gradients(images, layer, regions, 0)?;
        let inputs = plans::inputs(&plain, seed as u64, features);
        Ok(hold(context, tuning, &plain, &parameters, &inputs, &[])?.into_iter().collect())
    }))
}

/// Shapes of pools: odd sides, and parts that begin at odd positions.
fn behind_pools(wanted: fn(&Plan) -> bool) -> Result<Vec<Plan>> {
    let shapes = [
        (1, 1, [whole([1, 1]), whole([2, 2])]),
        (2, 35, [whole([8, 4]), whole([17, 9])]),
        (2, 64, [whole([16, 15]), whole([33, 31])]),
        (2, 3, [Region::part([14, 9], [4, 3], [10, 6]), Region::part([29, 18], [9, 7], [19, 11])]),
    ];
    let plans = shapes.map(|(images, channels, regions)| plans::led(images, channels, regions, 0));
    Ok(plans.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().filter(wanted).collect())
}

/// Through a mask, behind a pool.
pub(in crate::doctor) fn relu_gradient(context: &Context) -> Result<Deviation> {
    let plans = behind_pools(|plan| plans::is_masked(plan) && plans::is_plain(plan))?;
    hold_all(context, plans, values)
}

pub(in crate::doctor) fn max_pool_gradient(context: &Context) -> Result<Deviation> {
    let plans = behind_pools(|plan| !plans::is_masked(plan) && plans::is_plain(plan))?;
    hold_all(context, plans, values)
}

/// By themselves, and added to another.
pub(in crate::doctor) fn difference_gradient(context: &Context) -> Result<Deviation> {
    let part = |origin, extent| Region::part([40, 30], origin, extent);
    let shapes = [
        (1, 1, [whole([1, 1]); 2]),
        (2, 35, [whole([17, 9]); 2]),
        (2, 7, [part([2, 5], [30, 20]), part([6, 5], [21, 12])]),
    ];
    let plans = shapes.map(|(images, channels, regions)| plans::slopes(images, channels, regions, 0));
    let plans = plans.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten();
    hold_all(context, plans.filter(|plan| !plans::is_masked(plan)), features)
}
