//! What a frame's comparison leaves on the device, for a shader of the host's.

use perceptual_loss::gpu::{FrameSession, wgpu};

#[derive(Debug)]
pub struct Loss {
    pub total: f32,
    pub faults: u32,
    pub number: u32,
    pub sums: Vec<f32>,
}

impl Loss {
    pub fn read(device: &wgpu::Device, queue: &wgpu::Queue, session: &FrameSession) -> Self {
        let from = session.loss_buffer();
        let staging = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: from.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(from, 0, &staging, 0, from.size());
        queue.submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
        device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        let bytes = staging.get_mapped_range(..).unwrap().to_vec();
        let words: Vec<[u8; 4]> = bytes.as_chunks().0.to_vec();
        let [total, faults, number, sums @ ..] = words.as_slice() else { panic!("{} words", words.len()) };
        Self {
            total: f32::from_le_bytes(*total),
            faults: u32::from_le_bytes(*faults),
            number: u32::from_le_bytes(*number),
            sums: sums.iter().map(|sum| f32::from_le_bytes(*sum)).collect(),
        }
    }
}
