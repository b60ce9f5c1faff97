//! A file that is on its way, and what it takes to go on with it after the connection, or the program, broke off.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use perceptual_loss::low_level::shown;
use sha2::{Digest as _, Sha256};

use super::download::is_validator;
use crate::interrupt;

/// The first bytes of a file.
///
/// Beside it stands its validator, by which its server can tell whether it still has the file that they begin.
pub struct Partial {
    path: PathBuf,
    file: File,
    length: u64,
    hash: Sha256,
}

impl Partial {
    /// What is there, or an empty one.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = open_own(path)?;
        let mut partial = Self { path: path.to_owned(), file, length: 0, hash: Sha256::new() };
        let mut block = vec![0; 1 << 20];
        loop {
            match partial.file.read(&mut block)? {
                0 => {
                    partial.leave_nothing_unless(partial.validator().is_some());
                    return Ok(partial);
                }
                read => partial.count(&block[..read]),
            }
        }
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// In lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The validator, where these bytes can be gone on from. One that is damaged is none.
    pub fn validator(&self) -> Option<String> {
        if self.length == 0 || !fs::symlink_metadata(self.beside()).is_ok_and(|there| there.is_file()) {
            return None;
        }
        let mut text = String::new();
        // As much as tells that it is too long.
        File::open(self.beside()).ok()?.take(2048).read_to_string(&mut text).ok()?;
        Some(text).filter(|text| is_validator(text))
    }

    /// Forgets what is there; what comes from now on is of the file with this validator, if it has one.
    pub fn restart(&mut self, validator: Option<&str>) -> io::Result<()> {
        // In this order: no bytes may ever stand beside another file's validator.
        self.file.set_len(0)?;
        self.file.rewind()?;
        (self.length, self.hash) = (0, Sha256::new());
        remove(&self.beside())?;
        if let Some(validator) = validator {
            File::create_new(self.beside())?.write_all(validator.as_bytes())?;
        }
        self.leave_nothing_unless(validator.is_some());
        Ok(())
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.count(bytes);
        Ok(())
    }

    /// Removes it and its validator.
    pub fn remove(self) -> io::Result<()> {
        let (path, beside) = (self.path.clone(), self.beside());
        interrupt::leave_nothing_of(None);
        // Some platforms remove no file that is open.
        drop(self);
        remove(&path).and(remove(&beside))
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Where it cannot be gone on from, a program that is asked to end leaves nothing of it.
    fn leave_nothing_unless(&self, it_goes_on: bool) {
        interrupt::leave_nothing_of(Some(self.path.as_path()).filter(|_| !it_goes_on));
    }

    fn beside(&self) -> PathBuf {
        self.path.with_extension("validator")
    }
}

/// A file that this command alone makes and writes, or an empty one. A link is not followed, since it may lead to anything,
/// and a pipe is not waited for.
pub fn open_own(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let no_file = || {
        let name = path.file_name().map(|name| shown::name(name.as_ref())).unwrap_or_default();
        io::Error::other(format!("{name} is no file but a link, a folder or a pipe; remove it"))
    };
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(no_file());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
