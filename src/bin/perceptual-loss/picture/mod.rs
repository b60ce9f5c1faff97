//! Picture files in: any format, brought to what the loss takes, or refused with what would be right.

mod decode;
mod frames;
mod geometry;
mod guard;
mod jpeg;
mod light;
mod options;
mod range;
mod source;

use std::path::Path;

use image::{DynamicImage, Rgb32FImage, RgbImage};
use perceptual_loss::Image;

pub use self::{
    decode::size,
    geometry::{fit, sizes_differ},
    options::{PictureOptions, Processing},
    range::check as check_range,
};
use crate::failure::Failure;

/// A decoded picture: 8-bit as stored, anything else as float32 of value / maximum. Grey is replicated.
pub struct Picture {
    pub pixels: Pixels,
    /// What to say of it, a line each, without the file's name.
    pub warnings: Vec<String>,
    /// Tells one alpha channel from another; none where there is none or it is opaque.
    pub alpha: Option<u64>,
    /// Whether linear light was encoded.
    pub light: bool,
    /// Whether values are floats as stored, whose range no format vouches for.
    stored_floats: bool,
}

/// A picture's colours.
#[derive(Clone, PartialEq)]
pub enum Pixels {
    Rgb8(RgbImage),
    F32(Rgb32FImage),
}

impl Picture {
    /// Reads a picture file, or standard input for `-`.
    ///
    /// Whether stored floats are in the range that they are said to be in is for [`check_range`], which sees both
    /// pictures.
    pub fn open(path: &Path, options: &PictureOptions) -> Result<Self, Failure> {
        Self::decode(&source::read(path, options.max_decoded)?, path, options)
            .map_err(|message| Failure::input(format!("{}: {message}", path.display())))
    }

    /// The picture in a file's bytes; where it is told by its name alone, `path` has the name.
    fn decode(bytes: &[u8], path: &Path, options: &PictureOptions) -> Result<Self, String> {
        let decode::Decoded { image, mut warnings, linear, maximum } = decode::decode(bytes, path, options)?;
        let alpha = decode::alpha(&image);
        if alpha.is_some() {
            warnings.push("alpha is dropped, and it is not opaque everywhere".to_owned());
        }
        let is_float = matches!(image, DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_));
        let mut pixels = match image {
            DynamicImage::ImageLuma8(_)
            | DynamicImage::ImageLumaA8(_)
            | DynamicImage::ImageRgb8(_)
            | DynamicImage::ImageRgba8(_)
                if maximum.is_none() =>
            {
                Pixels::Rgb8(image.into_rgb8())
            }
            _ => Pixels::F32(decode::to_float(image, maximum)),
        };
        let (mut light, mut stored_floats) = (false, is_float);
        if let Pixels::F32(values) = &mut pixels {
            range::check_finite(values)?;
            if linear && options.encodes_light() {
                (light, stored_floats) = (true, false);
                warnings.extend(light::encode(values, options)?);
            }
        }
        Ok(Self { pixels, warnings, alpha, light, stored_floats })
    }
}

impl Pixels {
    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        match self {
            Self::Rgb8(pixels) => pixels.dimensions(),
            Self::F32(pixels) => pixels.dimensions(),
        }
    }
}

impl<'a> From<&'a Pixels> for Image<'a> {
    fn from(pixels: &'a Pixels) -> Self {
        match pixels {
            Pixels::Rgb8(pixels) => pixels.into(),
            Pixels::F32(pixels) => pixels.into(),
        }
    }
}

#[cfg(test)]
mod tests;
