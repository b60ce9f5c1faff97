//! Comparing pictures that are too large for the device or the budget, part after part.

use std::sync::Arc;

use super::{flight::Flight, mapping::submit_and_read, readback, run, run_timed};
use crate::{
    error::Result,
    follow::{Follow, Wait},
    gpu::{
        arrange::pending,
        executor::{Executor, Round},
        model::Model,
    },
    image::Image,
    memory::Memory,
    plan::Parts,
    profile::Stopwatch,
};

/// Buffers that fit every part of a pair of pictures.
#[derive(Debug)]
pub(super) struct InParts {
    parts: Parts,
    executor: Executor,
    /// The sums of some parts, one part after another.
    readback: wgpu::Buffer,
    /// Room for packing pictures.
    words: Vec<u32>,
}

impl InParts {
    pub(super) fn new(model: Arc<Model>, parts: Parts, memory: Memory) -> Result<Self> {
        let executor = Executor::of_parts(model, &parts, memory)?;
        let readback = readback(executor.gpu(), executor.buffers.sums.size() * pending(&parts))?;
        Ok(Self { parts, executor, readback, words: vec![] })
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
        let Self { parts, executor, readback, words } = self;
        let gpu = Arc::clone(&executor.model.gpu);
        let mut flight = Flight::new(&gpu, wait);
        let whole = parts.plan();
        let (count, bytes) = (parts.count() as usize, executor.buffers.sums.size());
        let mut seconds = vec![0.0; whole.steps().len()];
        let mut sums = vec![0.0; whole.taps().len()];
        let mut pending = 0;
        for (index, (band, strip)) in parts.order().enumerate() {
            let mut follow = follow.share(index, count);
            follow.at(0.0)?;
            executor.begin(parts.part(band, strip)?)?;
            let (executor, prepared) = (&*executor, &executor.program);
            let pictures = [*a, *b];
            let place = Some((&*readback, pending * bytes));
            let mut round = Round { readback: place, ..Round::of(&pictures, words) };
            let last = if let Some(watch) = watch.as_deref_mut() {
                let (last, times) = run_timed(executor, prepared, &mut round, &mut flight, watch).await?;
                for (step, time) in executor.plan().steps().iter().zip(times) {
                    seconds[parts.step_of(step)] += time;
                }
                last
            } else {
                run(executor, prepared, &mut round, &mut flight, &mut follow).await?
            };
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
