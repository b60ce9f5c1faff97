//! A file that is on its way, and what it takes to go on with it after the connection, or the program, broke off.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

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
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let (mut length, mut hash) = (0, Sha256::new());
        let mut block = vec![0; 1 << 20];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(Self { path: path.to_owned(), file, length, hash }),
                read => {
                    hash.update(&block[..read]);
                    length += read as u64;
                }
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

    /// The validator, where these bytes can be gone on from.
    pub fn validator(&self) -> Option<String> {
        fs::read_to_string(self.beside()).ok().filter(|text| self.length > 0 && !text.is_empty())
    }

    /// Forgets what is there; what comes from now on is of the file with this validator, if it has one.
    pub fn restart(&mut self, validator: Option<&str>) -> io::Result<()> {
        // In this order: no bytes may ever stand beside another file's validator.
        self.file.set_len(0)?;
        self.file.rewind()?;
        (self.length, self.hash) = (0, Sha256::new());
        match validator {
            Some(validator) => fs::write(self.beside(), validator),
            None => remove(&self.beside()),
        }
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Removes it and its validator.
    pub fn remove(self) -> io::Result<()> {
        let (path, beside) = (self.path.clone(), self.beside());
        // Some platforms remove no file that is open.
        drop(self);
        remove(&path).and(remove(&beside))
    }

    fn beside(&self) -> PathBuf {
        self.path.with_extension("validator")
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
