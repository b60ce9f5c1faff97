//! One step on any context.

use std::sync::Arc;

use crate::{
    Context,
    cpu::executor::Executor,
    error::{Error, Result},
    gpu,
    image::Image,
    loss::ModelOptions,
    plan::{Plan, Step, TensorId},
    weights::Parameters,
};

/// What the context makes of a plan's first step, from its input or from pictures: on a GPU its shader, in the options'
/// tuning, and on the CPU its fast form, in the options' precision. Memory that the step should write is not a number
/// beforehand, so that what it leaves out is seen.
///
/// # Errors
/// The executors', and [`Error::Device`] where a shader wrote past the end of its output.
pub fn first_step(
    context: &Context,
    options: &ModelOptions,
    plan: &Plan,
    parameters: &Arc<Parameters>,
    input: Option<&[f32]>,
    pictures: &[Image<'_>],
) -> Result<Vec<f32>> {
    let step = plan.steps().first().ok_or_else(|| Error::Config("the plan has no step".to_owned()))?;
    let output = step
        .output()
        .ok_or_else(|| Error::Config(format!("step '{}' writes sums, not a tensor", step.name)))?;
    let run = if context.gpu_handle().is_some() { on_gpu } else { on_cpu };
    run(context, options, plan, parameters, (step, output), (input, pictures))
}

fn on_cpu(
    _: &Context,
    options: &ModelOptions,
    plan: &Plan,
    parameters: &Arc<Parameters>,
    (step, output): (&Step, TensorId),
    (input, pictures): (Option<&[f32]>, &[Image<'_>]),
) -> Result<Vec<f32>> {
    let mut executor = Executor::fast_with_precision(plan.clone(), parameters, options.precision)?;
    // The output's buffer is used again: whatever the kernel forgets to write must not look like a result.
    executor.write(output, &vec![f32::NAN; plan.tensors()[output].elements() as usize])?;
    if let (Some(tensor), Some(values)) = (step.input(), input) {
        executor.write(tensor, values)?;
    }
    executor.run(0..1, pictures)?;
    executor.read(output)
}

fn on_gpu(
    context: &Context,
    options: &ModelOptions,
    plan: &Plan,
    parameters: &Arc<Parameters>,
    (step, output): (&Step, TensorId),
    (input, pictures): (Option<&[f32]>, &[Image<'_>]),
) -> Result<Vec<f32>> {
    // Shaders run without bounds checks. A second tensor in the output's memory, twice as large, is read back
    // instead of the output, so that what was written past the output's end is seen.
    let elements = plan.tensors()[output].elements() as usize;
    let (plan, guard) = plan.clone().guarded(output);

    let tunings = options.tunings.clone();
    let executor = gpu::Executor::with_tunings(context, plan, Arc::clone(parameters), tunings)?;
    if let (Some(tensor), Some(values)) = (step.input(), input) {
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
) -> Result<Executor> {
    let mut executor = Executor::twin(plan.clone(), Arc::clone(parameters))?;
    if let (Some(tensor), Some(values)) = (plan.steps().first().and_then(Step::input), input) {
        executor.write(tensor, values)?;
    }
    executor.run(0..1, pictures)?;
    Ok(executor)
}
