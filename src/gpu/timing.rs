//! How long each step takes on a GPU: by its timestamps, or where it has none, by waiting for each step alone.

use super::{
    context::Gpu,
    prepared::Prepared,
    timestamps::Timestamps,
    workspace::{Round, Workspace},
};
use crate::{clock::Instant, error::Result, profile::Clock};

/// Runs a program's steps for a round of uploaded pictures, and gives the seconds of each step. Blocks until they are done.
pub(super) fn timed(workspace: &Workspace, prepared: &Prepared, images: u32) -> Result<(Clock, Vec<f64>)> {
    let mut seconds = vec![0.0; prepared.plan.steps().len()];
    let (clock, times) = command_times(workspace, prepared, &Round::uploaded(images))?;
    for (index, time) in prepared.program.steps.clone().zip(times) {
        if let Some(step) = prepared.program.commands[index].step() {
            seconds[step] += time;
        }
    }
    Ok((clock, seconds))
}

/// The seconds of each command of a program's steps.
pub(super) fn command_times(
    workspace: &Workspace,
    prepared: &Prepared,
    round: &Round<'_>,
) -> Result<(Clock, Vec<f64>)> {
    let gpu = workspace.gpu();
    let steps = prepared.program.steps.clone();
    if let Some(timestamps) = Timestamps::new(gpu, steps.len())? {
        let mut encoder = encoder(gpu);
        for (place, index) in steps.enumerate() {
            workspace.record_timed(&mut encoder, prepared, index, round, (&timestamps, place));
        }
        return Ok((Clock::Device, timestamps.read(gpu, encoder)?));
    }
    let seconds = |index: usize| {
        let mut encoder = encoder(gpu);
        let all = 0..prepared.program.commands[index].pieces();
        workspace.record_pieces(&mut encoder, prepared, (index, all), round);
        let start = Instant::now();
        gpu.wait(gpu.queue.submit([encoder.finish()]))?;
        Ok(start.elapsed().as_secs_f64())
    };
    let seconds = steps.map(seconds).collect::<Result<_>>()?;
    gpu.check()?;
    Ok((Clock::Wall, seconds))
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device
        .create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("perceptual-loss timed") })
}
