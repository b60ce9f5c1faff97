//! One shape's buffers, and comparing through them: upload, record, submit, read back.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_channel::oneshot;

use super::{
    context::{Gpu, one_line},
    executor::{Executor, Prepared},
    lower::{Cut, Memory, Mode, arrange},
    model::Model,
    timing::timed,
};
use crate::{
    error::{Error, Result},
    image::Image,
    plan::Plan,
    profile::Stopwatch,
};

/// A session on a GPU.
#[derive(Debug)]
pub(crate) struct Session {
    executor: Executor,
    readback: wgpu::Buffer,
    /// Commands that copy features out; made by the first target.
    features: Option<Prepared>,
    /// Commands that compare with a target, bound to the target last used.
    candidates: Option<(u64, Prepared)>,
    /// Room for packing pictures.
    words: Vec<u32>,
}

/// A picture's features at every tap, on the device.
#[derive(Debug)]
pub(crate) struct Target {
    id: u64,
    features: Vec<wgpu::Buffer>,
}

/// How the result of a submission is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// By a future that someone else's polling wakes.
    Async,
    /// By blocking this thread.
    Block,
}

impl Target {
    /// A buffer each tap.
    pub(super) fn features(&self) -> &[wgpu::Buffer] {
        &self.features
    }
}

impl Session {
    /// Buffers for rounds of up to `pairs` pairs of the pictures that `plan` is for.
    pub(crate) fn new(model: &Arc<Model>, plan: impl Fn(u32) -> Result<Plan>, pairs: u32) -> Result<Self> {
        let lanes = arrange(plan, pairs, &model.gpu.capabilities)?;
        let executor = Executor::with_lanes(Arc::clone(model), lanes, Mode::Pairs, Cut::Whole)?;
        let bytes = executor.buffers.sums.size();
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let readback = model.gpu.create("readback", bytes, || model.gpu.buffer("readback", bytes, usage))?;
        Ok(Self { executor, readback, features: None, candidates: None, words: vec![] })
    }

    /// What [`new`](Self::new) would allocate.
    pub(crate) fn memory(gpu: &Gpu, plan: impl Fn(u32) -> Result<Plan>, pairs: u32) -> Result<Memory> {
        super::executor::memory(&arrange(plan, pairs, &gpu.capabilities)?, &gpu.capabilities)
    }

    /// Pictures that one round holds.
    pub(crate) fn pictures(&self) -> usize {
        self.executor.lanes.pictures() as usize
    }

    /// Compares pictures 2k and 2k + 1, at most [`pictures`](Self::pictures) of them. For each pair, the sum of
    /// differences at each tap.
    pub(crate) async fn pairs(
        &mut self,
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<Vec<f64>>> {
        let prepared = &self.executor.program;
        let encoder = match watch {
            None => round(&self.executor, prepared, pictures, &[], &mut self.words),
            Some(watch) => timed_round(&self.executor, prepared, pictures, &mut self.words, false, watch)?,
        };
        self.finish(encoder, pictures.len() / 2, wait).await
    }

    /// Compares each picture, at most [`pictures`](Self::pictures) of them, with the target. For each, the sum
    /// of differences at each tap.
    pub(crate) async fn candidates(
        &mut self,
        target: &Target,
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<Vec<f64>>> {
        let prepared = match self.candidates.take() {
            Some((id, prepared)) if id == target.id => prepared,
            _ => self.executor.prepare(Mode::Candidates, Cut::Whole, &target.features)?,
        };
        let (_, prepared) = self.candidates.insert((target.id, prepared));
        let encoder = match watch {
            None => round(&self.executor, prepared, pictures, &[], &mut self.words),
            Some(watch) => timed_round(&self.executor, prepared, pictures, &mut self.words, true, watch)?,
        };
        self.finish(encoder, pictures.len(), wait).await
    }

    /// A picture's features, kept in buffers of their own. Nothing is waited for.
    pub(crate) fn target(&mut self, picture: &Image<'_>) -> Result<Target> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let features = self.executor.target_features()?;
        let prepared = match self.features.take() {
            Some(prepared) => prepared,
            None => self.executor.prepare(Mode::Features, Cut::Whole, &[])?,
        };
        let prepared = self.features.insert(prepared);
        let picture = std::slice::from_ref(picture);
        let encoder = round(&self.executor, prepared, picture, &features, &mut self.words);
        let gpu = self.executor.gpu();
        gpu.queue.submit([encoder.finish()]);
        gpu.check()?;
        Ok(Target { id: NEXT.fetch_add(1, Ordering::Relaxed), features })
    }

    /// Submits, and reads `items` sums a tap back.
    async fn finish(
        &self,
        mut encoder: wgpu::CommandEncoder,
        items: usize,
        wait: Wait,
    ) -> Result<Vec<Vec<f64>>> {
        let gpu = self.executor.gpu();
        let bytes = self.readback.size();
        encoder.copy_buffer_to_buffer(&self.executor.buffers.sums, 0, &self.readback, 0, bytes);
        let submission = gpu.queue.submit([encoder.finish()]);
        let mapping = Mapping::new(&self.readback);
        match wait {
            Wait::Async => gpu.poll_in_background(submission),
            Wait::Block => gpu.wait(submission)?,
        }
        let sums = mapping.read(gpu).await?;
        let taps = self.executor.plan().taps.len();
        Ok((0..items)
            .map(|item| (0..taps).map(|tap| f64::from(sums[tap * self.pictures() + item])).collect())
            .collect())
    }
}

/// Uploads the pictures of a round and records a program's commands for them.
fn round(
    executor: &Executor,
    prepared: &Prepared,
    pictures: &[Image<'_>],
    target: &[wgpu::Buffer],
    words: &mut Vec<u32>,
) -> wgpu::CommandEncoder {
    upload(executor, pictures, words);
    let mut encoder = encoder(executor);
    executor.record(&mut encoder, prepared, prepared.range(), pictures.len() as u32, target);
    encoder
}

/// As [`round`], with every step timed: its commands are done when this returns, and the encoder is empty.
fn timed_round(
    executor: &Executor,
    prepared: &Prepared,
    pictures: &[Image<'_>],
    words: &mut Vec<u32>,
    cached_target: bool,
    watch: &mut Stopwatch,
) -> Result<wgpu::CommandEncoder> {
    upload(executor, pictures, words);
    let (clock, seconds) = timed(executor, prepared, pictures.len() as u32)?;
    watch.clock = clock;
    watch.round(executor.plan(), pictures.len(), cached_target, &seconds);
    Ok(encoder(executor))
}

fn upload(executor: &Executor, pictures: &[Image<'_>], words: &mut Vec<u32>) {
    for (index, picture) in pictures.iter().enumerate() {
        executor.upload(index as u32, picture, words);
    }
}

fn encoder(executor: &Executor) -> wgpu::CommandEncoder {
    let descriptor = wgpu::CommandEncoderDescriptor { label: Some("perceptual-loss") };
    executor.gpu().device.create_command_encoder(&descriptor)
}

/// A buffer that is being mapped; unmapped when dropped, so that a future given up halfway leaves the session
/// usable.
struct Mapping<'a> {
    buffer: &'a wgpu::Buffer,
    mapped: Option<oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>>,
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

    async fn read(mut self, gpu: &Gpu) -> Result<Vec<f32>> {
        let result = match self.mapped.take() {
            Some(receiver) => receiver.await,
            None => Err(oneshot::Canceled),
        };
        gpu.check()?;
        let lost = |reason: String| Error::DeviceLost(one_line(&reason));
        result.map_err(|error| lost(error.to_string()))?.map_err(|error| lost(error.to_string()))?;
        let view = self.buffer.get_mapped_range(..).map_err(|error| lost(error.to_string()))?;
        Ok(bytemuck::cast_slice(&view).to_vec())
    }
}

impl Drop for Mapping<'_> {
    fn drop(&mut self) {
        self.buffer.unmap();
    }
}
