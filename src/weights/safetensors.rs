//! The contents of a safetensors file: 8 bytes of length, a JSON header, and the tensors' bytes.

use std::collections::BTreeMap;

use ::safetensors::tensor::{Dtype as Type, Metadata};

use super::{
    contents::{Contents, Entry, Format, row_major},
    decode::Dtype,
    names::printable,
    sniff::WANTED,
    source::Reader,
};
use crate::error::{Error, Result};

/// Bytes of the header's length, which come first.
pub(super) const PREAMBLE: u64 = 8;
/// The longest header that the format's own readers take.
pub(super) const LONGEST_HEADER: u64 = 100_000_000;

/// # Errors
/// [`Error::Io`] where it cannot be read, [`Error::Weights`] where it is not a safetensors file.
pub(super) fn contents(reader: &Reader<'_>, origin: &str) -> Result<Contents> {
    let foreign = |why: &str| {
        Error::Weights(format!("{origin}: not a safetensors file ({}); {WANTED}", printable(why)))
    };
    let preamble = reader.read(0, PREAMBLE as usize)?;
    let announced = preamble.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let there = reader.length() - PREAMBLE;
    if announced > LONGEST_HEADER {
        return Err(foreign(&format!("its header would have {announced} bytes")));
    }
    let Some(data) = there.checked_sub(announced) else {
        return Err(Error::Weights(format!(
            "{origin}: the file is cut short: its header has {announced} bytes, {there} are there"
        )));
    };
    let header = reader.read(PREAMBLE, announced as usize)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| foreign(&error.to_string()))?;
    let described = metadata.data_len() as u64;
    if described != data {
        let fault = if data < described { "cut short" } else { "too long" };
        return Err(Error::Weights(format!(
            "{origin}: the file is {fault}: its header describes {described} bytes of tensors, {data} are there"
        )));
    }
    let tensors: BTreeMap<String, Entry> = metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| {
            let (start, end) = info.data_offsets;
            let start_of_data = PREAMBLE + announced;
            let entry = Entry {
                dtype: dtype(info.dtype),
                strides: row_major(&info.shape),
                shape: info.shape.clone(),
                offset: 0,
                storage: Ok(start_of_data + start as u64..start_of_data + end as u64),
            };
            (name, entry)
        })
        .collect();
    let metadata = metadata.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok(Contents { format: Format::Safetensors, tensors, unread: BTreeMap::new(), metadata })
}

fn dtype(dtype: Type) -> Dtype {
    match dtype {
        Type::F64 => Dtype::F64,
        Type::F32 => Dtype::F32,
        Type::F16 => Dtype::F16,
        Type::BF16 => Dtype::Bf16,
        other => Dtype::Other { name: other.to_string().into(), size: other.bitsize() as u64 / 8 },
    }
}
