//! What a step should have written.

use std::sync::Arc;

use super::{
    bounds::Bounds,
    deviation::{Deviation, compare},
};
use crate::{
    cpu::{executor::Executor, twin},
    error::Result,
    network::Layer,
    plan::{Builder, Maps, Operation, Step, TIED, Tensor},
    weights::Parameters,
};

/// How far each tensor that step `step` has written is from what it should be.
///
/// # Errors
/// The twin's.
pub fn judge(
    twin: &Executor,
    parameters: &Arc<Parameters>,
    step: usize,
    results: &[Vec<f32>],
    bounds: &[Bounds],
    breaks_ties: impl Fn(&Layer) -> bool,
) -> Result<Vec<Deviation>> {
    let expected = expected(twin, parameters, step, results, breaks_ties)?;
    let each = results.iter().zip(&expected).zip(bounds);
    Ok(each.map(|((result, expected), bounds)| compare(result, expected, bounds)).collect())
}

/// What step `step` should have written, a tensor each, from what `twin` holds; `results` are what it has written.
///
/// That is what the twin has made, but for two things. Where a convolution makes both maps and the difference goes
/// through its activation, that goes by the target that was made there, which may be a few roundings from the twin's.
/// And where the convolution before a pool `breaks_ties`, values of the target that all but tie count as equal; the
/// twin's convolutions break none.
fn expected(
    twin: &Executor,
    parameters: &Arc<Parameters>,
    step: usize,
    results: &[Vec<f32>],
    breaks_ties: impl Fn(&Layer) -> bool,
) -> Result<Vec<Vec<f32>>> {
    let plan = twin.plan();
    let step = &plan.steps()[step];
    let mut expected = step.writes.iter().map(|&id| twin.read(id)).collect::<Result<Vec<_>>>()?;
    match step.operation {
        Operation::Conv3x3 { layer, maps: Maps::Both, relu: true, .. } => {
            expected[1] = beside(twin, parameters, step, layer, &results[0])?;
        }
        Operation::MaxPool { maps, input_relu } if maps.difference() => {
            // Among what it reads and writes.
            let place = usize::from(maps.target());
            let convolution = plan.convolution_of(step.reads[place]);
            if convolution.is_some_and(|layer| breaks_ties(&layer)) {
                pool_ties(twin, (step, place), input_relu, &mut expected[place])?;
            }
        }
        _ => {}
    }
    Ok(expected)
}

/// The difference of a convolution of both maps, through its activation from a target that was made elsewhere.
fn beside(
    twin: &Executor,
    parameters: &Arc<Parameters>,
    step: &Step,
    layer: Layer,
    target: &[f32],
) -> Result<Vec<f32>> {
    let mut plan = Builder::new();
    for id in [step.reads[1], step.writes[0], step.writes[1]] {
        let Tensor { name, images, channels, region, .. } = &twin.plan().tensors()[id];
        plan.tensor(name, *images, *channels, *region);
    }
    let operation = Operation::Conv3x3 { layer, maps: Maps::Difference, input_relu: false, relu: true };
    plan.step(Step::new(step.name.clone(), operation, [0, 1], [2]).keeping(step.kept));
    let mut alone = Executor::twin(plan.finish()?, Arc::clone(parameters))?;
    alone.write(0, &twin.read(step.reads[1])?)?;
    alone.write(1, target)?;
    // What is kept of it stays.
    alone.write(2, &twin.read(step.writes[1])?)?;
    alone.run(0..1, &[])?;
    alone.read(2)
}

/// Makes a difference's pool again, by the rule for ties, but for the rows that are kept.
fn pool_ties(
    twin: &Executor,
    (step, place): (&Step, usize),
    input_relu: bool,
    pooled: &mut [f32],
) -> Result<()> {
    let tensors = twin.plan().tensors();
    let [difference, target] = [place, 1 - place].map(|place| step.reads[place]);
    let (d, a) = (twin.read(difference)?, twin.read(target)?);
    let to = &tensors[step.writes[place]];
    let below = Tensor { region: to.region.below(step.kept), ..to.clone() };
    let mut made = vec![0.0; below.elements() as usize];
    let (d, a) = ((&tensors[difference], &*d), (&tensors[target], &*a));
    twin::max_pool_difference(d, a, input_relu, TIED, (&below, &mut made));
    twin::copy((&below, &made), (to, pooled));
    Ok(())
}
