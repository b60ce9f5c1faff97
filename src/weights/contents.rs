//! What a weights file holds, whatever its format: the tensors' names, types, shapes and places.

use std::{collections::BTreeMap, fmt, ops::Range};

use serde::Serialize;

use super::{decode::Dtype, safetensors, sniff, source::Reader};
use crate::error::Result;

/// How weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// In the library, as what filters are made of.
    Shipped,
    /// Nowhere: they are made from a seed.
    Seeded,
    /// A safetensors file.
    Safetensors,
    /// PyTorch's zip archive, which `torch.save` writes since version 1.6.
    Pytorch,
    /// PyTorch's row of pickles, which it wrote before.
    PytorchLegacy,
}

/// A file's table of contents.
#[derive(Debug, PartialEq)]
pub(super) struct Contents {
    pub(super) format: Format,
    pub(super) tensors: BTreeMap<String, Entry>,
    /// What else has a tensor's place, with what it is: the output of a function that is not run, say.
    pub(super) unread: BTreeMap<String, String>,
    /// What the file says of itself; only safetensors have a place for it.
    pub(super) metadata: BTreeMap<String, String>,
}

/// A tensor in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Elements from one index to the next, a number for each dimension.
    pub(super) strides: Vec<u64>,
    /// The first element, counted in elements from the storage's start.
    pub(super) offset: u64,
    /// The bytes of the file that the elements lie within, or why there are none. Nobody has checked yet that
    /// they suffice: that is asked of tensors that are needed.
    pub(super) storage: Result<Range<u64>, String>,
}

impl Contents {
    /// Reads them; of the tensors no byte is read.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where the file cannot be read, [`Error::Weights`](crate::Error::Weights)
    /// where it holds no tensors that could be.
    pub(super) fn read(reader: &Reader<'_>, origin: &str) -> Result<Self> {
        match sniff::format(reader, origin)? {
            #[cfg(feature = "pth")]
            Format::Pytorch => super::pytorch::zip::contents(reader, origin),
            #[cfg(feature = "pth")]
            Format::PytorchLegacy => super::pytorch::legacy::contents(reader, origin),
            _ => safetensors::contents(reader, origin),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shipped => "in the library",
            Self::Seeded => "made from a seed",
            Self::Safetensors => "safetensors",
            Self::Pytorch => "PyTorch, zip",
            Self::PytorchLegacy => "PyTorch, before version 1.6",
        })
    }
}

/// The strides of a tensor whose elements follow each other, the last dimension's first.
pub(super) fn row_major(shape: &[usize]) -> Vec<u64> {
    let mut strides = vec![1; shape.len()];
    let mut product = 1_u64;
    for (stride, &length) in strides.iter_mut().zip(shape).rev() {
        *stride = product;
        product = product.saturating_mul(length as u64);
    }
    strides
}
