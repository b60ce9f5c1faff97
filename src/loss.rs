//! The front door: a context, a model, its sessions and targets. Build once, compare many.

use std::sync::Arc;

#[cfg(feature = "cpu")]
use crate::cpu;
#[cfg(feature = "gpu")]
use crate::gpu::{self, Wait};
use crate::{
    config::Config,
    error::{Error, Result},
    image::Image,
    plan::{Plan, Tuning},
    profile::{Peak, Profile, Stopwatch},
    report::{LayerReport, Report},
    weights::{Parameters, Weights},
};

/// What computes: a GPU's device, or the CPU. Cheap to clone; share one among all models.
#[derive(Clone, Debug)]
pub struct Context(Backend);

#[derive(Clone, Debug)]
enum Backend {
    #[cfg(feature = "gpu")]
    Gpu(Arc<gpu::Gpu>),
    #[cfg(feature = "cpu")]
    Cpu(cpu::Engine),
}

impl Context {
    /// The best hardware GPU; where there is none, the CPU, which is faster than a software GPU driver. With one
    /// backend built in, that one.
    ///
    /// # Errors
    /// [`Error::Device`] where there is a hardware GPU that cannot be opened; with no CPU backend, as
    /// [`gpu`](Self::gpu).
    pub async fn auto() -> Result<Self> {
        #[cfg(all(feature = "gpu", feature = "cpu"))]
        return Ok(gpu::Gpu::open_hardware().await?.map_or_else(Self::cpu, Self::from_gpu));
        #[cfg(not(feature = "cpu"))]
        return Self::gpu().await;
        #[cfg(not(feature = "gpu"))]
        Ok(Self::cpu())
    }

    /// [`auto`](Self::auto), blocking.
    ///
    /// # Errors
    /// As [`auto`](Self::auto).
    pub fn auto_blocking() -> Result<Self> {
        pollster::block_on(Self::auto())
    }

    /// Opens the best GPU adapter: hardware before software, discrete before integrated.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], or [`Error::Device`] where the adapter cannot be opened.
    #[cfg(feature = "gpu")]
    pub async fn gpu() -> Result<Self> {
        Ok(Self::from_gpu(gpu::Gpu::open(None).await?))
    }

    /// [`gpu`](Self::gpu), blocking.
    ///
    /// # Errors
    /// As [`gpu`](Self::gpu).
    #[cfg(feature = "gpu")]
    pub fn gpu_blocking() -> Result<Self> {
        pollster::block_on(Self::gpu())
    }

    /// Opens the GPU adapter called `name`; a part of its name will do, in any case.
    ///
    /// # Errors
    /// [`Error::UnknownAdapter`] with the names that there are; else as [`gpu`](Self::gpu).
    #[cfg(feature = "gpu")]
    pub async fn gpu_named(name: &str) -> Result<Self> {
        Ok(Self::from_gpu(gpu::Gpu::open(Some(name)).await?))
    }

    /// [`gpu_named`](Self::gpu_named), blocking.
    ///
    /// # Errors
    /// As [`gpu_named`](Self::gpu_named).
    #[cfg(feature = "gpu")]
    pub fn gpu_named_blocking(name: &str) -> Result<Self> {
        pollster::block_on(Self::gpu_named(name))
    }

    /// The CPU. It works on the threads of the rayon pool that it is called from: the global one, unless the host
    /// has set up another or hands one over by [`on_pool`](Self::on_pool).
    #[cfg(feature = "cpu")]
    #[must_use]
    pub fn cpu() -> Self {
        Self(Backend::Cpu(cpu::Engine::new(cpu::Kind::Fast)))
    }

    /// The CPU through the kernels' twins: each step in plain loops with float64 sums. Slow; what the others are
    /// checked against.
    #[cfg(feature = "cpu")]
    #[must_use]
    pub fn twin() -> Self {
        Self(Backend::Cpu(cpu::Engine::new(cpu::Kind::Twin)))
    }

    /// The same CPU context on `threads` threads of its own. Results are the same to the bit on any number.
    ///
    /// # Errors
    /// [`Error::Config`] where the number cannot be used or the context is a GPU's; [`Error::Device`] where the
    /// threads cannot be started.
    #[cfg(feature = "cpu")]
    pub fn on_threads(self, threads: usize) -> Result<Self> {
        Ok(Self(Backend::Cpu(self.cpu_engine()?.on_threads(threads)?)))
    }

    /// The same CPU context on a pool of the host's.
    ///
    /// # Errors
    /// [`Error::Config`] where the context is a GPU's.
    #[cfg(feature = "cpu")]
    pub fn on_pool(self, pool: Arc<cpu::rayon::ThreadPool>) -> Result<Self> {
        Ok(Self(Backend::Cpu(self.cpu_engine()?.on_pool(pool))))
    }

    #[cfg(feature = "cpu")]
    fn cpu_engine(self) -> Result<cpu::Engine> {
        match self.0 {
            Backend::Cpu(engine) => Ok(engine),
            #[cfg(feature = "gpu")]
            Backend::Gpu(_) => {
                Err(Error::Config("threads are for the CPU; this context computes on a GPU".to_owned()))
            }
        }
    }

    /// What the device does at best: arithmetic and memory, each measured for about half a second. The CPU is measured
    /// on the context's threads.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where there is no room for what is copied; [`Error::Device`] where a kernel gave a wrong
    /// result, and [`Error::DeviceLost`].
    pub fn peak_blocking(&self) -> Result<Peak> {
        match &self.0 {
            #[cfg(feature = "gpu")]
            Backend::Gpu(gpu) => gpu::peak(gpu),
            #[cfg(feature = "cpu")]
            Backend::Cpu(engine) => cpu::peak(engine),
        }
    }

    /// `gpu`, `cpu` or `twin`.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        match &self.0 {
            #[cfg(feature = "gpu")]
            Backend::Gpu(_) => "gpu",
            #[cfg(feature = "cpu")]
            Backend::Cpu(engine) => match engine.kind {
                cpu::Kind::Fast => "cpu",
                cpu::Kind::Twin => "twin",
            },
        }
    }

    /// How many threads the CPU works on, when asked from here; none on a GPU.
    #[must_use]
    pub fn threads(&self) -> Option<usize> {
        match &self.0 {
            #[cfg(feature = "gpu")]
            Backend::Gpu(_) => None,
            #[cfg(feature = "cpu")]
            Backend::Cpu(engine) => Some(engine.run(cpu::rayon::current_num_threads)),
        }
    }

    /// The GPU adapter; none on the CPU.
    #[cfg(feature = "gpu")]
    #[must_use]
    pub fn adapter(&self) -> Option<&gpu::Adapter> {
        self.gpu_handle().map(|gpu| &gpu.adapter)
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn from_gpu(gpu: gpu::Gpu) -> Self {
        Self(Backend::Gpu(Arc::new(gpu)))
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn gpu_handle(&self) -> Option<&Arc<gpu::Gpu>> {
        match &self.0 {
            Backend::Gpu(gpu) => Some(gpu),
            #[cfg(feature = "cpu")]
            Backend::Cpu(_) => None,
        }
    }

    fn adapter_name(&self) -> Option<String> {
        #[cfg(feature = "gpu")]
        return self.adapter().map(|adapter| adapter.name.clone());
        #[cfg(not(feature = "gpu"))]
        None
    }
}

/// A loss with its weights, on a context. Cheap to clone; its weights are on the device once, whatever the
/// number of sessions.
#[derive(Clone, Debug)]
pub struct Model(Arc<ModelInner>);

#[derive(Debug)]
struct ModelInner {
    context: Context,
    config: Config,
    tuning: Tuning,
    parameters: Arc<Parameters>,
    backend: BackendModel,
}

/// The weights where the backend wants them.
#[derive(Debug)]
enum BackendModel {
    #[cfg(feature = "gpu")]
    Gpu(Arc<gpu::Model>),
    #[cfg(feature = "cpu")]
    Cpu(cpu::Model),
}

impl Model {
    /// Loads the weights that `config`'s taps need.
    ///
    /// # Errors
    /// [`Error::Config`] where the config is not valid; [`Error::Weights`] and [`Error::Io`] where the weights
    /// cannot be used or read.
    pub fn new(context: &Context, config: &Config, weights: &Weights) -> Result<Self> {
        Self::with_tuning(context, config, weights, Tuning::default())
    }

    /// [`new`](Self::new), with a tuning of the 3x3 convolution forced.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_tuning(
        context: &Context,
        config: &Config,
        weights: &Weights,
        tuning: Tuning,
    ) -> Result<Self> {
        config.validate()?;
        let depth = config.tap_positions()?.last().map_or(0, |(position, _)| position + 1);
        let parameters = Arc::new(weights.load(config.network, depth)?);
        let backend = match &context.0 {
            #[cfg(feature = "gpu")]
            Backend::Gpu(gpu) => {
                BackendModel::Gpu(Arc::new(gpu::Model::new(Arc::clone(gpu), Arc::clone(&parameters))))
            }
            #[cfg(feature = "cpu")]
            Backend::Cpu(engine) => BackendModel::Cpu(cpu::Model::new(engine, &parameters)),
        };
        Ok(Self(Arc::new(ModelInner {
            backend,
            context: context.clone(),
            config: config.clone(),
            tuning,
            parameters,
        })))
    }

    /// What computes it.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// The loss it computes.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Buffers for comparing pairs of pictures of `width` by `height` pixels, one pair at a time.
    ///
    /// # Errors
    /// As [`batch_session`](Self::batch_session).
    pub fn session(&self, width: u32, height: u32) -> Result<Session> {
        self.batch_session(width, height, 1)
    }

    /// Buffers for comparing up to `pairs` pairs together (or twice as many candidates against a target), fewer
    /// where the device cannot bind as much. Larger batches go through in rounds.
    ///
    /// # Errors
    /// [`Error::Image`] where the size is zero or too small for the deepest tap; [`Error::TooLarge`] where the
    /// device cannot bind a picture's feature map; [`Error::OutOfMemory`].
    pub fn batch_session(&self, width: u32, height: u32, pairs: u32) -> Result<Session> {
        let backend = self.0.context.backend();
        let _span = tracing::debug_span!("session", backend, width, height, pairs).entered();
        let plan = self.plan(width, height);
        let kind = match &self.0.backend {
            #[cfg(feature = "gpu")]
            BackendModel::Gpu(model) => SessionKind::Gpu(Box::new(gpu::Session::new(model, &plan, pairs)?)),
            #[cfg(feature = "cpu")]
            BackendModel::Cpu(model) => {
                let _ = pairs; // one pair after another
                SessionKind::Cpu(model.session(plan(1)?))
            }
        };
        Ok(Session { model: self.clone(), plan: plan(1)?, width, height, kind })
    }

    /// Bytes that such a [`batch_session`](Self::batch_session) takes on the device, before anything is
    /// allocated. Weights are not counted: they are the model's, shared by all sessions.
    ///
    /// # Errors
    /// As [`batch_session`](Self::batch_session); [`Error::Config`] on the CPU.
    #[cfg(feature = "gpu")]
    pub fn memory(&self, width: u32, height: u32, pairs: u32) -> Result<gpu::Memory> {
        gpu::Session::memory(self.on_gpu()?.device(), self.plan(width, height), pairs)
    }

    /// The weights on the device.
    #[cfg(feature = "gpu")]
    pub(crate) fn on_gpu(&self) -> Result<&Arc<gpu::Model>> {
        match &self.0.backend {
            BackendModel::Gpu(model) => Ok(model),
            #[cfg(feature = "cpu")]
            BackendModel::Cpu(_) => Err(Error::Config("this model computes on the CPU".to_owned())),
        }
    }

    /// The plan for a number of pictures of this size.
    pub(crate) fn plan(&self, width: u32, height: u32) -> impl Fn(u32) -> Result<Plan> + '_ {
        move |images| {
            if width == 0 || height == 0 {
                return Err(Error::Image(format!(
                    "a picture of {width}x{height} has no pixels; both sides must be at least 1"
                )));
            }
            Plan::new(&self.0.config, width, height, images, self.0.tuning)
        }
    }

    /// The report from each tap's sum of differences.
    pub(crate) fn report(&self, plan: &Plan, [width, height]: [u32; 2], sums: &[f64]) -> Result<Report> {
        let ModelInner { context, config, tuning, parameters, .. } = &*self.0;
        let layers: Vec<LayerReport> = plan
            .taps
            .iter()
            .zip(sums)
            .map(|(tap, sum)| {
                let tensor = &plan.tensors[tap.tensor];
                let [width, height] = tensor.region.extent;
                let loss = sum / tensor.image_stride() as f64;
                LayerReport {
                    name: tap.name,
                    weight: tap.weight,
                    loss,
                    shape: [tensor.channels, height, width],
                }
            })
            .collect();
        if let Some(layer) = layers.iter().find(|layer| !layer.loss.is_finite()) {
            return Err(Error::Weights(format!(
                "{}: the loss at {} is {}: with these weights activations leave the range of float32",
                parameters.info.origin, layer.name, layer.loss
            )));
        }
        Ok(Report {
            total: layers.iter().map(|layer| layer.weight * layer.loss).sum(),
            layers,
            network: config.network.name(),
            preset: config.preset().map(|preset| preset.name()),
            normalization: config.normalization.to_string(),
            criterion: config.criterion.name(),
            precision: "f32",
            tuning: (context.backend() == "gpu").then(|| tuning.name()),
            weights: parameters.info.clone(),
            backend: context.backend(),
            adapter: context.adapter_name(),
            width,
            height,
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}

/// One size's buffers; one comparison at a time. Comparing again creates nothing on the device.
#[derive(Debug)]
pub struct Session {
    model: Model,
    plan: Plan,
    width: u32,
    height: u32,
    kind: SessionKind,
}

#[derive(Debug)]
enum SessionKind {
    #[cfg(feature = "gpu")]
    Gpu(Box<gpu::Session>),
    #[cfg(feature = "cpu")]
    Cpu(cpu::Session),
}

/// A picture's features at every tap, computed once; any session of the same model and size compares with it.
#[derive(Debug)]
pub struct Target {
    model: Model,
    width: u32,
    height: u32,
    kind: TargetKind,
}

#[derive(Debug)]
enum TargetKind {
    #[cfg(feature = "gpu")]
    Gpu(gpu::Target),
    #[cfg(feature = "cpu")]
    Cpu(cpu::Features),
}

#[cfg(feature = "gpu")]
impl Target {
    /// What it is on the device, for a session of `model` for pictures of `size`.
    pub(crate) fn on_gpu(&self, model: &Model, size: [u32; 2]) -> Result<&gpu::Target> {
        self.check(model, size)?;
        match &self.kind {
            TargetKind::Gpu(target) => Ok(target),
            #[cfg(feature = "cpu")]
            TargetKind::Cpu(_) => Err(Error::Config("the target is on the CPU".to_owned())),
        }
    }
}

impl Target {
    /// # Errors
    /// [`Error::Config`] where it is of another model or size.
    fn check(&self, model: &Model, [width, height]: [u32; 2]) -> Result<()> {
        if Arc::ptr_eq(&self.model.0, &model.0) && (self.width, self.height) == (width, height) {
            return Ok(());
        }
        Err(Error::Config(format!(
            "the target is of another model or size ({}x{}); this session compares {width}x{height}",
            self.width, self.height
        )))
    }
}

/// What is compared: pairs, or candidates with a target.
#[derive(Clone, Copy)]
enum Against<'a> {
    /// Pictures 2k and 2k + 1.
    Each,
    Target(&'a Target),
}

#[cfg(not(feature = "gpu"))]
#[derive(Clone, Copy)]
enum Wait {
    Async,
    Block,
}

impl Session {
    /// Compares a pair of pictures.
    ///
    /// On a device that the library opened, the future is woken by a thread of the library. On a host's device
    /// the host's own polling or submitting wakes it; with neither, use
    /// [`compare_blocking`](Self::compare_blocking). On the CPU the work is done when the future is polled.
    ///
    /// # Errors
    /// [`Error::Image`] where a picture is not valid or not of the session's size; [`Error::DeviceLost`],
    /// [`Error::Device`] where the device failed.
    pub async fn compare<'a>(
        &mut self,
        generated: impl Into<Image<'a>>,
        target: impl Into<Image<'a>>,
    ) -> Result<Report> {
        let pair = [generated.into(), target.into()];
        first(self.run(&pair, Against::Each, Wait::Async).await?)
    }

    /// [`compare`](Self::compare), blocking: this thread polls the device for its own submission.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub fn compare_blocking<'a>(
        &mut self,
        generated: impl Into<Image<'a>>,
        target: impl Into<Image<'a>>,
    ) -> Result<Report> {
        let pair = [generated.into(), target.into()];
        first(pollster::block_on(self.run(&pair, Against::Each, Wait::Block))?)
    }

    /// Compares pairs (generated, target); a report each, in their order. A pair's numbers are the same to the
    /// bit as alone.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub async fn compare_batch(&mut self, pairs: &[(Image<'_>, Image<'_>)]) -> Result<Vec<Report>> {
        let pictures: Vec<_> = pairs.iter().flat_map(|(generated, target)| [*generated, *target]).collect();
        self.run(&pictures, Against::Each, Wait::Async).await
    }

    /// [`compare_batch`](Self::compare_batch), blocking.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub fn compare_batch_blocking(&mut self, pairs: &[(Image<'_>, Image<'_>)]) -> Result<Vec<Report>> {
        let pictures: Vec<_> = pairs.iter().flat_map(|(generated, target)| [*generated, *target]).collect();
        pollster::block_on(self.run(&pictures, Against::Each, Wait::Block))
    }

    /// Computes a target's features once, for many comparisons. Nothing is waited for.
    ///
    /// # Errors
    /// As [`compare`](Self::compare), and [`Error::OutOfMemory`].
    pub fn target<'a>(&mut self, picture: impl Into<Image<'a>>) -> Result<Target> {
        let picture = picture.into();
        self.check(&picture)?;
        let kind = match &mut self.kind {
            #[cfg(feature = "gpu")]
            SessionKind::Gpu(session) => TargetKind::Gpu(session.target(&picture)?),
            #[cfg(feature = "cpu")]
            SessionKind::Cpu(session) => TargetKind::Cpu(session.features(&picture)?),
        };
        Ok(Target { model: self.model.clone(), width: self.width, height: self.height, kind })
    }

    /// Compares candidates with a target; a report each, in their order, the same to the bit as
    /// [`compare`](Self::compare) gives.
    ///
    /// # Errors
    /// As [`compare`](Self::compare), and [`Error::Config`] where the target is of another model or size.
    pub async fn compare_to(&mut self, target: &Target, candidates: &[Image<'_>]) -> Result<Vec<Report>> {
        self.run(candidates, Against::Target(target), Wait::Async).await
    }

    /// [`compare_to`](Self::compare_to), blocking.
    ///
    /// # Errors
    /// As [`compare_to`](Self::compare_to).
    pub fn compare_to_blocking(&mut self, target: &Target, candidates: &[Image<'_>]) -> Result<Vec<Report>> {
        pollster::block_on(self.run(candidates, Against::Target(target), Wait::Block))
    }

    /// [`compare_batch_blocking`](Self::compare_batch_blocking), with the time of each step. Slower as a whole: on a
    /// GPU every step is a pass of its own.
    ///
    /// # Errors
    /// As [`compare`](Self::compare), and [`Error::OutOfMemory`].
    pub fn profile_batch_blocking(&mut self, pairs: &[(Image<'_>, Image<'_>)]) -> Result<Profile> {
        let pictures: Vec<_> = pairs.iter().flat_map(|(generated, target)| [*generated, *target]).collect();
        self.profile(&pictures, Against::Each)
    }

    /// [`compare_to_blocking`](Self::compare_to_blocking), with the time of each step, as
    /// [`profile_batch_blocking`](Self::profile_batch_blocking).
    ///
    /// # Errors
    /// As [`compare_to`](Self::compare_to), and [`Error::OutOfMemory`].
    pub fn profile_to_blocking(&mut self, target: &Target, candidates: &[Image<'_>]) -> Result<Profile> {
        self.profile(candidates, Against::Target(target))
    }

    fn profile(&mut self, pictures: &[Image<'_>], against: Against<'_>) -> Result<Profile> {
        let mut watch = Stopwatch::new(&self.plan);
        let run = self.run_timed(pictures, against, Wait::Block, Some(&mut watch));
        let reports = pollster::block_on(run)?;
        let on_gpu = self.model.0.context.backend() == "gpu";
        Ok(Profile { reports, clock: watch.clock, steps: watch.steps(&self.plan, on_gpu) })
    }

    async fn run(&mut self, pictures: &[Image<'_>], against: Against<'_>, wait: Wait) -> Result<Vec<Report>> {
        self.run_timed(pictures, against, wait, None).await
    }

    /// The one way in: everything is checked before the first picture is uploaded.
    async fn run_timed(
        &mut self,
        pictures: &[Image<'_>],
        against: Against<'_>,
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<Report>> {
        pictures.iter().try_for_each(|picture| self.check(picture))?;
        if let Against::Target(target) = against {
            target.check(&self.model, [self.width, self.height])?;
        }
        let mut sums = vec![];
        match &mut self.kind {
            #[cfg(feature = "gpu")]
            SessionKind::Gpu(session) => {
                for round in pictures.chunks(session.pictures()) {
                    sums.extend(match against {
                        Against::Each => session.pairs(round, wait, watch.as_deref_mut()).await?,
                        Against::Target(Target { kind: TargetKind::Gpu(target), .. }) => {
                            session.candidates(target, round, wait, watch.as_deref_mut()).await?
                        }
                        #[cfg(feature = "cpu")]
                        Against::Target(_) => vec![], // another backend is another model
                    });
                }
            }
            #[cfg(feature = "cpu")]
            SessionKind::Cpu(session) => match against {
                Against::Each => {
                    let _ = wait; // nothing to wait for
                    for pair in pictures.chunks_exact(2) {
                        sums.push(session.pair(&pair[0], &pair[1], watch.as_deref_mut())?);
                    }
                }
                Against::Target(Target { kind: TargetKind::Cpu(target), .. }) => {
                    for picture in pictures {
                        sums.push(session.candidate(picture, target, watch.as_deref_mut())?);
                    }
                }
                #[cfg(feature = "gpu")]
                Against::Target(_) => {} // another backend is another model
            },
        }
        let size = [self.width, self.height];
        sums.iter().map(|sums| self.model.report(&self.plan, size, sums)).collect()
    }

    fn check(&self, picture: &Image<'_>) -> Result<()> {
        picture.validate()?;
        let (width, height) = (picture.width(), picture.height());
        if (width, height) == (self.width, self.height) {
            return Ok(());
        }
        Err(Error::Image(format!(
            "a picture is {width}x{height} but the session compares {}x{}; both pictures must have one size",
            self.width, self.height
        )))
    }
}

/// The report of a comparison of one pair.
fn first(reports: Vec<Report>) -> Result<Report> {
    reports.into_iter().next().ok_or_else(|| Error::Device("the comparison gave no result".to_owned()))
}
