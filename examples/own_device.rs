//! In a renderer, with its own device: each frame's texture is compared with a reference by commands in the frame's
//! encoder, and what came of it is read some frames later, without waiting: `cargo run --release --example own_device`.

use std::{error::Error, thread::sleep, time::Duration};

use perceptual_loss::{
    Config, Model, Weights,
    gpu::{self, FrameSession, Recording, wgpu},
};

fn main() -> Result<(), Box<dyn Error>> {
    let (device, queue) = pollster::block_on(open())?;
    let [frame, reference] = [96, 128].map(|level| texture(&device, &queue, level));

    let context = gpu::from_device(device.clone(), queue.clone())?;
    let model = Model::new(&context, &Config::default(), &Weights::seeded(0))?; // or Weights::open(FILE)
    let mut session = FrameSession::new(&model, frame.width(), frame.height())?;
    for number in 0..100 {
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        // Here the frame is drawn; the reference, once.
        if number == 0 {
            let _ = session.record_target(&mut encoder, &reference)?; // the first finds room
        }
        if session.record(&mut encoder, &frame, number)? == Recording::Full {
            println!("frame {number} is not compared: the device has not done three others yet");
        }
        queue.submit([encoder.finish()]);
        sleep(Duration::from_millis(16)); // where the next image is waited for
        device.poll(wgpu::PollType::Poll)?;
        while let Some(done) = session.poll() {
            println!("in frame {number}: frame {} has the loss {:.6}", done.frame, done.result?.total);
        }
    }
    Ok(())
}

/// The host's own device; WebGPU's baseline will do for small pictures.
async fn open() -> Result<(wgpu::Device, wgpu::Queue), Box<dyn Error>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await?;
    Ok(adapter.request_device(&wgpu::DeviceDescriptor::default()).await?)
}

/// Stands for what a renderer draws: stripes of grey.
fn texture(device: &wgpu::Device, queue: &wgpu::Queue, level: u8) -> wgpu::Texture {
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size: wgpu::Extent3d { width: 64, height: 64, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8UnormSrgb,
        // The first is what comparing needs.
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let pixels: Vec<u8> = (0..64 * 64u32).flat_map(|i| [if i % 16 < 8 { level } else { 255 }; 4]).collect();
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(64 * 4), rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), &pixels, layout, texture.size());
    texture
}
