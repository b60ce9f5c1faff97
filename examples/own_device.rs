//! In a renderer, with its own device: each frame is compared with a reference by commands in the frame's encoder, and
//! what came of it is read some frames later, without waiting: `cargo run --release --example own_device`.

use std::{error::Error, thread::sleep, time::Duration};

use perceptual_loss::{
    Config, Model, Weights,
    gpu::{self, FrameSession, wgpu},
};

fn render(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    frame: &wgpu::Texture,
    reference: &wgpu::Texture,
) -> Result<(), Box<dyn Error>> {
    let context = gpu::from_device(device.clone(), queue.clone())?;
    let model = Model::new(&context, &Config::default(), &Weights::default())?; // or Weights::open(FILE)
    let mut session = FrameSession::new(&model, frame.width(), frame.height())?;
    for number in 0.. {
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        // Here the frame is drawn and, the first time, the reference.
        if number == 0 {
            session.record_target(&mut encoder, reference)?;
        }
        session.record(&mut encoder, frame, number)?; // left out while three are in flight
        queue.submit([encoder.finish()]);
        device.poll(wgpu::PollType::Poll)?;
        while let Some(done) = session.poll() {
            println!("frame {}: {:.6}, known in frame {number}", done.frame, done.result?.total);
            if done.frame >= 10 {
                return Ok(()); // enough for an example
            }
        }
        sleep(Duration::from_millis(16)); // stands for waiting for the screen
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (device, queue) = pollster::block_on(open())?;
    render(&device, &queue, &texture(&device, &queue, 96), &texture(&device, &queue, 128))
}

/// The renderer's own device. WebGPU's baseline will do for small pictures; `gpu::Requirements` is for larger ones.
async fn open() -> Result<(wgpu::Device, wgpu::Queue), Box<dyn Error>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await?;
    Ok(adapter.request_device(&wgpu::DeviceDescriptor::default()).await?)
}

/// Stands for what is drawn: stripes of grey.
fn texture(device: &wgpu::Device, queue: &wgpu::Queue, level: u8) -> wgpu::Texture {
    const SIDE: u32 = 32;
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size: wgpu::Extent3d { width: SIDE, height: SIDE, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8UnormSrgb,
        // The first is what comparing needs.
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let pixels: Vec<u8> = (0..SIDE * SIDE).flat_map(|i| [if i % 16 < 8 { level } else { 255 }; 4]).collect();
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * SIDE), rows_per_image: Some(SIDE) };
    queue.write_texture(texture.as_image_copy(), &pixels, layout, texture.size());
    texture
}
