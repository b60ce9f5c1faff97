//! Inside a host's frame: comparing textures and buffers of the host's device by commands that the host submits.
//!
//! `arrange.rs` says what is kept of a target, `ring.rs` reads results back, `slices.rs` spreads a comparison over several frames,
//! `gradient.rs` makes gradients beside, `faults.rs` is what a result may tell.

pub(super) mod arrange;
mod faults;
mod gradient;
mod ring;
mod slices;

use std::{ops::Range, sync::Arc};

pub use self::slices::Progress;
use self::{
    arrange::{Arrangement, FRAMES},
    ring::{Outcome, Ring},
    slices::{Slicing, Times},
};
use super::{
    context::Gpu,
    destination::Destinations,
    kernels::source,
    prepared::Prepared,
    program::Side,
    source::{Source, Sources, Tone, Use},
    target,
    workspace::{Round, Workspace},
};
use crate::{
    Model, Report, Target,
    color::ToneMap,
    error::{Error, Result},
    memory::Memory,
    plan::Plan,
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
    arranged: Arrangement,
    workspace: Workspace,
    sources: Sources,
    /// Where gradients go, where the session is to make them.
    destinations: Option<Destinations>,
    ring: Ring,
    /// What [`record_target`](Self::record_target) writes; made by the first of them.
    own: Option<OwnTarget>,
    /// What frames are compared with.
    against: Against,
    slicing: Option<Slicing>,
    times: Option<Times>,
}

/// Room for a target that is recorded.
#[derive(Debug)]
struct OwnTarget {
    kept: target::Target,
    /// Commands that make it.
    keeping: Prepared,
    /// Commands that compare frames with it.
    comparing: Comparing,
}

#[derive(Debug)]
enum Against {
    Nothing,
    Own,
    /// Commands that compare frames with a target that was made elsewhere.
    Given(Box<Comparing>),
}

/// Commands that compare frames with a target.
#[derive(Debug)]
struct Comparing {
    frames: Prepared,
    /// The same, and what makes the gradient, where the session is to.
    gradients: Option<Prepared>,
}

impl Comparing {
    /// Bytes of their parameters.
    fn bytes(&self) -> u64 {
        self.frames.bytes + self.gradients.as_ref().map_or(0, |gradients| gradients.bytes)
    }
}

/// What a [`FrameSession`] may be told when it is made.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FrameOptions {
    /// Frames that may be recorded before the first one's report is taken: the buffers that results are read through.
    /// With 0 nothing is read back; results stay in [`FrameSession::loss_buffer`].
    pub in_flight: usize,
    /// Textures and buffers, or parts of them, whose bind groups are kept; and as many of those that gradients go to.
    pub sources: usize,
    /// What brings the light of float textures into range.
    pub tone_map: ToneMap,
    /// Brightens it by as many stops (factors of 2) before.
    pub exposure: f32,
    /// Whether there is room for gradients ([`FrameSession::record_gradient`]), which take about as much memory again as comparing does.
    pub gradients: bool,
}

impl Default for FrameOptions {
    /// Three frames in flight, eight sources, light clipped at 1, no gradients.
    fn default() -> Self {
        Self { in_flight: 3, sources: 8, tone_map: ToneMap::Clip, exposure: 0.0, gradients: false }
    }
}

/// Whether a frame's commands were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recorded {
    /// They were.
    Yes,
    /// Nothing was: as many frames as may be are in flight, or read as many sources as may be. Take reports by
    /// [`FrameSession::poll`], and leave this frame out or try again later.
    NoRoom,
}

/// What became of a frame.
#[derive(Debug)]
#[non_exhaustive]
pub struct FrameReport {
    /// The number that the host gave it.
    pub frame: u64,
    /// Its loss. [`Error::DeviceLost`]; [`Error::Device`] where its commands were dropped or refused;
    /// [`Error::Image`] where a value was not finite, [`Error::NotFinite`] where one of its features was not.
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
        let FrameOptions { in_flight, sources: kept, tone_map, exposure, gradients } = *options;
        let tone = Tone { map: tone_map, exposure };
        tone.validate()?;
        let on_device = model.on_gpu()?;
        let gpu = &on_device.gpu;
        let _span = tracing::debug_span!("frame session", width, height, in_flight).entered();
        let arranged =
            arrange::arrange(&model.plans(width, height), gradients, model.allowed(), on_device.means())?;
        let workspace = Workspace::new(Arc::clone(on_device), &arranged.sizes, arranged.memory)?;
        let size = [width, height];
        let sources = Sources::new(gpu, size, tone, kept)?;
        let gradient = arranged.gradients.as_ref().and_then(|plan| Some(&plan.tensors()[plan.gradient()?]));
        let destinations = gradient.map(|gradient| Destinations::new(gpu, gradient, kept)).transpose()?;
        let ring = Ring::new(gpu, in_flight, workspace.buffers.loss.size())?;
        // Compiled and uploaded now, and not in the first frame.
        for kernel in
            [&source::TEXTURE, &source::BUFFER].into_iter().chain(gradients.then_some(&source::GRADIENT))
        {
            gpu.pipeline(kernel)?;
        }
        for plan in arranged.target.iter().chain([&arranged.frames]).chain(&arranged.gradients) {
            on_device.warm_up(&on_device.lower(plan, FRAMES.0, FRAMES.1)?)?;
        }
        Ok(Self {
            model: model.clone(),
            size,
            arranged,
            workspace,
            sources,
            destinations,
            ring,
            own: None,
            against: Against::Nothing,
            slicing: None,
            times: None,
        })
    }

    /// Records computing the maps of a target, which frames recorded from now on are compared with. The first
    /// call makes room for them. Where the model's memory has none, the target's picture is kept alone, and each frame computes its
    /// maps again: the same numbers, in twice the time.
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
        self.record_beginning_of_target(encoder, &source.into())?;
        if let Some(own) = &self.own {
            self.record_range(encoder, &own.keeping, own.keeping.program.steps.clone(), None);
        }
        Ok(())
    }

    /// Compares frames recorded from now on with a target whose maps another session of the model computed, from
    /// an [`Image`](crate::Image).
    ///
    /// # Errors
    /// [`Error::Config`] where the target is of another loss, other weights or another size, or is kept as a picture; or while a
    /// comparison in slices is under way; [`Error::DeviceLost`].
    pub fn set_target(&mut self, target: &Target) -> Result<()> {
        self.check_idle()?;
        let target = target.on_gpu(&self.model, self.size)?;
        self.against = Against::Given(Box::new(self.prepare_comparing(target)?));
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
    ) -> Result<Recorded> {
        self.record_frame(encoder, &source.into(), None, frame)
    }

    /// The next frame's report, in the order of recording, if the host's submitting or polling has brought it. It
    /// makes room for another frame.
    pub fn poll(&mut self) -> Option<FrameReport> {
        let (frame, outcome) = self.ring.poll(self.workspace.gpu())?;
        Some(self.report(frame, outcome))
    }

    /// The next frame's report, in the order of recording; none where no frame is in flight. Something must submit to
    /// the device or poll it meanwhile.
    pub async fn next_report(&mut self) -> Option<FrameReport> {
        let (frame, outcome) = self.ring.next(self.workspace.gpu()).await?;
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
    /// wrong with it (1: a value of the picture was not finite; 2: one of the target's; 4: there was no target; 256 and up: features
    /// left the range of float32, a bit for each convolution that has seen it); how many comparisons there have been; and for each tap the sum of differences, whose mean is the tap's loss. The total is
    /// rounded to float32; a report's is added up in float64 from the same sums.
    #[must_use]
    pub fn loss_buffer(&self) -> &wgpu::Buffer {
        &self.workspace.buffers.loss
    }

    /// Bytes that are read back of a frame.
    #[must_use]
    pub fn readback_bytes(&self) -> u64 {
        self.loss_buffer().size()
    }

    /// Bytes that the session has on the device, with the target that it has recorded. Weights are not counted: they are the
    /// model's, shared by all sessions.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let mut memory = self.arranged.memory;
        if let Some(OwnTarget { kept, keeping, comparing }) = &self.own {
            memory.scratch += keeping.bytes + comparing.bytes();
            memory.target = kept.bytes();
        }
        if let Against::Given(comparing) = &self.against {
            memory.scratch += comparing.bytes();
        }
        memory
    }

    /// Lets go of all textures and buffers that no frame in flight reads or writes. Those that were compared last are kept
    /// otherwise, with what they hold of the device's memory, as far as [`FrameOptions::sources`] goes.
    pub fn forget_sources(&mut self) {
        self.sources.forget();
        self.destinations.iter_mut().for_each(Destinations::forget);
    }

    /// Tells that the device was lost, for hosts that have the callback. Every session on the device gives
    /// [`Error::DeviceLost`] from now on; those on other devices go on. Without it a loss is seen by the first result
    /// that cannot be read.
    pub fn device_lost(&self, reason: &str) {
        self.workspace.gpu().lose(reason);
    }

    /// The commands that compare frames with the target.
    fn comparing(&self) -> Option<&Comparing> {
        match &self.against {
            Against::Nothing => None,
            Against::Own => self.own.as_ref().map(|own| &own.comparing),
            Against::Given(comparing) => Some(&**comparing),
        }
    }

    /// Those of a frame whose gradient goes to this buffer that is ready, if it has one.
    fn program(&self, to: Option<usize>) -> Option<&Prepared> {
        let Comparing { frames, gradients } = self.comparing()?;
        if to.is_some() { gradients.as_ref() } else { Some(frames) }
    }

    fn check_idle(&self) -> Result<()> {
        if self.slicing.is_some() {
            return Err(Error::Config(
                "a comparison in slices is under way; go on with proceed() until it is done, or give it up with cancel()"
                    .to_owned(),
            ));
        }
        self.workspace.gpu().check()
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
        let Workspace { model, buffers } = &self.workspace;
        self.sources.prepare(&model.gpu, source, &buffers.pictures[Side::Generated as usize])
    }

    fn make_own_target(&mut self) -> Result<()> {
        if self.own.is_none() {
            let Workspace { model, buffers } = &self.workspace;
            let keeping = self.arranged.keeping(|plan| model.lower(plan, FRAMES.0, FRAMES.1))?;
            let kept = target::Target::new(&model.gpu, &keeping.0)?;
            let keeping = Prepared::new(model, keeping, buffers, Some(&kept))?;
            let comparing = self.prepare_comparing(&kept)?;
            self.own = Some(OwnTarget { kept, keeping, comparing });
        }
        Ok(())
    }

    /// Commands that compare frames with a target.
    fn prepare_comparing(&self, target: &target::Target) -> Result<Comparing> {
        let prepare = |plan: &Plan| self.workspace.prepare(plan.clone(), FRAMES, Some(target));
        let gradients = self.arranged.gradients.as_ref().map(prepare).transpose()?;
        Ok(Comparing { frames: prepare(&self.arranged.frames)?, gradients })
    }

    /// Records a frame, whose gradient goes to this buffer that is ready, if it has one.
    fn record_frame(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        source: &Source,
        to: Option<usize>,
        frame: u64,
    ) -> Result<Recorded> {
        let Some(used) = self.record_beginning(encoder, source, to)? else { return Ok(Recorded::NoRoom) };
        if let Some(prepared) = self.program(to) {
            self.record_range(encoder, prepared, prepared.program.steps.clone(), None);
        }
        self.record_end(encoder, to, frame, used);
        Ok(Recorded::Yes)
    }

    /// Records reading a frame's source, which a program begins with; nothing where there is no room for the frame. What must
    /// be held until that is done.
    fn record_beginning(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        source: &Source,
        to: Option<usize>,
    ) -> Result<Option<Use>> {
        self.check_idle()?;
        self.check_target()?;
        if self.ring.is_full() {
            return Ok(None);
        }
        let Some(ready) = self.prepare(source)? else { return Ok(None) };
        if let Some(prepared) = self.program(to) {
            self.record_range(encoder, prepared, 0..prepared.program.steps.start, Some(ready));
        }
        Ok(Some(self.sources.hold(ready)))
    }

    /// Records reading a target's source, which frames are compared with from now on.
    fn record_beginning_of_target(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        source: &Source,
    ) -> Result<()> {
        self.check_idle()?;
        self.make_own_target()?;
        let ready = self.prepare(source)?.ok_or_else(|| {
            Error::Config(
                "frames in flight read as many sources as the session has room for; submit and poll them first, or raise \
                 FrameOptions::sources"
                    .to_owned(),
            )
        })?;
        if let Some(own) = &self.own {
            self.record_range(encoder, &own.keeping, 0..own.keeping.program.steps.start, Some(ready));
        }
        let used = self.sources.hold(ready);
        encoder.on_submitted_work_done(move || drop(used));
        self.against = Against::Own;
        Ok(())
    }

    /// Records what a program ends with, and reading the result back as that of `frame`.
    fn record_end(&mut self, encoder: &mut wgpu::CommandEncoder, to: Option<usize>, frame: u64, used: Use) {
        let place = self.ring.take(frame, used);
        if let Some(prepared) = self.program(to) {
            let end = prepared.program.steps.end..prepared.program.commands.len();
            let readback = place.buffer().map(|buffer| (buffer, 0));
            let destinations = self.destinations.as_ref().zip(to);
            let destination = destinations.map(|(destinations, to)| destinations.recorded(to));
            let round = Round { destination, readback, ..Round::uploaded(1) };
            self.workspace.record(encoder, prepared, end, &round);
        }
        self.ring.record(encoder, place);
    }

    /// Records some of a program's commands for a frame; the source is that which is ready.
    fn record_range(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        prepared: &Prepared,
        range: Range<usize>,
        ready: Option<usize>,
    ) {
        let source = ready.map(|ready| self.sources.recorded(ready));
        let target = self.own.as_ref().map(|own| &own.kept);
        let round = Round { target, source, ..Round::uploaded(1) };
        self.workspace.record(encoder, prepared, range, &round);
    }

    fn report(&self, frame: u64, outcome: Result<Outcome>) -> FrameReport {
        let report = |Outcome { faults, sums, .. }: Outcome| {
            faults::check(faults, frame)?;
            self.plan().check_notes([faults >> faults::NOTES])?;
            let sums: Vec<f64> = sums.into_iter().map(f64::from).collect();
            self.model.report(self.plan(), self.size, &sums)
        };
        FrameReport { frame, result: outcome.and_then(report) }
    }

    /// What compares frames: it has the taps.
    fn plan(&self) -> &Plan {
        &self.arranged.frames
    }

    fn gpu(&self) -> &Gpu {
        self.workspace.gpu()
    }
}
