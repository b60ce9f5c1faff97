//! A pickle's tensors by their names.

use std::{collections::BTreeMap, ops::Range};

use super::{
    super::contents::{Contents, Entry, Format},
    pickle::{Id, Pickle, Value},
};

/// The tensors of a state dict, and of those that it holds: `state_dict.features.0.weight` is
/// `features.0.weight` in the dict called `state_dict`.
///
/// `place` finds a storage's bytes by its key, or says why there are none.
///
/// # Errors
/// What there is where a state dict should be.
pub(super) fn contents(
    pickle: &Pickle,
    format: Format,
    place: impl Fn(&str) -> Result<Range<u64>, String>,
) -> Result<Contents, String> {
    let Value::Dict(items) = pickle.get(pickle.root) else {
        let what = match pickle.get(pickle.root) {
            Value::Tensor(_) => "one tensor",
            Value::List(_) | Value::Tuple(_) => "a list",
            _ => "a value",
        };
        return Err(format!("it holds {what} and not a state dict; save the network's state_dict()"));
    };
    let mut contents = Contents { format, tensors: BTreeMap::new(), unread: BTreeMap::new() };
    for &(key, value) in items {
        let Value::Text(name) = pickle.get(key) else { continue };
        match pickle.get(value) {
            Value::Dict(inner) => {
                for &(key, value) in inner {
                    if let Value::Text(inner) = pickle.get(key) {
                        add(&mut contents, pickle, format!("{name}.{inner}"), value, &place);
                    }
                }
            }
            _ => add(&mut contents, pickle, name.clone(), value, &place),
        }
    }
    Ok(contents)
}

fn add(
    contents: &mut Contents,
    pickle: &Pickle,
    name: String,
    value: Id,
    place: impl Fn(&str) -> Result<Range<u64>, String>,
) {
    match pickle.get(value) {
        Value::Tensor(tensor) => {
            let storage = &tensor.storage;
            let bytes = storage.start.checked_mul(storage.dtype.size());
            let entry = Entry {
                dtype: storage.dtype.clone(),
                shape: tensor.shape.clone(),
                strides: tensor.strides.clone(),
                offset: tensor.offset,
                storage: place(&storage.key).and_then(|whole| {
                    let start = bytes.and_then(|bytes| whole.start.checked_add(bytes));
                    match start {
                        Some(start) if start <= whole.end => Ok(start..whole.end),
                        _ => Err("placed beyond the end of its storage".to_owned()),
                    }
                }),
            };
            contents.tensors.insert(name, entry);
        }
        Value::Uncalled(function) => {
            contents.unread.insert(name, format!("made by {function}, which is not called"));
        }
        _ => {}
    }
}
