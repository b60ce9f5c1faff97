//! Picture files in: sRGB values from 0 to 1, upright, whatever format they come in.

mod bmp;
mod bytes;
mod decode;
mod directory;
mod exif;
mod exr;
mod fault;
pub(crate) mod fit;
mod foreign;
mod format;
mod gif;
mod guard;
mod hdr;
mod ico;
mod jpeg;
mod linear;
mod open;
pub(crate) mod options;
mod png;
mod pnm;
mod primaries;
mod profile;
pub(crate) mod range;
mod room;
pub(crate) mod source;
mod tiff;
mod webp;

use image::{
    DynamicImage, ImageBuffer, Luma, Pixel, Primitive, Rgb, Rgb32FImage, RgbImage, Rgba, RgbaImage,
    imageops::{self, FilterType},
};
use perceptual_loss::Image;

use crate::{ByteSize, Error};
use decode::{Decoded, Values};
use options::{Filter, Reading, Transfer};
use range::Role;
use source::Source;

/// A picture ready to be compared.
pub struct Picture {
    /// How messages call its file.
    name: String,
    pixels: Pixels,
    /// What deserves a warning, a line each, with the file's name.
    pub warnings: Vec<String>,
    /// Whether it came as linear light and was encoded.
    pub was_linear: bool,
    /// Whether it came as floats of some range.
    pub was_float: bool,
    /// Whether that range is not what they look like.
    pub is_range_doubtful: bool,
    /// What it may take of memory.
    limit: ByteSize,
}

/// Whole numbers stay whole numbers: what two pictures differ by is then exact.
enum Pixels {
    Rgb8(RgbImage),
    Rgba8(RgbaImage),
    /// Alpha is there where it is not opaque.
    Rgb16(Rgb16Image, Option<Alpha>),
    /// Alpha is there where it is not opaque.
    F32(Rgb32FImage, Option<Alpha>),
}

type Rgb16Image = ImageBuffer<Rgb<u16>, Vec<u16>>;
type Alpha = ImageBuffer<Luma<u16>, Vec<u16>>;

/// The same done to every buffer of a picture, alpha's included.
macro_rules! each_buffer {
    ($pixels:expr, $it:ident => $done:expr) => {
        match $pixels {
            Pixels::Rgb8($it) => Pixels::Rgb8($done),
            Pixels::Rgba8($it) => Pixels::Rgba8($done),
            Pixels::Rgb16($it, alpha) => Pixels::Rgb16($done, alpha.map(|$it| $done)),
            Pixels::F32($it, alpha) => Pixels::F32($done, alpha.map(|$it| $done)),
        }
    };
}

impl Picture {
    /// Decodes a file. Grey is replicated; alpha is kept aside, and the colours are those that are stored.
    ///
    /// # Errors
    /// One line with the file's name: it cannot be read or is no whole picture, takes more memory than it may, or
    /// its values are out of range or no numbers; or there is less memory than it takes.
    pub fn open(source: &Source, reading: &Reading) -> Result<Self, Error> {
        Self::decode(source, reading, Role::Generated)
    }

    /// As [`open`](Self::open), by what is said for the target.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_target(source: &Source, reading: &Reading) -> Result<Self, Error> {
        Self::decode(source, &reading.of_target(), Role::Target)
    }

    /// A picture's size, once upright, from its header.
    ///
    /// # Errors
    /// As [`open`](Self::open), as far as the header tells.
    pub fn size_of(source: &Source, reading: &Reading) -> Result<(u32, u32), Error> {
        let bytes = source.bytes(reading.max_decoded)?;
        decode::size(&bytes, &source.extension(), reading.max_decoded).map_err(|fault| source.fault(fault))
    }

    fn decode(source: &Source, reading: &Reading, role: Role) -> Result<Self, Error> {
        let bytes = source.bytes(reading.max_decoded)?;
        let decoded = decode::decode(&bytes, &source.extension(), reading.max_decoded)
            .and_then(|decoded| Ok(Self::new(decoded, source.name(), reading, role)?));
        decoded.map_err(|fault| source.fault(fault))
    }

    fn new(decoded: Decoded, name: String, reading: &Reading, role: Role) -> Result<Self, String> {
        let Decoded { picture, values, notes: mut warnings } = decoded;
        let is_linear = match reading.transfer {
            Transfer::Auto => values == Values::Linear,
            Transfer::Srgb => values != Values::Shares,
            Transfer::None => false,
        };
        let was_float = values != Values::Shares && !is_linear;
        let mut pixels = Pixels::from(picture);
        let mut is_range_doubtful = false;
        if let (Pixels::F32(colours, _), true) = (&mut pixels, values != Values::Shares) {
            check_finite(colours)?;
            let warning = if is_linear {
                linear::encode(colours.iter_mut(), reading.exposure, reading.tone_map)?
            } else {
                reading.range.apply(colours, role)?
            };
            is_range_doubtful = was_float && warning.is_some();
            warnings.extend(warning);
        }
        let mut picture = Self {
            name,
            pixels,
            warnings,
            was_linear: is_linear,
            was_float,
            is_range_doubtful,
            limit: reading.max_decoded,
        };
        if !picture.is_opaque() {
            picture.warnings.push(
                "alpha is dropped, and it is not opaque everywhere; colours are used as stored".to_owned(),
            );
        }
        for warning in &mut picture.warnings {
            *warning = format!("{}: {warning}", picture.name);
        }
        Ok(picture)
    }

    /// Width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        match &self.pixels {
            Pixels::Rgb8(pixels) => pixels.dimensions(),
            Pixels::Rgba8(pixels) => pixels.dimensions(),
            Pixels::Rgb16(pixels, _) => pixels.dimensions(),
            Pixels::F32(pixels, _) => pixels.dimensions(),
        }
    }

    /// Alpha of 65535 steps; `None` where it is opaque everywhere.
    #[must_use]
    pub fn alpha(&self) -> Option<Vec<u16>> {
        (!self.is_opaque()).then(|| self.alphas().collect())
    }

    /// Whether two pictures of one size have the same alpha.
    #[must_use]
    pub fn has_alpha_of(&self, other: &Self) -> bool {
        match (self.is_opaque(), other.is_opaque()) {
            (false, false) => self.alphas().eq(other.alphas()),
            (one, other) => one == other,
        }
    }

    /// Whether two pictures of one size have the same colours, but for the rounding of float32.
    #[must_use]
    pub fn has_colours_of(&self, other: &Self) -> bool {
        const ROUNDING: f32 = 1e-6;
        let is_same = |(one, other): (f32, f32)| (one - other).abs() <= ROUNDING * one.abs().max(1.0);
        self.colours().zip(other.colours()).all(is_same)
    }

    fn is_opaque(&self) -> bool {
        match &self.pixels {
            Pixels::Rgba8(pixels) => pixels.pixels().all(|pixel| pixel[3] == u8::MAX),
            Pixels::Rgb16(_, alpha) | Pixels::F32(_, alpha) => alpha.is_none(),
            Pixels::Rgb8(_) => true,
        }
    }

    /// Alpha, pixel after pixel; none where no buffer has any.
    fn alphas(&self) -> impl Iterator<Item = u16> {
        let (packed, apart) = match &self.pixels {
            Pixels::Rgba8(pixels) => (pixels.as_raw().as_slice(), None),
            Pixels::Rgb16(_, alpha) | Pixels::F32(_, alpha) => (&[][..], alpha.as_ref()),
            Pixels::Rgb8(_) => (&[][..], None),
        };
        let packed = packed.as_chunks::<4>().0.iter().map(|pixel| u16::from(pixel[3]) * 257);
        packed.chain(apart.into_iter().flat_map(|alpha| alpha.iter().copied()))
    }

    /// Red, green and blue, pixel after pixel, as the loss sees them.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        self.colours().collect()
    }

    fn colours(&self) -> Box<dyn Iterator<Item = f32> + '_> {
        let share = |value: &u8| f32::from(*value) / 255.0;
        match &self.pixels {
            Pixels::Rgb8(pixels) => Box::new(pixels.iter().map(share)),
            Pixels::Rgba8(pixels) => Box::new(pixels.pixels().flat_map(|pixel| &pixel.0[..3]).map(share)),
            Pixels::Rgb16(pixels, _) => Box::new(pixels.iter().copied().map(share_of_16)),
            Pixels::F32(pixels, _) => Box::new(pixels.iter().copied()),
        }
    }

    /// Resampled as it stands, in sRGB values; alpha too, but colours are not weighed by it.
    ///
    /// # Errors
    /// Where values are beyond 0..1, which resampling would cut off; where it takes more memory than the picture may, or than
    /// there is.
    pub fn resized(self, (width, height): (u32, u32), filter: Filter) -> Result<Self, Error> {
        if let Pixels::F32(colours, _) = &self.pixels
            && !colours.iter().all(|value| (0.0..=1.0).contains(value))
        {
            return Err(Error::Picture {
                name: self.name,
                what: "its values are not from 0 to 1, and only such are resized; leave out --resize"
                    .to_owned(),
            });
        }
        let needed = self.pixels.resizing((width, height));
        if let Err(fault) =
            room::hold(&format!("resize to {width}x{height}"), self.size(), needed, self.limit)
        {
            return Err(fault.of(self.name));
        }
        let filter = FilterType::from(filter);
        // What lies between two of 65536 steps is kept.
        let pixels = match self.pixels {
            Pixels::Rgb16(colours, alpha) => {
                let values = colours.iter().copied().map(share_of_16).collect();
                let size = colours.dimensions();
                Pixels::F32(Rgb32FImage::from_raw(size.0, size.1, values).unwrap_or_default(), alpha)
            }
            pixels => pixels,
        };
        let pixels = each_buffer!(pixels, it => imageops::resize(&it, width, height, filter));
        Ok(Self { pixels, ..self })
    }

    /// Without `border` pixels at each side.
    ///
    /// # Errors
    /// Where that leaves nothing.
    pub fn cropped(self, border: u32) -> Result<Self, Error> {
        let (width, height) = self.size();
        let left = |side: u32| side.checked_sub(border.saturating_mul(2)).filter(|left| *left > 0);
        let (Some(w), Some(h)) = (left(width), left(height)) else {
            return Err(Error::Fit(format!(
                "--crop {border} leaves nothing of {width}x{height}; {} is the most",
                (width.min(height) - 1) / 2
            )));
        };
        Ok(self.middle((w, h)))
    }

    /// Its middle, of this size at the most.
    #[must_use]
    pub fn middle(self, (width, height): (u32, u32)) -> Self {
        let pixels = each_buffer!(self.pixels, it => middle(it, width, height));
        Self { pixels, ..self }
    }
}

impl Pixels {
    /// Bytes that resampling takes at its height, with these pixels.
    fn resizing(&self, (width, height): (u32, u32)) -> u64 {
        let area = |width: u32, height: u32| u64::from(width) * u64::from(height);
        // Bytes a pixel: as it is, what it becomes before it is resampled, resampled; and of alpha apart, before and after.
        let ((w, h), bytes, made, resampled, alpha) = match self {
            Self::Rgb8(pixels) => (pixels.dimensions(), 3, 0, 3, 0),
            Self::Rgba8(pixels) => (pixels.dimensions(), 4, 0, 4, 0),
            Self::Rgb16(pixels, alpha) => {
                (pixels.dimensions(), 6, 12, 12, if alpha.is_some() { 2 } else { 0 })
            }
            Self::F32(pixels, alpha) => (pixels.dimensions(), 12, 0, 12, if alpha.is_some() { 2 } else { 0 }),
        };
        // Columns come first, into four floats a pixel.
        let columns = area(w, height).saturating_mul(16);
        let before = area(w, h).saturating_mul(bytes + made + alpha);
        let after = area(width, height).saturating_mul(resampled + alpha);
        columns.saturating_add(before).saturating_add(after)
    }
}

/// The middle of a buffer, within its own memory.
fn middle<P: Pixel<Subpixel: Copy>>(
    buffer: ImageBuffer<P, Vec<P::Subpixel>>,
    width: u32,
    height: u32,
) -> ImageBuffer<P, Vec<P::Subpixel>> {
    let (w, h) = buffer.dimensions();
    let (width, height) = (width.min(w), height.min(h));
    if (width, height) == (w, h) {
        return buffer;
    }
    let values = |pixels: u32| pixels as usize * usize::from(P::CHANNEL_COUNT);
    let (stride, row) = (values(w), values(width));
    let first = (h - height) as usize / 2 * stride + values((w - width) / 2);
    let mut raw = buffer.into_raw();
    for y in 0..height as usize {
        raw.copy_within(first + y * stride..first + y * stride + row, y * row);
    }
    raw.truncate(row * height as usize);
    raw.shrink_to_fit();
    // It has as many values as it says.
    ImageBuffer::from_raw(width, height, raw).unwrap_or_else(|| ImageBuffer::new(0, 0))
}

impl From<DynamicImage> for Pixels {
    fn from(picture: DynamicImage) -> Self {
        match picture {
            DynamicImage::ImageRgb8(pixels) => Self::Rgb8(pixels),
            DynamicImage::ImageLuma8(_) => Self::Rgb8(picture.into_rgb8()),
            DynamicImage::ImageRgba8(pixels) => Self::Rgba8(pixels),
            DynamicImage::ImageLumaA8(_) => Self::Rgba8(picture.into_rgba8()),
            DynamicImage::ImageRgb16(pixels) => Self::Rgb16(pixels, None),
            DynamicImage::ImageLuma16(_) => Self::Rgb16(picture.into_rgb16(), None),
            DynamicImage::ImageRgba16(_) | DynamicImage::ImageLumaA16(_) => {
                let (colours, alpha) = apart(picture.into_rgba16(), |alpha| alpha);
                Self::Rgb16(colours, alpha)
            }
            _ if picture.color().has_alpha() => {
                let steps = |alpha: f32| (alpha.clamp(0.0, 1.0) * 65535.0).round() as u16;
                let (colours, alpha) = apart(picture.into_rgba32f(), steps);
                Self::F32(colours, alpha)
            }
            _ => Self::F32(picture.into_rgb32f(), None),
        }
    }
}

type Buffer<P, T> = ImageBuffer<P, Vec<T>>;

/// Alpha in steps of 65535, where it is not opaque everywhere, and the colours, in the memory that held both.
fn apart<T: Primitive>(both: Buffer<Rgba<T>, T>, steps: fn(T) -> u16) -> (Buffer<Rgb<T>, T>, Option<Alpha>)
where
    Rgb<T>: Pixel<Subpixel = T>,
    Rgba<T>: Pixel<Subpixel = T>,
{
    let (width, height) = both.dimensions();
    let mut values = both.into_raw();
    let alphas = || values.as_chunks::<4>().0.iter().map(|pixel| steps(pixel[3]));
    let is_opaque = alphas().all(|alpha| alpha == u16::MAX);
    let alpha = if is_opaque { None } else { Alpha::from_raw(width, height, alphas().collect()) };
    let pixels = values.len() / 4;
    for pixel in 0..pixels {
        values.copy_within(pixel * 4..pixel * 4 + 3, pixel * 3);
    }
    values.truncate(pixels * 3);
    values.shrink_to_fit();
    // There are as many values as the sides say.
    (ImageBuffer::from_raw(width, height, values).unwrap_or_else(|| ImageBuffer::new(0, 0)), alpha)
}

impl<'a> From<&'a Picture> for Image<'a> {
    fn from(picture: &'a Picture) -> Self {
        match &picture.pixels {
            Pixels::Rgb8(pixels) => pixels.into(),
            Pixels::Rgba8(pixels) => pixels.into(),
            Pixels::Rgb16(pixels, _) => Image::rgb16(pixels.as_raw(), pixels.width(), pixels.height()),
            Pixels::F32(pixels, _) => pixels.into(),
        }
    }
}

/// A 16-bit value as a share of the largest.
fn share_of_16(value: u16) -> f32 {
    f32::from(value) / 65535.0
}

/// The library checks this too, but it does not know the file.
fn check_finite(colours: &Rgb32FImage) -> Result<(), String> {
    for (x, y, pixel) in colours.enumerate_pixels() {
        if let Some((channel, value)) =
            ["red", "green", "blue"].iter().zip(pixel.0).find(|(_, value)| !value.is_finite())
        {
            return Err(format!("its {channel} at x {x}, y {y} is {value}; every value must be finite"));
        }
    }
    Ok(())
}
