//! A host with a device of its own, and what it does in a frame.

use perceptual_loss::{
    Config, Context, Model,
    gpu::{self, Requirements, wgpu},
};

use crate::{comparison, gpu_device, readback, scene::Scene};

/// A host: its device is opened by itself, and only it submits and polls.
pub struct Host {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
}

impl Host {
    /// A device at WebGPU's baseline limits, with what `Requirements` adds for small pictures.
    pub fn open() -> Self {
        let [host, _] = Self::open_two();
        host
    }

    /// Two devices of one instance: resources of one are known to be another's only there.
    pub fn open_two() -> [Self; 2] {
        let adapter = adapter();
        let mut descriptor = wgpu::DeviceDescriptor::default();
        Requirements::new(&Config::default(), 64, 64).unwrap().merge_into(&mut descriptor, &adapter);
        [(); 2].map(|()| Self::open_as(&adapter, &descriptor))
    }

    /// A device as an engine would open it that knows nothing of us: at WebGPU's baseline limits, with no feature.
    pub fn baseline() -> Self {
        Self::open_as(&adapter(), &wgpu::DeviceDescriptor::default())
    }

    fn open_as(adapter: &wgpu::Adapter, descriptor: &wgpu::DeviceDescriptor<'_>) -> Self {
        let (device, queue) = pollster::block_on(adapter.request_device(descriptor)).unwrap();
        Self { device, queue }
    }

    /// The device, handed over.
    pub fn context(&self) -> Context {
        gpu::from_device(self.device.clone(), self.queue.clone()).unwrap()
    }

    pub fn model(&self, taps: &str) -> Model {
        comparison::model(&self.context(), taps)
    }

    /// A texture that can be bound and filled, and not be copied from: its pixels cannot leave the device.
    pub fn texture(&self, scene: &Scene) -> wgpu::Texture {
        let texture = self.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("the host's"),
            size: wgpu::Extent3d { width: scene.width, height: scene.height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8UnormSrgb,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let rgba: Vec<u8> = scene.rgb.chunks(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
        self.queue.write_texture(
            texture.as_image_copy(),
            &rgba,
            wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(4 * scene.width),
                rows_per_image: None,
            },
            texture.size(),
        );
        texture
    }

    /// A storage buffer of these floats.
    pub fn buffer(&self, values: &[f32]) -> wgpu::Buffer {
        let buffer = self.empty_buffer(4 * values.len() as u64);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.queue.write_buffer(&buffer, 0, &bytes);
        buffer
    }

    /// One of zeros.
    pub fn empty_buffer(&self, size: u64) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let label = Some("the host's");
        self.device.create_buffer(&wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false })
    }

    /// The floats of a storage buffer, once all that was submitted is done.
    pub fn read(&self, buffer: &wgpu::Buffer) -> Vec<f32> {
        readback::read(&self.device, &self.queue, buffer).into_iter().map(f32::from_bits).collect()
    }

    pub fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    pub fn submit(&self, encoder: wgpu::CommandEncoder) {
        self.queue.submit([encoder.finish()]);
    }

    /// Records by `record`, and submits.
    pub fn frame<T>(&self, record: impl FnOnce(&mut wgpu::CommandEncoder) -> T) -> T {
        let mut encoder = self.encoder();
        let result = record(&mut encoder);
        self.submit(encoder);
        result
    }

    pub fn wait(&self) {
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    }

    /// What the device holds that outlasts a submission.
    pub fn objects(&self) -> [isize; 8] {
        crate::objects::objects(&self.device)
    }
}

/// An adapter of an instance of the host's.
fn adapter() -> wgpu::Adapter {
    gpu_device::context(); // fails in words where there is none
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap()
}
