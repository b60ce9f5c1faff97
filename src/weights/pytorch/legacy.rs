//! PyTorch's format before version 1.6: pickles of a number, a version, the machine, the object and the storages'
//! keys, and then each storage, its count of elements before it.

use std::collections::HashMap;

use super::{
    input::Input,
    machine, state,
    value::{Pickle, Value},
};
use crate::{
    error::{Error, Result},
    weights::{
        contents::{Contents, Format},
        names::printable,
        source::Reader,
    },
};

/// The only version that there was.
const VERSION: i64 = 1001;

/// # Errors
/// [`Error::Io`] where it cannot be read, [`Error::Weights`] where it holds no state dict.
pub(in crate::weights) fn contents(reader: &Reader<'_>, origin: &str) -> Result<Contents> {
    let wrong = |what: &str| Error::Weights(format!("{origin}: {what}"));
    let mut input = Input::new(reader, origin, 0, reader.length());
    if !matches!(machine::load(&mut input)?.root(), Value::Magic) {
        return Err(wrong(
            "this is a pickle, but no PyTorch file; save a model's weights with torch.save(model.state_dict(), FILE)",
        ));
    }
    match machine::load(&mut input)?.root() {
        Value::Int(VERSION) => {}
        _ => return Err(wrong(&format!("this is a PyTorch file of an unknown version; {VERSION} is read"))),
    }
    if is_big_endian(&machine::load(&mut input)?) {
        return Err(wrong(
            "this was saved by a big-endian machine; load it in Python and save it again on a little-endian one",
        ));
    }
    let pickle = machine::load(&mut input)?;
    let keys = machine::load(&mut input)?;
    let storages = storages(reader, origin, input.position(), &pickle, &keys)?;
    state::contents(&pickle, origin, Format::PytorchLegacy, &|key, _| {
        storages.get(key).cloned().ok_or_else(|| format!("in a storage, {}, that is missing", printable(key)))
    })
}

fn is_big_endian(system: &Pickle) -> bool {
    let Value::Dict(items) = system.root() else { return false };
    items.iter().any(|&(key, value)| {
        system.text(key) == Some("little_endian") && matches!(system.get(value), Value::Bool(false))
    })
}

/// Each storage's bytes, which begin at `start`.
fn storages<'a>(
    reader: &Reader<'_>,
    origin: &str,
    start: u64,
    pickle: &'a Pickle,
    keys: &'a Pickle,
) -> Result<HashMap<&'a str, std::ops::Range<u64>>> {
    let broken = || {
        Error::Weights(format!(
            "{origin}: this PyTorch file is broken: it lists storages that it does not use"
        ))
    };
    // The same row of elements may be there as a whole and in parts; all of them have its type.
    let mut sizes = HashMap::new();
    for value in &pickle.values {
        if let Value::Storage(storage) = value
            && let Some(key) = pickle.text(storage.key)
        {
            sizes.entry(key).or_insert(storage.dtype.size());
        }
    }
    let Value::List(list) = keys.root() else { return Err(broken()) };
    let mut found = HashMap::new();
    let mut at = start;
    for (number, &key) in list.iter().enumerate() {
        let key = keys.text(key).ok_or_else(broken)?;
        let size = *sizes.get(key).ok_or_else(broken)?;
        let cut = || {
            Error::Weights(format!(
                "{origin}: the file is cut short: it ends in storage {} of {}",
                number + 1,
                list.len()
            ))
        };
        let data = at.checked_add(8).filter(|&data| data <= reader.length()).ok_or_else(cut)?;
        let count = reader.read(at, 8)?.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        at = count
            .checked_mul(size)
            .and_then(|bytes| data.checked_add(bytes))
            .filter(|&end| end <= reader.length())
            .ok_or_else(cut)?;
        found.insert(key, data..at);
    }
    Ok(found)
}
