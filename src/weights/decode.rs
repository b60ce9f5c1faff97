//! From a file's bytes to float32 in row-major order.

use std::{borrow::Cow, fmt, ops::Range};

use half::{bf16, f16};

use super::contents::Entry;
use crate::{
    error::Result,
    reserve::{collected, reserve},
};

/// The type of a tensor's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dtype {
    F64,
    F32,
    F16,
    Bf16,
    /// A type that no weights are read from.
    Other {
        name: Cow<'static, str>,
        /// Bytes.
        size: u64,
    },
}

impl Dtype {
    /// Bytes of an element.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Other { size, .. } => *size,
        }
    }

    /// Whether weights of this type are read.
    pub(super) fn is_read(&self) -> bool {
        !matches!(self, Self::Other { .. })
    }

    /// Each value in `bytes`, rounded to float32. None for a type that is not read.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<Option<Vec<f32>>> {
        match self {
            Self::F64 => decode(bytes, |value| f64::from_le_bytes(value) as f32),
            Self::F32 => decode(bytes, f32::from_le_bytes),
            Self::F16 => decode(bytes, |value| f16::from_le_bytes(value).to_f32()),
            Self::Bf16 => decode(bytes, |value| bf16::from_le_bytes(value).to_f32()),
            Self::Other { .. } => return Ok(None),
        }
        .map(Some)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Other { name, .. } => name,
        })
    }
}

/// Each value in `bytes`.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub(super) fn decode<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Result<Vec<f32>> {
    let all = bytes.as_chunks().0;
    collected(all.iter().map(|&bytes| value(bytes)), all.len(), "the values of weights")
}

impl Entry {
    /// The bytes of the file from this tensor's first element to its last, all of them within its storage.
    ///
    /// # Errors
    /// What is wrong with the place that the file gives it.
    pub(super) fn span(&self) -> Result<Range<u64>, String> {
        let storage = self.storage.clone()?;
        if self.shape.contains(&0) {
            return Ok(storage.start..storage.start);
        }
        let there = (storage.end - storage.start) / self.dtype.size().max(1);
        let last = self.shape.iter().zip(&self.strides).try_fold(self.offset, |last, (&length, &stride)| {
            last.checked_add((length as u64 - 1).checked_mul(stride)?)
        });
        match last {
            // Neither product overflows: both are at most the storage's bytes.
            Some(last) if last < there => Ok(storage.start + self.offset * self.dtype.size()
                ..storage.start + (last + 1) * self.dtype.size()),
            Some(last) => {
                Err(format!("cut short: its last element is number {last} of a storage that holds {there}"))
            }
            None => Err("placed beyond the end of any file".to_owned()),
        }
    }

    /// The elements among the bytes of [`span`](Self::span) in row-major order, in place of those bytes.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(super) fn gather(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        if self.strides == super::contents::row_major(&self.shape) {
            return Ok(bytes);
        }
        let size = self.dtype.size() as usize;
        let count: usize = self.shape.iter().product();
        let mut gathered = vec![];
        reserve(&mut gathered, count.saturating_mul(size), "the values of weights")?;
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count {
            let at: u64 = index.iter().zip(&self.strides).map(|(&i, stride)| i as u64 * stride).sum();
            let at = at as usize * size;
            gathered.extend_from_slice(bytes.get(at..at + size).unwrap_or_default());
            // The last index first, as an odometer.
            for (index, &length) in index.iter_mut().zip(&self.shape).rev() {
                *index += 1;
                if *index < length {
                    break;
                }
                *index = 0;
            }
        }
        Ok(gathered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::contents::row_major;

    #[test]
    fn every_type_decodes_to_the_nearest_float32() {
        let of = |dtype: Dtype, bytes: &[u8]| dtype.decode(bytes).unwrap().unwrap();
        assert_eq!(of(Dtype::F32, &1.1_f32.to_le_bytes()), [1.1]);
        // Half of float16's least normal number: a subnormal.
        assert_eq!(of(Dtype::F16, &[0x00, 0x3c, 0x00, 0x02]), [1.0, 2.0_f32.powi(-15)]);
        assert_eq!(of(Dtype::Bf16, &[0x80, 0x3f, 0x20, 0xc1]), [1.0, -10.0]);
        assert_eq!(of(Dtype::F64, &0.1_f64.to_le_bytes()), [0.1]);
        assert_eq!(of(Dtype::F64, &1e300_f64.to_le_bytes()), [f32::INFINITY]);
        assert!(Dtype::Other { name: "I64".into(), size: 8 }.decode(&[0; 8]).unwrap().is_none());
    }

    fn entry(shape: &[usize], strides: &[u64], offset: u64, storage: Range<u64>) -> Entry {
        let (shape, strides) = (shape.to_vec(), strides.to_vec());
        Entry { dtype: Dtype::F16, shape, strides, offset, storage: Ok(storage) }
    }

    #[test]
    fn a_span_covers_the_elements_and_stays_in_the_storage() {
        assert_eq!(row_major(&[2, 3, 4]), [12, 4, 1]);
        assert_eq!(entry(&[2, 3], &[3, 1], 0, 100..112).span(), Ok(100..112));
        assert_eq!(entry(&[2, 2], &[1, 3], 1, 100..112).span(), Ok(102..112));
        assert_eq!(entry(&[7, 2], &[0, 1], 4, 100..112).span(), Ok(108..112));
        assert_eq!(entry(&[], &[], 5, 100..112).span(), Ok(110..112));
        assert_eq!(entry(&[0, 9], &[9, 1], 99, 100..112).span(), Ok(100..100));
        for (shape, strides, offset) in [
            ([2, 3], [3, 1], 1),
            ([2, 3], [4, 1], 0),
            ([2, 3], [u64::MAX, 1], 0),
            ([2, 3], [3, 1], u64::MAX),
            ([usize::MAX, 3], [3, 1], 0),
        ] {
            assert!(
                entry(&shape, &strides, offset, 100..112).span().is_err(),
                "{shape:?} {strides:?} {offset}"
            );
        }
    }

    #[test]
    fn elements_are_gathered_in_row_major_order() {
        let bytes: Vec<u8> = (0..12).collect();
        assert_eq!(entry(&[2, 3], &[3, 1], 0, 0..12).gather(bytes.clone()).unwrap(), bytes);
        let transposed = entry(&[3, 2], &[1, 3], 0, 0..12).gather(bytes).unwrap();
        assert_eq!(transposed, [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
        let gathered = entry(&[2, 2], &[0, 1], 0, 0..4).gather(vec![1, 2, 3, 4]).unwrap();
        assert_eq!(gathered, [1, 2, 3, 4, 1, 2, 3, 4]);
    }
}
