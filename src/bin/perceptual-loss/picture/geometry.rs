//! Two pictures brought to one size: resizing and cropping.

use std::{borrow::Cow, path::Path};

use image::imageops;

use super::{
    Picture, Pixels,
    options::{PictureOptions, Range, Resize},
};
use crate::failure::Failure;

/// A pair as it is compared.
pub struct Fitted<'a> {
    pub generated: Cow<'a, Pixels>,
    pub target: Cow<'a, Pixels>,
    /// What was done, where something was.
    pub note: Option<String>,
}

/// Resizes one picture of a pair where the options say so, and leaves out the border of both.
///
/// # Errors
/// Where sizes differ and no resizing was asked for, or nothing is left inside the border.
pub fn fit<'a>(
    (generated_path, generated): (&Path, &'a Picture),
    (target_path, target): (&Path, &'a Picture),
    options: &PictureOptions,
) -> Result<Fitted<'a>, Failure> {
    let mut fitted = Fitted {
        generated: Cow::Borrowed(&generated.pixels),
        target: Cow::Borrowed(&target.pixels),
        note: None,
    };
    let (ours, theirs) = (generated.pixels.size(), target.pixels.size());
    if ours != theirs {
        let (path, pixels, size) = match options.resize {
            None => return Err(sizes_differ(generated_path, ours, target_path, theirs)),
            // The resampler clamps to 0 to 1.
            Some(_) if options.range == Range::Any => {
                return Err(Failure::input(
                    "--resize needs values from 0 to 1; resize the pictures beforehand, or leave --range any out",
                ));
            }
            Some(Resize::Generated) => (generated_path, &mut fitted.generated, theirs),
            Some(Resize::Target) => (target_path, &mut fitted.target, ours),
        };
        let (width, height) = pixels.size();
        fitted.note =
            Some(format!("{}: resized from {width}x{height} to {}x{}", path.display(), size.0, size.1));
        let filter = options.filter.of_image();
        *pixels = Cow::Owned(match &**pixels {
            Pixels::Rgb8(pixels) => Pixels::Rgb8(imageops::resize(pixels, size.0, size.1, filter)),
            Pixels::F32(pixels) => Pixels::F32(imageops::resize(pixels, size.0, size.1, filter)),
        });
    }
    if options.crop > 0 {
        for (path, pixels) in [(generated_path, &mut fitted.generated), (target_path, &mut fitted.target)] {
            let cropped = crop(pixels, options.crop);
            let cropped = cropped.map_err(|what| Failure::input(format!("{}: {what}", path.display())))?;
            *pixels = Cow::Owned(cropped);
        }
    }
    Ok(fitted)
}

/// The error for a pair of two sizes.
pub fn sizes_differ(generated: &Path, ours: (u32, u32), target: &Path, theirs: (u32, u32)) -> Failure {
    Failure::input(format!(
        "{} is {}x{} but the target {} is {}x{}; give pictures of one size, or --resize target or generated",
        generated.display(),
        ours.0,
        ours.1,
        target.display(),
        theirs.0,
        theirs.1
    ))
}

fn crop(pixels: &Pixels, border: u32) -> Result<Pixels, String> {
    let (width, height) = pixels.size();
    let inside = |side: u32| side.checked_sub(border.saturating_mul(2)).filter(|&side| side > 0);
    let (Some(across), Some(down)) = (inside(width), inside(height)) else {
        return Err(format!("nothing of {width}x{height} is left inside a border of {border}; lower --crop"));
    };
    Ok(match pixels {
        Pixels::Rgb8(pixels) => {
            Pixels::Rgb8(imageops::crop_imm(pixels, border, border, across, down).to_image())
        }
        Pixels::F32(pixels) => {
            Pixels::F32(imageops::crop_imm(pixels, border, border, across, down).to_image())
        }
    })
}
