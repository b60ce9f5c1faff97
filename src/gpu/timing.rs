//! How long each step takes on a GPU: by its timestamps, or where it has none, by waiting for each step alone.

use std::time::Instant;

use super::{
    context::Gpu,
    executor::{Executor, Round},
    prepared::Prepared,
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

/// Two timestamps for each of a number of passes: at its beginning and at its end.
pub(super) struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

impl Timestamps {
    /// For `passes` passes; none where the device has no timestamps, or not as many.
    pub(super) fn new(gpu: &Gpu, passes: usize) -> Result<Option<Self>> {
        let count = 2 * passes as u32;
        let has = gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        if !has || count == 0 || count > wgpu::QUERY_SET_MAX_QUERIES {
            return Ok(None);
        }
        let bytes = u64::from(count) * 8;
        gpu.create("timestamps", bytes, || {
            use wgpu::BufferUsages as Usage;
            Some(Self {
                queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                    label: Some("perceptual-loss timestamps"),
                    ty: wgpu::QueryType::Timestamp,
                    count,
                }),
                resolved: gpu.buffer("timestamps", bytes, Usage::QUERY_RESOLVE | Usage::COPY_SRC),
            })
        })
    }

    /// What a pass writes.
    pub(super) fn writes(&self, pass: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = 2 * pass as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Submits what `encoder` holds, waits for it, and gives the seconds of each pass.
    pub(super) fn read(&self, gpu: &Gpu, mut encoder: wgpu::CommandEncoder) -> Result<Vec<f64>> {
        let count = (self.resolved.size() / 8) as u32;
        encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
        gpu.queue.submit([encoder.finish()]);
        let ticks: Vec<u64> = gpu.read(&self.resolved, 0, self.resolved.size())?;
        let period = f64::from(gpu.queue.get_timestamp_period()) * 1e-9;
        Ok(ticks.chunks_exact(2).map(|pass| pass[1].saturating_sub(pass[0]) as f64 * period).collect())
    }
}
