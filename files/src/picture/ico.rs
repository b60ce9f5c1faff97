//! An icon's largest picture.
//!
//! The decoder picks by depth first, decodes PNG entries without limits, and takes none but RGBA ones.

use std::borrow::Cow;

use super::bytes::{slice, u16_le, u32_le};

/// A picture out of an icon file.
pub struct Entry<'a> {
    /// A PNG file, or an icon file with this one picture.
    pub bytes: Cow<'a, [u8]>,
    pub is_png: bool,
    /// How many pictures the icon has.
    pub of: usize,
}

/// The entry of most pixels; of those, of most bits a pixel; of those, the first.
pub fn largest(bytes: &[u8]) -> Option<Entry<'_>> {
    let of = usize::from(u16_le(bytes, 4)?);
    let side = |at: usize| bytes.get(at).map(|side| if *side == 0 { 256 } else { u32::from(*side) });
    let mut best = None;
    for at in (0..of).map(|i| 6 + i * 16) {
        let score = (side(at)? * side(at + 1)?, u16_le(bytes, at + 6)?);
        if best.is_none_or(|(best, _)| score > best) {
            best = Some((score, at));
        }
    }
    let (_, at) = best?;
    let data = slice(bytes, u32_le(bytes, at + 12)? as usize, u32_le(bytes, at + 8)? as usize)?;
    let is_png = data.starts_with(b"\x89PNG\r\n\x1a\n");
    let bytes = if is_png {
        Cow::Borrowed(data)
    } else {
        let mut alone = vec![0, 0, 1, 0, 1, 0];
        alone.extend(slice(bytes, at, 12)?);
        alone.extend(22u32.to_le_bytes());
        alone.extend(data);
        Cow::Owned(alone)
    };
    Some(Entry { bytes, is_png, of })
}
