//! A decoder for each format, and what the file says that its decoder does not tell.

use std::{
    borrow::Cow,
    io::{self, Cursor},
};

use image::{
    ExtendedColorType, ImageDecoder, ImageError, ImageFormat, Limits,
    codecs::{
        bmp::BmpDecoder, gif::GifDecoder, hdr::HdrDecoder, ico::IcoDecoder, jpeg::JpegDecoder,
        png::PngDecoder, pnm::PnmDecoder, qoi::QoiDecoder, tga::TgaDecoder, tiff::TiffDecoder,
        webp::WebPDecoder,
    },
    metadata::Orientation,
};

use super::{
    bmp, exif::Exif, exr::ExrDecoder, fault::Fault, format, gif, hdr, ico, jpeg, png, pnm, room, tiff, webp,
};
use crate::ByteSize;

/// A file whose header was read.
pub struct Opened<'a> {
    pub decoder: Box<dyn ImageDecoder + 'a>,
    pub format: ImageFormat,
    /// How the picture is turned upright.
    pub orientation: Orientation,
    /// The colour profile, where it says how the colours are meant.
    pub profile: Option<Vec<u8>>,
    /// The largest value of a PNM.
    pub maximum: Option<u32>,
    /// Bytes that decoding takes at its height, beside the decoded pixels.
    pub working: u64,
    /// What deserves a warning.
    pub notes: Vec<String>,
}

const ANIMATED: &str = "it is animated; its first picture is read";
const CMYK: &str = "it is CMYK; it is taken to RGB by the plain formula, without profiles";

/// A PNG's texts and profile are no larger.
const PNG_BESIDE: u64 = 64 << 20;

impl<'a> Opened<'a> {
    /// # Errors
    /// What is wrong with the file, and what would be right; or there is no memory for it.
    pub fn new(bytes: &'a [u8], extension: &str, limit: ByteSize) -> Result<Self, Fault> {
        room::hold_copies(bytes, 0)?;
        let format = format::guess(bytes, extension)?;
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

    fn with_format(mut bytes: Cow<'a, [u8]>, format: ImageFormat, limit: ByteSize) -> Result<Self, Fault> {
        let (mut exif, mut profile, mut maximum, mut working, mut notes) = (None, None, None, 0, vec![]);
        // Whether the decoder is asked for a profile.
        let mut may_have_profile = true;
        let length = ByteSize(bytes.len() as u64);
        let failed = |error| wrong(error, format, length);
        let mut decoder: Box<dyn ImageDecoder + 'a> = match format {
            ImageFormat::Png => {
                // Exif data may stand after the pixels, where the decoder has not been yet.
                exif = png::chunk(&bytes, b"eXIf").map(Exif::read);
                png::chunk(&bytes, b"IEND")
                    .ok_or("ends early: the PNG's end chunk is missing; expected the whole file")?;
                let colours = png::Colours::of(&bytes);
                may_have_profile = matches!(colours, png::Colours::Profile);
                if let png::Colours::Other(note) = colours {
                    notes.push(note);
                }
                // As they come, and as they are made of others.
                let lines = png::line(&bytes).saturating_mul(4);
                working = lines.saturating_sub(room::BESIDE);
                // The profile in a buffer that has grown to it, and a copy.
                room::hold_copies(&bytes, png::profile(&bytes).min(PNG_BESIDE) * 3)?;
                let mut limits = Limits::no_limits();
                limits.max_alloc = Some(limit.0.min(PNG_BESIDE.saturating_add(working)));
                let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(failed)?;
                if decoder.is_apng().map_err(failed)? {
                    notes.push(ANIMATED.to_owned());
                }
                Box::new(decoder)
            }
            ImageFormat::Jpeg => {
                let header = jpeg::Header::read(&bytes)
                    .ok_or("ends early: the JPEG's end marker is missing; expected the whole file")?;
                if header.is_cmyk() {
                    notes.push(CMYK.to_owned());
                }
                exif = header.exif(&bytes).map(Exif::read);
                header.check_layout()?;
                header.settle_colours(&mut bytes);
                // The decoder has a copy of the file.
                working = header.working().saturating_add(bytes.len() as u64);
                Box::new(JpegDecoder::new(Cursor::new(bytes)).map_err(failed)?)
            }
            ImageFormat::Gif => {
                if gif::frames(&bytes) > 1 {
                    notes.push(ANIMATED.to_owned());
                }
                Box::new(GifDecoder::new(Cursor::new(bytes)).map_err(failed)?)
            }
            ImageFormat::WebP => {
                // Four bytes a pixel.
                working = webp::check(&bytes, limit.0 / 4)?;
                let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(failed)?;
                let (width, height) = decoder.dimensions();
                if decoder.has_animation() {
                    // What frames are laid upon has four channels.
                    working = working.saturating_add(u64::from(width) * u64::from(height) * 4);
                    notes.push(ANIMATED.to_owned());
                }
                Box::new(decoder)
            }
            ImageFormat::Tiff => {
                notes = tiff::check(&bytes)?;
                profile = tiff::profile(&bytes).map(<[u8]>::to_vec);
                exif = Some(Exif::read(&bytes));
                let decoder = TiffDecoder::new(Cursor::new(bytes)).map_err(failed)?;
                // It decodes into a buffer of its own, with four inks where there are as many.
                working = decoder.total_bytes();
                if matches!(
                    decoder.original_color_type(),
                    ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16
                ) {
                    working = working / 3 * 4;
                    notes.push(CMYK.to_owned());
                }
                Box::new(decoder)
            }
            ImageFormat::Pnm => {
                let may_be_cut =
                    matches!(bytes.get(1), Some(b'2' | b'3')) && bytes.last().is_some_and(u8::is_ascii_digit);
                let (cursor, header) = PnmDecoder::new(Cursor::new(&*bytes)).map_err(failed)?.into_inner();
                let raster = bytes.get(cursor.position() as usize..).unwrap_or_default();
                notes.extend(pnm::check(&header, raster)?);
                maximum = Some(header.maximal_sample());
                // The decoder would read 16-bit values as 8-bit ones.
                if header.as_arbitrary().is_some_and(|pam| pam.tupltype.is_none() && pam.maxval > 255) {
                    return Err("is a PAM of 16 bits that has no tuple type; expected a TUPLTYPE line".into());
                }
                if may_be_cut {
                    notes.push("nothing follows its last number, which may have been cut short".to_owned());
                }
                Box::new(PnmDecoder::new(Cursor::new(bytes)).map_err(failed)?)
            }
            ImageFormat::OpenExr => {
                let mut decoder = ExrDecoder::new(bytes, limit.0)?;
                notes = std::mem::take(&mut decoder.notes);
                // It decodes into a buffer of its own.
                working = decoder.working.saturating_add(decoder.total_bytes());
                Box::new(decoder)
            }
            ImageFormat::Bmp => {
                match bmp::colours(&bytes) {
                    bmp::Colours::Srgb => {}
                    bmp::Colours::Profile(embedded) => profile = Some(embedded.to_vec()),
                    bmp::Colours::Other(note) => notes.push(note.to_owned()),
                }
                Box::new(BmpDecoder::new(Cursor::new(bytes)).map_err(failed)?)
            }
            ImageFormat::Tga => {
                let decoder = TgaDecoder::new(Cursor::new(bytes)).map_err(failed)?;
                // A palette's indices, before they become colours.
                working = decoder.total_bytes();
                Box::new(decoder)
            }
            ImageFormat::Ico => Box::new(IcoDecoder::new(Cursor::new(bytes)).map_err(failed)?),
            // That its header says linear light means nothing: writers do not agree which byte says it.
            ImageFormat::Qoi => Box::new(QoiDecoder::new(Cursor::new(bytes)).map_err(failed)?),
            ImageFormat::Hdr => {
                notes = hdr::check(&bytes)?;
                Box::new(HdrDecoder::new(hdr::reader(bytes)).map_err(failed)?)
            }
            other => {
                return Err(Fault::File(format!(
                    "is a picture of the kind {other:?}, which is not read; {}",
                    format::EXPECTED
                )));
            }
        };
        if may_have_profile && profile.is_none() {
            profile = decoder.icc_profile().ok().flatten();
        }
        let exif = exif.or_else(|| decoder.exif_metadata().ok().flatten().as_deref().map(Exif::read));
        if profile.is_none() && exif.as_ref().is_some_and(|exif| exif.is_adobe_rgb) {
            notes.push("its Exif data says Adobe RGB, not sRGB; it is not applied".to_owned());
        }
        let orientation = exif.map_or(Orientation::NoTransforms, |exif| exif.orientation);
        Ok(Self { decoder, format, orientation, profile, maximum, working, notes })
    }
}

/// A decoder's words, and what would be right; or that it had not the memory that it `needed`.
pub fn wrong(error: ImageError, format: ImageFormat, needed: ByteSize) -> Fault {
    match (&error, format) {
        (ImageError::IoError(error), _) if error.kind() == io::ErrorKind::OutOfMemory => {
            Fault::Memory(needed)
        }
        (_, ImageFormat::Tiff) => Fault::File(format!(
            "{error}; expected a whole TIFF of 8 or 16 bits a value or of float32 RGB, without a palette"
        )),
        _ => Fault::File(format!("{error}; expected a whole {format:?} file")),
    }
}
