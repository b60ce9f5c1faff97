//! Gradients of frames, which go to a buffer of the host's: for trainers, whose pictures never leave the device.

use super::{FrameSession, Recorded};
use crate::{
    error::{Error, Result},
    gpu::{destination::GradientBuffer, source::BufferSource, workspace::Workspace},
};

impl FrameSession {
    /// Records comparing a picture with the target, and writing the gradient of the total by each of its values, loss per 1.0 of the
    /// value, to a buffer of the host's: in the buffer's own layout, times a weight, over what is there or added to it. The loss is
    /// reported as [`record`](Self::record) does it. The session must have been made with [`FrameOptions::gradients`](super::FrameOptions).
    ///
    /// The picture and its gradient may lie in one buffer, side by side or one over the other.
    ///
    /// ```no_run
    /// use perceptual_loss::{Model, gpu::{BufferLayout, BufferSource, FrameOptions, FrameSession, GradientBuffer, wgpu}};
    ///
    /// # fn train(model: &Model, device: &wgpu::Device, queue: &wgpu::Queue, picture: &wgpu::Buffer, gradient: &wgpu::Buffer,
    /// # truth: &wgpu::Buffer) -> perceptual_loss::Result<()> {
    /// let mut options = FrameOptions::default();
    /// options.gradients = true;
    /// let mut session = FrameSession::with_options(model, 256, 256, &options)?;
    /// let source = BufferSource::f32(picture, BufferLayout::Interleaved(3), 256, 256);
    /// let into = GradientBuffer::new(gradient, BufferLayout::Interleaved(3), 256, 256).weight(0.1).adds();
    /// for step in 0..1000 {
    ///     let mut encoder = device.create_command_encoder(&Default::default());
    ///     if step == 0 {
    ///         session.record_target(&mut encoder, BufferSource::rgba8(truth, 256, 256))?;
    ///     }
    ///     // Draw `picture`, and write the gradient of the trainer's other losses.
    ///     session.record_gradient(&mut encoder, &source, &into, step)?;
    ///     // Go on from `gradient` to the parameters.
    ///     queue.submit([encoder.finish()]);
    ///     while let Some(done) = session.poll() {
    ///         println!("step {}: {}", done.frame, done.result?.total);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`record`](Self::record); [`Error::Image`] where the source's light is tone-mapped or its mask is its alpha, or where the gradient's
    /// buffer cannot be written so; [`Error::Config`] where the session has no room for gradients, or the weight is no number. Nothing is
    /// recorded then.
    pub fn record_gradient(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        source: &BufferSource,
        into: &GradientBuffer,
        frame: u64,
    ) -> Result<Recorded> {
        let Some(destinations) = &mut self.destinations else {
            return Err(Error::Config(
                "the session has no room for gradients; make it with FrameOptions::gradients".to_owned(),
            ));
        };
        let Workspace { model, buffers } = &self.workspace;
        let made = [&buffers.gradient, &buffers.loss];
        let Some(to) = destinations.prepare(&model.gpu, (into, source), made)? else {
            return Ok(Recorded::NoRoom);
        };
        let used = destinations.hold(to);
        let recorded = self.record_frame(encoder, &source.clone().into(), Some(to), frame)?;
        if recorded == Recorded::Yes {
            encoder.on_submitted_work_done(move || drop(used));
        }
        Ok(recorded)
    }
}
