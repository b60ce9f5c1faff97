//! A file's bytes to pixels as stored: the format told, limits held, what is missing noticed, turned upright.

use std::{borrow::Cow, io::Cursor};

use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageFormat, Limits,
    codecs::{
        bmp::BmpDecoder, gif::GifDecoder, hdr::HdrDecoder, ico::IcoDecoder, jpeg::JpegDecoder,
        openexr::OpenExrDecoder, png::PngDecoder, pnm::PnmDecoder, qoi::QoiDecoder, tga::TgaDecoder,
        tiff::TiffDecoder, webp::WebPDecoder,
    },
    metadata::Orientation,
};

use super::{exr, format, gif, guard, ico, jpeg, png, pnm, profile, size::ByteSize, tiff, webp};

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

const EXPECTED: &str = "expected a PNG, JPEG, WebP, BMP, TIFF, TGA, GIF, PNM, ICO, QOI, EXR or HDR picture";

/// # Errors
/// What is wrong with the file, and what would be right.
pub fn decode(bytes: &[u8], extension: &str, limit: ByteSize) -> Result<Decoded, String> {
    guarded(|| Header::read(bytes, extension, limit)?.decode())
}

/// The picture's size, once upright; no pixels are decoded.
pub fn size(bytes: &[u8], extension: &str, limit: ByteSize) -> Result<(u32, u32), String> {
    guarded(|| {
        let header = Header::read(bytes, extension, limit)?;
        let (width, height) = header.decoder.dimensions();
        Ok(if swaps_sides(header.orientation) { (height, width) } else { (width, height) })
    })
}

fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    guard::catch(work).unwrap_or_else(|| Err(format!("its decoder broke on it; {EXPECTED}")))
}

/// A file of which all but the pixels is read and checked.
struct Header<'a> {
    decoder: Box<dyn ImageDecoder + 'a>,
    format: ImageFormat,
    orientation: Orientation,
    profile: Option<Vec<u8>>,
    /// The largest value of a PNM.
    maximum: Option<u32>,
    notes: Vec<String>,
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8], extension: &str, limit: ByteSize) -> Result<Self, String> {
        let mut notes = vec![];
        let mut bytes = Cow::Borrowed(bytes);
        let mut format = format::guess(&bytes, extension)
            .ok_or_else(|| format!("is no picture that is known; {EXPECTED}"))?;
        if format == ImageFormat::Ico {
            let Cow::Borrowed(icon) = bytes else { return Err(EXPECTED.to_owned()) };
            let entry = ico::largest(icon).ok_or_else(|| format!("ends early; {EXPECTED}"))?;
            if entry.of > 1 {
                notes.push(format!("it has {} pictures; the largest is read", entry.of));
            }
            if entry.is_png {
                format = ImageFormat::Png;
            }
            bytes = entry.bytes;
        }
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(limit.0);
        let reader = || Cursor::new(bytes.clone());
        let mut maximum = None;
        let mut exif = None;
        // Boxed decoders are one type, but their errors are each format's own words.
        let failed = |error: image::ImageError| format!("{error}; {EXPECTED}");
        let mut decoder: Box<dyn ImageDecoder + 'a> = match format {
            ImageFormat::Png => {
                png::chunk(&bytes, b"IEND")
                    .ok_or("ends early: the PNG's end chunk is missing; expected the whole file")?;
                let decoder = PngDecoder::with_limits(reader(), limits.clone()).map_err(failed)?;
                if decoder.is_apng().map_err(failed)? {
                    notes.push("it is animated; its first picture is read".to_owned());
                }
                if png::chunk(&bytes, b"cICP").is_some_and(|cicp| cicp != [1, 13, 0, 1]) {
                    notes.push(
                        "its cICP chunk names a colour space that is not sRGB; it is not applied".to_owned(),
                    );
                }
                // It may stand after the pixels, where the decoder has not been yet.
                exif = png::chunk(&bytes, b"eXIf").map(<[u8]>::to_vec);
                Box::new(decoder)
            }
            ImageFormat::Jpeg => {
                let components = jpeg::components(&bytes)
                    .ok_or("ends early: the JPEG's end marker is missing; expected the whole file")?;
                if components == 4 {
                    notes.push(
                        "it is CMYK; it is taken to RGB by the plain formula, without profiles".to_owned(),
                    );
                }
                Box::new(JpegDecoder::new(reader()).map_err(failed)?)
            }
            ImageFormat::Gif => {
                if gif::frames(&bytes) > 1 {
                    notes.push("it is animated; its first picture is read".to_owned());
                }
                Box::new(GifDecoder::new(reader()).map_err(failed)?)
            }
            ImageFormat::WebP => {
                webp::check(&bytes, limit.0 / 4)?;
                let decoder = WebPDecoder::new(reader()).map_err(failed)?;
                if decoder.has_animation() {
                    notes.push("it is animated; its first picture is read".to_owned());
                }
                Box::new(decoder)
            }
            ImageFormat::Tiff => {
                if tiff::pages(&bytes)? > 1 {
                    notes.push("it has more than one picture; the first is read".to_owned());
                }
                let decoder = TiffDecoder::new(reader()).map_err(failed)?;
                if matches!(
                    decoder.original_color_type(),
                    ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16
                ) {
                    notes.push(
                        "it is CMYK; it is taken to RGB by the plain formula, without profiles".to_owned(),
                    );
                }
                Box::new(decoder)
            }
            ImageFormat::Pnm => {
                let decoder = PnmDecoder::new(reader()).map_err(failed)?;
                let header = decoder.header();
                maximum = Some(header.maximal_sample());
                // The decoder would read 16-bit values as 8-bit ones.
                if header.as_arbitrary().is_some_and(|pam| pam.tupltype.is_none() && pam.maxval > 255) {
                    return Err(
                        "is a PAM of 16 bits that has no tuple type; expected a TUPLTYPE line".to_owned()
                    );
                }
                if matches!(bytes.get(1), Some(b'2' | b'3')) && bytes.last().is_some_and(u8::is_ascii_digit) {
                    notes.push("nothing follows its last number, which may have been cut short".to_owned());
                }
                Box::new(decoder)
            }
            ImageFormat::OpenExr => {
                notes.extend(exr::check(&bytes, limit.0).map_err(|error| format!("{error}; {EXPECTED}"))?);
                Box::new(OpenExrDecoder::new(reader()).map_err(failed)?)
            }
            ImageFormat::Bmp => Box::new(BmpDecoder::new(reader()).map_err(failed)?),
            ImageFormat::Tga => Box::new(TgaDecoder::new(reader()).map_err(failed)?),
            ImageFormat::Ico => Box::new(IcoDecoder::new(reader()).map_err(failed)?),
            ImageFormat::Qoi => Box::new(QoiDecoder::new(reader()).map_err(failed)?),
            ImageFormat::Hdr => Box::new(HdrDecoder::new(reader()).map_err(failed)?),
            other => {
                return Err(format!("is a picture of the kind {other:?}, which is not read; {EXPECTED}"));
            }
        };

        let (width, height) = decoder.dimensions();
        if width == 0 || height == 0 {
            return Err(format!("is {width}x{height}; expected a picture with pixels"));
        }
        // Decoders do not count the buffer that they are handed, so this must come before it is made.
        let needed = decoder.total_bytes().saturating_mul(working(format));
        if needed > limit.0 {
            return Err(format!(
                "is {width}x{height}, which takes {} to decode, more than the limit of {limit}; raise it with --max-decoded",
                ByteSize(needed)
            ));
        }
        // What TIFF counts is its own buffer as well as all beyond it; others count what is beyond.
        limits.max_alloc = Some(if format == ImageFormat::Tiff { limit.0 } else { limit.0 - needed });
        decoder.set_limits(limits).map_err(failed)?;

        let orientation = if format == ImageFormat::Tiff {
            decoder.orientation().ok()
        } else {
            // Some writers put JPEG's prefix into other formats.
            exif.or_else(|| decoder.exif_metadata().ok().flatten()).and_then(|exif| {
                Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif))
            })
        };
        let profile = match format {
            ImageFormat::Tiff => tiff::profile(&bytes).map(<[u8]>::to_vec),
            _ => decoder.icc_profile().ok().flatten(),
        };
        let orientation = orientation.unwrap_or(Orientation::NoTransforms);
        Ok(Self { decoder, format, orientation, profile, maximum, notes })
    }

    fn decode(mut self) -> Result<Decoded, String> {
        if self.profile.is_some_and(|profile| !profile::is_srgb(&profile)) {
            self.notes.push("its colour profile is not sRGB; it is not applied".to_owned());
        }
        let mut picture =
            DynamicImage::from_decoder(self.decoder).map_err(|error| format!("{error}; {EXPECTED}"))?;
        picture.apply_orientation(self.orientation);
        let values = match (self.format, &picture) {
            (ImageFormat::OpenExr | ImageFormat::Hdr, _) => Values::Linear,
            (_, DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_)) => Values::Floats,
            _ => Values::Shares,
        };
        if let Some(maximum) = self.maximum {
            picture = pnm::exact(picture, maximum);
        }
        Ok(Decoded { picture, values, notes: self.notes })
    }
}

/// What decoding takes at its height, as a multiple of the decoded pixels.
fn working(format: ImageFormat) -> u64 {
    match format {
        // A progressive JPEG's coefficients are 16-bit, and all in memory before the first pixel is.
        ImageFormat::Jpeg => 3,
        // They decode into a buffer of their own; WebP's has four channels.
        ImageFormat::OpenExr | ImageFormat::Tiff => 2,
        ImageFormat::WebP => 3,
        _ => 1,
    }
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}
