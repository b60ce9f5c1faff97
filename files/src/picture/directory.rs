//! Directories of tags: a TIFF is made of them, and so is Exif data in whatever format.

use super::bytes::array;

// Types of values.
const BYTE: u16 = 1;
const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const SIGNED_BYTE: u16 = 6;
const UNDEFINED: u16 = 7;
const SIGNED_SHORT: u16 = 8;
const SIGNED_LONG: u16 = 9;
const DIRECTORY: u16 = 13;

/// Where a tag's values are.
pub struct Entry {
    value_type: u16,
    pub count: usize,
    pub at: usize,
}

impl Entry {
    /// Whether it is bytes of no meaning, or of any.
    pub fn is_bytes(&self) -> bool {
        matches!(self.value_type, BYTE | UNDEFINED)
    }

    /// Bytes a value.
    fn width(&self) -> Option<usize> {
        Some(match self.value_type {
            BYTE | ASCII | SIGNED_BYTE | UNDEFINED => 1,
            SHORT | SIGNED_SHORT => 2,
            LONG | SIGNED_LONG | DIRECTORY => 4,
            RATIONAL => 8,
            _ => return None,
        })
    }
}

/// Bytes in which directories stand.
pub struct Directories<'a> {
    pub bytes: &'a [u8],
    little: bool,
}

impl<'a> Directories<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, little: bytes.starts_with(b"II") }
    }

    /// Where the first directory is.
    pub fn first(&self) -> Option<usize> {
        self.u32(4).map(|at| at as usize)
    }

    /// Where the directory after this one is; 0 where there is none.
    pub fn next(&self, directory: usize) -> Option<usize> {
        let entries = usize::from(self.u16(directory)?);
        self.u32(directory.checked_add(2 + entries * 12)?).map(|next| next as usize)
    }

    /// A tag of a type that is known here.
    pub fn entry(&self, directory: usize, tag: u16) -> Option<Entry> {
        let entries = usize::from(self.u16(directory)?);
        let found = (0..entries)
            .map_while(|i| directory.checked_add(2 + i * 12))
            .find(|entry| self.u16(*entry) == Some(tag))?;
        let entry =
            Entry { value_type: self.u16(found + 2)?, count: self.u32(found + 4)? as usize, at: found + 8 };
        // What fits stands in the entry itself.
        let fits = entry.count.checked_mul(entry.width()?)? <= 4;
        Some(if fits { entry } else { Entry { at: self.u32(found + 8)? as usize, ..entry } })
    }

    /// The values of a tag of whole numbers, of whatever type its writer chose; none where it is missing, and no more than the
    /// bytes hold.
    pub fn values(&self, directory: usize, tag: u16) -> impl Iterator<Item = usize> {
        let Entry { value_type, count, at } =
            self.entry(directory, tag).unwrap_or(Entry { value_type: LONG, count: 0, at: 0 });
        (0..count).map_while(move |i| match value_type {
            BYTE | SIGNED_BYTE | UNDEFINED => self.bytes.get(at.checked_add(i)?).copied().map(usize::from),
            SHORT | SIGNED_SHORT => self.u16(at.checked_add(i.checked_mul(2)?)?).map(usize::from),
            LONG | SIGNED_LONG | DIRECTORY => {
                self.u32(at.checked_add(i.checked_mul(4)?)?).map(|value| value as usize)
            }
            _ => None,
        })
    }

    /// The first of [`values`](Self::values).
    pub fn value(&self, directory: usize, tag: u16) -> Option<usize> {
        self.values(directory, tag).next()
    }

    /// A tag of `N` fractions.
    pub fn fractions<const N: usize>(&self, directory: usize, tag: u16) -> Option<[f32; N]> {
        let entry = self.entry(directory, tag).filter(|it| it.value_type == RATIONAL && it.count == N)?;
        let mut fractions = [0.0; N];
        for (i, fraction) in fractions.iter_mut().enumerate() {
            let at = entry.at.checked_add(i * 8)?;
            *fraction = self.u32(at)? as f32 / self.u32(at.checked_add(4)?)? as f32;
        }
        Some(fractions)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let array = array(self.bytes, at)?;
        Some(if self.little { u16::from_le_bytes(array) } else { u16::from_be_bytes(array) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let array = array(self.bytes, at)?;
        Some(if self.little { u32::from_le_bytes(array) } else { u32::from_be_bytes(array) })
    }
}
