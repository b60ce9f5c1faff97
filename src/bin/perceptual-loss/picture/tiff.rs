//! Walking a TIFF's directories: how many pictures there are, and whether the first one's data is all there.

use super::bytes::{array, slice};

/// Pictures in the file, counted no further than two.
pub fn pages(bytes: &[u8]) -> Result<usize, String> {
    let tiff = Tiff { bytes, little: bytes.starts_with(b"II") };
    let first = tiff.u32(4).ok_or("ends within its header")? as usize;
    tiff.check_data(first)?;
    let next = tiff.next(first).unwrap_or(0);
    Ok(if next == 0 || next == first { 1 } else { 2 })
}

struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Tiff<'_> {
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
                        "ends early: it has {} bytes, and its pixels are said to reach to {}",
                        self.bytes.len(),
                        offset.saturating_add(length)
                    ));
                }
            }
        }
        Ok(())
    }

    /// The values of a tag of whole numbers; none where it is missing or does not fit the file.
    fn values(&self, directory: usize, tag: u16) -> impl Iterator<Item = usize> {
        let find = || {
            let entries = usize::from(self.u16(directory)?);
            let entry = (0..entries)
                .map_while(|i| directory.checked_add(2 + i * 12))
                .find(|entry| self.u16(*entry) == Some(tag))?;
            let wide = match self.u16(entry + 2)? {
                3 => false,
                4 => true,
                _ => return None,
            };
            let (count, width) = (self.u32(entry + 4)? as usize, if wide { 4 } else { 2 });
            let at = if count.checked_mul(width)? <= 4 { entry + 8 } else { self.u32(entry + 8)? as usize };
            Some((at, count, width))
        };
        let (at, count, width) = find().unwrap_or((0, 0, 4));
        (0..count).map_while(move |i| {
            let at = at.checked_add(i.checked_mul(width)?)?;
            if width == 4 { self.u32(at).map(|v| v as usize) } else { self.u16(at).map(usize::from) }
        })
    }
}
