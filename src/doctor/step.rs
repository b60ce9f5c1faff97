//! One step on any context.

use std::sync::Arc;

use super::executor::AnyExecutor;
use crate::{
    Context,
    cpu::executor::Executor,
    error::{Error, Result},
    image::Image,
    loss::ModelOptions,
    plan::{Plan, Step, TensorId},
    weights::Parameters,
};

/// What the context makes of a plan's first step: each tensor that it writes. Given are the values of each tensor that
/// it reads, or pictures. On a GPU it is the step's shaders that compute, in the options' tuning, and on the CPU its
/// fast form, in the options' precision. Memory that the step should write is not a number beforehand, so that what it
/// leaves out is seen.
///
/// # Errors
/// The executors', and [`Error::Device`] where a shader wrote past the end of an output.
pub fn first_step(
    context: &Context,
    options: &ModelOptions,
    plan: &Plan,
    parameters: &Arc<Parameters>,
    inputs: &[Vec<f32>],
    pictures: &[Image<'_>],
) -> Result<Vec<Vec<f32>>> {
    let step = first(plan, inputs)?;
    if step.writes.is_empty() {
        return Err(Error::Config(format!("step '{}' writes sums, not a tensor", step.name)));
    }
    // Shaders run without bounds checks. A second tensor in each output's memory, twice as large, is read back instead
    // of the output, so that what was written past the output's end is seen.
    let (mut guarded, mut seen) = (plan.clone(), step.writes.clone());
    if context.gpu_handle().is_some() {
        for id in &mut seen {
            (guarded, *id) = guarded.guarded(*id);
        }
    }
    let sizes: Vec<usize> = seen.iter().map(|&id| guarded.tensors()[id].elements() as usize).collect();
    let mut executor = AnyExecutor::new(context, options, guarded, parameters)?;
    for (&id, values) in step.reads.iter().zip(inputs) {
        executor.write(id, values)?;
    }
    // Whatever the kernel forgets to write must not look like a result.
    for (&id, &elements) in seen.iter().zip(&sizes) {
        executor.write(id, &vec![f32::NAN; elements])?;
    }
    executor.run(0..1, pictures)?;
    let within_bounds = |(&output, &seen): (&TensorId, &TensorId)| {
        let elements = plan.tensors()[output].elements() as usize;
        let mut values = executor.read(seen)?;
        let beyond = values.split_off(elements);
        match beyond.iter().position(|value| !value.is_nan()) {
            Some(stray) => Err(Error::Device(format!(
                "step '{}' wrote element {} of an output of {elements}",
                step.name,
                elements + stray
            ))),
            None => Ok(values),
        }
    };
    step.writes.iter().zip(&seen).map(within_bounds).collect()
}

/// The first step through its twin, which holds what it reads and writes afterwards.
///
/// # Errors
/// The executor's.
pub fn on_twin(
    plan: &Plan,
    parameters: &Arc<Parameters>,
    inputs: &[Vec<f32>],
    pictures: &[Image<'_>],
) -> Result<Executor> {
    let step = first(plan, inputs)?;
    let mut executor = Executor::twin(plan.clone(), Arc::clone(parameters))?;
    for (&id, values) in step.reads.iter().zip(inputs) {
        executor.write(id, values)?;
    }
    executor.run(0..1, pictures)?;
    Ok(executor)
}

/// A plan's first step, for which there are inputs.
fn first<'a>(plan: &'a Plan, inputs: &[Vec<f32>]) -> Result<&'a Step> {
    let step = plan.steps().first().ok_or_else(|| Error::Config("the plan has no step".to_owned()))?;
    if step.reads.len() == inputs.len() {
        return Ok(step);
    }
    Err(Error::Config(format!(
        "step '{}' reads {} tensors; values of {} were given",
        step.name,
        step.reads.len(),
        inputs.len()
    )))
}
