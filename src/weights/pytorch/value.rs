//! What a pickle builds, as far as weights are concerned.
//!
//! Values stand in one list and name each other by their number in it. So a pickle may nest them as deep as it
//! likes, even in themselves: nothing follows them downwards, and to drop the list is to drop them.

use std::rc::Rc;

use crate::weights::decode::Dtype;

/// A value's number.
pub(super) type Id = u32;

#[derive(Debug)]
pub(super) enum Value {
    /// None, a float, bytes, a set: nothing that anybody asks about.
    Plain,
    Bool(bool),
    Int(i64),
    /// The number that an old file begins with.
    Magic,
    Text(Box<str>),
    Tuple(Rc<[Id]>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A function or class, `module.name`.
    Global(Rc<str>),
    Storage(Box<Storage>),
    Tensor(Box<Tensor>),
    /// What a function or class that is not run would have made; its name.
    Opaque(Rc<str>),
}

/// A row of elements of one type.
#[derive(Debug)]
pub(super) struct Storage {
    /// Its name in the file, a text.
    pub(super) key: Id,
    pub(super) dtype: Dtype,
    /// The first element and the count, where it is only a part of the row of that name.
    pub(super) view: Option<(u64, u64)>,
}

/// A tensor within a storage.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) storage: Id,
    pub(super) dtype: Dtype,
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<u64>,
}

/// A pickle's values, and the one that it is of.
pub(super) struct Pickle {
    pub(super) values: Vec<Value>,
    pub(super) root: Id,
}

impl Pickle {
    pub(super) fn get(&self, id: Id) -> &Value {
        self.values.get(id as usize).unwrap_or(&Value::Plain)
    }

    pub(super) fn root(&self) -> &Value {
        self.get(self.root)
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}
