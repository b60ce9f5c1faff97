//! What a frame's comparison leaves on the device, for a shader of the host's.

use perceptual_loss::gpu::{FrameSession, wgpu};

use crate::readback::read;

#[derive(Debug)]
pub struct Loss {
    pub total: f32,
    pub faults: u32,
    pub number: u32,
    pub sums: Vec<f32>,
}

impl Loss {
    pub fn read(device: &wgpu::Device, queue: &wgpu::Queue, session: &FrameSession) -> Self {
        let words = read(device, queue, session.loss_buffer());
        let [total, faults, number, sums @ ..] = words.as_slice() else { panic!("{} words", words.len()) };
        Self {
            total: f32::from_bits(*total),
            faults: *faults,
            number: *number,
            sums: sums.iter().map(|sum| f32::from_bits(*sum)).collect(),
        }
    }
}
