//! What a TIFF's directories say that its decoder does not tell: how many pictures there are, whether the first one's data is
//! all there, its colour profile (which the decoder does not see where it is stored as bytes of no type), and other colours.

use perceptual_loss::encode_srgb;

use super::{bytes::slice, directory::Directories, primaries};

const SUBFILE_TYPE: u16 = 254;
const BITS: u16 = 258;
const TRANSFER_FUNCTION: u16 = 301;
const WHITE_POINT: u16 = 318;
const PRIMARIES: u16 = 319;
const PROFILE: u16 = 34675;

/// What deserves a warning.
///
/// # Errors
/// Where it ends early.
pub fn check(bytes: &[u8]) -> Result<Vec<String>, String> {
    let tiff = Directories::new(bytes);
    let first = tiff.first().ok_or("ends early, within its header; expected a whole TIFF file")?;
    check_data(&tiff, first)?;
    let mut notes = vec![];
    let next = tiff.next(first).unwrap_or(0);
    if next != 0 && next != first {
        notes.push("it has more than one picture; the first is read".to_owned());
    }
    if tiff.values(first, SUBFILE_TYPE).next().is_some_and(|kind| kind & 1 == 1) {
        notes.push(
            "its first picture is a smaller one of another, as in a camera's raw file; that smaller one is read"
                .to_owned(),
        );
    }
    // A profile says it better.
    if tiff.entry(first, PROFILE).is_none() {
        if !has_srgb_primaries(&tiff, first) {
            notes.push("its primaries or white point are not sRGB's; they are not applied".to_owned());
        }
        if !has_srgb_curve(&tiff, first) {
            notes.push("its transfer function is not sRGB's; it is not applied".to_owned());
        }
    }
    Ok(notes)
}

/// The first picture's colour profile.
pub fn profile(bytes: &[u8]) -> Option<&[u8]> {
    let tiff = Directories::new(bytes);
    let entry = tiff.entry(tiff.first()?, PROFILE)?;
    entry.is_bytes().then(|| slice(bytes, entry.at, entry.count))?
}

/// Every strip or tile must lie within the file.
fn check_data(tiff: &Directories<'_>, directory: usize) -> Result<(), String> {
    for (offsets, lengths) in [(273, 279), (324, 325)] {
        let (offsets, lengths) = (tiff.values(directory, offsets), tiff.values(directory, lengths));
        for (offset, length) in offsets.zip(lengths) {
            if slice(tiff.bytes, offset, length).is_none() {
                return Err(format!(
                    "ends early: it has {} bytes, and its pixels reach to {}; expected the whole file",
                    tiff.bytes.len(),
                    offset.saturating_add(length)
                ));
            }
        }
    }
    Ok(())
}

/// What is not said is taken as sRGB's.
fn has_srgb_primaries(tiff: &Directories<'_>, directory: usize) -> bool {
    let [rx, ry, gx, gy, bx, by] =
        tiff.fractions(directory, PRIMARIES).unwrap_or([0.64, 0.33, 0.3, 0.6, 0.15, 0.06]);
    let white = tiff.fractions(directory, WHITE_POINT).unwrap_or([0.3127, 0.329]);
    primaries::are_srgb([[rx, ry], [gx, gy], [bx, by], white])
}

/// The light of each value, of 65535; for each channel or for all. A gamma of 2.2 is as near to sRGB as 0.035.
fn has_srgb_curve(tiff: &Directories<'_>, directory: usize) -> bool {
    let Some(bits) = tiff.values(directory, BITS).next().filter(|bits| (1..=16).contains(bits)) else {
        return true;
    };
    let last = (1usize << bits) - 1;
    tiff.values(directory, TRANSFER_FUNCTION).enumerate().all(|(i, light)| {
        let value = (i & last) as f64 / last as f64;
        (encode_srgb(light as f64 / 65535.0) - value).abs() <= 0.035
    })
}
