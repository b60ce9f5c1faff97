//! Gram matrices, and what they add to gradients.

use super::{all, no_weights, options};
use crate::{
    Context,
    cpu::executor::Executor,
    doctor::{
        Deviation, GRAM, bounds, compare, deviation::compare_totals, executor::AnyExecutor, plans,
        values::features,
    },
    error::Result,
    plan::{Plan, Region, TensorId},
};

fn whole([width, height]: [u32; 2]) -> Region {
    Region::whole(width, height)
}

fn part(origin: [u32; 2], extent: [u32; 2]) -> Region {
    Region::part([40, 30], origin, extent)
}

/// A plan's executors on the context and on the twins, which have run all of it, from matrices that begin with `begun`.
fn run(
    context: &Context,
    plan: &Plan,
    inputs: &[(TensorId, Vec<f32>)],
    begun: &[f32],
) -> Result<(AnyExecutor, Executor)> {
    let mut twin = Executor::twin(plan.clone(), no_weights())?;
    let mut executor = AnyExecutor::new(context, &options(None), plan.clone(), &no_weights())?;
    for (tensor, values) in inputs {
        twin.write(*tensor, values)?;
        executor.write(*tensor, values)?;
    }
    twin.begin_matrices(0, begun)?;
    executor.begin_matrices(0, begun)?;
    let steps = 0..plan.steps().len();
    twin.run(steps.clone(), &[])?;
    executor.run(steps, &[])?;
    Ok((executor, twin))
}

/// A matrix of so many channels that a style may leave: symmetric, of the order of Gram matrices.
fn style(channels: u32, seed: u64) -> Vec<f32> {
    let values = features(seed, u64::from(channels).pow(2));
    let at = |row: u32, column: u32| values[(row * channels + column) as usize] / (channels as f32);
    let places = (0..channels).flat_map(|row| (0..channels).map(move |column| (row, column)));
    places.map(|(row, column)| at(row, column) + at(column, row)).collect()
}

/// Channels that do not fill a tile, and positions that do not fill what is multiplied at once, and more than a chunk; of a part that has a
/// halo, beside a target that holds more. The matrices begin with a style.
pub(in crate::doctor) fn gram(context: &Context) -> Result<Deviation> {
    let shapes = [
        (1, 1, [whole([1, 1]); 2]),
        (2, 35, [whole([17, 9]); 2]),
        (1, 8, [whole([95, 88]); 2]),
        (2, 7, [part([2, 5], [30, 20]), part([5, 6], [21, 12]).with_halo([2, 1, 3, 4])]),
    ];
    all(shapes.into_iter().enumerate().map(|(seed, (images, channels, regions))| {
        all(plans::matrices(images, channels, regions)?.into_iter().map(|plan| {
            let inputs = plans::given(&plan, seed as u64, features);
            let (executor, twin) = run(context, &plan, &inputs, &style(channels, seed as u64))?;
            Ok(compare_totals(&executor.sums()?.concat(), &twin.sums().concat(), GRAM))
        }))
    }))
}

/// By themselves, and added to another. Without a mask.
pub(in crate::doctor) fn gram_gradient(context: &Context) -> Result<Deviation> {
    let shapes = [
        (1, 1, [whole([1, 1]); 3]),
        (2, 35, [whole([17, 9]); 3]),
        (2, 7, [part([2, 5], [30, 20]), part([5, 5], [26, 16]), part([6, 5], [21, 12])]),
    ];
    all(shapes.into_iter().enumerate().map(|(seed, (images, channels, regions))| {
        let plans = plans::matrix_gradients(images, channels, regions)?;
        all(plans.into_iter().filter(|(plan, _)| !plans::is_last_masked(plan)).map(|(plan, made)| {
            let inputs = plans::given(&plan, seed as u64, features);
            let begun = vec![0.0; channels.pow(2) as usize];
            let (executor, twin) = run(context, &plan, &inputs, &begun)?;
            let bounds = bounds(&twin, &no_weights(), 1)?;
            Ok(compare(&executor.read(made)?, &twin.read(made)?, &bounds[0]))
        }))
    }))
}
