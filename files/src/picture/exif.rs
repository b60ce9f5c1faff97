//! Exif data, which stands alike in many formats.

use image::metadata::Orientation;

use super::directory::Directories;

/// Tags of the first directory.
const ORIENTATION: u16 = 0x0112;
const EXIF: u16 = 0x8769;

/// Tags of the directory that `EXIF` points to.
const COLOUR_SPACE: u16 = 0xa001;
const INTEROPERABILITY: u16 = 0xa005;

/// What is asked of Exif data.
pub struct Exif {
    /// How the picture is turned upright.
    pub orientation: Orientation,
    /// Whether it says that the colours are Adobe RGB's: cameras say so in place of a profile.
    pub is_adobe_rgb: bool,
}

impl Exif {
    /// Of Exif data, or of a TIFF, which has the same tags.
    pub fn read(exif: &[u8]) -> Self {
        Self {
            orientation: orientation(exif).unwrap_or(Orientation::NoTransforms),
            is_adobe_rgb: is_adobe_rgb(exif) == Some(true),
        }
    }
}

fn orientation(exif: &[u8]) -> Option<Orientation> {
    let directories = tags(exif)?;
    let value = directories.values(directories.first()?, ORIENTATION).next()?;
    Orientation::from_exif(u8::try_from(value).ok()?)
}

fn is_adobe_rgb(exif: &[u8]) -> Option<bool> {
    let directories = tags(exif)?;
    let exif = directories.values(directories.first()?, EXIF).next()?;
    if directories.values(exif, COLOUR_SPACE).next() == Some(2) {
        return Some(true);
    }
    let index = directories.entry(directories.values(exif, INTEROPERABILITY).next()?, 1)?;
    Some(directories.bytes.get(index.at..)?.starts_with(b"R03"))
}

fn tags(exif: &[u8]) -> Option<Directories<'_>> {
    // Some writers put JPEG's prefix into other formats.
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    [*b"II*\0", *b"MM\0*"].iter().any(|start| exif.starts_with(start)).then(|| Directories::new(exif))
}
