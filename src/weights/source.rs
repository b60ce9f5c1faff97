//! Bytes in a file or in memory, read a range at a time.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::error::{Error, Result};

/// Where the bytes are.
///
/// A file is opened anew for each load, so that loads on two threads share no position and nothing is held open
/// in between.
pub(super) struct Source(Place);

enum Place {
    Path(PathBuf),
    Memory(Arc<[u8]>),
}

/// The bytes, opened.
pub(super) struct Reader<'a> {
    handle: Handle<'a>,
    length: u64,
}

enum Handle<'a> {
    File(File, &'a Path),
    Memory(&'a [u8]),
}

impl Source {
    pub(super) fn path(path: &Path) -> Self {
        Self(Place::Path(path.to_owned()))
    }

    pub(super) fn memory(bytes: Arc<[u8]>) -> Self {
        Self(Place::Memory(bytes))
    }

    /// # Errors
    /// [`Error::Io`] where there is no such file, it may not be read, or it is a directory, a pipe or a device.
    pub(super) fn open(&self) -> Result<Reader<'_>> {
        match &self.0 {
            Place::Path(path) => {
                let failed = |source| Error::Io { path: path.clone(), source };
                // Before it is opened, since opening a pipe would wait for somebody to write to it.
                let kind = fs::metadata(path).map_err(failed)?.file_type();
                if kind.is_dir() {
                    return Err(failed(io::Error::other("is a directory; a file was expected")));
                }
                if !kind.is_file() {
                    return Err(failed(io::Error::other("is a pipe or a device; a file was expected")));
                }
                let file = File::open(path).map_err(failed)?;
                let length = file.metadata().map_err(failed)?.len();
                Ok(Reader { handle: Handle::File(file, path), length })
            }
            Place::Memory(bytes) => Ok(Reader { handle: Handle::Memory(bytes), length: bytes.len() as u64 }),
        }
    }
}

impl Reader<'_> {
    /// How many bytes there are in all.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// `length` bytes from `start` on, read into `buffer` in place of what it held. The caller has checked them
    /// against [`length`](Self::length), so that no more is allocated than there is to read.
    ///
    /// # Errors
    /// [`Error::Io`] where they cannot be read.
    pub(super) fn read(&mut self, start: u64, length: usize, buffer: &mut Vec<u8>) -> Result<()> {
        buffer.clear();
        match &mut self.handle {
            Handle::File(file, path) => {
                buffer.resize(length, 0);
                file.seek(SeekFrom::Start(start))
                    .and_then(|_| file.read_exact(buffer))
                    .map_err(|source| Error::Io { path: path.to_path_buf(), source })
            }
            Handle::Memory(bytes) => {
                let range = usize::try_from(start)
                    .ok()
                    .and_then(|start| bytes.get(start..)?.get(..length))
                    .ok_or_else(|| {
                    Error::Weights("a range outside of the bytes was asked for".to_owned())
                })?;
                buffer.extend_from_slice(range);
                Ok(())
            }
        }
    }
}
