//! `shaders/source.texture.wgsl`, `source.buffer.wgsl` and `source.gradient.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::tensor::Tensor;
use crate::gpu::kernel::{Kernel, kernel};

pub(in crate::gpu) static TEXTURE: Kernel = kernel!("source.texture", [Texture, Write]);
pub(in crate::gpu) static BUFFER: Kernel = kernel!("source.buffer", [Read, Read, Write]);
pub(in crate::gpu) static GRADIENT: Kernel = kernel!("source.gradient", [Read, Read, Read, Write]);

/// `shaders/include/color.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(in crate::gpu) struct Color {
    pub(in crate::gpu) conversion: u32,
    pub(in crate::gpu) tone_map: u32,
    pub(in crate::gpu) gain: f32,
    pub(in crate::gpu) eight_bit: u32,
}

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(in crate::gpu) struct SourceTexture {
    pub(in crate::gpu) color: Color,
    pub(in crate::gpu) size: [u32; 2],
    pub(in crate::gpu) origin: [u32; 2],
    pub(in crate::gpu) flip: u32,
    pub(in crate::gpu) groups: u32,
    pub(in crate::gpu) pad: [u32; 2],
}

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(in crate::gpu) struct SourceBuffer {
    pub(in crate::gpu) color: Color,
    pub(in crate::gpu) size: [u32; 2],
    pub(in crate::gpu) offset: u32,
    pub(in crate::gpu) pixel_stride: u32,
    pub(in crate::gpu) channel_stride: u32,
    pub(in crate::gpu) row_stride: u32,
    pub(in crate::gpu) format: u32,
    pub(in crate::gpu) flip: u32,
    pub(in crate::gpu) background: [f32; 4],
    pub(in crate::gpu) mask: u32,
    pub(in crate::gpu) mask_offset: u32,
    pub(in crate::gpu) groups: u32,
    pub(in crate::gpu) pad: u32,
}

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(in crate::gpu) struct SourceGradient {
    pub(in crate::gpu) gradient: Tensor,
    pub(in crate::gpu) offset: u32,
    pub(in crate::gpu) pixel_stride: u32,
    pub(in crate::gpu) channel_stride: u32,
    pub(in crate::gpu) row_stride: u32,
    pub(in crate::gpu) flip: u32,
    pub(in crate::gpu) mask: u32,
    pub(in crate::gpu) mask_offset: u32,
    pub(in crate::gpu) mask_flip: u32,
    pub(in crate::gpu) weight: f32,
    pub(in crate::gpu) adds: u32,
    pub(in crate::gpu) groups: u32,
    pub(in crate::gpu) pad: u32,
}
