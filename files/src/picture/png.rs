//! Walking a PNG's chunks, for what may stand after the pixels and for what the decoder does not tell.

use super::{
    bytes::{array, slice, u32_be},
    primaries,
};

/// The first chunk of this name, wherever it stands.
pub fn chunk<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    find(bytes, name, None)
}

/// The first chunk of this name that stands before one of another, as all that says something about colours must before the pixels.
fn find<'a>(bytes: &'a [u8], name: &[u8; 4], before: Option<&[u8; 4]>) -> Option<&'a [u8]> {
    let mut at = 8;
    loop {
        let length = u32_be(bytes, at)? as usize;
        let data = slice(bytes, at.checked_add(8)?, length)?;
        let found = array(bytes, at + 4)?;
        if found == *name {
            return Some(data);
        }
        if before == Some(&found) {
            return None;
        }
        at = at.checked_add(12)?.checked_add(length)?;
    }
}

/// Bytes of a line of pixels, at the most; of a file that begins as a PNG does.
pub fn line(bytes: &[u8]) -> u64 {
    // Four channels of 16 bits.
    chunk(bytes, b"IHDR").and_then(|header| u32_be(header, 0)).map_or(0, |width| u64::from(width) * 8)
}

/// Bytes of the colour profile, at the most.
pub fn profile(bytes: &[u8]) -> u64 {
    // Deflate's two bits for 258 bytes.
    const UNPACKED: u64 = 1032;
    chunk(bytes, b"iCCP").map_or(0, |packed| packed.len() as u64 * UNPACKED)
}

/// What says how a PNG's colours are meant: the first of these that there is, as PNG's third edition orders them.
pub enum Colours {
    /// A profile, which the decoder hands over.
    Profile,
    /// Nothing, or sRGB by its name or by its numbers.
    Srgb,
    /// Others, which deserve this warning.
    Other(String),
}

impl Colours {
    pub fn of(bytes: &[u8]) -> Self {
        let chunk = |name| find(bytes, name, Some(b"IDAT"));
        // 2 is "not specified".
        if let Some(cicp) = chunk(b"cICP").filter(|cicp| !matches!(cicp, [2, 2, ..])) {
            return match cicp {
                [1, 13, 0, 1] => Self::Srgb,
                _ => Self::Other(
                    "its cICP chunk names a colour space that is not sRGB; it is not applied".to_owned(),
                ),
            };
        }
        if chunk(b"iCCP").is_some() {
            return Self::Profile;
        }
        if chunk(b"sRGB").is_some() {
            return Self::Srgb;
        }
        let gamma = chunk(b"gAMA").and_then(|data| u32_be(data, 0)).filter(|gamma| *gamma != 0);
        let gamma = gamma.map_or(2.2, |gamma| 1e5 / f64::from(gamma));
        // White comes first here.
        let points = chunk(b"cHRM").and_then(|data| {
            let part = |at| u32_be(data, at).map(|part| part as f32 / 1e5);
            let point = |i: usize| Some([part(i * 8)?, part(i * 8 + 4)?]);
            Some([point(1)?, point(2)?, point(3)?, point(0)?])
        });
        match (primaries::is_srgb_gamma(gamma), points.is_none_or(primaries::are_srgb)) {
            (true, true) => Self::Srgb,
            (false, true) => Self::Other(format!(
                "its gAMA chunk says a gamma of {}, not sRGB's; it is not applied",
                (gamma * 100.0).round() / 100.0
            )),
            (true, false) => {
                Self::Other("its cHRM chunk's primaries are not sRGB's; they are not applied".to_owned())
            }
            (false, false) => Self::Other(
                "its gAMA and cHRM chunks say a gamma and primaries that are not sRGB's; they are not applied"
                    .to_owned(),
            ),
        }
    }
}
