//! Bytes in a file or in memory, read a range at a time.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    error::{Error, Result},
    reserve::filled,
};

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

    /// `length` bytes from `start` on. No more is allocated than there is to read.
    ///
    /// # Errors
    /// [`Error::Io`] where they cannot be read; [`Error::OutOfMemory`].
    pub(super) fn read(&self, start: u64, length: usize) -> Result<Vec<u8>> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(self.failed(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut bytes = filled(0, length, "a part of a weights file")?;
        self.read_into(start, &mut bytes).map_err(|error| self.failed(error))?;
        Ok(bytes)
    }

    fn read_into(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        match &self.handle {
            Handle::File(file, _) => {
                let mut file = file;
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(bytes)
            }
            Handle::Memory(memory) => {
                let there =
                    usize::try_from(start).ok().and_then(|start| memory.get(start..)?.get(..bytes.len()));
                bytes.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }

    /// The error that reading ended with.
    pub(super) fn failed(&self, source: io::Error) -> Error {
        let path = match self.handle {
            Handle::File(_, path) => path.to_owned(),
            Handle::Memory(_) => PathBuf::from("memory"),
        };
        Error::Io { path, source }
    }
}

/// For the zip archive's directory, of which as much is read at a time as its reader has room for.
#[cfg(feature = "pth")]
impl rawzip::ReaderAt for Reader<'_> {
    fn read_at(&self, buffer: &mut [u8], start: u64) -> io::Result<usize> {
        let length = self.length.saturating_sub(start).min(buffer.len() as u64) as usize;
        self.read_into(start, buffer.get_mut(..length).unwrap_or_default())?;
        Ok(length)
    }
}
