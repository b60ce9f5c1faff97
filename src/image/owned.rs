//! A picture of its own.

use super::{Image, Pixels};

/// A picture of its own: what a target is that is too large for its features to be kept. Values stay as they are stored.
#[derive(Debug)]
pub(crate) struct Owned {
    pixels: OwnedPixels,
    per_pixel: usize,
    width: u32,
    height: u32,
}

#[derive(Debug)]
enum OwnedPixels {
    U8(Vec<u8>),
    U16(Vec<u16>),
    F32(Vec<f32>),
    PlanarF32(Vec<f32>),
}

impl Image<'_> {
    /// A valid picture's own copy, of the same values.
    pub(crate) fn owned(&self) -> Owned {
        let Self { per_pixel, width, height, .. } = *self;
        let pixels = match self.pixels {
            Pixels::U8(p) => OwnedPixels::U8(self.rows_of(p).flatten().copied().collect()),
            Pixels::U16(p) => OwnedPixels::U16(self.rows_of(p).flatten().copied().collect()),
            Pixels::F32(p) => OwnedPixels::F32(self.rows_of(p).flatten().copied().collect()),
            Pixels::PlanarF32(p) => OwnedPixels::PlanarF32(self.rows_of(p).flatten().copied().collect()),
            // None such is valid.
            #[cfg(feature = "image")]
            Pixels::Unknown => OwnedPixels::U8(vec![]),
        };
        Owned { pixels, per_pixel, width, height }
    }
}

impl Owned {
    /// The picture.
    pub(crate) fn view(&self) -> Image<'_> {
        let pixels = match &self.pixels {
            OwnedPixels::U8(p) => Pixels::U8(p),
            OwnedPixels::U16(p) => Pixels::U16(p),
            OwnedPixels::F32(p) => Pixels::F32(p),
            OwnedPixels::PlanarF32(p) => Pixels::PlanarF32(p),
        };
        Image::new(pixels, self.per_pixel, self.width, self.height)
    }
}
