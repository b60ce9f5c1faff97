//! Where a picture's bytes come from: a file, or standard input.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use perceptual_loss::low_level::shown;

use super::fault::Fault;
use crate::{ByteSize, Error, Patient};

/// A picture that can be read more than once, whatever it comes from.
pub struct Source {
    path: PathBuf,
    /// What can be read only once, standard input and pipes, is read at once and kept.
    held: Option<Vec<u8>>,
}

impl Source {
    /// `-` is standard input. No more than `limit` bytes are read of anything.
    ///
    /// # Errors
    /// One line with the file's name: there is none, or it is a folder, a device, or too long.
    pub fn new(path: &Path, limit: ByteSize) -> Result<Self, Error> {
        let mut source = Self { path: path.to_owned(), held: None };
        if source.is_stdin() {
            source.held = Some(source.take(Patient(io::stdin().lock()), 0, limit)?);
        } else {
            let metadata = fs::metadata(path).map_err(|error| source.wrong(&error.to_string()))?;
            if metadata.is_dir() {
                return Err(source.wrong("is a folder; expected a picture file"));
            }
            if is_device(&metadata) {
                return Err(source.wrong("is a device; expected a picture file"));
            }
            if !metadata.is_file() {
                source.held = Some(source.read_file(limit)?);
            }
        }
        Ok(source)
    }

    /// Bytes that are there already, under a file's name.
    #[must_use]
    pub fn of_bytes(name: impl AsRef<Path>, bytes: Vec<u8>) -> Self {
        Self { path: name.as_ref().to_owned(), held: Some(bytes) }
    }

    /// All bytes; an error where there are none.
    pub(super) fn bytes(&self, limit: ByteSize) -> Result<Cow<'_, [u8]>, Error> {
        let bytes = match &self.held {
            Some(bytes) => Cow::Borrowed(bytes.as_slice()),
            None => Cow::Owned(self.read_file(limit)?),
        };
        if bytes.is_empty() { Err(self.wrong("is empty; expected a picture")) } else { Ok(bytes) }
    }

    /// The path's extension, in lower case.
    pub(super) fn extension(&self) -> String {
        self.path.extension().map(|text| text.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
    }

    /// How messages call it: by its name, with what would act on a terminal escaped.
    #[must_use]
    pub fn name(&self) -> String {
        match self.is_stdin() {
            true => "standard input".to_owned(),
            false => shown::escaped(&shown::name(&self.path)).into_owned(),
        }
    }

    /// An error about this picture.
    pub(super) fn wrong(&self, what: &str) -> Error {
        Error::Picture { name: self.name(), what: one_line(what) }
    }

    /// What went wrong with this picture, as an error; it may hold words of the file's.
    pub(super) fn fault(&self, fault: Fault) -> Error {
        match fault {
            Fault::File(what) => self.wrong(&what),
            fault => fault.of(self.name()),
        }
    }

    fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    fn read_file(&self, limit: ByteSize) -> Result<Vec<u8>, Error> {
        let file = File::open(&self.path).map_err(|error| self.wrong(&error.to_string()))?;
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        self.take(file, length, limit)
    }

    /// All of `from`, which says that it has `length` bytes, or 0 where it does not know.
    fn take(&self, from: impl Read, length: u64, limit: ByteSize) -> Result<Vec<u8>, Error> {
        let too_long =
            || self.wrong(&format!("is longer than the limit of {limit}; raise it with --max-decoded"));
        if length > limit.0 {
            return Err(too_long());
        }
        let mut bytes = vec![];
        let reserved = usize::try_from(length).is_ok_and(|length| bytes.try_reserve_exact(length).is_ok());
        if !reserved {
            return Err(self.fault(Fault::Memory(ByteSize(length))));
        }
        from.take(limit.0.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::OutOfMemory => self.fault(Fault::Memory(ByteSize(bytes.len() as u64))),
            _ => self.wrong(&error.to_string()),
        })?;
        if bytes.len() as u64 > limit.0 { Err(too_long()) } else { Ok(bytes) }
    }
}

/// Sees to it that standard input, `-`, is one picture at most.
///
/// # Errors
/// Where it is given more often.
pub fn check_stdin<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), Error> {
    let times = paths.filter(|path| path.as_os_str() == "-").count();
    if times > 1 {
        return Err(Error::Fit(format!(
            "- is given {times} times, and standard input can be read once; give the others as files"
        )));
    }
    Ok(())
}

#[cfg(unix)]
fn is_device(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    metadata.file_type().is_char_device() || metadata.file_type().is_block_device()
}

#[cfg(not(unix))]
fn is_device(_: &fs::Metadata) -> bool {
    false
}

/// Text from outside, made fit to stand within a line: no breaks, no control characters, no great length.
fn one_line(text: &str) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_control() && !c.is_whitespace() { '\u{fffd}' } else { c }).collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 400 { line } else { line.chars().take(400).chain(['…']).collect() }
}
