//! Picture files in.

use std::path::Path;

use image::{DynamicImage, ImageReader, Rgb32FImage, RgbImage, RgbaImage};
use perceptual_loss::Image;

use crate::failure::Failure;

/// A decoded picture: 8-bit as stored, 16-bit as float32 of value / 65535.
pub enum Picture {
    Rgb8(RgbImage),
    Rgba8(RgbaImage),
    F32(Rgb32FImage),
}

impl Picture {
    /// Decodes a PNG or JPEG file, told by its contents. Grey is replicated; alpha is dropped, with a warning
    /// where it is not opaque.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| {
            let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
            Failure::input(format!("{}: {what}; expected a PNG or JPEG picture", path.display()))
        };
        let reader = ImageReader::open(path)
            .and_then(ImageReader::with_guessed_format)
            .map_err(|error| wrong(error.to_string()))?;
        let decoded = reader.decode().map_err(|error| wrong(error.to_string()))?;
        if !is_opaque(&decoded) {
            eprintln!("warning: {}: alpha is dropped, and it is not opaque everywhere", path.display());
        }
        Ok(match decoded {
            DynamicImage::ImageRgba8(pixels) => Self::Rgba8(pixels),
            DynamicImage::ImageRgb8(_) | DynamicImage::ImageLuma8(_) | DynamicImage::ImageLumaA8(_) => {
                Self::Rgb8(decoded.into_rgb8())
            }
            _ => Self::F32(decoded.into_rgb32f()),
        })
    }

    pub fn size(&self) -> (u32, u32) {
        match self {
            Self::Rgb8(pixels) => pixels.dimensions(),
            Self::Rgba8(pixels) => pixels.dimensions(),
            Self::F32(pixels) => pixels.dimensions(),
        }
    }
}

impl<'a> From<&'a Picture> for Image<'a> {
    fn from(picture: &'a Picture) -> Self {
        match picture {
            Picture::Rgb8(pixels) => pixels.into(),
            Picture::Rgba8(pixels) => pixels.into(),
            Picture::F32(pixels) => pixels.into(),
        }
    }
}

fn is_opaque(decoded: &DynamicImage) -> bool {
    match decoded {
        DynamicImage::ImageRgba8(pixels) => pixels.pixels().all(|pixel| pixel[3] == u8::MAX),
        DynamicImage::ImageLumaA8(pixels) => pixels.pixels().all(|pixel| pixel[1] == u8::MAX),
        DynamicImage::ImageRgba16(pixels) => pixels.pixels().all(|pixel| pixel[3] == u16::MAX),
        DynamicImage::ImageLumaA16(pixels) => pixels.pixels().all(|pixel| pixel[1] == u16::MAX),
        _ => true,
    }
}
