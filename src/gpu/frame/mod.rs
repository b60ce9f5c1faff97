//! Inside a host's frame: comparing textures and buffers of the host's device by commands that the host submits.
//!
//! `ring.rs` reads results back, `slices.rs` spreads a comparison over several frames, `result.rs` is where it ends on
//! the device.

mod result;
mod ring;
mod slices;

use std::sync::Arc;

pub use self::slices::Progress;
use self::{
    result::ResultStage,
    ring::{Outcome, Ring},
    slices::{Slicing, Times},
};
use super::{
    arrange::arrange_single,
    context::Gpu,
    executor::{Executor, Prepared},
    lower::{Cut, Mode},
    source::{Source, Sources, Tone, Use},
};
use crate::{
    Model, Report, Target,
    color::ToneMap,
    error::{Error, Result},
    memory::Memory,
};

/// Compares pictures of one size that are on the host's device, by commands recorded into the host's encoders.
///
/// A target is recorded, as often as it changes, and frames are compared with it. Nothing is submitted, nothing blocks,
/// and the device is polled by nobody but the host; after the first frame nothing is created but a view and a bind
/// group for each texture that was not seen before. Frames in flight share one set of feature maps.
///
/// ```no_run
/// use perceptual_loss::{Config, Model, Weights, gpu::{self, FrameSession, wgpu}};
/// # fn engine(device: wgpu::Device, queue: wgpu::Queue, reference: wgpu::Texture, frame: wgpu::Texture)
/// # -> perceptual_loss::Result<()> {
/// let context = gpu::from_device(device.clone(), queue.clone())?;
/// let model = Model::new(&context, &Config::default(), &Weights::open("vgg19.safetensors")?)?;
/// let mut session = FrameSession::new(&model, frame.width(), frame.height())?;
/// for number in 0..100 {
///     let mut encoder = device.create_command_encoder(&Default::default());
///     // Draw into `frame` and, the first time, into `reference`.
///     if number == 0 {
///         session.record_target(&mut encoder, &reference)?;
///     }
///     session.record(&mut encoder, &frame, number)?;
///     queue.submit([encoder.finish()]);
///     while let Some(done) = session.poll() {
///         println!("frame {}: {}", done.frame, done.result?.total);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FrameSession {
    model: Model,
    size: [u32; 2],
    executor: Executor,
    sources: Sources,
    ring: Ring,
    result: ResultStage,
    /// What [`record_target`](Self::record_target) writes; made by the first of them.
    own: Option<OwnTarget>,
    /// What frames are compared with.
    against: Against,
    slicing: Option<Slicing>,
    times: Option<Times>,
}

/// Room for the features of a target that is recorded.
#[derive(Debug)]
struct OwnTarget {
    features: Vec<wgpu::Buffer>,
    /// Commands that compare with them.
    candidates: Prepared,
}

#[derive(Debug)]
enum Against {
    Nothing,
    Own,
    /// Features that were computed elsewhere.
    Given(Prepared),
}

/// What a [`FrameSession`] may be told when it is made.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FrameOptions {
    /// Frames that may be recorded before the first one's report is taken: the buffers that results are read through.
    /// With 0 nothing is read back; results stay in [`FrameSession::loss_buffer`].
    pub in_flight: usize,
    /// Textures, or parts of them, whose bind groups are kept.
    pub sources: usize,
    /// What brings the light of float textures into range.
    pub tone_map: ToneMap,
    /// Brightens it by as many stops (factors of 2) before.
    pub exposure: f32,
}

impl Default for FrameOptions {
    /// Three frames in flight, eight sources, light clipped at 1.
    fn default() -> Self {
        Self { in_flight: 3, sources: 8, tone_map: ToneMap::Clip, exposure: 0.0 }
    }
}

/// Whether a frame's commands were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// They were.
    Recorded,
    /// Nothing was: as many frames as may be are in flight, or read as many sources as may be. Take reports by
    /// [`FrameSession::poll`], and leave this frame out or try again later.
    Full,
}

/// What became of a frame.
#[derive(Debug)]
#[non_exhaustive]
pub struct FrameReport {
    /// The number that the host gave it.
    pub frame: u64,
    /// Its loss. [`Error::DeviceLost`]; [`Error::Device`] where its commands were dropped or refused;
    /// [`Error::Image`] where a value was not finite.
    pub result: Result<Report>,
}

impl FrameSession {
    /// A session for pictures of `width` by `height` pixels, with [`FrameOptions::default`].
    ///
    /// # Errors
    /// As [`with_options`](Self::with_options).
    pub fn new(model: &Model, width: u32, height: u32) -> Result<Self> {
        Self::with_options(model, width, height, &FrameOptions::default())
    }

    /// A session for pictures of `width` by `height` pixels.
    ///
    /// # Errors
    /// [`Error::Config`] where the model computes on the CPU or the exposure is no number; [`Error::Image`] where the
    /// size is zero or too small for the deepest tap; [`Error::TooLarge`] where the device cannot bind a picture's
    /// feature map; [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn with_options(model: &Model, width: u32, height: u32, options: &FrameOptions) -> Result<Self> {
        let FrameOptions { in_flight, sources, tone_map, exposure } = *options;
        let tone = Tone { map: tone_map, exposure };
        tone.validate()?;
        let on_device = model.on_gpu()?;
        let gpu = &on_device.gpu;
        let _span = tracing::debug_span!("frame session", width, height, in_flight).entered();
        let lanes = arrange_single(model.plan(width, height)(1)?, &gpu.capabilities)?;
        let executor = Executor::with_lanes(Arc::clone(on_device), lanes, Mode::Features, Cut::Pieces)?;
        let size = [width, height];
        let sources = Sources::new(gpu, size, tone, sources)?;
        let result = ResultStage::new(&executor)?;
        let ring = Ring::new(gpu, in_flight, result.loss.size())?;
        Ok(Self {
            model: model.clone(),
            size,
            executor,
            sources,
            ring,
            result,
            own: None,
            against: Against::Nothing,
            slicing: None,
            times: None,
        })
    }

    /// Records computing the features of a target, which frames recorded from now on are compared with. The first
    /// call makes room for them.
    ///
    /// # Errors
    /// [`Error::Image`] where the source cannot be read or is not of the session's size; [`Error::Config`] while a
    /// comparison in slices is under way, or where frames in flight read as many other sources as there is room for;
    /// [`Error::OutOfMemory`], [`Error::Device`], [`Error::DeviceLost`]. Nothing is recorded then.
    pub fn record_target(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<Source>,
    ) -> Result<()> {
        self.check_idle()?;
        let ready = self.prepare_target(&source.into())?;
        self.record_target_source(encoder, ready);
        let program = &self.executor.program;
        self.executor.record(encoder, program, program.range(), 1, self.own_features());
        self.against = Against::Own;
        Ok(())
    }

    /// Compares frames recorded from now on with a target whose features another session of the model computed, from
    /// an [`Image`](crate::Image).
    ///
    /// # Errors
    /// [`Error::Config`] where the target is of another model or size, or is kept as a picture since its session goes
    /// through it in parts, or while a comparison in slices is under way; [`Error::DeviceLost`].
    pub fn set_target(&mut self, target: &Target) -> Result<()> {
        self.check_idle()?;
        let features = target.features_on_gpu(&self.model, self.size)?;
        self.against = Against::Given(self.executor.prepare(Mode::Candidates, Cut::Pieces, features)?);
        Ok(())
    }

    /// Records comparing a source with the target, and reading the result back as that of `frame`, a number of the
    /// host's.
    ///
    /// # Errors
    /// As [`record_target`](Self::record_target), and [`Error::Config`] where there is no target yet.
    pub fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<Source>,
        frame: u64,
    ) -> Result<Recording> {
        self.check_idle()?;
        self.check_target()?;
        let Some(used) = self.record_source(encoder, &source.into())? else { return Ok(Recording::Full) };
        if let Some(program) = self.candidates() {
            self.executor.record(encoder, program, program.range(), 1, &[]);
        }
        self.record_result(encoder, frame, used);
        Ok(Recording::Recorded)
    }

    /// The next frame's report, in the order of recording, if the host's submitting or polling has brought it. It
    /// makes room for another frame.
    pub fn poll(&mut self) -> Option<FrameReport> {
        let (frame, outcome) = self.ring.poll(self.executor.gpu())?;
        Some(self.report(frame, outcome))
    }

    /// The next frame's report, in the order of recording; none where no frame is in flight. Something must submit to
    /// the device or poll it meanwhile.
    pub async fn next_report(&mut self) -> Option<FrameReport> {
        let (frame, outcome) = self.ring.next(self.executor.gpu()).await?;
        Some(self.report(frame, outcome))
    }

    /// Frames that were recorded and whose reports have not been taken.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.ring.in_flight()
    }

    /// The result of the comparison that ran last, for shaders of the host's; usage `STORAGE` and `COPY_SRC`.
    ///
    /// In WGSL it is `struct Loss { total: f32, faults: u32, number: u32, sums: array<f32> }`: the total; 0, or what was
    /// wrong with it (1: a value of the picture was not finite; 2: one of the target's; 4: there was no target); how many
    /// comparisons there have been; and for each tap the sum of differences, whose mean is the tap's loss. The total is
    /// rounded to float32; a report's is added up in float64 from the same sums.
    #[must_use]
    pub fn loss_buffer(&self) -> &wgpu::Buffer {
        &self.result.loss
    }

    /// Bytes that are read back of a frame.
    #[must_use]
    pub fn readback_bytes(&self) -> u64 {
        self.result.loss.size()
    }

    /// Bytes that the session has on the device. Weights are not counted: they are the model's, shared by all sessions.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let mut memory = self.executor.memory;
        memory.features += self.own_features().iter().map(wgpu::Buffer::size).sum::<u64>();
        memory.scratch += self.own.as_ref().map_or(0, |own| own.candidates.bytes);
        memory
    }

    /// Lets go of all textures and buffers that no frame in flight reads. Those that were compared last are kept
    /// otherwise, with what they hold of the device's memory, as far as [`FrameOptions::sources`] goes.
    pub fn forget_sources(&mut self) {
        self.sources.forget();
    }

    /// Tells that the device was lost, for hosts that have the callback. Every session on the device gives
    /// [`Error::DeviceLost`] from now on; those on other devices go on. Without it a loss is seen by the first result
    /// that cannot be read.
    pub fn device_lost(&self, reason: &str) {
        self.executor.gpu().lose(reason);
    }

    fn picture(&self) -> &wgpu::Buffer {
        &self.executor.buffers.pictures[0]
    }

    fn own_features(&self) -> &[wgpu::Buffer] {
        self.own.as_ref().map_or(&[], |own| &own.features)
    }

    /// The commands that compare with the target.
    fn candidates(&self) -> Option<&Prepared> {
        match &self.against {
            Against::Nothing => None,
            Against::Own => self.own.as_ref().map(|own| &own.candidates),
            Against::Given(prepared) => Some(prepared),
        }
    }

    fn check_idle(&self) -> Result<()> {
        if self.slicing.is_some() {
            return Err(Error::Config(
                "a comparison in slices is under way; go on with proceed() until it is done, or give it up with cancel()"
                    .to_owned(),
            ));
        }
        self.executor.gpu().check()
    }

    fn check_target(&self) -> Result<()> {
        match self.against {
            Against::Nothing => Err(Error::Config(
                "there is no target to compare with; record one with record_target() first".to_owned(),
            )),
            Against::Own | Against::Given(_) => Ok(()),
        }
    }

    /// Everything about a source that may fail.
    fn prepare(&mut self, source: &Source) -> Result<Option<usize>> {
        self.sources.prepare(&self.executor.model.gpu, source, &self.executor.buffers.pictures[0])
    }

    /// Everything about a target's source that may fail, and room for its features.
    fn prepare_target(&mut self, source: &Source) -> Result<usize> {
        self.make_own_target()?;
        self.prepare(source)?.ok_or_else(|| {
            Error::Config(
                "frames in flight read as many sources as the session has room for; submit and poll them first, or raise \
                 FrameOptions::sources"
                    .to_owned(),
            )
        })
    }

    fn make_own_target(&mut self) -> Result<()> {
        if self.own.is_none() {
            let features = self.executor.target_features()?;
            let candidates = self.executor.prepare(Mode::Candidates, Cut::Pieces, &features)?;
            self.own = Some(OwnTarget { features, candidates });
        }
        Ok(())
    }

    /// Records reading a frame's source; nothing where there is no room for the frame. What must be held until that is
    /// done.
    fn record_source(&mut self, encoder: &mut wgpu::CommandEncoder, source: &Source) -> Result<Option<Use>> {
        if self.ring.is_full() {
            return Ok(None);
        }
        let ready = self.prepare(source)?;
        Ok(ready.map(|ready| self.sources.record(self.gpu(), encoder, ready, self.picture())))
    }

    fn record_target_source(&self, encoder: &mut wgpu::CommandEncoder, ready: usize) {
        let used = self.sources.record(self.executor.gpu(), encoder, ready, self.picture());
        encoder.on_submitted_work_done(move || drop(used));
        self.result.keep_target_header(encoder, self.picture());
    }

    fn record_result(&mut self, encoder: &mut wgpu::CommandEncoder, frame: u64, used: Use) {
        let given = matches!(self.against, Against::Given(_));
        self.result.record(self.executor.gpu(), encoder, given);
        self.ring.record(encoder, &self.result.loss, frame, used);
    }

    fn report(&self, frame: u64, outcome: Result<Outcome>) -> FrameReport {
        let report = |Outcome { faults, sums, .. }: Outcome| {
            result::check(faults, frame)?;
            let sums: Vec<f64> = sums.into_iter().map(f64::from).collect();
            self.model.report(&self.executor.lanes.plan, self.size, &sums)
        };
        FrameReport { frame, result: outcome.and_then(report) }
    }

    fn gpu(&self) -> &Gpu {
        self.executor.gpu()
    }
}
