//! Walking a JPEG's markers: whether the picture ends as it should, and how many components it has.
//!
//! Decoders fill up what is missing of a file that ends early, without a word.

use super::bytes::u16_be;

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// The number of components (0 where no frame says it), of a file that holds its picture's end. What follows the end
/// does not matter.
pub fn components(bytes: &[u8]) -> Option<u8> {
    let mut components = 0;
    let mut at = 2;
    loop {
        // A marker may be preceded by any number of fill bytes.
        let first = bytes.get(at..)?.iter().position(|byte| *byte != 0xff)?;
        let marker = *bytes.get(at + first)?;
        if first == 0 {
            // Not where a marker should be: rubbish between segments, which decoders skip.
            at += 1;
            continue;
        }
        at += first + 1;
        match marker {
            END_OF_IMAGE => return Some(components),
            // Markers without a segment.
            0x00 | 0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let segment = at;
        at += usize::from(u16_be(bytes, at)?.max(2));
        match marker {
            // Start of frame, in all its kinds; three numbers of that range are other tables.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                components = *bytes.get(segment + 7)?;
            }
            START_OF_SCAN => at = scan_end(bytes, at)?,
            _ => {}
        }
    }
}

/// Where the first marker after a scan's data is; zero bytes and restart markers belong to the data.
fn scan_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match bytes.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}
