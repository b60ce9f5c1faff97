//! A device, its queue and its pipelines; and how its faults become errors.

use std::{
    collections::HashMap,
    future::Future,
    num::NonZeroU64,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use super::{
    adapter, adapter::Adapter, capabilities::Capabilities, kernel::Kernel, requirements::Requirements,
};
use crate::error::{Error, Result};

/// A device that kernels run on, shared by all that is made of it.
#[derive(Debug)]
pub(crate) struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) adapter: Adapter,
    pub(crate) capabilities: Capabilities,
    pipelines: Mutex<HashMap<Kernel, Arc<Pipeline>>>,
    compiled: AtomicUsize,
    /// Nanoseconds.
    compiling: AtomicU64,
    /// Kernels that tests put in place of those of `shaders/`, to see them found wrong.
    #[cfg(test)]
    pub(crate) replaced: HashMap<Kernel, String>,
    /// What went wrong since it was opened, as far as it is known.
    faults: Arc<Mutex<Faults>>,
    /// What only a device of our own has; a host's is neither polled nor given callbacks.
    own: Option<Own>,
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

#[derive(Debug, Default)]
struct Own {
    /// To the thread that polls for async reads; started by the first of them, ended with the context.
    poller: Mutex<Option<mpsc::Sender<wgpu::SubmissionIndex>>>,
}

#[derive(Debug, Default)]
struct Faults {
    lost: Option<String>,
    error: Option<String>,
}

impl Gpu {
    /// Opens the adapter called `name`, or the best.
    pub(crate) async fn open(name: Option<&str>) -> Result<Self> {
        Self::open_adapter(adapter::choose(name).await?).await
    }

    /// Opens the best adapter that is not a software one; none where there is no such adapter.
    #[cfg(feature = "cpu")]
    pub(crate) async fn open_hardware() -> Result<Option<Self>> {
        match adapter::choose(None).await {
            Ok(adapter) if Adapter::from(&adapter.get_info()).software => Ok(None),
            Ok(adapter) => Self::open_adapter(adapter).await.map(Some),
            Err(Error::NoAdapter) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn open_adapter(adapter: wgpu::Adapter) -> Result<Self> {
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("perceptual-loss"),
            // For profiles; what runs otherwise needs no feature.
            required_features: adapter.features() & wgpu::Features::TIMESTAMP_QUERY,
            // All that the adapter has, since pictures are as large as its bindings.
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| {
            Error::Device(format!("the adapter '{}' cannot be opened: {error}", adapter.get_info().name))
        })?;
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
        let adapter = Adapter::from(&device.adapter_info());
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
            capabilities: Capabilities::of(&limits),
            device,
            queue,
            pipelines: Mutex::default(),
            compiled: AtomicUsize::new(0),
            compiling: AtomicU64::new(0),
            #[cfg(test)]
            replaced: HashMap::new(),
            faults: Arc::default(),
            own,
        })
    }

    /// A kernel's pipeline, compiled when it is first asked for.
    pub(crate) fn pipeline(&self, kernel: Kernel) -> Arc<Pipeline> {
        let mut pipelines = lock(&self.pipelines);
        Arc::clone(pipelines.entry(kernel).or_insert_with(|| {
            let start = Instant::now();
            let pipeline = Arc::new(self.compile(kernel));
            self.compiled.fetch_add(1, Ordering::Relaxed);
            self.compiling.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
            pipeline
        }))
    }

    /// Pipelines compiled so far.
    pub(crate) fn pipelines_compiled(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }

    /// The time that compiling them took.
    pub(crate) fn compile_time(&self) -> Duration {
        Duration::from_nanos(self.compiling.load(Ordering::Relaxed))
    }

    /// A kernel's WGSL.
    fn source(&self, kernel: Kernel) -> String {
        #[cfg(test)]
        if let Some(source) = self.replaced.get(&kernel) {
            return source.clone();
        }
        kernel.source()
    }

    fn compile(&self, kernel: Kernel) -> Pipeline {
        let _span = tracing::debug_span!("compile", kernel = kernel.name()).entered();
        let label = labelled(kernel.name());
        let label = Some(label.as_str());
        let descriptor = wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(self.source(kernel).into()),
        };
        // SAFETY: the shaders are this crate's own, index within what lowering has checked, and all their loops
        // end. The checks left out cost 5 % of the direct convolution on a software adapter, and much more where
        // a driver cannot see through the bound on loops (gfx-rs/wgpu#7698).
        let module = unsafe {
            self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        };
        let entry = |binding: u32| {
            let read_only = binding <= kernel.reads();
            let ty = match binding {
                0 => wgpu::BufferBindingType::Uniform,
                _ => wgpu::BufferBindingType::Storage { read_only },
            };
            let buffer =
                wgpu::BindingType::Buffer { ty, has_dynamic_offset: binding == 0, min_binding_size: None };
            let texture = wgpu::BindingType::Texture {
                sample_type: wgpu::TextureSampleType::Float { filterable: false },
                view_dimension: wgpu::TextureViewDimension::D2,
                multisampled: false,
            };
            wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: if binding == 1 && kernel.reads_texture() { texture } else { buffer },
                count: None,
            }
        };
        let entries: Vec<_> = (0..=kernel.reads() + 1).map(entry).collect();
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { pipeline, layout }
    }

    /// Runs `make`, which creates `bytes` of buffers for `what`, and turns what the device refuses into an error.
    pub(crate) fn create<T>(&self, what: &str, bytes: u64, make: impl FnOnce() -> T) -> Result<T> {
        self.check()?;
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let made = make();
        let (validation, memory) = (settle(validation.pop()), settle(memory.pop()));
        if memory.is_some() {
            return Err(Error::OutOfMemory { wanted: bytes, what: what.to_owned() });
        }
        if let Some(error) = validation {
            return Err(Error::Device(format!(
                "the device refused {what}: {}",
                one_line(&error.to_string())
            )));
        }
        self.check()?;
        Ok(made)
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

    /// One of a kernel's bind groups: its parameters, then `buffers` at bindings 1 and up.
    pub(crate) fn bind(
        &self,
        kernel: Kernel,
        params: &wgpu::Buffer,
        buffers: &[&wgpu::Buffer],
    ) -> wgpu::BindGroup {
        let whole: Vec<_> = buffers.iter().map(|buffer| buffer.as_entire_binding()).collect();
        self.bind_resources(kernel, params, &whole)
    }

    /// [`bind`](Self::bind), of any resources.
    pub(crate) fn bind_resources(
        &self,
        kernel: Kernel,
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
            label: Some(&labelled(kernel.name())),
            layout: &self.pipeline(kernel).layout,
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

    /// Sees to it that a submission's callbacks run, on a device of our own, without blocking.
    pub(crate) fn poll_in_background(&self, submission: wgpu::SubmissionIndex) {
        let Some(own) = &self.own else { return };
        if cfg!(target_family = "wasm") {
            return; // browsers poll by themselves
        }
        let mut poller = lock(&own.poller);
        let sender = poller.get_or_insert_with(|| {
            let (sender, submissions) = mpsc::channel();
            let device = self.device.clone();
            std::thread::spawn(move || {
                for submission_index in submissions {
                    let submission_index = Some(submission_index);
                    // An error here is a lost device, which the read itself reports.
                    let _ = device.poll(wgpu::PollType::Wait { submission_index, timeout: None });
                }
            });
            sender
        });
        // The thread lives as long as its sender.
        let _ = sender.send(submission);
    }

    /// Blocks until a submission's callbacks have run.
    pub(crate) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
        self.device.poll(wait).map(drop).map_err(|error| Error::DeviceLost(one_line(&error.to_string())))
    }
}

/// Bytes of the uniform window that a dispatch binds: the largest `Params` of any shader, rounded up.
pub(crate) const PARAMS_BYTES: u64 = 256;

/// On native platforms an error scope's future is ready at once. A browser's would have to be awaited; there
/// the error reaches the uncaptured-error handler instead.
fn settle(error: impl Future<Output = Option<wgpu::Error>>) -> Option<wgpu::Error> {
    if cfg!(target_family = "wasm") { None } else { pollster::block_on(error) }
}

/// A label that tells a host whose it is.
pub(super) fn labelled(what: &str) -> String {
    format!("perceptual-loss {what}")
}

/// What wgpu says, its causes included, in one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A lock that another thread's panic does not spoil: what it guards is valid at every moment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
