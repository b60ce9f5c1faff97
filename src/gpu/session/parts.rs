//! Comparing pictures that are too large for the device or the budget, part after part.

use std::sync::Arc;

use super::{encoder, flight::Flight, mapping::submit_and_read, readback, submit_runs};
use crate::{
    error::Result,
    follow::{Follow, Wait},
    gpu::{arrange::pending, executor::Executor, model::Model, timing::timed},
    image::Image,
    memory::Memory,
    plan::Strips,
    profile::Stopwatch,
};

/// Buffers that fit every part of a pair of pictures.
#[derive(Debug)]
pub(super) struct Parts {
    strips: Strips,
    executor: Executor,
    /// The sums of some parts, one part after another.
    readback: wgpu::Buffer,
    /// Room for packing pictures.
    words: Vec<u32>,
}

impl Parts {
    pub(super) fn new(model: Arc<Model>, strips: Strips, memory: Memory) -> Result<Self> {
        let executor = Executor::of_parts(model, &strips, memory)?;
        let readback = readback(executor.gpu(), executor.buffers.sums.size() * pending(&strips))?;
        Ok(Self { strips, executor, readback, words: vec![] })
    }

    /// The sum of differences between a pair of pictures at each tap: of the parts' sums, in order.
    pub(super) async fn pair(
        &mut self,
        a: &Image<'_>,
        b: &Image<'_>,
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        let Self { strips, executor, readback, words } = self;
        let gpu = Arc::clone(&executor.model.gpu);
        let mut flight = Flight::new(&gpu, wait);
        let whole = strips.plan();
        let (count, bytes) = (strips.count() as usize, executor.buffers.sums.size());
        let mut seconds = vec![0.0; whole.steps.len()];
        let mut sums = vec![0.0; whole.taps.len()];
        let mut pending = 0;
        for (index, (band, strip)) in strips.order().enumerate() {
            let mut follow = follow.share(index, count);
            follow.at(0.0)?;
            executor.begin(strips.part(band, strip)?)?;
            for (lane, picture) in [a, b].into_iter().enumerate() {
                executor.upload(lane as u32, picture, words);
            }
            let mut last = encoder(&gpu);
            // Deep taps may have nothing to compare in this part.
            last.clear_buffer(&executor.buffers.sums, 0, None);
            let prepared = &executor.program;
            if let Some(watch) = watch.as_deref_mut() {
                flight.submit(std::mem::replace(&mut last, encoder(&gpu))).await?;
                let (clock, times) = timed(executor, prepared, 2)?;
                watch.clock = clock;
                for (step, time) in executor.plan().steps.iter().zip(times) {
                    seconds[strips.step_of(step)] += time;
                }
            } else {
                last = submit_runs(executor, prepared, 2, last, &mut flight, &mut follow).await?;
            }
            let place = pending * bytes;
            last.copy_buffer_to_buffer(&executor.buffers.sums, 0, readback, place, bytes);
            pending += 1;
            if pending * bytes < readback.size() && index + 1 < count {
                flight.submit(last).await?;
                continue;
            }
            let read = submit_and_read(&gpu, last, readback, wait).await?;
            // Taps' sums, with room for two pictures each.
            for part in read.chunks_exact((bytes / 4) as usize).take(pending as usize) {
                for (sum, tap) in sums.iter_mut().zip(part.chunks_exact(2)) {
                    *sum += f64::from(tap[0]);
                }
            }
            pending = 0;
        }
        follow.at(1.0)?;
        if let Some(watch) = watch {
            watch.round(whole, 2, false, &seconds);
        }
        Ok(sums)
    }
}
