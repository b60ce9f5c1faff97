//! How long each step takes on a GPU: by its timestamps, or where it has none, by waiting for each step alone.

use std::time::Instant;

use super::{
    context::Gpu,
    executor::{Executor, Round},
    prepared::Prepared,
    timestamps::Timestamps,
};
use crate::{error::Result, profile::Clock};

/// Runs a program's steps for a round of uploaded pictures, and gives the seconds of each step. Blocks until they are done.
pub(super) fn timed(executor: &Executor, prepared: &Prepared, pictures: u32) -> Result<(Clock, Vec<f64>)> {
    let mut seconds = vec![0.0; executor.plan().steps().len()];
    let (clock, times) = command_times(executor, prepared, &Round::uploaded(pictures))?;
    for (index, time) in prepared.program.steps.clone().zip(times) {
        if let Some(step) = prepared.program.commands[index].step() {
            seconds[step] += time;
        }
    }
    Ok((clock, seconds))
}

/// The seconds of each command of a program's steps. Copies have no timestamps, and are waited for.
pub(super) fn command_times(
    executor: &Executor,
    prepared: &Prepared,
    round: &Round<'_>,
) -> Result<(Clock, Vec<f64>)> {
    let gpu = executor.gpu();
    let steps = prepared.program.steps.clone();
    let mut seconds = vec![0.0; steps.len()];
    let timestamps = Timestamps::new(gpu, steps.len())?;
    let clock = if timestamps.is_some() { Clock::Device } else { Clock::Wall };
    if let Some(timestamps) = timestamps {
        let mut encoder = encoder(gpu);
        for (place, index) in steps.clone().enumerate() {
            executor.record_timed(&mut encoder, prepared, index, round, (&timestamps, place));
        }
        seconds = timestamps.read(gpu, encoder)?;
    }
    for (index, seconds) in steps.zip(&mut seconds) {
        let command = &prepared.program.commands[index];
        if clock == Clock::Wall || !command.is_dispatch() {
            let mut encoder = encoder(gpu);
            executor.record_pieces(&mut encoder, prepared, (index, 0..command.pieces()), round);
            let start = Instant::now();
            gpu.wait(gpu.queue.submit([encoder.finish()]))?;
            *seconds = start.elapsed().as_secs_f64();
        }
    }
    gpu.check()?;
    Ok((clock, seconds))
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device
        .create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("perceptual-loss timed") })
}
