//! Gradients of frames, which go to a buffer of the host's: for trainers, whose pictures never leave the device.

use super::{FrameSession, Recorded};
use crate::{
    error::{Error, Result},
    gpu::{
        destination::GradientBuffer,
        source::{BufferSource, Source},
        workspace::Round,
    },
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
        self.check_idle()?;
        self.check_target()?;
        let buffers = &self.workspace.buffers;
        let Some(destinations) = &mut self.destinations else {
            return Err(Error::Config(
                "the session has no room for gradients; make it with FrameOptions::gradients".to_owned(),
            ));
        };
        let written = [&buffers.gradient, &buffers.loss];
        let Some(to) = destinations.prepare(&self.workspace.model.gpu, (into, source), written)? else {
            return Ok(Recorded::NoRoom);
        };
        let written = destinations.hold(to);
        if self.ring.is_full() {
            return Ok(Recorded::NoRoom);
        }
        let Some(from) = self.prepare(&Source::from(source.clone()))? else { return Ok(Recorded::NoRoom) };
        let place = self.ring.take(frame, self.sources.hold(from));
        if let Some(prepared) = self.comparing().and_then(|comparing| comparing.gradients.as_ref()) {
            let round = Round {
                source: Some(self.sources.recorded(from)),
                destination: self.destinations.as_ref().map(|destinations| destinations.recorded(to)),
                readback: place.buffer().map(|buffer| (buffer, 0)),
                ..Round::uploaded(1)
            };
            self.workspace.record(encoder, prepared, 0..prepared.program.commands.len(), &round);
        }
        encoder.on_submitted_work_done(move || drop(written));
        self.ring.record(encoder, place);
        Ok(Recorded::Yes)
    }
}
