//! A file's bytes to pixels as stored: limits held, and turned upright.

use image::{ColorType, DynamicImage, ImageDecoder as _, ImageFormat, Limits, metadata::Orientation};

use super::{
    fault::Fault,
    format::EXPECTED,
    guard, jpeg,
    open::{Opened, wrong},
    pnm, profile, room,
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
/// What is wrong with the file, and what would be right; or there is no memory for it.
pub fn decode(bytes: &[u8], extension: &str, limit: ByteSize) -> Result<Decoded, Fault> {
    guarded(|| {
        let mut opened = Opened::new(bytes, extension, limit)?;
        let needed = hold(&mut opened, limit)?;
        let Opened { decoder, format, orientation, profile, maximum, mut notes, .. } = opened;
        if profile.is_some_and(|profile| !profile::is_srgb(&profile)) {
            notes.push("its colour profile is not sRGB; it is not applied".to_owned());
        }
        if format == ImageFormat::Jpeg {
            notes.extend(jpeg::damage(bytes));
        }
        let mut picture =
            DynamicImage::from_decoder(decoder).map_err(|error| wrong(error, format, needed))?;
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
pub fn size(bytes: &[u8], extension: &str, limit: ByteSize) -> Result<(u32, u32), Fault> {
    guarded(|| {
        let mut opened = Opened::new(bytes, extension, limit)?;
        hold(&mut opened, limit)?;
        let (width, height) = opened.decoder.dimensions();
        Ok(if swaps_sides(opened.orientation) { (height, width) } else { (width, height) })
    })
}

fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    guard::catch(work).unwrap_or_else(|| Err(Fault::File(format!("its decoder broke on it; {EXPECTED}"))))
}

/// Sees that there is room for all that the file becomes, before any of it is allocated; tells how much.
fn hold(opened: &mut Opened<'_>, limit: ByteSize) -> Result<ByteSize, Fault> {
    let (width, height) = opened.decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Fault::File(format!("is {width}x{height}; expected a picture with pixels")));
    }
    let decoded = opened.decoder.total_bytes();
    let needed = decoded.saturating_add(beside(opened));
    room::hold("decode", (width, height), needed, limit)?;
    let mut limits = Limits::no_limits();
    // Decoders that count do not count the buffer that they are handed. What TIFF's counts as well is a piece of the file itself.
    limits.max_alloc = Some(if opened.format == ImageFormat::Tiff { limit.0 } else { limit.0 - decoded });
    let format = opened.format;
    opened.decoder.set_limits(limits).map_err(|error| wrong(error, format, ByteSize(needed)))?;
    Ok(ByteSize(needed))
}

/// Bytes that are taken beside the decoded pixels, at most: while they are decoded, turned upright, or made what is compared.
fn beside(opened: &Opened<'_>) -> u64 {
    let (width, height) = opened.decoder.dimensions();
    let pixels = u64::from(width).saturating_mul(u64::from(height));
    let color = opened.decoder.color_type();
    let turned = if swaps_sides(opened.orientation) { opened.decoder.total_bytes() } else { 0 };
    let is_scaled = opened.maximum.is_some_and(|maximum| pnm::is_scaled(color, maximum));
    let made = pixels.saturating_mul(match color {
        // Float32 of red, green and blue, and alpha of 16 bits beside its float32.
        _ if is_scaled => {
            if color.has_alpha() {
                16 + 2
            } else {
                12
            }
        }
        ColorType::L8 => 3,
        ColorType::La8 => 4,
        ColorType::L16 => 6,
        ColorType::La16 => 8,
        // Alpha of 16 bits.
        ColorType::Rgba16 | ColorType::Rgba32F => 2,
        _ => 0,
    });
    opened.working.max(turned).max(made)
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}
