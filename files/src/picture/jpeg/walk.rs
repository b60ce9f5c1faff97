//! Walking a JPEG's segments.

use std::ops::Range;

use crate::picture::bytes::u16_be;

pub const APPLICATION: u8 = 0xe0;
pub const EXIF: u8 = 0xe1;
pub const ADOBE: u8 = 0xee;
pub const TABLES: u8 = 0xc4;
pub const RESTARTS: u8 = 0xdd;
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// A marker with what belongs to it.
pub struct Segment {
    pub marker: u8,
    /// What follows its length. It may reach beyond a file that ends early.
    pub body: Range<usize>,
    /// A scan's data.
    pub data: Range<usize>,
}

impl Segment {
    pub fn is_scan(&self) -> bool {
        self.marker == START_OF_SCAN
    }

    /// Start of frame, in all its kinds; three numbers of that range are other tables.
    pub fn is_frame(&self) -> bool {
        matches!(self.marker, 0xc0..=0xcf) && !matches!(self.marker, 0xc4 | 0xc8 | 0xcc)
    }
}

/// A place in a file.
pub struct Walk {
    at: usize,
    /// Whether the picture's end was found.
    pub is_whole: bool,
}

impl Default for Walk {
    fn default() -> Self {
        // Behind the marker that every file begins with.
        Self { at: 2, is_whole: false }
    }
}

impl Walk {
    /// The next segment, up to the picture's end or the file's.
    pub fn next(&mut self, bytes: &[u8]) -> Option<Segment> {
        while !self.is_whole {
            // A marker may be preceded by any number of fill bytes.
            let first = bytes.get(self.at..)?.iter().position(|byte| *byte != 0xff)?;
            let marker = *bytes.get(self.at + first)?;
            if first == 0 {
                // Not where a marker should be: rubbish between segments, which decoders skip.
                self.at += 1;
                continue;
            }
            self.at += first + 1;
            match marker {
                END_OF_IMAGE => self.is_whole = true,
                // Markers without a segment.
                0x00 | 0x01 | 0xd0..=0xd8 => {}
                _ => {
                    let end = self.at + usize::from(u16_be(bytes, self.at)?.max(2));
                    let (body, mut data) = (self.at + 2..end, end..end);
                    if marker == START_OF_SCAN {
                        data.end = scan_end(bytes, end)?;
                    }
                    self.at = data.end;
                    return Some(Segment { marker, body, data });
                }
            }
        }
        None
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

/// The transform of colours in an Adobe marker's segment, which has version and flags before it.
pub fn transform(body: &[u8]) -> Option<u8> {
    if body.starts_with(b"Adobe") { body.get(11).copied() } else { None }
}
