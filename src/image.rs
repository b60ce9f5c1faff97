//! Pixels in: borrowed views of pictures in the formats that engines and image libraries hold, checked and
//! packed for upload.

use crate::error::{Error, Result};

/// A borrowed picture. Values are sRGB as stored; it is checked when it is compared.
///
/// Rows may be padded: see [`with_row_stride`](Self::with_row_stride). Alpha is ignored.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    pixels: Pixels<'a>,
    width: u32,
    height: u32,
    row_stride: usize,
}

#[derive(Clone, Copy, Debug)]
enum Pixels<'a> {
    Rgb8(&'a [u8]),
    Rgba8(&'a [u8]),
    Rgb16(&'a [u16]),
    RgbF32(&'a [f32]),
    PlanarF32(&'a [f32]),
}

impl<'a> Image<'a> {
    /// Interleaved 8-bit red, green, blue: `width * height * 3` bytes, 255 is full intensity.
    #[must_use]
    pub fn rgb8(pixels: &'a [u8], width: u32, height: u32) -> Self {
        Self::new(Pixels::Rgb8(pixels), width, height)
    }

    /// Interleaved 8-bit red, green, blue, alpha: `width * height * 4` bytes. Alpha is ignored.
    #[must_use]
    pub fn rgba8(pixels: &'a [u8], width: u32, height: u32) -> Self {
        Self::new(Pixels::Rgba8(pixels), width, height)
    }

    /// Interleaved 16-bit red, green, blue: `width * height * 3` values, 65535 is full intensity.
    #[must_use]
    pub fn rgb16(pixels: &'a [u16], width: u32, height: u32) -> Self {
        Self::new(Pixels::Rgb16(pixels), width, height)
    }

    /// Interleaved float32 red, green, blue: `width * height * 3` values, 1.0 is full intensity.
    #[must_use]
    pub fn rgb_f32(pixels: &'a [f32], width: u32, height: u32) -> Self {
        Self::new(Pixels::RgbF32(pixels), width, height)
    }

    /// A float32 plane each of red, green and blue, one after another: shape (3, height, width).
    #[must_use]
    pub fn planar_f32(pixels: &'a [f32], width: u32, height: u32) -> Self {
        Self::new(Pixels::PlanarF32(pixels), width, height)
    }

    fn new(pixels: Pixels<'a>, width: u32, height: u32) -> Self {
        let mut image = Self { pixels, width, height, row_stride: 0 };
        image.row_stride = image.row_elements();
        image
    }

    /// The same pixels with `elements` bytes, 16-bit values or floats from a row's start to the next one's. The planes of a
    /// planar picture follow each other after `height` such rows.
    #[must_use]
    pub fn with_row_stride(self, elements: usize) -> Self {
        Self { row_stride: elements, ..self }
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
        let per_pixel = match self.pixels {
            Pixels::Rgb8(_) | Pixels::Rgb16(_) | Pixels::RgbF32(_) => 3,
            Pixels::Rgba8(_) => 4,
            Pixels::PlanarF32(_) => 1,
        };
        (self.width as usize).saturating_mul(per_pixel)
    }

    /// Rows in memory: three times the height where each channel has its plane.
    fn rows(&self) -> usize {
        let planes = if matches!(self.pixels, Pixels::PlanarF32(_)) { 3 } else { 1 };
        (self.height as usize).saturating_mul(planes)
    }

    /// # Errors
    /// [`Error::Image`] where a side is zero, the slice is too short for size and stride, a row overlaps the
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
        let (format, length) = match self.pixels {
            Pixels::Rgb8(p) => ("RGB8", p.len()),
            Pixels::Rgba8(p) => ("RGBA8", p.len()),
            Pixels::Rgb16(p) => ("RGB16", p.len()),
            Pixels::RgbF32(p) => ("RGB float32", p.len()),
            Pixels::PlanarF32(p) => ("planar float32", p.len()),
        };
        // The last row need not be padded.
        let needed = self.row_stride.saturating_mul(self.rows() - 1).saturating_add(self.row_elements());
        if length < needed {
            return Err(Error::Image(format!(
                "a {format} picture of {width}x{height} with row stride {} takes {needed} elements; the slice has {length}",
                self.row_stride
            )));
        }
        match self.pixels {
            Pixels::RgbF32(p) | Pixels::PlanarF32(p) => self.check_finite(p),
            Pixels::Rgb8(_) | Pixels::Rgba8(_) | Pixels::Rgb16(_) => Ok(()),
        }
    }

    fn check_finite(&self, pixels: &[f32]) -> Result<()> {
        for (row, values) in self.rows_of(pixels).enumerate() {
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let interleaved = matches!(self.pixels, Pixels::RgbF32(_));
                let (x, y) = (if interleaved { at / 3 } else { at }, row % self.height as usize);
                return Err(Error::Image(format!(
                    "the pixel at x {x}, y {y} is {}; every value must be finite",
                    values[at]
                )));
            }
        }
        Ok(())
    }

    /// The rows of `pixels`, padding left out.
    fn rows_of<T>(&self, pixels: &'a [T]) -> impl Iterator<Item = &'a [T]> {
        let (stride, length) = (self.row_stride, self.row_elements());
        (0..self.rows()).map(move |row| &pixels[row * stride..][..length])
    }

    /// 32-bit words that a packed picture of such a size takes at most, header included.
    pub(crate) fn packed_words([width, height]: [u32; 2]) -> u64 {
        (u64::from(width) * u64::from(height)).saturating_mul(3).saturating_add(HEADER_WORDS as u64)
    }

    /// Packs the rectangle of this extent from `origin` on, as the `pixels` kernel reads it (see `shaders/pixels.wgsl`),
    /// replacing `words`. The picture is valid and holds the rectangle.
    pub(crate) fn pack(&self, origin: [u32; 2], [width, height]: [u32; 2], words: &mut Vec<u32>) {
        let columns = |per_pixel: u32| {
            let first = origin[0] as usize * per_pixel as usize;
            first..first + width as usize * per_pixel as usize
        };
        // The rows of a plane.
        let rows = |plane: usize| {
            let first = plane * self.height as usize + origin[1] as usize;
            (first..first + height as usize).map(|row| row * self.row_stride)
        };
        let per_pixel = match self.pixels {
            Pixels::Rgb8(_) | Pixels::Rgba8(_) => 1,
            Pixels::Rgb16(_) => 2,
            Pixels::RgbF32(_) | Pixels::PlanarF32(_) => 3,
        };
        words.clear();
        words.reserve_exact(HEADER_WORDS + width as usize * height as usize * per_pixel);
        match self.pixels {
            Pixels::Rgb8(p) => {
                words.extend([WRITTEN | FORMAT_RGBA8, 1, 0, width]);
                for row in rows(0) {
                    let pixels = p[row..][columns(3)].as_chunks().0;
                    words.extend(pixels.iter().map(|&[r, g, b]| u32::from_le_bytes([r, g, b, 255])));
                }
            }
            Pixels::Rgba8(p) => {
                words.extend([WRITTEN | FORMAT_RGBA8, 1, 0, width]);
                for row in rows(0) {
                    let pixels = p[row..][columns(4)].as_chunks().0;
                    words.extend(pixels.iter().copied().map(u32::from_le_bytes));
                }
            }
            Pixels::Rgb16(p) => {
                words.extend([WRITTEN | FORMAT_RGB16, 2, 0, width * 2]);
                for row in rows(0) {
                    let pixels = p[row..][columns(3)].as_chunks().0;
                    words.extend(
                        pixels.iter().flat_map(|&[r, g, b]| [u32::from(r) | u32::from(g) << 16, b.into()]),
                    );
                }
            }
            Pixels::RgbF32(p) => {
                words.extend([WRITTEN | FORMAT_F32, 3, 1, width * 3]);
                for row in rows(0) {
                    words.extend(p[row..][columns(3)].iter().map(|value| value.to_bits()));
                }
            }
            Pixels::PlanarF32(p) => {
                words.extend([WRITTEN | FORMAT_F32, 1, width.saturating_mul(height), width]);
                for row in (0..3).flat_map(rows) {
                    words.extend(p[row..][columns(1)].iter().map(|value| value.to_bits()));
                }
            }
        }
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

    /// A valid picture's own copy, of the same values.
    pub(crate) fn owned(&self) -> Owned {
        let Self { width, height, .. } = *self;
        let pixels = match self.pixels {
            Pixels::Rgb8(p) => OwnedPixels::Rgb8(self.rows_of(p).flatten().copied().collect()),
            Pixels::Rgb16(p) => OwnedPixels::Rgb16(self.rows_of(p).flatten().copied().collect()),
            Pixels::Rgba8(p) => OwnedPixels::Rgba8(self.rows_of(p).flatten().copied().collect()),
            Pixels::RgbF32(p) => OwnedPixels::RgbF32(self.rows_of(p).flatten().copied().collect()),
            Pixels::PlanarF32(p) => OwnedPixels::PlanarF32(self.rows_of(p).flatten().copied().collect()),
        };
        Owned { pixels, width, height }
    }
}

/// A picture of its own: what a target is that is too large for its features to be kept. Values stay as they are stored.
#[derive(Debug)]
pub(crate) struct Owned {
    pixels: OwnedPixels,
    width: u32,
    height: u32,
}

#[derive(Debug)]
enum OwnedPixels {
    Rgb8(Vec<u8>),
    Rgba8(Vec<u8>),
    Rgb16(Vec<u16>),
    RgbF32(Vec<f32>),
    PlanarF32(Vec<f32>),
}

impl Owned {
    /// The picture.
    pub(crate) fn view(&self) -> Image<'_> {
        let pixels = match &self.pixels {
            OwnedPixels::Rgb8(p) => Pixels::Rgb8(p),
            OwnedPixels::Rgba8(p) => Pixels::Rgba8(p),
            OwnedPixels::Rgb16(p) => Pixels::Rgb16(p),
            OwnedPixels::RgbF32(p) => Pixels::RgbF32(p),
            OwnedPixels::PlanarF32(p) => Pixels::PlanarF32(p),
        };
        Image::new(pixels, self.width, self.height)
    }
}

/// Words before a packed picture's data: format and marks, then the strides between pixels, channels and rows.
pub(crate) const HEADER_WORDS: usize = 4;
/// The format's bits of the first word.
#[cfg(feature = "cpu")]
pub(crate) const FORMAT: u32 = 255;
/// The bit of the first word that says that a value was not finite.
#[cfg(feature = "cpu")]
pub const NOT_FINITE: u32 = 1 << 8;
/// The bit of the first word that says that there is a picture.
pub const WRITTEN: u32 = 1 << 9;
/// A word a pixel: red in the low byte, then green, blue and alpha.
pub(crate) const FORMAT_RGBA8: u32 = 0;
/// A float32's bits a word.
pub(crate) const FORMAT_F32: u32 = 1;
/// Two words a pixel: red in the lower half of the first and green in its upper, blue in the lower half of the second.
pub(crate) const FORMAT_RGB16: u32 = 2;

#[cfg(feature = "image")]
mod from_image {
    use super::Image;

    impl<'a> From<&'a image::RgbImage> for Image<'a> {
        fn from(picture: &'a image::RgbImage) -> Self {
            Self::rgb8(picture.as_raw(), picture.width(), picture.height())
        }
    }

    impl<'a> From<&'a image::RgbaImage> for Image<'a> {
        fn from(picture: &'a image::RgbaImage) -> Self {
            Self::rgba8(picture.as_raw(), picture.width(), picture.height())
        }
    }

    impl<'a> From<&'a image::Rgb32FImage> for Image<'a> {
        fn from(picture: &'a image::Rgb32FImage) -> Self {
            Self::rgb_f32(picture.as_raw(), picture.width(), picture.height())
        }
    }
}

#[cfg(feature = "imgref")]
mod from_imgref {
    use imgref::ImgRef;
    use rgb::{RGB, RGB8, RGBA8};

    use super::Image;

    /// A side beyond 32 bits becomes zero, which comparing refuses: no such picture can be held.
    fn side(length: usize) -> u32 {
        u32::try_from(length).unwrap_or(0)
    }

    impl<'a> From<ImgRef<'a, RGB8>> for Image<'a> {
        fn from(picture: ImgRef<'a, RGB8>) -> Self {
            Self::rgb8(bytemuck::cast_slice(picture.buf()), side(picture.width()), side(picture.height()))
                .with_row_stride(picture.stride() * 3)
        }
    }

    impl<'a> From<ImgRef<'a, RGBA8>> for Image<'a> {
        fn from(picture: ImgRef<'a, RGBA8>) -> Self {
            Self::rgba8(bytemuck::cast_slice(picture.buf()), side(picture.width()), side(picture.height()))
                .with_row_stride(picture.stride() * 4)
        }
    }

    impl<'a> From<ImgRef<'a, RGB<f32>>> for Image<'a> {
        fn from(picture: ImgRef<'a, RGB<f32>>) -> Self {
            Self::rgb_f32(bytemuck::cast_slice(picture.buf()), side(picture.width()), side(picture.height()))
                .with_row_stride(picture.stride() * 3)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_leaves_padding_out() {
        let mut words = vec![];
        let padded = [1, 2, 3, 4, 5, 6, 99, 7, 8, 9, 10, 11, 12];
        let picture = Image::rgb8(&padded, 2, 2).with_row_stride(7);
        picture.pack([0, 0], [2, 2], &mut words);
        let pixels = [[1, 2, 3, 255], [4, 5, 6, 255], [7, 8, 9, 255], [10, 11, 12, 255]];
        assert_eq!(words[..4], [WRITTEN | FORMAT_RGBA8, 1, 0, 2]);
        assert_eq!(words[4..], pixels.map(u32::from_le_bytes));

        let planes = [1.0, 2.0, -1.0, 3.0, 4.0, -1.0, 5.0, 6.0f32];
        let picture = Image::planar_f32(&planes, 2, 1).with_row_stride(3);
        picture.pack([0, 0], [2, 1], &mut words);
        assert_eq!(words[..4], [WRITTEN | FORMAT_F32, 1, 2, 2]);
        assert_eq!(words[4..], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0f32].map(f32::to_bits));
    }

    /// Every format, with padding, and as a copy of its own.
    #[test]
    fn a_part_is_packed_by_itself() {
        let bytes: Vec<u8> = (0..60).collect();
        let floats: Vec<f32> = (0..60u8).map(f32::from).collect();
        let pixel = |bytes: [u8; 4]| u32::from_le_bytes(bytes);
        let pixels = |first: u8, stride: u8, per_pixel: u8, alpha: Option<u8>| -> Vec<u32> {
            let corner = [(0, 0), (1, 0), (0, 1), (1, 1)];
            let at = corner.map(|(x, y)| first + x * per_pixel + y * stride);
            at.map(|at| pixel([at, at + 1, at + 2, alpha.unwrap_or(at + 3)])).to_vec()
        };
        let bits = |values: &[u8]| values.iter().map(|&v| f32::from(v).to_bits()).collect::<Vec<u32>>();
        let shorts: Vec<u16> = (1000..1060).collect();
        let of_three = |first: u32| [(1000 + first) | (1001 + first) << 16, 1002 + first];
        let wide = [16, 19, 29, 32].into_iter().flat_map(of_three).collect();
        let interleaved = bits(&[16, 17, 18, 19, 20, 21, 29, 30, 31, 32, 33, 34]);
        let planar = bits(&[6, 7, 11, 12, 21, 22, 26, 27, 36, 37, 41, 42]);
        for (image, header, data) in [
            (Image::rgb8(&bytes, 4, 3).with_row_stride(13), [0, 1, 0, 2], pixels(16, 13, 3, Some(255))),
            (Image::rgba8(&bytes, 4, 3).with_row_stride(17), [0, 1, 0, 2], pixels(21, 17, 4, None)),
            (Image::rgb16(&shorts, 4, 3).with_row_stride(13), [2, 2, 0, 4], wide),
            (Image::rgb_f32(&floats, 4, 3).with_row_stride(13), [1, 3, 1, 6], interleaved),
            (Image::planar_f32(&floats, 4, 3).with_row_stride(5), [1, 1, 4, 2], planar),
        ] {
            for image in [image, image.owned().view()] {
                let mut words = vec![7];
                image.pack([1, 1], [2, 2], &mut words);
                assert_eq!(words[0], WRITTEN | header[0], "{image:?}");
                assert_eq!((&words[1..4], &words[4..]), (&header[1..], &data[..]), "{image:?}");
            }
        }
    }

    #[test]
    fn every_wrong_picture_is_named() {
        let bytes = [0u8; 12];
        let floats = [0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0f32];
        for (image, part) in [
            (Image::rgb8(&bytes, 0, 4), "0x4 has no pixels"),
            (Image::rgb8(&bytes, 2, 3), "takes 18 elements; the slice has 12"),
            (Image::rgba8(&bytes, 2, 1).with_row_stride(7), "row stride of 7 is too short"),
            (Image::rgb8(&bytes, u32::MAX, u32::MAX), "the slice has 12"),
            (Image::planar_f32(&floats, 2, 2), "takes 12 elements"),
            (Image::rgb_f32(&floats, 2, 1), "x 1, y 0 is NaN"),
            (Image::planar_f32(&floats, 1, 2), "x 0, y 0 is NaN"),
        ] {
            let message = image.validate().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        Image::rgb8(&bytes, 2, 2).validate().unwrap();
    }
}
