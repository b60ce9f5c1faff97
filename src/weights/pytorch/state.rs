//! The tensors that a checkpoint holds by name: those of its dict, and of the dicts in it.
//!
//! A state dict is a dict of tensors. Training scripts put it in another, with the epoch and the optimiser beside
//! it; its tensors are then called `state_dict.features.0.weight`, a prefix like any other.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    ops::Range,
};

use super::value::{Id, Pickle, Storage, Tensor, Value};
use crate::{
    error::{Error, Result},
    weights::{
        contents::{Contents, Entry, Format},
        decode::Dtype,
        names::printable,
    },
};

/// The most tensors that are listed. The largest networks have a tenth of it; one tensor can have any number of
/// names, and each takes more room here than in the file.
const MOST_TENSORS: usize = 100_000;
/// The longest name of a dict within the dict, which each of its tensors' names then begins with.
const LONGEST_PREFIX: usize = 64;

/// The bytes of the file that a storage of that key and type has, or why there are none.
pub(super) type Place<'a> = dyn Fn(&str, &Dtype) -> Result<Range<u64>, String> + 'a;

/// # Errors
/// [`Error::Weights`] where there is no dict, or more tensors than are listed.
pub(super) fn contents(pickle: &Pickle, origin: &str, format: Format, place: &Place<'_>) -> Result<Contents> {
    let top = match pickle.root() {
        Value::Dict(top) => top,
        Value::Opaque(class) => {
            return Err(Error::Weights(format!(
                "{origin}: the file holds a whole pickled object ({}), which only Python could rebuild; nothing of it was run; save its weights with torch.save(model.state_dict(), FILE)",
                printable(class)
            )));
        }
        _ => {
            return Err(Error::Weights(format!(
                "{origin}: the file holds no dict of tensors; save a model's weights with torch.save(model.state_dict(), FILE)"
            )));
        }
    };
    let mut contents =
        Contents { format, tensors: BTreeMap::new(), unread: BTreeMap::new(), metadata: BTreeMap::new() };
    // A dict may stand in another twice, and in itself.
    let mut seen = HashSet::from([pickle.root]);
    let mut dicts = VecDeque::from([(String::new(), top)]);
    while let Some((prefix, dict)) = dicts.pop_front() {
        add(&mut contents, pickle, origin, &prefix, dict, place)?;
        for &(key, value) in dict {
            let (Some(name), Value::Dict(inner)) = (pickle.text(key), pickle.get(value)) else { continue };
            if prefix.len() + name.len() <= LONGEST_PREFIX && seen.insert(value) {
                dicts.push_back((format!("{prefix}{name}."), inner));
            }
        }
    }
    Ok(contents)
}

fn add(
    contents: &mut Contents,
    pickle: &Pickle,
    origin: &str,
    prefix: &str,
    dict: &[(Id, Id)],
    place: &Place<'_>,
) -> Result<()> {
    for &(key, value) in dict {
        let Some(name) = pickle.text(key) else { continue };
        let name = format!("{prefix}{name}");
        match pickle.get(value) {
            Value::Tensor(tensor) => {
                contents.unread.remove(&name);
                contents.tensors.insert(name, entry(pickle, tensor, place));
            }
            Value::Opaque(function) => {
                contents.tensors.remove(&name);
                contents.unread.insert(name, format!("made by {}, which is not run", printable(function)));
            }
            _ => {}
        }
        if contents.tensors.len() + contents.unread.len() > MOST_TENSORS {
            return Err(Error::Weights(format!(
                "{origin}: the file names more than {MOST_TENSORS} tensors; bring one with the network alone"
            )));
        }
    }
    Ok(())
}

fn entry(pickle: &Pickle, tensor: &Tensor, place: &Place<'_>) -> Entry {
    let storage = match pickle.get(tensor.storage) {
        Value::Storage(storage) => part(pickle, storage, place),
        _ => Err("without a storage".to_owned()),
    };
    Entry {
        dtype: tensor.dtype.clone(),
        shape: tensor.shape.clone(),
        strides: tensor.strides.clone(),
        offset: tensor.offset,
        storage,
    }
}

/// The bytes of a storage, or of the part of one.
fn part(pickle: &Pickle, storage: &Storage, place: &Place<'_>) -> Result<Range<u64>, String> {
    let key = pickle.text(storage.key).ok_or("in a storage without a name")?;
    let whole = place(key, &storage.dtype)?;
    let Some((offset, count)) = storage.view else { return Ok(whole) };
    let size = storage.dtype.size();
    let start = offset.checked_mul(size).and_then(|bytes| whole.start.checked_add(bytes));
    let end = start.and_then(|start| start.checked_add(count.checked_mul(size)?));
    match start.zip(end) {
        Some((start, end)) if end <= whole.end => Ok(start..end),
        _ => Err(format!("beyond the end of its storage {}", printable(key))),
    }
}
