//! Storage buffers as sources: how pixels lie in them.

use super::{Tone, color, conversion_of_floats};
use crate::{
    color::Transfer,
    error::{Error, Result},
    gpu::{context::Gpu, kernels::source::SourceBuffer},
};

/// How the pixels of a [`BufferSource`] lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BufferLayout {
    /// A plane each of red, green and blue, one after another: shape (3, height, width).
    Planar,
    /// So many elements a pixel, 3 or more, of which the first three are red, green and blue: shape
    /// (height, width, channels).
    Interleaved(u32),
}

/// A picture in a storage buffer, as it is when the commands that read it run.
///
/// The buffer must have the usage `STORAGE`, be no larger than a binding may be, and hold the picture and nothing behind it,
/// unless [`offset`](Self::offset) says where in it the picture lies. Values are taken as sRGB as stored,
/// 1.0 is full intensity; [`transfer`](Self::transfer) says otherwise. Values that are not finite make the report an
/// error.
#[derive(Clone, Debug, PartialEq)]
pub struct BufferSource {
    pub(in crate::gpu) buffer: wgpu::Buffer,
    half: bool,
    layout: BufferLayout,
    size: [u32; 2],
    /// In elements. None where the buffer holds the picture alone.
    offset: Option<u64>,
    row_stride: Option<u32>,
    flip_y: bool,
    transfer: Transfer,
}

impl BufferSource {
    /// float32 from the buffer's start on, rows without padding.
    #[must_use]
    pub fn f32(buffer: &wgpu::Buffer, layout: BufferLayout, width: u32, height: u32) -> Self {
        Self {
            buffer: buffer.clone(),
            half: false,
            layout,
            size: [width, height],
            offset: None,
            row_stride: None,
            flip_y: false,
            transfer: Transfer::Srgb,
        }
    }

    /// float16 from the buffer's start on, rows without padding. The device needs no feature for it.
    #[must_use]
    pub fn f16(buffer: &wgpu::Buffer, layout: BufferLayout, width: u32, height: u32) -> Self {
        Self { half: true, ..Self::f32(buffer, layout, width, height) }
    }

    /// Where the picture begins, in elements from the buffer's start. Once this is said, if it is 0, the buffer may go on behind
    /// the picture.
    #[must_use]
    pub fn offset(self, elements: u64) -> Self {
        Self { offset: Some(elements), ..self }
    }

    /// Elements from a row's start to the next one's. Planes follow each other after as many such rows as the
    /// picture is high.
    #[must_use]
    pub fn row_stride(self, elements: u32) -> Self {
        Self { row_stride: Some(elements), ..self }
    }

    /// The last row comes first, for pictures whose first row in memory is the lowest.
    #[must_use]
    pub fn flip_y(self) -> Self {
        Self { flip_y: !self.flip_y, ..self }
    }

    /// What the values are. [`Transfer::Linear`]: light, which is exposed, tone-mapped and encoded as sRGB.
    #[must_use]
    pub fn transfer(self, transfer: Transfer) -> Self {
        Self { transfer, ..self }
    }

    fn pixel_stride(&self) -> u32 {
        match self.layout {
            BufferLayout::Planar => 1,
            BufferLayout::Interleaved(channels) => channels,
        }
    }

    fn row_elements(&self) -> u64 {
        u64::from(self.size[0]) * u64::from(self.pixel_stride())
    }

    fn stride(&self) -> u64 {
        self.row_stride.map_or(self.row_elements(), u64::from)
    }

    /// Elements from a channel to the next.
    fn channel_stride(&self) -> u64 {
        match self.layout {
            BufferLayout::Planar => self.stride().saturating_mul(u64::from(self.size[1])),
            BufferLayout::Interleaved(_) => 1,
        }
    }

    /// Width and height.
    pub(super) fn validate(&self, gpu: &Gpu) -> Result<[u32; 2]> {
        let wrong = |what: String| Err(Error::Image(format!("the buffer cannot be compared: {what}")));
        let [width, height] = self.size;
        if !self.buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            return wrong("it was made without the usage STORAGE".to_owned());
        }
        if self.buffer.size() > gpu.capabilities.max_binding {
            return wrong(format!(
                "it has {} bytes; this device binds {} at most",
                self.buffer.size(),
                gpu.capabilities.max_binding
            ));
        }
        if !self.buffer.size().is_multiple_of(4) {
            return wrong(format!("it has {} bytes, which is no multiple of 4", self.buffer.size()));
        }
        if self.pixel_stride() < 3 && self.layout != BufferLayout::Planar {
            return wrong(format!("{} elements a pixel hold no red, green and blue", self.pixel_stride()));
        }
        if self.stride() < self.row_elements() {
            return wrong(format!(
                "a row stride of {} is too short for {width} pixels, which take {} elements",
                self.stride(),
                self.row_elements()
            ));
        }
        let planes = if self.layout == BufferLayout::Planar { 3 } else { 1 };
        let rows = planes * u64::from(height);
        let end = (self.offset.unwrap_or(0))
            .saturating_add(self.stride().saturating_mul(rows.saturating_sub(1)))
            .saturating_add(self.row_elements());
        let bytes = if self.half { 2 } else { 4 };
        let elements = self.buffer.size() / bytes;
        if end > elements {
            return wrong(format!("a picture of {width}x{height} ends at element {end}; it has {elements}"));
        }
        // Pixels of four channels that are taken for pixels of three would be another picture. The last row may be padded, and
        // buffers are rounded up to a vector of four floats.
        let most = self.stride().saturating_mul(rows).saturating_mul(bytes).div_ceil(16).saturating_mul(16);
        if self.offset.is_none() && width > 0 && height > 0 && self.buffer.size() > most {
            return wrong(format!(
                "a picture of {width}x{height} ends at element {end}; it has {elements}: give its own layout and row stride, or \
                 offset(0) where the buffer holds more than the picture"
            ));
        }
        if end > u64::from(u32::MAX) {
            return wrong(format!(
                "a picture of {width}x{height} ends at element {end}; elements are numbered up to {}",
                u32::MAX
            ));
        }
        Ok(self.size)
    }

    /// Of a valid one that is `size`.
    pub(super) fn params(&self, size: [u32; 2], tone: Tone, groups: u32) -> SourceBuffer {
        SourceBuffer {
            color: color(conversion_of_floats(self.transfer), false, tone),
            size,
            offset: self.offset.unwrap_or(0) as u32,
            pixel_stride: self.pixel_stride(),
            channel_stride: self.channel_stride() as u32,
            row_stride: self.stride() as u32,
            half: u32::from(self.half),
            flip: u32::from(self.flip_y),
            groups,
            ..Default::default()
        }
    }
}
