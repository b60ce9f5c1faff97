//! From a file's bytes to pixels as they are stored, turned upright.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Cursor,
    path::Path,
};

use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb32FImage,
    codecs::pnm::PnmDecoder,
};

use super::{PictureOptions, frames, guard::guard, jpeg, source};
use crate::failure::Failure;

/// Formats that are read, as errors list them.
const FORMATS: &str = "PNG, JPEG, WebP, BMP, TIFF, TGA, GIF, PNM, ICO, QOI, EXR or HDR";

/// A file's picture, upright.
pub struct Decoded {
    pub image: DynamicImage,
    pub warnings: Vec<String>,
    /// Whether the format holds linear light.
    pub linear: bool,
    /// The largest sample that a PNM declares, where it is none that samples are scaled to without rounding.
    pub maximum: Option<u32>,
}

/// Decodes a file.
pub fn decode(bytes: &[u8], path: &Path, options: &PictureOptions) -> Result<Decoded, String> {
    let format = format(bytes, path)?;
    guard(|| {
        let mut limits = limits(options);
        let mut decoder = decoder(bytes, format, &limits)?;
        let wrong = |error| explain(error, options.max_decoded);
        let mut warnings = vec![];
        if decoder.original_color_type() == ExtendedColorType::Cmyk8
            || decoder.original_color_type() == ExtendedColorType::Cmyk16
        {
            warnings.push(CMYK.to_owned());
        }
        if is_cut_short(bytes, format) {
            return Err("the file ends early; get the whole of it".to_owned());
        }
        if format == ImageFormat::Jpeg && jpeg::structure(bytes).components == 4 {
            warnings.push(CMYK.to_owned());
        }
        // Metadata that cannot be read is as good as none.
        if decoder.icc_profile().ok().flatten().is_some_and(|profile| !is_srgb(&profile)) {
            warnings.push("its colour profile is not applied; values are taken as stored".to_owned());
        }
        let orientation = decoder.orientation().map_err(wrong)?;
        // The decoder's own limits leave out the picture itself.
        limits.reserve(decoder.total_bytes()).map_err(wrong)?;
        decoder.set_limits(limits.clone()).map_err(wrong)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(wrong)?;
        image.apply_orientation(orientation);
        warnings.extend(frames::several(bytes, format, &limits));
        let maximum = match format {
            ImageFormat::Pnm => pnm_maximum(bytes),
            _ => None,
        };
        let linear = matches!(format, ImageFormat::OpenExr | ImageFormat::Hdr);
        Ok(Decoded { image, warnings, linear, maximum })
    })
}

/// Width and height of a file's picture, upright, from its header alone; none for standard input, which can be read
/// but once.
pub fn size(path: &Path, options: &PictureOptions) -> Result<Option<(u32, u32)>, Failure> {
    if path.as_os_str() == "-" || !path.is_file() {
        return Ok(None);
    }
    let bytes = source::read(path, options.max_decoded)?;
    let size = format(&bytes, path).and_then(|format| {
        guard(|| {
            let mut decoder = decoder(&bytes, format, &limits(options))?;
            let (width, height) = decoder.dimensions();
            let turned = decoder.orientation().is_ok_and(|orientation| orientation.to_exif() > 4);
            Ok(if turned { (height, width) } else { (width, height) })
        })
    });
    size.map(Some).map_err(|what| Failure::input(format!("{}: {what}", path.display())))
}

const CMYK: &str = "its CMYK inks are converted to RGB by the plain formula, without a colour profile";

/// Told by content; where that tells nothing, as of TGA, by the name.
fn format(bytes: &[u8], path: &Path) -> Result<ImageFormat, String> {
    image::guess_format(bytes)
        .ok()
        .or_else(|| ImageFormat::from_path(path).ok().filter(|&format| format == ImageFormat::Tga))
        .filter(ImageFormat::reading_enabled)
        .ok_or_else(|| format!("it is no picture that can be read; expected {FORMATS}"))
}

fn limits(options: &PictureOptions) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(options.max_decoded);
    limits
}

fn decoder<'a>(
    bytes: &'a [u8],
    format: ImageFormat,
    limits: &Limits,
) -> Result<impl ImageDecoder + 'a, String> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    reader.into_decoder().map_err(|error| explain(error, limits.max_alloc.unwrap_or(u64::MAX)))
}

/// Whether the end is missing, of formats whose decoders make up what is not there.
fn is_cut_short(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Jpeg => !jpeg::structure(bytes).whole,
        // RIFF, its length without these 8 bytes, then the rest.
        ImageFormat::WebP => match bytes {
            [_, _, _, _, a, b, c, d, rest @ ..] => {
                (rest.len() as u64) < u64::from(u32::from_le_bytes([*a, *b, *c, *d]))
            }
            _ => true,
        },
        _ => false,
    }
}

/// What a decoder says, in a line, and what would be right.
fn explain(error: ImageError, most: u64) -> String {
    if let ImageError::Limits(_) = error {
        return format!(
            "decoding it would take more than {most} bytes; --max-decoded SIZE allows more, if that is meant"
        );
    }
    let text = error.to_string();
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    format!("{line}; expected a whole picture, {FORMATS}")
}

/// Whether a colour profile describes sRGB: profiles carry their name, in ASCII or in UTF-16.
fn is_srgb(profile: &[u8]) -> bool {
    let contains = |name: &[u8]| profile.windows(name.len()).any(|window| window == name);
    contains(b"sRGB") || contains(b"\0s\0R\0G\0B")
}

/// The declared largest sample, where the decoder has scaled samples to another and rounded them.
fn pnm_maximum(bytes: &[u8]) -> Option<u32> {
    let (_, header) = PnmDecoder::new(Cursor::new(bytes)).ok()?.into_inner();
    Some(header.maximal_sample()).filter(|maximum| !matches!(maximum, 1 | 255 | 65535))
}

/// Tells alpha channels apart; none where there is none or all of it is opaque.
pub fn alpha(image: &DynamicImage) -> Option<u64> {
    fn of<T: PartialEq + Copy>(
        values: impl Iterator<Item = T> + Clone,
        opaque: T,
        bits: impl Fn(T) -> u32,
    ) -> Option<u64> {
        values.clone().any(|value| value != opaque).then(|| {
            let mut hasher = DefaultHasher::new();
            values.for_each(|value| bits(value).hash(&mut hasher));
            hasher.finish()
        })
    }
    let wide = |value: u8| u32::from(value) * 257;
    match image {
        DynamicImage::ImageLumaA8(pixels) => of(pixels.pixels().map(|pixel| pixel[1]), u8::MAX, wide),
        DynamicImage::ImageRgba8(pixels) => of(pixels.pixels().map(|pixel| pixel[3]), u8::MAX, wide),
        DynamicImage::ImageLumaA16(pixels) => of(pixels.pixels().map(|pixel| pixel[1]), u16::MAX, u32::from),
        DynamicImage::ImageRgba16(pixels) => of(pixels.pixels().map(|pixel| pixel[3]), u16::MAX, u32::from),
        DynamicImage::ImageRgba32F(pixels) => of(pixels.pixels().map(|pixel| pixel[3]), 1.0, f32::to_bits),
        _ => None,
    }
}

/// Values as float32 of value / maximum.
pub fn to_float(image: DynamicImage, maximum: Option<u32>) -> Rgb32FImage {
    let eight_bit = image.color().bytes_per_pixel() == image.color().channel_count();
    let mut pixels = image.into_rgb32f();
    if let Some(maximum) = maximum {
        // The decoder scaled samples to its own maximum and rounded them; the smaller maximum's samples come back by
        // rounding once more.
        let maximum = if eight_bit { maximum.min(255) } else { maximum } as f32;
        for value in pixels.iter_mut() {
            *value = (*value * maximum).round() / maximum;
        }
    }
    pixels
}
