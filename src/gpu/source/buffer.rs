//! Storage buffers as sources.

use super::{
    Tone, color, conversion_of_floats,
    in_buffer::{BufferLayout, BufferRange, InBuffer},
    mask::Mask,
};
use crate::{
    color::Transfer,
    error::{Error, Result},
    gpu::{context::Gpu, kernels::source::SourceBuffer},
};

/// What an element of a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// float32.
    F32 = 0,
    /// float16, two a word.
    F16 = 1,
    /// A pixel: four levels, red in the low byte.
    Rgba8 = 2,
}

/// A picture in a storage buffer, as it is when the commands that read it run.
///
/// The buffer must have the usage `STORAGE`, and hold the picture and nothing behind it, unless [`offset`](Self::offset) says where in
/// it the picture lies. What is bound is the picture's part of it, which must be no larger than a binding may be. Values are taken as
/// sRGB as stored, 1.0 is full intensity; [`transfer`](Self::transfer) says otherwise. Values that are not finite make the report an
/// error.
#[derive(Clone, Debug, PartialEq)]
pub struct BufferSource {
    pub(in crate::gpu) place: InBuffer,
    format: Format,
    transfer: Transfer,
    pub(in crate::gpu) mask: Mask,
    background: [f32; 3],
}

impl BufferSource {
    /// float32 from the buffer's start on, rows without padding.
    #[must_use]
    pub fn f32(buffer: &wgpu::Buffer, layout: BufferLayout, width: u32, height: u32) -> Self {
        Self::new(InBuffer::new(buffer, 4, Some(layout), [width, height]), Format::F32)
    }

    /// float16 from the buffer's start on, rows without padding. The device needs no feature for it.
    #[must_use]
    pub fn f16(buffer: &wgpu::Buffer, layout: BufferLayout, width: u32, height: u32) -> Self {
        Self::new(InBuffer::new(buffer, 2, Some(layout), [width, height]), Format::F16)
    }

    /// A word a pixel from the buffer's start on, red in its low byte, then green, blue and alpha; rows without padding. Its levels are
    /// those of an 8-bit picture, to the bit. Strides and offset count words.
    #[must_use]
    pub fn rgba8(buffer: &wgpu::Buffer, width: u32, height: u32) -> Self {
        Self::new(InBuffer::new(buffer, 4, None, [width, height]), Format::Rgba8)
    }

    fn new(place: InBuffer, format: Format) -> Self {
        Self { place, format, transfer: Transfer::Srgb, mask: Mask::None, background: [0.0; 3] }
    }

    /// Where the picture begins, in elements from the buffer's start. Once this is said, if it is 0, the buffer may go on behind
    /// the picture.
    #[must_use]
    pub fn offset(mut self, elements: u64) -> Self {
        self.place.offset = Some(elements);
        self
    }

    /// Elements from a row's start to the next one's. Planes follow each other after as many such rows as the
    /// picture is high.
    #[must_use]
    pub fn row_stride(mut self, elements: u32) -> Self {
        self.place.row_stride = Some(elements);
        self
    }

    /// The last row comes first, for pictures whose first row in memory is the lowest.
    #[must_use]
    pub fn flip_y(mut self) -> Self {
        self.place.flip_y = !self.place.flip_y;
        self
    }

    /// What the values are. [`Transfer::Linear`]: light, which is exposed, tone-mapped and encoded as sRGB.
    #[must_use]
    pub fn transfer(self, transfer: Transfer) -> Self {
        Self { transfer, ..self }
    }

    /// How much of each pixel counts: float32 from this element of a buffer on, a value a pixel in the order of the picture's rows in
    /// memory, without padding. What is compared is mask x value + (1 - mask) x [background](Self::background), before anything else is
    /// done to the values. Where the mask is 0 the values may be anything.
    #[must_use]
    pub fn mask(self, buffer: &wgpu::Buffer, offset: u64) -> Self {
        Self { mask: Mask::Buffer(buffer.clone(), offset), ..self }
    }

    /// The same, with the pixel's fourth channel as its mask: colours that are not yet multiplied by their alpha.
    #[must_use]
    pub fn mask_by_alpha(self) -> Self {
        Self { mask: Mask::Alpha, ..self }
    }

    /// What shows where the mask does not: red, green and blue, of the values' own kind. It is black otherwise.
    #[must_use]
    pub fn background(self, background: [f32; 3]) -> Self {
        Self { background, ..self }
    }

    /// Whether the picture has the values as they are stored, but for the mask.
    pub(in crate::gpu) fn is_as_stored(&self) -> bool {
        self.transfer == Transfer::Srgb
    }

    /// Width and height, and what is bound.
    pub(super) fn validate(&self, gpu: &Gpu) -> Result<([u32; 2], BufferRange)> {
        let what = "the buffer cannot be compared";
        let range = self.place.range(gpu, what)?;
        if self.mask == Mask::Alpha && self.format != Format::Rgba8 && self.place.pixel_stride() < 4 {
            return Err(Error::Image(format!("{what}: its pixels have no fourth channel to mask them by")));
        }
        if !self.background.iter().all(|value| value.is_finite()) {
            return Err(Error::Image(format!("{what}: a background of {:?} is not finite", self.background)));
        }
        Ok((self.place.size, range))
    }

    /// Of a valid one, whose first element and whose mask's first are these of what is bound.
    pub(super) fn params(&self, [first, mask]: [u32; 2], tone: Tone, groups: u32) -> SourceBuffer {
        let levels = self.format == Format::Rgba8 && self.is_as_stored() && self.mask == Mask::None;
        let [red, green, blue] = self.background;
        SourceBuffer {
            color: color(conversion_of_floats(self.transfer), levels, tone),
            size: self.place.size,
            offset: first,
            pixel_stride: self.place.pixel_stride(),
            channel_stride: self.place.channel_stride() as u32,
            row_stride: self.place.stride() as u32,
            format: self.format as u32,
            flip: u32::from(self.place.flip_y),
            background: [red, green, blue, 0.0],
            mask: self.mask.kind(),
            mask_offset: mask,
            groups,
            pad: 0,
        }
    }
}
