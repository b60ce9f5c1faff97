//! A picture of its own.

use std::fmt::Display;

use super::{Image, Pixels};
use crate::{error::Result, reserve::collected};

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
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(crate) fn owned(&self) -> Result<Owned> {
        let Self { per_pixel, width, height, .. } = *self;
        let what = format_args!("a target of {width}x{height} pixels");
        let pixels = match self.pixels {
            Pixels::U8(p) => OwnedPixels::U8(self.dense(p, what)?),
            Pixels::U16(p) => OwnedPixels::U16(self.dense(p, what)?),
            Pixels::F32(p) => OwnedPixels::F32(self.dense(p, what)?),
            Pixels::PlanarF32(p) => OwnedPixels::PlanarF32(self.dense(p, what)?),
            // None such is valid.
            #[cfg(feature = "image")]
            Pixels::Unknown => OwnedPixels::U8(vec![]),
        };
        Ok(Owned { pixels, per_pixel, width, height })
    }

    /// Pixels without padding.
    fn dense<T: Copy>(&self, pixels: &[T], what: impl Display) -> Result<Vec<T>> {
        let count = self.rows() * self.row_elements();
        collected(self.rows_of(pixels).flatten().copied(), count, what)
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
