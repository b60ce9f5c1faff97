//! Walking a PNG's chunks, for what may stand after the pixels and for what the decoder does not tell.

use super::bytes::{slice, u32_be};

/// The first chunk of this name, wherever it stands.
pub fn chunk<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    let mut at = 8;
    loop {
        let length = u32_be(bytes, at)? as usize;
        let data = slice(bytes, at.checked_add(8)?, length)?;
        if slice(bytes, at + 4, 4)? == name {
            return Some(data);
        }
        at = at.checked_add(12)?.checked_add(length)?;
    }
}
