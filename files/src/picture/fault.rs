//! Why a file does not become a picture; whoever knows the file's name puts it to that.

use crate::{ByteSize, Error};

/// What went wrong with one file.
pub enum Fault {
    /// What is wrong with the file, and what would be right.
    File(String),
    /// As much memory could not be had.
    Memory(ByteSize),
}

impl Fault {
    /// The error about the file of this name.
    pub fn of(self, name: String) -> Error {
        match self {
            Self::File(what) => Error::Picture { name, what },
            Self::Memory(needed) => Error::Memory { name, needed },
        }
    }
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self::File(what)
    }
}

impl From<&str> for Fault {
    fn from(what: &str) -> Self {
        Self::File(what.to_owned())
    }
}
