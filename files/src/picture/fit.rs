//! Whether two pictures fit together, and what is done where they do not.

use super::{Picture, options::Reading, source::Source};
use crate::Error;

/// Which of two pictures is resampled to the other's size where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resize {
    /// The target, to the generated pictures' size.
    Target,
    /// The generated pictures, to the target's size.
    Generated,
}

/// The size that all pictures are compared in, of pictures of these sizes: `sources` are the generated ones.
///
/// # Errors
/// Where a picture has another size and nothing was asked for that makes them one.
pub fn wanted_size(
    resize: Option<Resize>,
    sources: &[Source],
    sizes: &[(u32, u32)],
    target: (u32, u32),
) -> Result<(u32, u32), Error> {
    let text = |(width, height): (u32, u32)| format!("{width}x{height}");
    let wanted = match resize {
        Some(Resize::Generated) => return Ok(target),
        Some(Resize::Target) => sizes.first().copied().unwrap_or(target),
        None => target,
    };
    let Some((source, size)) = sources.iter().zip(sizes).find(|(_, size)| **size != wanted) else {
        return Ok(wanted);
    };
    let (name, size) = (source.name(), text(*size));
    Err(Error::Fit(match resize {
        None => format!(
            "{name} is {size} but the target is {}; pictures must have one size, or give --resize generated or target",
            text(target)
        ),
        Some(_) => format!(
            "{name} is {size} but the first generated picture is {}; --resize target takes generated pictures of one size",
            text(wanted)
        ),
    }))
}

/// Of two float pictures under one range, both or neither must look like it.
///
/// # Errors
/// Where one does and the other does not.
pub fn check_ranges(
    (source, picture): (&Source, &Picture),
    (target_source, target): (&Source, &Picture),
    reading: &Reading,
) -> Result<(), Error> {
    let floats = picture.was_float && target.was_float;
    if !floats || reading.target_range.is_some() || picture.is_range_doubtful == target.is_range_doubtful {
        return Ok(());
    }
    let (generated_range, target_range) =
        if picture.is_range_doubtful { ("0..1", "-1..1") } else { ("-1..1", "0..1") };
    Err(Error::Fit(format!(
        "{} looks like the range {generated_range} and the target {} like {target_range}; say which it is for each with --range and --target-range",
        source.name(),
        target_source.name()
    )))
}
