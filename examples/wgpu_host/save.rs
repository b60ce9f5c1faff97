//! Keeping frames as PNG: the one place where pixels are read back, and it waits for them.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use half::f16;
use image::{Rgb, RgbImage};
use perceptual_loss::{ToneMap, encode_srgb, gpu::wgpu};

use crate::scene::Canvas;

/// Bytes of a pixel of four float16.
const PIXEL: u32 = 8;

pub struct Saver {
    folder: PathBuf,
    tone_map: ToneMap,
    size: [u32; 2],
    /// Bytes of a row, as copies have them.
    pitch: u32,
    buffer: wgpu::Buffer,
}

impl Saver {
    /// For pairs of canvases of `size`.
    pub fn new(
        device: &wgpu::Device,
        folder: &Path,
        size: [u32; 2],
        tone_map: ToneMap,
    ) -> Result<Self, Box<dyn Error>> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let [width, height] = size;
        let pitch = (PIXEL * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("saved"),
            size: 2 * u64::from(pitch) * u64::from(height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        Ok(Self { folder: folder.to_owned(), tone_map, size, pitch, buffer })
    }

    /// Records copying the two canvases.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, left: &Canvas, right: &Canvas) {
        let [_, height] = self.size;
        for (canvas, first_row) in [(left, 0), (right, height)] {
            let layout = wgpu::TexelCopyBufferLayout {
                offset: u64::from(first_row) * u64::from(self.pitch),
                bytes_per_row: Some(self.pitch),
                rows_per_image: None,
            };
            encoder.copy_texture_to_buffer(
                canvas.texture.as_image_copy(),
                wgpu::TexelCopyBufferInfo { buffer: &self.buffer, layout },
                canvas.texture.size(),
            );
        }
    }

    /// Writes what was copied, side by side, as the file of frame `number`.
    pub fn save(&self, device: &wgpu::Device, number: u64) -> Result<(), Box<dyn Error>> {
        // That it failed is seen by taking the range.
        self.buffer.map_async(wgpu::MapMode::Read, .., |_| ());
        device.poll(wgpu::PollType::wait_indefinitely())?;
        let [width, height] = self.size;
        let picture = {
            let bytes = self.buffer.get_mapped_range(..)?;
            RgbImage::from_fn(2 * width, height, |x, y| {
                let row = if x < width { y } else { y + height };
                let at = (row * self.pitch + x % width * PIXEL) as usize;
                Rgb([0, 2, 4].map(|channel| {
                    let light = f16::from_le_bytes([bytes[at + channel], bytes[at + channel + 1]]);
                    (255.0 * encode_srgb(self.tone_map.map(light.into()))).round() as u8
                }))
            })
        };
        self.buffer.unmap();
        picture.save(self.folder.join(format!("frame-{number:03}.png")))?;
        Ok(())
    }
}
