//! Pixels of a source that do not count, or only in part.

use super::in_buffer::BufferRange;
use crate::{
    error::{Error, Result},
    gpu::context::Gpu,
};

/// How much of each pixel shows before the background.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::gpu) enum Mask {
    /// All of it.
    #[default]
    None,
    /// What the buffer says from this element on: a float32 a pixel.
    Buffer(wgpu::Buffer, u64),
    /// The pixel's own fourth channel.
    Alpha,
}

impl Mask {
    /// As `shaders/source.buffer.wgsl` numbers them.
    pub(in crate::gpu) fn kind(&self) -> u32 {
        match self {
            Self::None => 0,
            Self::Buffer(..) => 1,
            Self::Alpha => 2,
        }
    }

    /// Binds its buffer for a picture of `size`, and says which element of what is bound is its first. A binding cannot be left out: where
    /// there is no buffer, it is `another` that is read already.
    ///
    /// # Errors
    /// [`Error::Image`] where the buffer holds no such mask, or the device cannot bind it.
    pub(in crate::gpu) fn binding<'a>(
        &'a self,
        gpu: &Gpu,
        size: [u32; 2],
        another: &wgpu::BindingResource<'a>,
    ) -> Result<(wgpu::BindingResource<'a>, u32)> {
        let Self::Buffer(buffer, first) = self else { return Ok((another.clone(), 0)) };
        let [width, height] = size;
        let wrong = |why: String| Error::Image(format!("the mask cannot be read: {why}"));
        if !buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            return Err(wrong("its buffer was made without the usage STORAGE".to_owned()));
        }
        let end = first.saturating_add(u64::from(width) * u64::from(height));
        let elements = buffer.size() / 4;
        if end > elements {
            return Err(wrong(format!(
                "that of a picture of {width}x{height} ends at element {end}; its buffer has {elements}"
            )));
        }
        let range = BufferRange::of(gpu, buffer, (*first, end), 4)
            .map_err(|why| wrong(format!("that of a picture of {width}x{height} {why}")))?;
        Ok((range.binding(buffer), range.first))
    }
}
