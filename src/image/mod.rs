//! Pixels in: borrowed views of pictures in the formats that engines and image libraries hold, checked and
//! packed for upload.

#[cfg(feature = "image")]
mod buffers;
mod owned;
mod pack;
#[cfg(feature = "imgref")]
mod views;

pub(crate) use self::owned::Owned;
#[cfg(feature = "cpu")]
pub(crate) use self::pack::{FORMAT, FORMAT_F32, FORMAT_RGB16, FORMAT_RGBA8, HEADER_WORDS};
#[cfg(feature = "cpu")]
pub use self::pack::{NOT_FINITE, WRITTEN};
use crate::{
    error::{Error, Result},
    range::Seen,
};

/// A borrowed picture. Values are sRGB as stored. Alpha is ignored, and the colors are those that are stored. Rows may be padded:
/// see [`with_row_stride`](Self::with_row_stride).
///
/// # What is checked
///
/// Comparing refuses ([`Error::Image`]) a picture without pixels, a slice that is too short or too long for size and row stride,
/// rows that overlap, and floats that are not finite. [`checked`](Self::checked) does so before anything is compared, and refuses
/// floats that do not look like 0 to 1, as well.
///
/// Nobody can check what the bytes mean: red and blue that are swapped, sides that are swapped, planes that are handed over as
/// interleaved pixels, linear light from 0 to 1, colors that are multiplied by alpha. And comparing takes finite floats
/// as they are, whatever their range.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    pixels: Pixels<'a>,
    /// Values from a pixel of a row to the next: 1 of grey and of a plane, 2 with alpha, 3 of red, green and blue, 4 with alpha.
    per_pixel: usize,
    width: u32,
    height: u32,
    row_stride: usize,
}

/// Values as they are stored.
#[derive(Clone, Copy, Debug)]
enum Pixels<'a> {
    U8(&'a [u8]),
    U16(&'a [u16]),
    F32(&'a [f32]),
    /// Red, green and blue have a plane each.
    PlanarF32(&'a [f32]),
    /// Of a kind that another crate has and this one does not know.
    #[cfg(feature = "image")]
    Unknown,
}

impl<'a> Image<'a> {
    /// Interleaved 8-bit red, green, blue: `width * height * 3` bytes, 255 is full intensity.
    #[must_use]
    pub fn rgb8(pixels: &'a [u8], width: u32, height: u32) -> Self {
        Self::new(Pixels::U8(pixels), 3, width, height)
    }

    /// Interleaved 8-bit red, green, blue, alpha: `width * height * 4` bytes. Alpha is ignored.
    #[must_use]
    pub fn rgba8(pixels: &'a [u8], width: u32, height: u32) -> Self {
        Self::new(Pixels::U8(pixels), 4, width, height)
    }

    /// 8-bit grey, compared as red, green and blue that are equal: `width * height` bytes, 255 is full intensity.
    #[must_use]
    pub fn gray8(pixels: &'a [u8], width: u32, height: u32) -> Self {
        Self::new(Pixels::U8(pixels), 1, width, height)
    }

    /// Interleaved 16-bit red, green, blue: `width * height * 3` values, 65535 is full intensity.
    #[must_use]
    pub fn rgb16(pixels: &'a [u16], width: u32, height: u32) -> Self {
        Self::new(Pixels::U16(pixels), 3, width, height)
    }

    /// Interleaved 16-bit red, green, blue, alpha: `width * height * 4` values. Alpha is ignored.
    #[must_use]
    pub fn rgba16(pixels: &'a [u16], width: u32, height: u32) -> Self {
        Self::new(Pixels::U16(pixels), 4, width, height)
    }

    /// 16-bit grey: `width * height` values, 65535 is full intensity.
    #[must_use]
    pub fn gray16(pixels: &'a [u16], width: u32, height: u32) -> Self {
        Self::new(Pixels::U16(pixels), 1, width, height)
    }

    /// Interleaved float32 red, green, blue: `width * height * 3` values, 1.0 is full intensity.
    #[must_use]
    pub fn rgb_f32(pixels: &'a [f32], width: u32, height: u32) -> Self {
        Self::new(Pixels::F32(pixels), 3, width, height)
    }

    /// Interleaved float32 red, green, blue, alpha: `width * height * 4` values. Alpha is ignored.
    #[must_use]
    pub fn rgba_f32(pixels: &'a [f32], width: u32, height: u32) -> Self {
        Self::new(Pixels::F32(pixels), 4, width, height)
    }

    /// float32 grey: `width * height` values, 1.0 is full intensity.
    #[must_use]
    pub fn gray_f32(pixels: &'a [f32], width: u32, height: u32) -> Self {
        Self::new(Pixels::F32(pixels), 1, width, height)
    }

    /// A float32 plane each of red, green and blue, one after another: shape (3, height, width).
    #[must_use]
    pub fn planar_f32(pixels: &'a [f32], width: u32, height: u32) -> Self {
        Self::new(Pixels::PlanarF32(pixels), 1, width, height)
    }

    fn new(pixels: Pixels<'a>, per_pixel: usize, width: u32, height: u32) -> Self {
        let mut image = Self { pixels, per_pixel, width, height, row_stride: 0 };
        image.row_stride = image.row_elements();
        image
    }

    /// The same pixels with `elements` bytes, 16-bit values or floats from a row's start to the next one's. The planes of a
    /// planar picture follow each other after `height` such rows. The last row may end without its padding.
    #[must_use]
    pub fn with_row_stride(self, elements: usize) -> Self {
        Self { row_stride: elements, ..self }
    }

    /// The picture, where it can be compared and, if it holds floats, they look like values from 0 to 1. The command asks the
    /// same of float files.
    ///
    /// ```
    /// use perceptual_loss::Image;
    ///
    /// let pixels = [0.0f32, 127.5, 255.0];
    /// let error = Image::rgb_f32(&pixels, 1, 1).checked().unwrap_err();
    /// assert!(error.to_string().contains("it looks like 0..255: divide it by 255"));
    /// assert!(Image::rgb_f32(&pixels.map(|value| value / 255.0), 1, 1).checked().is_ok());
    /// ```
    ///
    /// # Errors
    /// [`Error::Image`] where [comparing](Self#what-is-checked) would refuse it, or where floats do not look like 0 to 1: with
    /// their smallest and largest, what they look like, and what would be right.
    pub fn checked(self) -> Result<Self> {
        self.validate()?;
        if let Pixels::F32(pixels) | Pixels::PlanarF32(pixels) = self.pixels {
            let seen = Seen::of(self.rows_of(pixels).flat_map(|row| self.colors(row)).copied());
            if !seen.fits(0.0, 1.0) {
                return Err(Error::Image(format!(
                    "the picture's values run from {} to {}, which does not look like 0..1; {}",
                    seen.min,
                    seen.max,
                    seen.looks().advice()
                )));
            }
        }
        Ok(self)
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Elements in a row, padding left out.
    fn row_elements(&self) -> usize {
        (self.width as usize).saturating_mul(self.per_pixel)
    }

    fn planes(&self) -> usize {
        if matches!(self.pixels, Pixels::PlanarF32(_)) { 3 } else { 1 }
    }

    /// Rows in memory: three times the height where each channel has its plane.
    fn rows(&self) -> usize {
        (self.height as usize).saturating_mul(self.planes())
    }

    /// # Errors
    /// [`Error::Image`] where a side is zero, the slice is too short or too long for size and stride, a row overlaps the
    /// next, or a float is not finite (the message gives the first such pixel).
    pub(crate) fn validate(&self) -> Result<()> {
        let (width, height) = (self.width, self.height);
        if width == 0 || height == 0 {
            return Err(Error::Image(format!(
                "a picture of {width}x{height} has no pixels; both sides must be at least 1"
            )));
        }
        if self.row_stride < self.row_elements() {
            return Err(Error::Image(format!(
                "a row stride of {} is too short for {width} pixels, which take {} elements",
                self.row_stride,
                self.row_elements()
            )));
        }
        let length = match self.pixels {
            Pixels::U8(pixels) => pixels.len(),
            Pixels::U16(pixels) => pixels.len(),
            Pixels::F32(pixels) | Pixels::PlanarF32(pixels) => pixels.len(),
            #[cfg(feature = "image")]
            Pixels::Unknown => {
                return Err(Error::Image(
                    "the picture is of a kind that this library does not know; hand over its to_rgb8() or to_rgb32f()"
                        .to_owned(),
                ));
            }
        };
        self.check_length(length)?;
        match self.pixels {
            Pixels::F32(pixels) | Pixels::PlanarF32(pixels) => self.check_finite(pixels),
            _ => Ok(()),
        }
    }

    /// A slice that is too long is as wrong as one that is too short: its rows are others than those that are meant.
    fn check_length(&self, length: usize) -> Result<()> {
        let (width, height, stride) = (self.width, self.height, self.row_stride);
        let most = stride.saturating_mul(self.rows());
        // The last row need not be padded.
        let least = stride.saturating_mul(self.rows() - 1).saturating_add(self.row_elements());
        if (least..=most).contains(&length) {
            return Ok(());
        }
        let is_padded = stride != self.row_elements();
        let with_stride = if is_padded { format!(" with row stride {stride}") } else { String::new() };
        let or_more = if is_padded { format!(" to {most}") } else { String::new() };
        let advice = self.other_format(length).unwrap_or_else(|| {
            if length < least {
                "hand over all of its pixels, or give its own size".to_owned()
            } else {
                "hand over its own part of the slice, or give its own size and row stride".to_owned()
            }
        });
        Err(Error::Image(format!(
            "{} picture of {width}x{height}{with_stride} takes {least}{or_more} elements; the slice has {length}: {advice}",
            self.format()
        )))
    }

    /// The format with its article.
    fn format(&self) -> &'static str {
        match (self.pixels, self.per_pixel) {
            (Pixels::U8(_), 1) => "a grey 8-bit",
            (Pixels::U8(_), 2) => "a grey 8-bit (with alpha)",
            (Pixels::U8(_), 3) => "an RGB8",
            (Pixels::U8(_), _) => "an RGBA8",
            (Pixels::U16(_), 1) => "a grey 16-bit",
            (Pixels::U16(_), 2) => "a grey 16-bit (with alpha)",
            (Pixels::U16(_), 3) => "an RGB16",
            (Pixels::U16(_), _) => "an RGBA16",
            (Pixels::F32(_), 1) => "a grey float32",
            (Pixels::F32(_), 2) => "a grey float32 (with alpha)",
            (Pixels::F32(_), 3) => "an RGB float32",
            (Pixels::F32(_), _) => "an RGBA float32",
            (Pixels::PlanarF32(_), _) => "a planar float32",
            #[cfg(feature = "image")]
            (Pixels::Unknown, _) => "an unknown",
        }
    }

    /// What a slice of this length holds, where that is as many pixels of another format.
    fn other_format(&self, length: usize) -> Option<String> {
        let pixels = (self.width as usize).checked_mul(self.height as usize)?;
        if !length.is_multiple_of(pixels) || self.row_stride != self.row_elements() {
            return None;
        }
        let per_pixel = length / pixels;
        let constructor = match (self.pixels, per_pixel) {
            (Pixels::U8(_), 1) => "gray8",
            (Pixels::U8(_), 3) => "rgb8",
            (Pixels::U8(_), 4) => "rgba8",
            (Pixels::U16(_), 1) => "gray16",
            (Pixels::U16(_), 3) => "rgb16",
            (Pixels::U16(_), 4) => "rgba16",
            (Pixels::F32(_), 1) => "gray_f32",
            (Pixels::F32(_), 3) => "rgb_f32",
            (Pixels::F32(_), 4) => "rgba_f32",
            (Pixels::PlanarF32(_), 1) => "gray_f32",
            (Pixels::PlanarF32(_), 4) => return Some("leave out the fourth plane".to_owned()),
            _ => return None,
        };
        Some(format!("that is {per_pixel} a pixel, as Image::{constructor} takes"))
    }

    /// A row's values, alpha left out.
    fn colors<'r>(&self, row: &'r [f32]) -> impl Iterator<Item = &'r f32> + use<'r> {
        let per_pixel = self.per_pixel;
        row.iter().enumerate().filter(move |(at, _)| !is_alpha(*at, per_pixel)).map(|(_, value)| value)
    }

    fn check_finite(&self, pixels: &[f32]) -> Result<()> {
        for (row, values) in self.rows_of(pixels).enumerate() {
            let wrong = |(at, value): (usize, &f32)| !value.is_finite() && !is_alpha(at, self.per_pixel);
            if let Some(at) = values.iter().enumerate().position(wrong) {
                let (x, y) = (at / self.per_pixel, row % self.height as usize);
                return Err(Error::Image(format!(
                    "the pixel at x {x}, y {y} is {}; every value must be finite",
                    values[at]
                )));
            }
        }
        Ok(())
    }

    /// The rows of `pixels`, padding left out.
    fn rows_of<'p, T>(&self, pixels: &'p [T]) -> impl Iterator<Item = &'p [T]> + use<'p, T> {
        let (stride, length) = (self.row_stride, self.row_elements());
        (0..self.rows()).map(move |row| &pixels[row * stride..][..length])
    }

    /// # Errors
    /// [`Error::Image`] where a picture is not valid or not of `size`, or there are more than `room`.
    pub(crate) fn validate_all(pictures: &[Self], size: Option<[u32; 2]>, room: u32) -> Result<()> {
        if pictures.len() > room as usize {
            return Err(Error::Image(format!(
                "{} pictures were given; there is room for {room}",
                pictures.len()
            )));
        }
        for picture in pictures {
            picture.validate()?;
            if let Some([width, height]) = size
                && [picture.width, picture.height] != [width, height]
            {
                return Err(Error::Image(format!(
                    "a picture is {}x{}; the plan is for {width}x{height}",
                    picture.width, picture.height
                )));
            }
        }
        Ok(())
    }
}

/// Whether a row's value at this place is alpha.
fn is_alpha(at: usize, per_pixel: usize) -> bool {
    per_pixel.is_multiple_of(2) && at % per_pixel == per_pixel - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_picture_is_named() {
        let bytes = [0u8; 12];
        let shorts = [0u16; 12];
        let floats = [0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0f32];
        for (image, part) in [
            (Image::rgb8(&bytes, 0, 4), "0x4 has no pixels"),
            (
                Image::rgb8(&bytes, 2, 3),
                "an RGB8 picture of 2x3 takes 18 elements; the slice has 12: hand over all",
            ),
            (Image::rgba8(&bytes, 2, 1).with_row_stride(7), "row stride of 7 is too short"),
            (Image::rgb8(&bytes, u32::MAX, u32::MAX), "the slice has 12"),
            (Image::planar_f32(&floats, 2, 2), "takes 12 elements"),
            (Image::rgb_f32(&floats, 2, 1), "x 1, y 0 is NaN"),
            (Image::planar_f32(&floats, 1, 2), "x 0, y 0 is NaN"),
            (Image::gray_f32(&floats, 3, 2), "x 1, y 1 is NaN"),
            // Too long is as wrong as too short.
            (
                Image::rgb8(&bytes, 1, 3),
                "takes 9 elements; the slice has 12: that is 4 a pixel, as Image::rgba8 takes",
            ),
            (Image::rgb8(&bytes, 1, 1), "takes 3 elements; the slice has 12: hand over its own part"),
            (
                Image::rgba8(&bytes, 2, 2),
                "takes 16 elements; the slice has 12: that is 3 a pixel, as Image::rgb8 takes",
            ),
            (
                Image::gray8(&bytes, 2, 2),
                "a grey 8-bit picture of 2x2 takes 4 elements; the slice has 12: that is 3 a pixel",
            ),
            (Image::rgb8(&bytes, 3, 4), "as Image::gray8 takes"),
            (
                Image::rgb8(&bytes, 1, 2).with_row_stride(5),
                "with row stride 5 takes 8 to 10 elements; the slice has 12",
            ),
            (
                Image::rgb16(&shorts, 3, 1),
                "an RGB16 picture of 3x1 takes 9 elements; the slice has 12: that is 4 a pixel, as Image::rgba16",
            ),
            (Image::rgba16(&shorts, 4, 1), "as Image::rgb16 takes"),
            (Image::gray16(&shorts, 11, 1), "takes 11 elements; the slice has 12"),
            (
                Image::rgb_f32(&floats, 1, 1),
                "an RGB float32 picture of 1x1 takes 3 elements; the slice has 6",
            ),
            (Image::planar_f32(&floats, 6, 1), "as Image::gray_f32 takes"),
            (
                Image::planar_f32(&[0.0; 8], 2, 1),
                "takes 6 elements; the slice has 8: leave out the fourth plane",
            ),
            (Image::planar_f32(&floats, 1, 1).with_row_stride(1), "takes 3 elements; the slice has 6"),
        ] {
            let message = image.validate().unwrap_err().to_string();
            assert!(message.contains(part), "{message}, not {part}");
        }
        Image::rgb8(&bytes, 2, 2).validate().unwrap();
        // The last row may have its padding, a part of it, or none.
        for (length, fits) in [(10, false), (11, true), (12, true)] {
            let image = Image::rgb8(&bytes[..length], 1, 3).with_row_stride(4);
            assert_eq!(image.validate().is_ok(), fits, "{length}");
        }
    }

    /// What is no color is not looked at.
    #[test]
    fn alpha_may_be_anything() {
        Image::rgba_f32(&[0.0, 0.5, 1.0, f32::NAN], 1, 1).checked().unwrap();
        Image::rgba_f32(&[0.0, 0.5, 1.0, 1e30], 1, 1).checked().unwrap();
        let error = Image::rgba_f32(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, f32::INFINITY, 0.0], 2, 1).checked();
        assert!(error.unwrap_err().to_string().contains("x 1, y 0 is inf"));
    }

    #[test]
    fn floats_that_do_not_look_like_0_to_1_are_told() {
        for (pixels, parts) in [
            ([0.0, 127.5, 255.0], ["from 0 to 255", "it looks like 0..255: divide it by 255"]),
            ([0.0, 300.0, 65535.0], ["from 0 to 65535", "divide it by 65535"]),
            ([-1.0, 0.0, 1.0], ["from -1 to 1", "it looks like -1..1: take value / 2 + 0.5"]),
            ([-0.02, 0.5, 1.03], ["from -0.02 to 1.03", "clamp it to 0..1"]),
            ([-2.1, 0.0, 2.6], ["normalised already", "Normalization::NONE"]),
            ([0.0, 0.5, 3.5], ["looks like linear light", "encode_srgb"]),
            ([-103.9, 0.0, 151.0], ["bytes less their mean", "Normalization::NONE"]),
            ([0.0, 0.5, 1e30], ["from 0 to 1000000000000000000000000000000", "looks like linear light"]),
            ([-1e30, 0.5, 1.0], ["does not look like 0..1", "scale it to 0..1"]),
        ] {
            for image in [
                Image::rgb_f32(&pixels, 1, 1),
                Image::planar_f32(&pixels, 1, 1),
                Image::gray_f32(&pixels, 3, 1),
            ] {
                let message = image.checked().unwrap_err().to_string();
                assert!(parts.iter().all(|part| message.contains(part)), "{message}, not {parts:?}");
                assert!(image.validate().is_ok(), "comparing takes it as it is");
            }
        }
        // Rounding is not outside, and padding is not looked at.
        Image::rgb_f32(&[-5e-6, 1.000_005, 0.5, 1e30], 1, 1).with_row_stride(4).checked().unwrap();
        // Whole numbers have their range; what comparing refuses is refused.
        Image::rgb8(&[0, 1, 255], 1, 1).checked().unwrap();
        assert!(Image::rgb8(&[0; 4], 1, 1).checked().is_err());
    }
}
