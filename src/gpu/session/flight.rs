//! Submissions that the device has not finished yet: only a few, so that little is left to do when nobody wants the rest.

use std::collections::VecDeque;

use futures_channel::oneshot;

use super::super::context::{Gpu, one_line};
use crate::{
    error::{Error, Result},
    follow::Wait,
};

/// Submissions under way at most: the device has one to go on with while the host prepares another.
const MOST: usize = 3;

/// Submissions under way, oldest first.
pub(super) struct Flight<'a> {
    gpu: &'a Gpu,
    wait: Wait,
    under_way: VecDeque<(wgpu::SubmissionIndex, oneshot::Receiver<()>)>,
}

impl<'a> Flight<'a> {
    pub(super) fn new(gpu: &'a Gpu, wait: Wait) -> Self {
        Self { gpu, wait, under_way: VecDeque::new() }
    }

    /// Submits what was recorded, once there is room.
    pub(super) async fn submit(&mut self, encoder: wgpu::CommandEncoder) -> Result<()> {
        while self.under_way.len() >= MOST {
            self.land().await?;
        }
        let submission = self.gpu.queue.submit([encoder.finish()]);
        let (sender, receiver) = oneshot::channel();
        self.gpu.queue.on_submitted_work_done(move || {
            // Nobody listens where the future was given up.
            let _ = sender.send(());
        });
        self.under_way.push_back((submission, receiver));
        self.gpu.check()
    }

    /// Waits for the oldest.
    async fn land(&mut self) -> Result<()> {
        let Some((submission, done)) = self.under_way.pop_front() else { return Ok(()) };
        match self.wait {
            Wait::Async => {
                self.gpu.poll_in_background(submission);
                let lost = |error: oneshot::Canceled| Error::DeviceLost(one_line(&error.to_string()));
                done.await.map_err(lost)?;
            }
            Wait::Block => self.gpu.wait(submission)?,
        }
        self.gpu.check()
    }
}
