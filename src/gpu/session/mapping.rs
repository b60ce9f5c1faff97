//! Reading results back.

use futures_channel::oneshot;

use super::super::context::{Gpu, one_line};
use crate::{
    error::{Error, Result},
    follow::Wait,
};

/// A buffer that is being mapped; unmapped when dropped, so that a future given up halfway leaves the session
/// usable.
struct Mapping<'a> {
    buffer: &'a wgpu::Buffer,
    mapped: Option<oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>>,
}

/// Submits what was recorded last, and reads what it leaves in `readback`.
pub(super) async fn submit_and_read(
    gpu: &Gpu,
    encoder: wgpu::CommandEncoder,
    readback: &wgpu::Buffer,
    wait: Wait,
) -> Result<Vec<u32>> {
    let submission = gpu.queue.submit([encoder.finish()]);
    let mapping = Mapping::new(readback);
    match wait {
        Wait::Async => gpu.poll_in_background(submission),
        Wait::Block => gpu.wait(submission)?,
    }
    mapping.read(gpu).await
}

impl<'a> Mapping<'a> {
    fn new(buffer: &'a wgpu::Buffer) -> Self {
        let (sender, receiver) = oneshot::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| {
            // Nobody listens where the future was given up.
            let _ = sender.send(result);
        });
        Self { buffer, mapped: Some(receiver) }
    }

    async fn read(mut self, gpu: &Gpu) -> Result<Vec<u32>> {
        let result = match self.mapped.take() {
            Some(receiver) => receiver.await,
            None => Err(oneshot::Canceled),
        };
        gpu.check()?;
        let lost = |reason: String| Error::DeviceLost(one_line(&reason));
        result.map_err(|error| lost(error.to_string()))?.map_err(|error| lost(error.to_string()))?;
        let view = self.buffer.get_mapped_range(..).map_err(|error| lost(error.to_string()))?;
        Ok(bytemuck::pod_collect_to_vec(&view))
    }
}

impl Drop for Mapping<'_> {
    fn drop(&mut self) {
        self.buffer.unmap();
    }
}
