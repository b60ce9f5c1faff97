//! LPIPS's distances, and what they add to gradients.

use std::sync::Arc;

use super::{all, hold, options};
use crate::{
    Context,
    cpu::executor::Executor,
    doctor::{
        Deviation, LPIPS,
        deviation::compare_totals,
        executor::AnyExecutor,
        plans,
        values::{channel_weights, features},
    },
    error::Result,
    plan::Region,
};

fn whole([width, height]: [u32; 2]) -> Region {
    Region::whole(width, height)
}

fn part(origin: [u32; 2], extent: [u32; 2]) -> Region {
    Region::part([40, 30], origin, extent)
}

/// Fewer positions than a workgroup has threads, and more; of a part that has a halo, beside a target that holds more.
pub(in crate::doctor) fn lpips(context: &Context) -> Result<Deviation> {
    let shapes = [
        (1, 2, [whole([1, 1]); 2]),
        (2, 35, [whole([17, 9]); 2]),
        (3, 64, [whole([9, 8]); 2]),
        (2, 7, [part([2, 5], [30, 20]), part([5, 6], [21, 12]).with_halo([2, 1, 3, 4])]),
    ];
    all(shapes.into_iter().enumerate().map(|(seed, (images, channels, regions))| {
        let parameters = Arc::new(channel_weights(plans::LAYER, channels, seed as u64));
        all(plans::distances(images, channels, regions)?.into_iter().map(|plan| {
            let inputs = plans::inputs(&plan, seed as u64, features);
            let mut twin = Executor::twin(plan.clone(), Arc::clone(&parameters))?;
            let mut executor = AnyExecutor::new(context, &options(None), plan, &parameters)?;
            for (tensor, values) in inputs.iter().enumerate() {
                twin.write(tensor, values)?;
                executor.write(tensor, values)?;
            }
            twin.run(0..1, &[])?;
            executor.run(0..1, &[])?;
            Ok(compare_totals(&executor.sums()?.concat(), &twin.sums().concat(), LPIPS))
        }))
    }))
}

/// By themselves, and added to another. Without a mask.
pub(in crate::doctor) fn lpips_gradient(context: &Context) -> Result<Deviation> {
    let shapes = [
        (1, 1, [whole([1, 1]); 3]),
        (2, 35, [whole([17, 9]); 3]),
        (2, 7, [part([2, 5], [30, 20]), part([5, 4], [28, 16]), part([6, 5], [21, 12])]),
    ];
    all(shapes.into_iter().enumerate().map(|(seed, (images, channels, regions))| {
        let parameters = Arc::new(channel_weights(plans::LAYER, channels, seed as u64));
        let plans = plans::distance_gradients(images, channels, regions, 0)?;
        all(plans.into_iter().filter(|plan| !plans::is_masked(plan)).map(|plan| {
            let inputs = plans::inputs(&plan, seed as u64, features);
            Ok(hold(context, None, &plan, &parameters, &inputs, &[])?.into_iter().collect())
        }))
    }))
}
