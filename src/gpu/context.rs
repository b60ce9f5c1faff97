//! A device and its queue; and how its faults become errors.

#[cfg(not(target_family = "wasm"))]
use std::sync::mpsc;
use std::{
    num::NonZeroU64,
    sync::{Arc, Mutex},
};

use super::{
    adapter::Adapter,
    capabilities::Capabilities,
    kernel::{Kernel, labelled},
    kernels::PARAMS_BYTES,
    lock::lock,
    pipelines::{Pipeline, Pipelines},
    requirements::Requirements,
    scopes::{Refusal, Scopes},
};
use crate::{
    block::cannot_block,
    error::{Error, Result},
};

/// A device that kernels run on, shared by all that is made of it.
#[derive(Debug)]
pub(crate) struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) adapter: Adapter,
    pub(crate) capabilities: Capabilities,
    pub(crate) pipelines: Pipelines,
    /// What went wrong since it was opened, as far as it is known.
    faults: Arc<Mutex<Faults>>,
    /// What only a device of our own has; a host's is neither polled nor given callbacks.
    own: Option<Own>,
}

#[derive(Debug, Default)]
struct Own {
    /// To the thread that polls for async reads; started by the first of them, ended with the context.
    #[cfg(not(target_family = "wasm"))]
    poller: Mutex<Option<mpsc::Sender<wgpu::SubmissionIndex>>>,
}

#[derive(Debug, Default)]
struct Faults {
    lost: Option<String>,
    error: Option<String>,
}

impl Gpu {
    /// Takes a device that the library opened.
    pub(super) fn from_own(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        let gpu = Self::new(device.clone(), queue, Some(Own::default()))?;
        let faults = Arc::clone(&gpu.faults);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&faults).error.get_or_insert_with(|| one_line(&error.to_string()));
        }));
        let faults = Arc::clone(&gpu.faults);
        device.set_device_lost_callback(move |_, reason| {
            lock(&faults).lost.get_or_insert_with(|| one_line(&reason));
        });
        Ok(gpu)
    }

    /// Takes a host's device.
    pub(crate) fn from_host(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        Self::new(device, queue, None)
    }

    fn new(device: wgpu::Device, queue: wgpu::Queue, own: Option<Own>) -> Result<Self> {
        let limits = device.limits();
        Requirements::least().check(&limits, device.features())?;
        let info = device.adapter_info();
        let adapter = Adapter::from(&info);
        tracing::debug!(
            adapter = adapter.name,
            driver = adapter.driver,
            software = adapter.software,
            of_host = own.is_none(),
            max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size,
            max_buffer_size = limits.max_buffer_size,
            max_compute_workgroup_storage_size = limits.max_compute_workgroup_storage_size,
            "device"
        );
        Ok(Self {
            adapter,
            capabilities: Capabilities::of(&limits, device.features(), &info),
            device,
            queue,
            pipelines: Pipelines::default(),
            faults: Arc::default(),
            own,
        })
    }

    /// A kernel's pipeline, compiled when it is first asked for. One that the device refuses is tried again the next time.
    pub(super) fn pipeline(&self, kernel: &'static Kernel) -> Result<Arc<Pipeline>> {
        self.pipelines.get(kernel, |source| {
            self.create(kernel.name, 0, || Pipeline::compile(&self.device, kernel, source))
        })
    }

    /// Runs `make`, which creates `bytes` of buffers for `what`, and turns what the device refuses into an error. A device that
    /// is lost refuses nothing: what it gives is of no use, and nobody is told. So it is tried.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::OutOfMemory`], [`Error::Device`].
    pub(crate) fn create<T>(&self, what: &str, bytes: u64, make: impl FnOnce() -> T) -> Result<T> {
        self.check()?;
        let scopes = Scopes::new(&self.device);
        let made = make();
        let is_lost = self.is_lost();
        match scopes.end() {
            Some(Refusal::Memory) => return Err(Refusal::Memory.into_error(what, bytes)),
            _ if is_lost => self.lose(&format!("{what} could not be made")),
            None => {}
            Some(refusal) => return Err(refusal.into_error(what, bytes)),
        }
        self.check()?;
        Ok(made)
    }

    /// Writes to a buffer, before all that is submitted from now on.
    ///
    /// # Errors
    /// As [`create`](Self::create); but a device's loss may go unseen, as what was written then does.
    pub(super) fn write(&self, buffer: &wgpu::Buffer, start: u64, contents: &[u8]) -> Result<()> {
        let scopes = Scopes::new(&self.device);
        self.queue.write_buffer(buffer, start, contents);
        match scopes.end() {
            Some(refusal) => Err(refusal.into_error("an upload", contents.len() as u64)),
            None => self.check(),
        }
    }

    /// Whether the device gives memory that there is none behind, as one that is lost does.
    fn is_lost(&self) -> bool {
        // A browser's need not be mapped yet.
        if cfg!(target_family = "wasm") {
            return false;
        }
        let tried = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(&labelled("try")),
            size: 4,
            usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        });
        tried.get_mapped_range_mut(..).is_err()
    }

    /// A buffer without contents.
    pub(crate) fn buffer(&self, label: &str, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        // Bindings may not be empty, and copies come in words.
        let size = size.max(4).next_multiple_of(4);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(&labelled(label)),
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    /// One of a pipeline's bind groups: its parameters, then `buffers` at bindings 1 and up.
    pub(super) fn bind(
        &self,
        pipeline: &Pipeline,
        params: &wgpu::Buffer,
        buffers: &[&wgpu::Buffer],
    ) -> wgpu::BindGroup {
        let whole: Vec<_> = buffers.iter().map(|buffer| buffer.as_entire_binding()).collect();
        self.bind_resources(pipeline, params, &whole)
    }

    /// [`bind`](Self::bind), of any resources.
    pub(super) fn bind_resources(
        &self,
        pipeline: &Pipeline,
        params: &wgpu::Buffer,
        resources: &[wgpu::BindingResource<'_>],
    ) -> wgpu::BindGroup {
        let params = wgpu::BufferBinding { buffer: params, offset: 0, size: NonZeroU64::new(PARAMS_BYTES) };
        let entries: Vec<_> = std::iter::once(wgpu::BindingResource::Buffer(params))
            .chain(resources.iter().cloned())
            .zip(0..)
            .map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&labelled(pipeline.kernel.name)),
            layout: &pipeline.layout,
            entries: &entries,
        })
    }

    /// Reads a part of a buffer, for diagnosis; all that was submitted before is done then. Blocks.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] where the device failed meanwhile, [`Error::OutOfMemory`].
    pub(crate) fn read<T: bytemuck::Pod>(
        &self,
        buffer: &wgpu::Buffer,
        start: u64,
        bytes: u64,
    ) -> Result<Vec<T>> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.create("readback", bytes, || self.buffer("readback", bytes, usage))?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, start, &staging, 0, bytes);
        let submission = self.queue.submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., |_| {});
        self.wait(submission)?;
        self.check()?;
        let lost = |error: wgpu::MapRangeError| Error::DeviceLost(one_line(&error.to_string()));
        let view = staging.get_mapped_range(..).map_err(lost)?;
        Ok(bytemuck::pod_collect_to_vec(&view[..bytes as usize]))
    }

    /// # Errors
    /// What went wrong since the device was opened, as far as it is known: [`Error::DeviceLost`] or, on a device of
    /// our own, [`Error::Device`].
    pub(crate) fn check(&self) -> Result<()> {
        let faults = lock(&self.faults);
        match (&faults.lost, &faults.error) {
            (Some(reason), _) => Err(Error::DeviceLost(reason.clone())),
            (None, Some(error)) => Err(Error::Device(format!("the GPU reported an error: {error}"))),
            (None, None) => Ok(()),
        }
    }

    /// Takes note that the device is lost; all that is asked of it from now on is an error.
    pub(crate) fn lose(&self, reason: &str) {
        lock(&self.faults).lost.get_or_insert_with(|| one_line(reason));
    }

    /// Sees to it that a submission's callbacks run, on a device of our own, without blocking; where there can be no thread for
    /// it, by blocking.
    pub(crate) fn poll_in_background(&self, submission: wgpu::SubmissionIndex) {
        if let Some(own) = &self.own {
            own.poll(&self.device, submission);
        }
    }

    /// Blocks until a submission's callbacks have run.
    ///
    /// # Errors
    /// [`Error::DeviceLost`]; [`Error::Device`] in a browser, which cannot wait.
    pub(crate) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        if cfg!(target_family = "wasm") {
            return Err(cannot_block());
        }
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
        self.device.poll(wait).map(drop).map_err(|error| Error::DeviceLost(one_line(&error.to_string())))
    }
}

impl Own {
    #[cfg(not(target_family = "wasm"))]
    fn poll(&self, device: &wgpu::Device, submission: wgpu::SubmissionIndex) {
        let mut poller = lock(&self.poller);
        if poller.is_none() {
            let (sender, submissions) = mpsc::channel();
            let device = device.clone();
            let poll = move || {
                for submission in submissions {
                    poll_for(&device, submission);
                }
            };
            let thread = std::thread::Builder::new().name("perceptual-loss poll".to_owned()).spawn(poll);
            *poller = thread.is_ok().then_some(sender);
        }
        match &*poller {
            // The thread lives as long as its sender.
            Some(sender) => drop(sender.send(submission)),
            None => {
                drop(poller);
                poll_for(device, submission);
            }
        }
    }

    /// Browsers poll by themselves.
    #[cfg(target_family = "wasm")]
    fn poll(&self, _: &wgpu::Device, _: wgpu::SubmissionIndex) {}
}

/// Waits for a submission. An error here is a lost device, which what is read reports.
#[cfg(not(target_family = "wasm"))]
fn poll_for(device: &wgpu::Device, submission: wgpu::SubmissionIndex) {
    let _ = device.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None });
}

/// What wgpu says, its causes included, in one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory that is refused is not a device that is lost, nor something made of it.
    #[test]
    fn memory_that_is_not_there_is_an_error_at_once() {
        let gpu = pollster::block_on(Gpu::open(None)).unwrap();
        let limits = gpu.device.limits();
        let (side, layers) = (limits.max_texture_dimension_2d, limits.max_texture_array_layers);
        let bytes = u64::from(side).pow(2) * u64::from(layers) * 16;
        assert!(bytes >= 1 << 38, "no machine has {bytes} bytes");
        let texture = || {
            gpu.device.create_texture(&wgpu::TextureDescriptor {
                label: None,
                size: wgpu::Extent3d { width: side, height: side, depth_or_array_layers: layers },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: wgpu::TextureFormat::Rgba32Float,
                usage: wgpu::TextureUsages::TEXTURE_BINDING,
                view_formats: &[],
            })
        };
        for _ in 0..2 {
            let error = gpu.create("a texture", bytes, texture).unwrap_err();
            assert!(
                matches!(error, Error::OutOfMemory { on_gpu: true, wanted, .. } if wanted == bytes),
                "{error:?}"
            );
        }
        let small = || gpu.buffer("small", 1 << 10, wgpu::BufferUsages::STORAGE);
        assert_eq!(gpu.create("a buffer", 1 << 10, small).unwrap().size(), 1 << 10);
    }
}
