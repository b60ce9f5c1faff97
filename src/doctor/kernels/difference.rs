//! Sums of differences, and their maps.

use super::{all, hold, no_weights, options};
use crate::{
    Context,
    cpu::{executor::Executor, twin},
    doctor::{Deviation, compare_sums, executor::AnyExecutor, plans, values::features},
    error::Result,
    gpu,
    plan::{Operation, Plan, Region, Tensor},
};

/// The values of a plan's first tensor. What the region holds for others' sake alone must not be in any sum.
fn owned_features(plan: &Plan) -> Vec<f32> {
    let tensor = &plan.tensors()[0];
    let mut values = features(tensor.channels.into(), tensor.elements());
    let owned = owned(&tensor.region);
    for plane in values.chunks_mut(owned.len()) {
        for (value, owned) in plane.iter_mut().zip(&owned) {
            *value = if *owned { *value } else { f32::NAN };
        }
    }
    values
}

/// Of each position that a region holds, whether it owns it.
fn owned(region: &Region) -> Vec<bool> {
    let [width, height] = region.extent;
    let [left, top, right, bottom] = region.halo;
    let inside = |x, y| x >= left && x < width - right && y >= top && y < height - bottom;
    (0..height).flat_map(|y| (0..width).map(move |x| inside(x, y))).collect()
}

/// Shapes around the 4096 elements of a partial sum, and one with a halo.
pub(in crate::doctor) fn difference(context: &Context) -> Result<Deviation> {
    let shapes = [
        (1, 1, Region::whole(1, 1)),
        (3, 3, Region::whole(5, 3)),
        (2, 1, Region::whole(4097, 1)),
        (2, 64, Region::whole(33, 31)),
        (2, 3, Region::part([200, 100], [11, 3], [75, 59]).with_halo([2, 1, 3, 4])),
    ];
    all(shapes.into_iter().map(|(images, channels, region)| {
        let plan = plans::sums(images, channels, region)?;
        let values = owned_features(&plan);
        if context.gpu_handle().is_some() {
            return partials(context, &plan, &values);
        }
        let steps = 0..plan.steps().len();
        let mut twin = Executor::twin(plan.clone(), no_weights())?;
        twin.write(0, &values)?;
        twin.run(steps.clone(), &[])?;
        let mut executor = AnyExecutor::new(context, &options(None), plan, &no_weights())?;
        executor.write(0, &values)?;
        executor.run(steps, &[])?;
        Ok(compare_sums(&executor.sums()?.concat(), &twin.sums().concat()))
    }))
}

/// Each of the partial sums that the shader hands on.
fn partials(context: &Context, plan: &Plan, values: &[f32]) -> Result<Deviation> {
    const EACH: usize = gpu::DIFFERENCE_ELEMENTS as usize;
    let executor = gpu::Executor::new(context, plan.clone(), no_weights())?;
    executor.write(0, values)?;
    let tensor = &plan.tensors()[0];
    let owned = owned(&tensor.region);
    // What is summed, in the shader's order.
    let of_image = |image: &[f32]| -> Vec<f32> {
        let values = image.iter().zip(owned.iter().cycle()).filter(|(_, owned)| **owned);
        values.map(|(value, _)| *value).collect()
    };
    let images: Vec<_> = values.chunks(tensor.image_stride() as usize).map(of_image).collect();
    all(plan.steps().iter().enumerate().map(|(tap, step)| {
        let Operation::Difference { criterion, input_relu, .. } = step.operation else {
            return Ok(Deviation::default());
        };
        executor.run(tap..tap + 1, &[])?;
        let twin = |values: &[f32]| {
            let row = Tensor::new("partial", 1, 1, Region::whole(values.len() as u32, 1));
            twin::difference(&row, criterion, input_relu, values)
        };
        let twin: Vec<f64> = images.iter().flat_map(|image| image.chunks(EACH).map(twin)).collect();
        Ok(compare_sums(&executor.partials_blocking(tap)?.concat(), &twin))
    }))
}

/// The map that a difference writes beside its sums: of a whole tensor, and of a part with a halo.
pub(in crate::doctor) fn map(context: &Context) -> Result<Deviation> {
    let part = Region::part([60, 40], [11, 3], [35, 29]);
    let shapes = [
        (1, 1, [Region::whole(1, 1); 2]),
        (2, 3, [Region::whole(33, 31); 2]),
        (2, 5, [part.with_halo([2, 1, 3, 4]), Region::part([60, 40], [13, 4], [30, 24])]),
    ];
    all(shapes.into_iter().enumerate().map(|(seed, (images, channels, regions))| {
        all(plans::maps(images, channels, regions)?.into_iter().map(|plan| {
            let inputs = plans::inputs(&plan, seed as u64, features);
            Ok(hold(context, None, &plan, &no_weights(), &inputs, &[])?.into_iter().collect())
        }))
    }))
}

/// Counts around those that the shader's threads, their spans and spans of spans take in a round.
pub(in crate::doctor) fn sum(context: &Context) -> Result<Deviation> {
    all([1, 63, 65, 1023, 1025, 16_385, 40_001].into_iter().map(|count| {
        let images = 3;
        // Partial sums are sums of squares: none is below 0.
        let partials: Vec<f32> =
            features(count, images * count).into_iter().map(|value| value * value).collect();
        let twin: Vec<f64> = partials.chunks(count as usize).map(twin::sum).collect();
        Ok(compare_sums(&gpu::sum_blocking(context, &partials, count as u32)?, &twin))
    }))
}
