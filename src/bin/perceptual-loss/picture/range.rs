//! Floats as stored: whether they are in the range that they are said to be in, and what they look like if not.

use std::path::Path;

use image::Rgb32FImage;

use super::{
    Picture, Pixels,
    options::{PictureOptions, Range},
};
use crate::failure::Failure;

/// Values this far outside count as rounding.
const ROUNDING: f32 = 1e-5;

/// # Errors
/// The first value that is NaN or infinite, and where.
pub fn check_finite(pixels: &Rgb32FImage) -> Result<(), String> {
    match pixels.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => {
            let (pixel, channel) = (index / 3, ["red", "green", "blue"][index % 3]);
            let width = pixels.width() as usize;
            Err(format!(
                "{channel} of the pixel at x {}, y {} is {}; every value must be finite",
                pixel % width,
                pixel / width,
                pixels.as_raw()[index]
            ))
        }
    }
}

/// Brings stored floats of a pair from their range to 0 to 1.
///
/// # Errors
/// Where values are not in that range: both pictures' ranges, what they look like and which option takes them.
pub fn check(pair: [(&Path, &mut Picture); 2], options: &PictureOptions) -> Result<(), Failure> {
    let found = pair.each_ref().map(|(path, picture)| (path.to_owned(), extent(picture)));
    for (index, (path, picture)) in pair.into_iter().enumerate() {
        let Some(extent) = found[index].1 else { continue };
        let (low, high) = match options.range {
            Range::Unit => (0.0, 1.0),
            Range::Signed => (-1.0, 1.0),
            Range::Bytes => (0.0, 255.0),
            Range::Any => continue,
        };
        let slack = ROUNDING * (high - low);
        if extent[0] < low - slack || extent[1] > high + slack {
            let (other, other_extent) = &found[1 - index];
            let other = other_extent.map_or_else(
                || format!("{} is from 0 to 1", other.display()),
                |[low, high]| format!("{}'s are from {low} to {high}", other.display()),
            );
            return Err(Failure::input(format!(
                "{}: its values are from {} to {}, not from {low} to {high}, and {other}; {}",
                path.display(),
                extent[0],
                extent[1],
                looks_like(extent)
            )));
        }
        picture.stored_floats = false;
        if let Pixels::F32(pixels) = &mut picture.pixels {
            for value in pixels.iter_mut() {
                *value = ((*value - low) / (high - low)).clamp(0.0, 1.0);
            }
        }
    }
    Ok(())
}

/// The least and the largest of values that are taken as stored; none where they are in \[0, 1\] by their format.
fn extent(picture: &Picture) -> Option<[f32; 2]> {
    match &picture.pixels {
        Pixels::F32(pixels) if picture.stored_floats => {
            Some(pixels.iter().fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &value| {
                [low.min(value), high.max(value)]
            }))
        }
        _ => None,
    }
}

/// What a range looks like, and which option takes it.
fn looks_like([low, high]: [f32; 2]) -> &'static str {
    // ImageNet's mean and standard deviation bring [0, 1] to about [-2.12, 2.64].
    const NORMALISED: [f32; 2] = [-2.2, 2.7];
    if low >= -1.01 && high <= 1.01 {
        "they look like -1 to 1, which --range signed takes"
    } else if low >= NORMALISED[0] && high <= NORMALISED[1] && low < -1.0 {
        "they look normalised by ImageNet's mean and standard deviation already, which --range any --norm none takes"
    } else if low >= -0.5 && high > 2.0 && high <= 255.5 {
        "they look like 0 to 255, which --range 255 takes"
    } else {
        "scale them, or take them as they are with --range any"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_named_by_what_they_look_like() {
        for (range, option) in [
            ([-1.0, 1.0], "--range signed"),
            ([-0.2, 0.9], "--range signed"),
            ([-2.1, 2.6], "--norm none"),
            ([-1.8, 0.7], "--norm none"),
            ([0.0, 255.0], "--range 255"),
            ([3.0, 90.0], "--range 255"),
            ([-30.0, 400.0], "--range any"),
            ([0.0, 1.3], "--range any"),
        ] {
            assert!(looks_like(range).contains(option), "{range:?}: {}", looks_like(range));
        }
    }
}
