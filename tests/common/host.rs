//! A host with a device of its own: what it does in a frame, and pictures for it.

use std::sync::OnceLock;

use perceptual_loss::{
    Config, Context, Image, Model, Report, Tap, Weights,
    gpu::{self, FrameReport, Requirements, wgpu},
};

use crate::{
    gpu_device,
    scene::{Distortion, Scene},
};

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
        static CHECKED: OnceLock<Context> = OnceLock::new();
        CHECKED.get_or_init(gpu_device::open); // fails in words where there is no adapter
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        pollster::block_on(async {
            let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await.unwrap();
            let mut descriptor = wgpu::DeviceDescriptor::default();
            Requirements::new(&Config::default(), 64, 64).unwrap().merge_into(&mut descriptor, &adapter);
            let open = async || {
                let (device, queue) = adapter.request_device(&descriptor).await.unwrap();
                Self { device, queue }
            };
            [open().await, open().await]
        })
    }

    pub fn model(&self, taps: &str) -> Model {
        let context = gpu::from_device(self.device.clone(), self.queue.clone()).unwrap();
        let mut config = Config::default();
        config.taps = Tap::parse_list(taps).unwrap();
        Model::new(&context, &config, &Weights::seeded(1)).unwrap()
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

/// Pictures of one size, no two alike.
pub fn scenes(width: u32, height: u32, count: u64) -> Vec<Scene> {
    (0..count).map(|seed| Scene::new(width, height, 5).distort(Distortion::Noise, seed)).collect()
}

pub fn image(scene: &Scene) -> Image<'_> {
    Image::rgb8(&scene.rgb, scene.width, scene.height)
}

/// The loss at each tap, to the bit; for frames that have one.
pub fn bits(report: &Report) -> Vec<u64> {
    report.layers.iter().map(|layer| layer.loss.to_bits()).collect()
}

pub fn reported(report: Option<FrameReport>) -> (u64, Vec<u64>) {
    let report = report.expect("a frame's result is there");
    (report.frame, bits(&report.result.unwrap()))
}
