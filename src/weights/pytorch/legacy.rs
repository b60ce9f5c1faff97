//! The format of PyTorch before 1.6: five pickles (a magic number, a version, the machine, the object, the storages'
//! keys), then each storage as a count of elements and their bytes.

use std::{collections::BTreeMap, ops::Range};

use super::{
    super::{
        contents::{Contents, Format},
        decode::Dtype,
        names::printable,
        sniff::EXPECTED,
        source::Reader,
    },
    pickle::{Fault, LONGEST, Pickle, Value},
    state_dict,
};
use crate::error::{Error, Result};

/// The first pickle, 0x1950a86a20f9469cfc6c, without the number of its protocol.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// What is read for the pickles at first; it is doubled while they do not end.
const FIRST_READ: u64 = 1 << 16;

/// # Errors
/// [`Error::Io`] where it cannot be read, [`Error::Weights`] where it holds no state dict.
pub(in super::super) fn contents(reader: &Reader<'_>, origin: &str) -> Result<Contents> {
    let wrong = |what: String| Error::Weights(format!("{origin}: {what}"));
    let mut wanted = FIRST_READ.min(reader.length());
    let [machine, object, keys] = loop {
        let bytes = reader.read(0, wanted as usize)?;
        match pickles(&bytes) {
            Ok(pickles) => break pickles,
            Err(Fault::Refused(what)) => return Err(wrong(what)),
            Err(Fault::End) if wanted == reader.length() => {
                return Err(wrong("the file is cut short: its pickles do not end".to_owned()));
            }
            Err(Fault::End) if wanted >= LONGEST => {
                return Err(wrong("its pickles have more bytes than any have".to_owned()));
            }
            Err(Fault::End) => wanted = (wanted * 2).min(reader.length()),
        }
    };
    if is_big_endian(&machine.pickle) {
        return Err(wrong(
            "it was written on a big-endian machine; save it anew on a little-endian one".to_owned(),
        ));
    }
    let storages = storages(reader, &object.pickle, &keys)?;
    let place = |key: &str| match storages.get(key) {
        Some(place) => place.clone(),
        None => Err(format!("in a storage {} that the file lacks", printable(key))),
    };
    state_dict::contents(&object.pickle, Format::PytorchLegacy, place).map_err(wrong)
}

/// A pickle, and where in the file it ends.
struct Placed {
    pickle: Pickle,
    end: u64,
}

/// The last three of the five.
fn pickles(bytes: &[u8]) -> Result<[Placed; 3], Fault> {
    if !bytes.get(2..).unwrap_or_default().starts_with(MAGIC) {
        // It may ask for something worth naming.
        Pickle::read(bytes)?;
        return Err(Fault::Refused(format!("it is a pickle, but not one of PyTorch's; {EXPECTED}")));
    }
    let mut at = 2 + MAGIC.len();
    let mut next = || {
        let pickle = Pickle::read(bytes.get(at..).unwrap_or_default())?;
        at += pickle.length;
        Ok(Placed { pickle, end: at as u64 })
    };
    let version = next()?;
    if *version.pickle.get(version.pickle.root) != Value::Int(1001) {
        return Err(Fault::Refused("it is of a version of PyTorch's format that is not known".to_owned()));
    }
    Ok([next()?, next()?, next()?])
}

fn is_big_endian(machine: &Pickle) -> bool {
    let Value::Dict(items) = machine.get(machine.root) else { return false };
    items.iter().any(|&(key, value)| {
        *machine.get(key) == Value::Text("little_endian".to_owned())
            && *machine.get(value) == Value::Bool(false)
    })
}

/// Each storage's bytes, of which there may be fewer than it should have.
fn storages(
    reader: &Reader<'_>,
    object: &Pickle,
    keys: &Placed,
) -> Result<BTreeMap<String, Result<Range<u64>, String>>> {
    let dtypes: BTreeMap<&str, &Dtype> = object.storages().collect();
    let mut places = BTreeMap::new();
    let mut at = keys.end;
    let Value::List(list) = keys.pickle.get(keys.pickle.root) else { return Ok(places) };
    for &key in list {
        let (Value::Text(key), Some(count_end)) = (keys.pickle.get(key), at.checked_add(8)) else { break };
        // Where the size of one storage is not known, neither are the places of those that follow.
        let Some(dtype) = dtypes.get(key.as_str()) else { break };
        if count_end > reader.length() {
            places.insert(key.clone(), Err("cut off: the file ends before it".to_owned()));
            continue;
        }
        let count = reader.read(at, 8)?.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let end = count
            .checked_mul(dtype.size())
            .and_then(|bytes| count_end.checked_add(bytes))
            .unwrap_or(u64::MAX);
        places.insert(key.clone(), Ok(count_end..end.min(reader.length())));
        at = end;
    }
    Ok(places)
}
