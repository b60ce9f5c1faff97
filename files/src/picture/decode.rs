//! A file's bytes to pixels as stored: limits held, and turned upright.

use image::{DynamicImage, ImageDecoder, ImageFormat, Limits, metadata::Orientation};

use super::{
    guard,
    open::{EXPECTED, Opened, wrong},
    pnm, profile,
};
use crate::ByteSize;

/// What a picture's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Encoded, a share of the largest: whole numbers are.
    Shares,
    /// Floats in whatever range.
    Floats,
    /// Floats of linear light.
    Linear,
}

/// Pixels as stored, upright.
pub struct Decoded {
    pub picture: DynamicImage,
    pub values: Values,
    /// What deserves a warning.
    pub notes: Vec<String>,
}

/// # Errors
/// What is wrong with the file, and what would be right.
pub fn decode(bytes: &[u8], extension: &str, limit: ByteSize) -> Result<Decoded, String> {
    guarded(|| {
        let mut opened = Opened::new(bytes, extension, limit)?;
        hold_limit(&mut opened, limit)?;
        let orientation = orientation(&mut opened);
        let Opened { mut decoder, format, profile, maximum, mut notes, .. } = opened;
        let profile = profile.or_else(|| decoder.icc_profile().ok().flatten());
        if profile.is_some_and(|profile| !profile::is_srgb(&profile)) {
            notes.push("its colour profile is not sRGB; it is not applied".to_owned());
        }
        let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| wrong(error, format))?;
        picture.apply_orientation(orientation);
        let values = match (format, &picture) {
            (ImageFormat::OpenExr | ImageFormat::Hdr, _) => Values::Linear,
            (_, DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_)) => Values::Floats,
            _ => Values::Shares,
        };
        if let Some(maximum) = maximum {
            picture = pnm::exact(picture, maximum);
        }
        Ok(Decoded { picture, values, notes })
    })
}

/// The picture's size, once upright; no pixels are decoded.
///
/// # Errors
/// As [`decode`], as far as the header tells.
pub fn size(bytes: &[u8], extension: &str, limit: ByteSize) -> Result<(u32, u32), String> {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    guarded(|| {
        let mut opened = Opened::new(bytes, extension, limit)?;
        hold_limit(&mut opened, limit)?;
        let (width, height) = opened.decoder.dimensions();
        Ok(match orientation(&mut opened) {
            Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => (height, width),
            _ => (width, height),
        })
    })
}

fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    guard::catch(work).unwrap_or_else(|| Err(format!("its decoder broke on it; {EXPECTED}")))
}

/// Decoders do not count the buffer that they are handed, so this must come before it is made.
fn hold_limit(opened: &mut Opened, limit: ByteSize) -> Result<(), String> {
    let (decoder, format) = (&mut opened.decoder, opened.format);
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(format!("is {width}x{height}; expected a picture with pixels"));
    }
    let needed = decoder.total_bytes().saturating_mul(working(format));
    if needed > limit.0 {
        return Err(format!(
            "is {width}x{height}, which takes {} to decode, more than the limit of {limit}; raise it with --max-decoded",
            ByteSize(needed)
        ));
    }
    let mut limits = Limits::no_limits();
    // What TIFF counts is its own buffer as well as all beyond it; others count what is beyond.
    limits.max_alloc = Some(if format == ImageFormat::Tiff { limit.0 } else { limit.0 - needed });
    decoder.set_limits(limits).map_err(|error| wrong(error, format))
}

/// What decoding takes at its height, as a multiple of the decoded pixels.
fn working(format: ImageFormat) -> u64 {
    match format {
        // A progressive JPEG's coefficients are 16-bit, and all in memory before the first pixel is.
        ImageFormat::Jpeg => 3,
        // A buffer of its own for the picture and one for a frame, of four channels where the picture has three.
        ImageFormat::WebP => 3,
        // They decode into a buffer of their own.
        ImageFormat::OpenExr | ImageFormat::Tiff => 2,
        _ => 1,
    }
}

fn orientation(opened: &mut Opened) -> Orientation {
    let decoder = &mut opened.decoder;
    let orientation =
        if opened.format == ImageFormat::Tiff {
            decoder.orientation().ok()
        } else {
            // Some writers put JPEG's prefix into other formats.
            opened.exif.take().or_else(|| decoder.exif_metadata().ok().flatten()).and_then(|exif| {
                Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif))
            })
        };
    orientation.unwrap_or(Orientation::NoTransforms)
}
