//! What computes.

use std::sync::Arc;

use super::Backend;
#[cfg(feature = "cpu")]
use crate::cpu;
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::{
    block::block_on,
    error::{Error, Result},
    profile::Peak,
};

/// What computes: a GPU's device, or the CPU. Cheap to clone; share one among all models.
#[derive(Clone, Debug)]
pub struct Context(pub(super) Device);

#[derive(Clone, Debug)]
pub(super) enum Device {
    #[cfg(feature = "gpu")]
    Gpu(Arc<gpu::Gpu>),
    #[cfg(feature = "cpu")]
    Cpu(cpu::Engine),
}

/// What [`Context::auto`] chooses among.
const BUILT_IN: &[Backend] = &[
    #[cfg(feature = "gpu")]
    Backend::Gpu,
    #[cfg(feature = "cpu")]
    Backend::Cpu,
];

impl Context {
    /// The best hardware GPU; where there is none, the CPU, which is faster than a software GPU driver. With one
    /// backend built in, that one.
    ///
    /// Cargo builds this library once for all crates of a program, with every feature that any of them asks for. So a backend
    /// that this crate has left out may be there for another's sake; [`auto_among`](Self::auto_among) takes none but those that it
    /// is told.
    ///
    /// # Errors
    /// As [`auto_among`](Self::auto_among).
    pub async fn auto() -> Result<Self> {
        Self::auto_among(BUILT_IN).await
    }

    /// [`auto`](Self::auto), blocking.
    ///
    /// # Errors
    /// As [`auto`](Self::auto).
    pub fn auto_blocking() -> Result<Self> {
        block_on(Self::auto())
    }

    /// [`auto`](Self::auto), among these backends, whatever others are built in. Among GPU and CPU: the best hardware GPU, else the
    /// CPU. The GPU alone: the best adapter, a software one where there is no other. The twins are for where no CPU is named.
    ///
    /// ```
    /// use perceptual_loss::{Backend, Context};
    ///
    /// # fn main() -> perceptual_loss::Result<()> {
    /// # #[cfg(feature = "cpu")]
    /// assert_eq!(Context::auto_among_blocking(&[Backend::Cpu])?.backend(), Backend::Cpu);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] where none is named, or one that is not built in; [`Error::Device`] where there is a hardware GPU that cannot
    /// be opened; among GPUs alone, as [`gpu`](Self::gpu).
    pub async fn auto_among(backends: &[Backend]) -> Result<Self> {
        let is_built_in = |backend: Backend| {
            BUILT_IN.contains(&backend) || cfg!(feature = "cpu") && backend == Backend::Twin
        };
        if let Some(missing) = backends.iter().find(|backend| !is_built_in(**backend)) {
            let feature = if *missing == Backend::Gpu { "gpu" } else { "cpu" };
            return Err(Error::Config(format!(
                "the backend {missing} is not built in; enable the feature '{feature}' of perceptual-loss"
            )));
        }
        let has = |backend| backends.contains(&backend);
        #[cfg(feature = "cpu")]
        let cpu = match (has(Backend::Cpu), has(Backend::Twin)) {
            (true, _) => Some(Self::cpu()),
            (false, true) => Some(Self::twin()),
            (false, false) => None,
        };
        #[cfg(not(feature = "cpu"))]
        let cpu: Option<Self> = None;
        #[cfg(feature = "gpu")]
        if has(Backend::Gpu) {
            let Some(cpu) = cpu else { return Self::gpu().await };
            return Ok(gpu::Gpu::open_hardware().await?.map_or(cpu, Self::from_gpu));
        }
        cpu.ok_or_else(|| {
            Error::Config("no backend was named to choose among; name the GPU, the CPU or both".to_owned())
        })
    }

    /// [`auto_among`](Self::auto_among), blocking.
    ///
    /// # Errors
    /// As [`auto_among`](Self::auto_among).
    pub fn auto_among_blocking(backends: &[Backend]) -> Result<Self> {
        block_on(Self::auto_among(backends))
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
        block_on(Self::gpu())
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
        block_on(Self::gpu_named(name))
    }

    /// The CPU. It works on the threads of the rayon pool that it is called from: the global one, unless the host
    /// has set up another or hands one over by [`on_pool`](Self::on_pool). Where the system gives the global one no threads, as under
    /// a limit of processes, it works on fewer, down to the calling thread.
    #[cfg(feature = "cpu")]
    #[must_use]
    pub fn cpu() -> Self {
        Self(Device::Cpu(cpu::Engine::new(cpu::KernelSet::Fast)))
    }

    /// The CPU through the kernels' twins: each step in plain loops with float64 sums. Slow; what the others are
    /// checked against.
    #[cfg(feature = "cpu")]
    #[must_use]
    pub fn twin() -> Self {
        Self(Device::Cpu(cpu::Engine::new(cpu::KernelSet::Twins)))
    }

    /// The same CPU context on `threads` threads of its own, from 1 to 1024. Where that is many times what the machine runs at once, or
    /// the system does not give as many, there are fewer, down to the calling thread; [`threads`](Self::threads) tells. Results are the
    /// same to the bit on any number.
    ///
    /// # Errors
    /// [`Error::Config`] where the number cannot be used or the context is a GPU's.
    #[cfg(feature = "cpu")]
    pub fn on_threads(self, threads: usize) -> Result<Self> {
        Ok(Self(Device::Cpu(self.cpu_engine()?.on_threads(threads)?)))
    }

    /// The same CPU context on a pool of the host's.
    ///
    /// # Errors
    /// [`Error::Config`] where the context is a GPU's.
    #[cfg(feature = "cpu")]
    pub fn on_pool(self, pool: Arc<cpu::rayon::ThreadPool>) -> Result<Self> {
        Ok(Self(Device::Cpu(self.cpu_engine()?.on_pool(pool))))
    }

    #[cfg(feature = "cpu")]
    fn cpu_engine(self) -> Result<cpu::Engine> {
        match self.0 {
            Device::Cpu(engine) => Ok(engine),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => Err(Error::Config(
                "threads are for the CPU; this context computes on a GPU, where Context::cpu() would do"
                    .to_owned(),
            )),
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
            Device::Gpu(gpu) => gpu::peak(gpu),
            #[cfg(feature = "cpu")]
            Device::Cpu(engine) => cpu::peak(engine),
        }
    }

    /// What computes.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match &self.0 {
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => Backend::Gpu,
            #[cfg(feature = "cpu")]
            Device::Cpu(engine) => match engine.kernels {
                cpu::KernelSet::Fast => Backend::Cpu,
                cpu::KernelSet::Twins => Backend::Twin,
            },
        }
    }

    /// How many threads the CPU works on, when asked from here; none on a GPU.
    #[must_use]
    pub fn threads(&self) -> Option<usize> {
        match &self.0 {
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => None,
            #[cfg(feature = "cpu")]
            Device::Cpu(engine) => Some(engine.run(cpu::rayon::current_num_threads)),
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
        Self(Device::Gpu(Arc::new(gpu)))
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn gpu_handle(&self) -> Option<&Arc<gpu::Gpu>> {
        match &self.0 {
            Device::Gpu(gpu) => Some(gpu),
            #[cfg(feature = "cpu")]
            Device::Cpu(_) => None,
        }
    }

    /// Whether features that one computed are features to the other: one GPU device, or kernels of one set, on whichever threads.
    pub(super) fn computes_like(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            #[cfg(feature = "gpu")]
            (Device::Gpu(gpu), Device::Gpu(other)) => Arc::ptr_eq(gpu, other),
            #[cfg(feature = "cpu")]
            _ => self.backend() == other.backend(),
        }
    }

    /// What computes, in words.
    pub(super) fn described(&self) -> String {
        match (self.backend(), self.adapter_name()) {
            (_, Some(adapter)) => format!("the GPU '{adapter}'"),
            (Backend::Twin, _) => "the twins".to_owned(),
            _ => "the CPU".to_owned(),
        }
    }

    pub(super) fn adapter_name(&self) -> Option<String> {
        #[cfg(feature = "gpu")]
        return self.adapter().map(|adapter| adapter.name.clone());
        #[cfg(not(feature = "gpu"))]
        None
    }
}
