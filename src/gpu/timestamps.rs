//! A device's own clock, read at the beginning and the end of passes.

use super::context::Gpu;
use crate::error::Result;

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
