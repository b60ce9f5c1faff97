//! Everything that speaks of wgpu: opening devices or taking a host's, lowering plans to dispatches, recording
//! and reading back.
//!
//! An engine hands over its own device with [`from_device`]; wgpu is re-exported as [`wgpu`], so that its
//! version is the one this crate was built with. A [`FrameSession`] works inside the engine's frames: see [`engines`].

mod adapter;
mod adapters;
mod arrange;
mod buffers;
mod capabilities;
mod context;
mod destination;
mod executor;
mod frame;
#[cfg(all(test, feature = "cpu"))]
pub(crate) mod fuzz;
mod kernel;
mod kernels;
mod lock;
mod lower;
mod model;
mod once;
mod peak;
mod pipelines;
mod prepared;
mod program;
mod record;
mod requirements;
mod scopes;
mod session;
mod single;
mod sizes;
mod source;
mod sum;
mod target;
mod timestamps;
mod timing;
mod tuning;
mod workspace;

use std::{sync::Arc, time::Duration};

pub use wgpu;

#[doc = include_str!("../../docs/engines.md")]
pub mod engines {}

pub use self::{
    adapter::{Adapter, AdapterKind},
    adapters::{AvailableAdapter, adapters, adapters_blocking},
    capabilities::Capabilities,
    destination::GradientBuffer,
    frame::{FrameOptions, FrameReport, FrameSession, Progress, Recorded},
    requirements::Requirements,
    source::{BufferLayout, BufferSource, Source, TextureSource},
};
pub(crate) use self::{
    context::Gpu,
    model::Model,
    peak::peak,
    session::{Session, gram_matrices},
    target::Target,
};
#[cfg(feature = "cpu")]
pub(crate) use self::{destination::write as write_gradient, kernels::difference::DIFFERENCE_ELEMENTS};
// What exists for diagnosis: see `crate::low_level`.
pub use self::{executor::Executor, kernels::shaders, sum::sum_blocking};
pub use crate::memory::Memory;
use crate::{
    Context,
    error::{Error, Result},
};

/// A context on a host's own device. No callback is installed on it and it is polled only by the functions
/// whose names end in `_blocking`; the futures of the others are woken by the host's own polling or submitting.
///
/// # Errors
/// [`Error::Device`] where a limit that the device was opened with is below WebGPU's baseline for compute; the
/// message names it.
pub fn from_device(device: wgpu::Device, queue: wgpu::Queue) -> Result<Context> {
    Ok(Context::from_gpu(Gpu::from_host(device, queue)?))
}

/// The device and queue that a context works on, for a host that lets the library open them.
///
/// # Errors
/// [`Error::Config`] where the context is not a GPU's.
pub fn device(context: &Context) -> Result<(wgpu::Device, wgpu::Queue)> {
    let gpu = gpu_of(context)?;
    Ok((gpu.device.clone(), gpu.queue.clone()))
}

/// How many pipelines the context has compiled so far. Opening a session of another size adds none.
///
/// # Errors
/// [`Error::Config`] where the context is not a GPU's.
pub fn pipelines_compiled(context: &Context) -> Result<usize> {
    Ok(gpu_of(context)?.pipelines.compiled())
}

/// How long the context has taken so far to compile pipelines. Some drivers put part of that off until a pipeline
/// first runs.
///
/// # Errors
/// [`Error::Config`] where the context is not a GPU's.
pub fn compile_time(context: &Context) -> Result<Duration> {
    Ok(gpu_of(context)?.pipelines.compile_time())
}

fn gpu_of(context: &Context) -> Result<Arc<Gpu>> {
    context.gpu_handle().cloned().ok_or_else(|| {
        Error::Config("this context computes on the CPU; a GPU context is needed here".to_owned())
    })
}
