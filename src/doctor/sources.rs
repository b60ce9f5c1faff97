//! Textures and buffers as a host has them, filled with values to see come out of a shader.

use super::{kernels::no_weights, plans, values::texels};
use crate::{
    Context, Image, Normalization, ToneMap,
    cpu::twin::Texel,
    error::{Error, Result},
    gpu::{self, BufferSource, Gpu, GradientBuffer, Source},
    plan::{Maps, Region},
};

/// A texture whose every mip of every layer has random texels of its own.
#[derive(Debug)]
pub struct Filled {
    /// It can be bound, and copied to.
    pub texture: wgpu::Texture,
    texel: Texel,
    /// The bytes of each mip of each layer.
    parts: Vec<Vec<u8>>,
}

impl Filled {
    /// A texture on the context's device.
    ///
    /// # Errors
    /// [`Error::Config`] where the context is not a GPU's; the device's.
    pub fn new(
        context: &Context,
        texel: Texel,
        [width, height]: [u32; 2],
        mips: u32,
        layers: u32,
        seed: u64,
    ) -> Result<Self> {
        let gpu = gpu_of(context)?;
        let descriptor = wgpu::TextureDescriptor {
            label: Some("perceptual-loss texels"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: layers },
            mip_level_count: mips,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: format(texel),
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        };
        let texture = gpu.create("a texture", 0, || gpu.device.create_texture(&descriptor))?;
        let mut filled = Self { texture, texel, parts: vec![] };
        for layer in 0..layers {
            for mip in 0..mips {
                let [width, height] = filled.size(mip);
                let part = filled.parts.len() as u64;
                let bytes = texels(texel, seed + 100 * part, u64::from(width) * u64::from(height));
                filled.write(context, mip, layer, bytes)?;
            }
        }
        Ok(filled)
    }

    /// Puts other texels into a mip of a layer.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn write(&mut self, context: &Context, mip: u32, layer: u32, bytes: Vec<u8>) -> Result<()> {
        let gpu = gpu_of(context)?;
        let [width, height] = self.size(mip);
        let texture = wgpu::TexelCopyTextureInfo {
            texture: &self.texture,
            mip_level: mip,
            origin: wgpu::Origin3d { x: 0, y: 0, z: layer },
            aspect: wgpu::TextureAspect::All,
        };
        let bytes_per_row = Some(width * self.texel.bytes() as u32);
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image: None };
        let extent = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
        gpu.create("texels", 0, || gpu.queue.write_texture(texture, &bytes, layout, extent))?;
        let part = self.part(mip, layer);
        self.parts.resize_with(self.parts.len().max(part + 1), Vec::new);
        self.parts[part] = bytes;
        Ok(())
    }

    fn part(&self, mip: u32, layer: u32) -> usize {
        (layer * self.texture.mip_level_count() + mip) as usize
    }

    /// A mip's width and height.
    #[must_use]
    pub fn size(&self, mip: u32) -> [u32; 2] {
        [self.texture.width(), self.texture.height()].map(|side| (side >> mip).max(1))
    }

    /// The bytes of a mip of a layer, without padding.
    #[must_use]
    pub fn bytes(&self, mip: u32, layer: u32) -> &[u8] {
        &self.parts[self.part(mip, layer)]
    }

    /// Red, green and blue of the texel at (x, y), as a shader should load them.
    #[must_use]
    pub fn load(&self, mip: u32, layer: u32, [x, y]: [u32; 2]) -> [f64; 3] {
        let [width, _] = self.size(mip);
        let start = (y * width + x) as usize * self.texel.bytes();
        self.texel.load(&self.bytes(mip, layer)[start..])
    }
}

/// The format of such texels.
#[must_use]
pub fn format(texel: Texel) -> wgpu::TextureFormat {
    match texel {
        Texel::Rgba8 => wgpu::TextureFormat::Rgba8Unorm,
        Texel::Rgba8Srgb => wgpu::TextureFormat::Rgba8UnormSrgb,
        Texel::Bgra8 => wgpu::TextureFormat::Bgra8Unorm,
        Texel::Bgra8Srgb => wgpu::TextureFormat::Bgra8UnormSrgb,
        Texel::Rgb10a2 => wgpu::TextureFormat::Rgb10a2Unorm,
        Texel::Rg11b10 => wgpu::TextureFormat::Rg11b10Ufloat,
        Texel::Rgba16Float => wgpu::TextureFormat::Rgba16Float,
        Texel::Rgba32Float => wgpu::TextureFormat::Rgba32Float,
    }
}

/// A storage buffer of these bytes on the context's device.
///
/// # Errors
/// [`Error::Config`] where the context is not a GPU's; the device's.
pub fn buffer(context: &Context, bytes: &[u8]) -> Result<wgpu::Buffer> {
    let gpu = gpu_of(context)?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    gpu.create("a source", bytes.len() as u64, || {
        let buffer = gpu.buffer("source", bytes.len() as u64, usage);
        gpu.queue.write_buffer(&buffer, 0, bytes);
        buffer
    })
}

/// What the shaders make of a source: its shader, and then `shaders/pixels.wgsl`. Where the picture is written there
/// was another before, so that what is left out is seen.
///
/// # Errors
/// The executors', and [`Error::Device`] where a shader wrote past the picture's end.
pub fn load(
    context: &Context,
    source: &Source,
    [width, height]: [u32; 2],
    normalization: Normalization,
    (tone_map, exposure): (ToneMap, f32),
) -> Result<Vec<f32>> {
    let plan = plans::pixels(2, Region::whole(width, height), normalization, Maps::Target)?;
    let executor = gpu::Executor::new(context, plan, no_weights())?;
    // No source has this value.
    let before = vec![1e30; 3 * width as usize * height as usize];
    let image = Image::planar_f32(&before, width, height);
    executor.run(0..1, &[image, image])?;
    let behind = executor.read_blocking(0)?.split_off(before.len());
    executor.load(source, tone_map, exposure)?;
    executor.run(0..1, &[])?;
    let mut values = executor.read_blocking(0)?;
    if values.split_off(before.len()) != behind {
        return Err(Error::Device("a source's shader wrote past the end of its picture".to_owned()));
    }
    Ok(values)
}

/// What is in a host's buffer of these elements once a gradient, shape (3, H, W), has been written to it as a frame of `source` does whose
/// loss has such faults. `into` says where, of the buffer that it is given.
///
/// # Errors
/// [`Error::Config`] where the context is not a GPU's; those of [`gpu::FrameSession::record_gradient`].
pub fn write_gradient(
    context: &Context,
    (gradient, faults): (&[f32], u32),
    source: &BufferSource,
    elements: &[f32],
    into: impl FnOnce(&wgpu::Buffer) -> GradientBuffer,
) -> Result<Vec<f32>> {
    let gpu = gpu_of(context)?;
    let bytes = bytemuck::cast_slice(elements);
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let buffer = gpu.create("a gradient's buffer", bytes.len() as u64, || {
        let buffer = gpu.buffer("host's gradient", bytes.len() as u64, usage);
        gpu.queue.write_buffer(&buffer, 0, bytes);
        buffer
    })?;
    gpu::write_gradient(gpu, (gradient, faults), source, &into(&buffer))?;
    gpu.read(&buffer, 0, buffer.size())
}

/// The same of a picture as the twin packs it.
///
/// # Errors
/// The executor's.
pub(super) fn load_packed(
    context: &Context,
    packed: &[u32],
    [width, height]: [u32; 2],
    levels: bool,
) -> Result<Vec<f32>> {
    let plan = plans::pixels(1, Region::whole(width, height), Normalization::NONE, Maps::Target)?;
    let executor = gpu::Executor::new(context, plan, no_weights())?;
    let (_, data) = packed.split_at(crate::image::HEADER_WORDS);
    let image = if levels {
        Image::rgba8(bytemuck::cast_slice(data), width, height)
    } else {
        Image::planar_f32(bytemuck::cast_slice(data), width, height)
    };
    executor.run(0..1, &[image])?;
    executor.read_blocking(0)
}

pub(super) fn gpu_of(context: &Context) -> Result<&Gpu> {
    match context.gpu_handle() {
        Some(gpu) => Ok(gpu),
        None => Err(Error::Config("sources are on a GPU; this context computes on the CPU".to_owned())),
    }
}
