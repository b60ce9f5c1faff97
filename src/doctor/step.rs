//! One step on any context.

use std::sync::Arc;

use crate::{
    Context,
    cpu::{fast, twin},
    error::{Error, Result},
    gpu,
    image::Image,
    plan::{Plan, Step, Tensor, TensorId},
    weights::Parameters,
};

/// What the context makes of a plan's first step, from its input or from pictures: on a GPU its shader, in the
/// tuning that the step names, and on the CPU its fast form, in
/// the context's precision. Memory that the step should write is not a number
/// beforehand, so that what it leaves out is seen.
///
/// # Errors
/// The executors', and [`Error::Device`] where a shader wrote past the end of its output.
pub fn first_step(
    context: &Context,
    plan: &Plan,
    parameters: &Arc<Parameters>,
    input: Option<&[f32]>,
    pictures: &[Image<'_>],
) -> Result<Vec<f32>> {
    let step = plan.steps.first().ok_or_else(|| Error::Config("the plan has no step".to_owned()))?;
    let output = step
        .output
        .ok_or_else(|| Error::Config(format!("step '{}' writes sums, not a tensor", step.name)))?;
    if context.gpu_handle().is_some() {
        on_gpu(context, plan.clone(), parameters, (step, output), input, pictures)
    } else {
        on_cpu(context, plan, parameters, (step, output), input, pictures)
    }
}

fn on_cpu(
    context: &Context,
    plan: &Plan,
    parameters: &Parameters,
    (step, output): (&Step, TensorId),
    input: Option<&[f32]>,
    pictures: &[Image<'_>],
) -> Result<Vec<f32>> {
    let mut executor = fast::Executor::with_precision(plan.clone(), parameters, context.precision())?;
    // The output's buffer is used again: whatever the kernel forgets to write must not look like a result.
    executor.write(output, &vec![f32::NAN; plan.tensors[output].elements() as usize])?;
    if let (Some(tensor), Some(values)) = (step.input, input) {
        executor.write(tensor, values)?;
    }
    executor.run(0..1, pictures)?;
    Ok(executor.read(output))
}

fn on_gpu(
    context: &Context,
    mut plan: Plan,
    parameters: &Arc<Parameters>,
    (step, output): (&Step, TensorId),
    input: Option<&[f32]>,
    pictures: &[Image<'_>],
) -> Result<Vec<f32>> {
    // Shaders run without bounds checks. A second tensor in the output's memory, twice as large, is read back
    // instead of the output, so that what was written past the output's end is seen.
    let Tensor { channels, region, .. } = plan.tensors[output].clone();
    let elements = plan.tensors[output].elements() as usize;
    let guard = plan.tensor("output and beyond", 2 * channels, region);
    let slot = plan.slot_of[output];
    plan.slots[slot] = plan.slots[slot].max(plan.tensors[guard].bytes());
    plan.slot_of.push(slot);

    let executor = gpu::Executor::new(context, plan, Arc::clone(parameters))?;
    if let (Some(tensor), Some(values)) = (step.input, input) {
        executor.write(tensor, values)?;
    }
    // Whatever the kernel forgets to write must not look like a result.
    executor.write(guard, &vec![f32::NAN; 2 * elements])?;
    executor.run(0..1, pictures)?;
    let mut values = executor.read_blocking(guard)?;
    let beyond = values.split_off(elements);
    match beyond.iter().position(|value| !value.is_nan()) {
        Some(stray) => Err(Error::Device(format!(
            "step '{}' wrote element {} of an output of {elements}",
            step.name,
            elements + stray
        ))),
        None => Ok(values),
    }
}

/// The first step through its twin, which holds input and output afterwards.
///
/// # Errors
/// The executor's.
pub fn on_twin(
    plan: &Plan,
    parameters: &Arc<Parameters>,
    input: Option<&[f32]>,
    pictures: &[Image<'_>],
) -> Result<twin::Executor> {
    let mut executor = twin::Executor::new(plan.clone(), Arc::clone(parameters));
    if let (Some(tensor), Some(values)) = (plan.steps.first().and_then(|step| step.input), input) {
        executor.write(tensor, values)?;
    }
    executor.run(0..1, pictures)?;
    Ok(executor)
}
