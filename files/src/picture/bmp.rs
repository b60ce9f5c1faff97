//! The colours that a BMP's longer headers tell of, which its decoder does not see.

use super::{
    bytes::{slice, u32_le},
    primaries,
};

/// Where the header begins that tells; it begins with its own length.
const HEADER: usize = 14;
const FOURTH: u32 = 108;
const FIFTH: u32 = 124;

/// What the header says of colours.
pub enum Colours<'a> {
    /// Nothing, or sRGB by its name or by its numbers.
    Srgb,
    /// A profile, in the file.
    Profile(&'a [u8]),
    /// Others, which deserve this warning.
    Other(&'static str),
}

pub fn colours(bytes: &[u8]) -> Colours<'_> {
    read(bytes).unwrap_or(Colours::Srgb)
}

fn read(bytes: &[u8]) -> Option<Colours<'_>> {
    let length = u32_le(bytes, HEADER)?;
    if length < FOURTH {
        return None;
    }
    let is_fifth = length >= FIFTH;
    Some(match &u32_le(bytes, HEADER + 56)?.to_be_bytes() {
        b"MBED" if is_fifth => {
            let at = HEADER.checked_add(u32_le(bytes, HEADER + 112)? as usize)?;
            match slice(bytes, at, u32_le(bytes, HEADER + 116)? as usize) {
                Some(profile) => Colours::Profile(profile),
                None => Colours::Other("its colour profile is not within the file; it is not applied"),
            }
        }
        b"LINK" if is_fifth => Colours::Other("its colour profile is another file; it is not applied"),
        [0, 0, 0, 0] if !is_calibrated_as_srgb(bytes)? => {
            Colours::Other("its calibrated primaries or gamma are not sRGB's; they are not applied")
        }
        _ => Colours::Srgb,
    })
}

/// Numbers that are 0 say nothing.
fn is_calibrated_as_srgb(bytes: &[u8]) -> Option<bool> {
    // Red, green and blue as X, Y and Z, of 2 and 30 bits.
    let mut ends = [[0.0f32; 3]; 3];
    for (i, part) in ends.as_flattened_mut().iter_mut().enumerate() {
        *part = u32_le(bytes, HEADER + 60 + i * 4)? as f32 / (1u32 << 30) as f32;
    }
    let white = [0, 1, 2].map(|part| ends.iter().map(|end| end[part]).sum());
    let point = |[x, y, z]: [f32; 3]| [x / (x + y + z), y / (x + y + z)];
    let [red, green, blue] = ends.map(point);
    let says_nothing = ends.as_flattened().iter().all(|part| *part == 0.0);
    let mut is_srgb = says_nothing || primaries::are_srgb([red, green, blue, point(white)]);
    for at in [96, 100, 104] {
        // 16 bits of fraction; writers do not agree which way round it is.
        let gamma = f64::from(u32_le(bytes, HEADER + at)?) / 65536.0;
        is_srgb &= gamma == 0.0 || primaries::is_srgb_gamma(gamma) || primaries::is_srgb_gamma(1.0 / gamma);
    }
    Some(is_srgb)
}
