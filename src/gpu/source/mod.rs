//! Pictures that are on the host's device already: textures and storage buffers.

mod buffer;
mod cache;
mod in_buffer;
mod mask;
mod sources;
mod texture;

use crate::{
    color::{ToneMap, Transfer},
    error::{Error, Result},
    gpu::{kernel::Kernel, kernels::source as kernels},
};

pub use self::{buffer::BufferSource, in_buffer::BufferLayout, texture::TextureSource};
pub(super) use self::{
    cache::{Cache, Use},
    in_buffer::{BufferRange, InBuffer},
    mask::Mask,
    sources::Sources,
};

/// A picture on the host's device. `&wgpu::Texture` becomes one by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Source(pub(super) Place);

/// Where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    Texture(TextureSource),
    Buffer(BufferSource),
}

impl From<TextureSource> for Source {
    fn from(source: TextureSource) -> Self {
        Self(Place::Texture(source))
    }
}

impl From<BufferSource> for Source {
    fn from(source: BufferSource) -> Self {
        Self(Place::Buffer(source))
    }
}

impl From<&wgpu::Texture> for Source {
    fn from(texture: &wgpu::Texture) -> Self {
        TextureSource::new(texture).into()
    }
}

/// How light becomes the values that the network was trained on; one for all pictures of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tone {
    pub(super) map: ToneMap,
    /// In stops.
    pub(super) exposure: f32,
}

impl Tone {
    /// # Errors
    /// [`Error::Config`] where the exposure is no number.
    pub(super) fn validate(self) -> Result<()> {
        if self.exposure.is_finite() {
            return Ok(());
        }
        Err(Error::Config(format!(
            "an exposure of {} stops cannot be used; 0 changes nothing",
            self.exposure
        )))
    }
}

/// What a shader is to do with the values of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conversion {
    /// Nothing.
    AsStored,
    /// To sRGB, from linear light between 0 and 1.
    Encode,
    /// Exposure, tone map, and to sRGB.
    ToneMap,
}

fn color(conversion: Conversion, eight_bit: bool, tone: Tone) -> kernels::Color {
    kernels::Color {
        conversion: conversion as u32,
        tone_map: match tone.map {
            ToneMap::Clip => 0,
            ToneMap::Aces => 1,
            ToneMap::Reinhard => 2,
        },
        // Not infinite: no light times that is no number.
        gain: tone.exposure.exp2().min(f32::MAX),
        eight_bit: u32::from(eight_bit),
    }
}

/// What must be done to the values of a source of floats.
fn conversion_of_floats(transfer: Transfer) -> Conversion {
    match transfer {
        Transfer::Srgb => Conversion::AsStored,
        Transfer::Linear => Conversion::ToneMap,
    }
}

impl Source {
    pub(super) fn kernel(&self) -> &'static Kernel {
        match self.0 {
            Place::Texture(_) => &kernels::TEXTURE,
            Place::Buffer(_) => &kernels::BUFFER,
        }
    }
}
