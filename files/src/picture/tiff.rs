//! Walking a TIFF's directories: how many pictures there are, whether the first one's data is all there, and its
//! colour profile, which the decoder does not see where it is stored as bytes of no type.

use super::bytes::{array, slice};

/// Pictures in the file, counted no further than two.
pub fn pages(bytes: &[u8]) -> Result<usize, String> {
    let tiff = Tiff::new(bytes);
    let first = tiff.first().ok_or("ends early, within its header; expected a whole TIFF file")?;
    tiff.check_data(first)?;
    let next = tiff.next(first).unwrap_or(0);
    Ok(if next == 0 || next == first { 1 } else { 2 })
}

/// The first picture's colour profile.
pub fn profile(bytes: &[u8]) -> Option<&[u8]> {
    let tiff = Tiff::new(bytes);
    let entry = tiff.entry(tiff.first()?, 34675)?;
    matches!(entry.value_type, BYTE | UNDEFINED).then(|| slice(bytes, entry.at, entry.count))?
}

// Types of values.
const BYTE: u16 = 1;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;

/// Where a tag's values are.
struct Entry {
    value_type: u16,
    count: usize,
    at: usize,
}

struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, little: bytes.starts_with(b"II") }
    }

    /// Where the first directory is.
    fn first(&self) -> Option<usize> {
        self.u32(4).map(|at| at as usize)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let array = array(self.bytes, at)?;
        Some(if self.little { u16::from_le_bytes(array) } else { u16::from_be_bytes(array) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let array = array(self.bytes, at)?;
        Some(if self.little { u32::from_le_bytes(array) } else { u32::from_be_bytes(array) })
    }

    /// Where the directory after this one is; 0 where there is none.
    fn next(&self, directory: usize) -> Option<usize> {
        let entries = usize::from(self.u16(directory)?);
        self.u32(directory.checked_add(2 + entries * 12)?).map(|next| next as usize)
    }

    /// Every strip or tile must lie within the file.
    fn check_data(&self, directory: usize) -> Result<(), String> {
        for (offsets, lengths) in [(273, 279), (324, 325)] {
            let (offsets, lengths) = (self.values(directory, offsets), self.values(directory, lengths));
            for (offset, length) in offsets.zip(lengths) {
                if slice(self.bytes, offset, length).is_none() {
                    return Err(format!(
                        "ends early: it has {} bytes, and its pixels reach to {}; expected the whole file",
                        self.bytes.len(),
                        offset.saturating_add(length)
                    ));
                }
            }
        }
        Ok(())
    }

    /// A tag of a type that is known here.
    fn entry(&self, directory: usize, tag: u16) -> Option<Entry> {
        let entries = usize::from(self.u16(directory)?);
        let found = (0..entries)
            .map_while(|i| directory.checked_add(2 + i * 12))
            .find(|entry| self.u16(*entry) == Some(tag))?;
        let (value_type, count) = (self.u16(found + 2)?, self.u32(found + 4)? as usize);
        let width = match value_type {
            BYTE | UNDEFINED => 1,
            SHORT => 2,
            LONG => 4,
            _ => return None,
        };
        // What fits stands in the entry itself.
        let at = if count.checked_mul(width)? <= 4 { found + 8 } else { self.u32(found + 8)? as usize };
        Some(Entry { value_type, count, at })
    }

    /// The values of a tag of whole numbers; none where it is missing, and no more than the file holds.
    fn values(&self, directory: usize, tag: u16) -> impl Iterator<Item = usize> {
        let Entry { value_type, count, at } =
            self.entry(directory, tag).unwrap_or(Entry { value_type: LONG, count: 0, at: 0 });
        (0..count).map_while(move |i| match value_type {
            SHORT => self.u16(at.checked_add(i.checked_mul(2)?)?).map(usize::from),
            LONG => self.u32(at.checked_add(i.checked_mul(4)?)?).map(|value| value as usize),
            _ => None,
        })
    }
}
