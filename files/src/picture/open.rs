//! A decoder for each format, and what the file says that its decoder does not tell.

use std::{borrow::Cow, io::Cursor};

use image::{
    ExtendedColorType, ImageDecoder, ImageError, ImageFormat, Limits,
    codecs::{
        bmp::BmpDecoder, gif::GifDecoder, hdr::HdrDecoder, ico::IcoDecoder, jpeg::JpegDecoder,
        openexr::OpenExrDecoder, png::PngDecoder, pnm::PnmDecoder, qoi::QoiDecoder, tga::TgaDecoder,
        tiff::TiffDecoder, webp::WebPDecoder,
    },
};

use super::{exr, format, gif, ico, jpeg, png, tiff, webp};
use crate::ByteSize;

pub const EXPECTED: &str =
    "expected a PNG, JPEG, WebP, BMP, TIFF, TGA, GIF, PNM, ICO, QOI, EXR or HDR picture";

/// A file whose header was read.
pub struct Opened<'a> {
    pub decoder: Box<dyn ImageDecoder + 'a>,
    pub format: ImageFormat,
    /// The Exif data and the colour profile, where this module had to find them itself.
    pub exif: Option<Vec<u8>>,
    pub profile: Option<Vec<u8>>,
    /// The largest value of a PNM.
    pub maximum: Option<u32>,
    /// What deserves a warning.
    pub notes: Vec<String>,
}

const ANIMATED: &str = "it is animated; its first picture is read";
const CMYK: &str = "it is CMYK; it is taken to RGB by the plain formula, without profiles";

impl<'a> Opened<'a> {
    /// # Errors
    /// What is wrong with the file, and what would be right.
    pub fn new(bytes: &'a [u8], extension: &str, limit: ByteSize) -> Result<Self, String> {
        let format = format::guess(bytes, extension)
            .ok_or_else(|| format!("is no picture that is known; {EXPECTED}"))?;
        if format != ImageFormat::Ico {
            return Self::with_format(Cow::Borrowed(bytes), format, limit);
        }
        let icon = ico::largest(bytes).ok_or("ends early; expected a whole ICO file")?;
        let format = if icon.is_png { ImageFormat::Png } else { ImageFormat::Ico };
        let mut opened = Self::with_format(icon.bytes, format, limit)?;
        if icon.of > 1 {
            opened.notes.push(format!("it has {} pictures; the largest is read", icon.of));
        }
        Ok(opened)
    }

    fn with_format(bytes: Cow<'a, [u8]>, format: ImageFormat, limit: ByteSize) -> Result<Self, String> {
        let (mut exif, mut profile, mut maximum, mut notes) = (None, None, None, vec![]);
        let reader = Cursor::new(bytes.clone());
        let failed = |error| wrong(error, format);
        let decoder: Box<dyn ImageDecoder + 'a> = match format {
            ImageFormat::Png => {
                // Exif data may stand after the pixels, where the decoder has not been yet.
                exif = png::chunk(&bytes, b"eXIf").map(<[u8]>::to_vec);
                png::chunk(&bytes, b"IEND")
                    .ok_or("ends early: the PNG's end chunk is missing; expected the whole file")?;
                if png::chunk(&bytes, b"cICP").is_some_and(|cicp| cicp != [1, 13, 0, 1]) {
                    notes.push(
                        "its cICP chunk names a colour space that is not sRGB; it is not applied".to_owned(),
                    );
                }
                let mut limits = Limits::no_limits();
                limits.max_alloc = Some(limit.0);
                let decoder = PngDecoder::with_limits(reader, limits).map_err(failed)?;
                if decoder.is_apng().map_err(failed)? {
                    notes.push(ANIMATED.to_owned());
                }
                Box::new(decoder)
            }
            ImageFormat::Jpeg => {
                let components = jpeg::components(&bytes)
                    .ok_or("ends early: the JPEG's end marker is missing; expected the whole file")?;
                if components == 4 {
                    notes.push(CMYK.to_owned());
                }
                Box::new(JpegDecoder::new(reader).map_err(failed)?)
            }
            ImageFormat::Gif => {
                if gif::frames(&bytes) > 1 {
                    notes.push(ANIMATED.to_owned());
                }
                Box::new(GifDecoder::new(reader).map_err(failed)?)
            }
            ImageFormat::WebP => {
                // Four bytes a pixel.
                webp::check(&bytes, limit.0 / 4)?;
                let decoder = WebPDecoder::new(reader).map_err(failed)?;
                if decoder.has_animation() {
                    notes.push(ANIMATED.to_owned());
                }
                Box::new(decoder)
            }
            ImageFormat::Tiff => {
                if tiff::pages(&bytes)? > 1 {
                    notes.push("it has more than one picture; the first is read".to_owned());
                }
                profile = tiff::profile(&bytes).map(<[u8]>::to_vec);
                let decoder = TiffDecoder::new(reader).map_err(failed)?;
                if matches!(
                    decoder.original_color_type(),
                    ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16
                ) {
                    notes.push(CMYK.to_owned());
                }
                Box::new(decoder)
            }
            ImageFormat::Pnm => {
                let decoder = PnmDecoder::new(reader).map_err(failed)?;
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
                notes = exr::check(&bytes, limit.0)?;
                Box::new(OpenExrDecoder::new(reader).map_err(failed)?)
            }
            ImageFormat::Bmp => Box::new(BmpDecoder::new(reader).map_err(failed)?),
            ImageFormat::Tga => Box::new(TgaDecoder::new(reader).map_err(failed)?),
            ImageFormat::Ico => Box::new(IcoDecoder::new(reader).map_err(failed)?),
            ImageFormat::Qoi => Box::new(QoiDecoder::new(reader).map_err(failed)?),
            ImageFormat::Hdr => Box::new(HdrDecoder::new(reader).map_err(failed)?),
            other => {
                return Err(format!("is a picture of the kind {other:?}, which is not read; {EXPECTED}"));
            }
        };
        Ok(Self { decoder, format, exif, profile, maximum, notes })
    }
}

/// A decoder's words, and what would be right.
pub fn wrong(error: ImageError, format: ImageFormat) -> String {
    match format {
        ImageFormat::Tiff => format!(
            "{error}; expected a whole TIFF of 8 or 16 bits a value or of float32 RGB, without a palette"
        ),
        _ => format!("{error}; expected a whole {format:?} file"),
    }
}
