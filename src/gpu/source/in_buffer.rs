//! How a picture lies in a host's storage buffer, and the range of the buffer that is bound.

use crate::{
    error::{Error, Result},
    gpu::context::Gpu,
};

/// How the values of a picture lie in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BufferLayout {
    /// A plane each of red, green and blue, one after another: shape (3, height, width).
    Planar,
    /// So many elements a pixel, 3 or more, of which the first three are red, green and blue: shape
    /// (height, width, channels).
    Interleaved(u32),
}

/// A picture's place in a buffer.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::gpu) struct InBuffer {
    pub(in crate::gpu) buffer: wgpu::Buffer,
    /// Of an element.
    bytes: u64,
    /// None where an element is a pixel.
    layout: Option<BufferLayout>,
    pub(in crate::gpu) size: [u32; 2],
    /// In elements. None where the buffer holds the picture alone.
    pub(in crate::gpu) offset: Option<u64>,
    pub(in crate::gpu) row_stride: Option<u32>,
    /// Whether the picture's first row is the last in memory.
    pub(in crate::gpu) flip_y: bool,
}

/// A range of a buffer, as it is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gpu) struct BufferRange {
    /// In bytes, of a binding's alignment.
    offset: u64,
    bytes: u64,
    /// The first element that is meant, from the range's beginning.
    pub(in crate::gpu) first: u32,
}

impl InBuffer {
    /// Elements of so many bytes, from the buffer's start on, rows without padding. Without a layout an element is a pixel.
    pub(in crate::gpu) fn new(
        buffer: &wgpu::Buffer,
        bytes: u64,
        layout: Option<BufferLayout>,
        size: [u32; 2],
    ) -> Self {
        Self { buffer: buffer.clone(), bytes, layout, size, offset: None, row_stride: None, flip_y: false }
    }

    /// Elements from a pixel to the next.
    pub(in crate::gpu) fn pixel_stride(&self) -> u32 {
        match self.layout {
            Some(BufferLayout::Interleaved(channels)) => channels,
            Some(BufferLayout::Planar) | None => 1,
        }
    }

    fn row_elements(&self) -> u64 {
        u64::from(self.size[0]) * u64::from(self.pixel_stride())
    }

    /// Elements from a row to the next.
    pub(in crate::gpu) fn stride(&self) -> u64 {
        self.row_stride.map_or(self.row_elements(), u64::from)
    }

    /// Elements from a channel to the next.
    pub(in crate::gpu) fn channel_stride(&self) -> u64 {
        match self.layout {
            Some(BufferLayout::Planar) => self.stride().saturating_mul(u64::from(self.size[1])),
            Some(BufferLayout::Interleaved(_)) | None => 1,
        }
    }

    /// The range of the buffer that holds the picture. `what` is what is wrong where the error says why.
    ///
    /// # Errors
    /// [`Error::Image`] where there is none, or the device cannot bind it.
    pub(in crate::gpu) fn range(&self, gpu: &Gpu, what: &str) -> Result<BufferRange> {
        let wrong = |why: String| Err(Error::Image(format!("{what}: {why}")));
        let [width, height] = self.size;
        if !self.buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            return wrong("it was made without the usage STORAGE".to_owned());
        }
        if !self.buffer.size().is_multiple_of(4) {
            return wrong(format!("it has {} bytes, which is no multiple of 4", self.buffer.size()));
        }
        if matches!(self.layout, Some(BufferLayout::Interleaved(..3))) {
            return wrong(format!("{} elements a pixel hold no red, green and blue", self.pixel_stride()));
        }
        if self.stride() < self.row_elements() {
            return wrong(format!(
                "a row stride of {} is too short for {width} pixels, which take {} elements",
                self.stride(),
                self.row_elements()
            ));
        }
        let planes = if self.layout == Some(BufferLayout::Planar) { 3 } else { 1 };
        let rows = planes * u64::from(height);
        let first = self.offset.unwrap_or(0);
        let end = first
            .saturating_add(self.stride().saturating_mul(rows.saturating_sub(1)))
            .saturating_add(self.row_elements());
        let elements = self.buffer.size() / self.bytes;
        if end > elements {
            return wrong(format!("a picture of {width}x{height} ends at element {end}; it has {elements}"));
        }
        // Pixels of four channels that are taken for pixels of three would be another picture. The last row may be padded, and
        // buffers are rounded up to a vector of four floats.
        let most =
            self.stride().saturating_mul(rows).saturating_mul(self.bytes).div_ceil(16).saturating_mul(16);
        if self.offset.is_none() && width > 0 && height > 0 && self.buffer.size() > most {
            return wrong(format!(
                "a picture of {width}x{height} ends at element {end}; it has {elements}: give its own layout and row stride, or \
                 offset(0) where the buffer holds more than the picture"
            ));
        }
        BufferRange::of(gpu, &self.buffer, (first, end), self.bytes)
            .map_or_else(|why| wrong(format!("a picture of {width}x{height} {why}")), Ok)
    }
}

impl BufferRange {
    /// The range of a buffer from one element to before another, which it holds; else what is wrong.
    pub(in crate::gpu) fn of(
        gpu: &Gpu,
        buffer: &wgpu::Buffer,
        (first, end): (u64, u64),
        bytes: u64,
    ) -> Result<Self, String> {
        let alignment = u64::from(gpu.device.limits().min_storage_buffer_offset_alignment.max(4));
        let start = first * bytes / alignment * alignment;
        // No binding is empty.
        let bound = (end * bytes).next_multiple_of(4).max(start + 4) - start;
        // Elements are numbered in 32 bits.
        let largest = gpu.capabilities.max_binding.min(u32::MAX.into());
        if bound > largest || start + bound > buffer.size() {
            return Err(format!("takes {bound} bytes of one binding; this device binds {largest} at most"));
        }
        // Below the alignment, and so in 32 bits.
        Ok(Self { offset: start, bytes: bound, first: (first - start / bytes) as u32 })
    }

    /// Binds it.
    pub(in crate::gpu) fn binding<'a>(&self, buffer: &'a wgpu::Buffer) -> wgpu::BindingResource<'a> {
        let size = std::num::NonZeroU64::new(self.bytes);
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: self.offset, size })
    }
}
