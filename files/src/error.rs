//! One error type. Every message says what was wrong and what would be right, in one line.

use std::{io, path::PathBuf};

use perceptual_loss::low_level::shown::{escaped, name};

use crate::ByteSize;

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read, or whose picture cannot be used.
    #[error("{name}: {what}")]
    Picture {
        /// How messages call the file.
        name: String,
        /// What is wrong with it, and what would be right.
        what: String,
    },
    /// A picture for which the system has no memory left.
    #[error(
        "{name}: takes {needed} of memory, and there is not as much: the machine is out of memory; free some, or give a smaller \
         picture"
    )]
    Memory {
        /// How messages call the file.
        name: String,
        /// What it takes at the most.
        needed: ByteSize,
    },
    /// Pictures that do not fit together, or an option that does not fit them.
    #[error("{0}")]
    Fit(String),
    /// An option's value that means nothing.
    #[error("{0}")]
    Option(String),
    /// A file that could not be written, known before the work whose result it was to hold.
    #[error("{}: cannot be written: {source}; name another file", escaped(&name(path)))]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file that was not written.
    #[error("{}: cannot be written: {source}", escaped(&name(path)))]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Error {
    /// Whether the input or an option is at fault, and not the run.
    #[must_use]
    pub fn is_input(&self) -> bool {
        !matches!(self, Self::NotWritten { .. } | Self::Memory { .. })
    }
}
