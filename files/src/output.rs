//! Files out: whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use perceptual_loss::low_level::WholeFile;

use crate::Error;

/// A file that is to be written. It takes its name when it is whole: until then nothing of that name changes, and
/// nothing of another name is there.
///
/// ```
/// # fn main() -> Result<(), perceptual_loss_files::Error> {
/// # let path = std::env::temp_dir().join("perceptual-loss-files-doc.txt");
/// let output = perceptual_loss_files::Output::new(&path)?;
/// output.check()?; // before the work
/// output.finish(b"its result")?;
/// # std::fs::remove_file(path).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Output {
    /// As it was given.
    given: PathBuf,
    /// Through links, so that what they point to is replaced and not the link.
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A file, which is written beside its place and renamed.
    File,
    /// A pipe or a device, which must not be replaced by a file.
    Direct(File),
}

impl Output {
    /// Looks at what is there now, and opens it where it is a pipe or a device.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn new(path: &Path) -> Result<Self, Error> {
        let given = path.to_owned();
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let refused = |source| Error::Unwritable { path: given.clone(), source };
        let place = match fs::metadata(&path) {
            Ok(what) if what.is_dir() => return Err(refused(io::Error::other("it is a folder"))),
            Ok(what) if !what.is_file() => {
                Place::Direct(File::options().write(true).open(&path).map_err(refused)?)
            }
            _ => Place::File,
        };
        Ok(Self { given, path, place })
    }

    /// Whether a file of another name is there while [`check`](Self::check) and [`finish`](Self::finish) work. A program
    /// that may be ended at any time should see to it that it is not ended in between.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        matches!(self.place, Place::File)
    }

    /// Sees to it that there can be such a file, before the work whose result it is to hold.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn check(&self) -> Result<(), Error> {
        if self.is_replaced() {
            // It is gone at once: a run that is ended before it has a result leaves nothing.
            begin(&self.path).map_err(|source| Error::Unwritable { path: self.given.clone(), source })?;
        }
        Ok(())
    }

    /// Writes all of it and gives it its name.
    ///
    /// # Errors
    /// [`Error::NotWritten`].
    pub fn finish(self, bytes: &[u8]) -> Result<(), Error> {
        let Self { path, place, .. } = self;
        let written = match place {
            Place::File => replace(&path, bytes),
            Place::Direct(mut file) => match file.write_all(bytes) {
                // Whoever read has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written,
            },
        };
        written.map_err(|source| Error::NotWritten { path, source })
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = begin(path)?;
    file.write_all(bytes)?;
    file.finish()
}

/// What keeps a file from being made is said without a number.
fn begin(path: &Path) -> io::Result<WholeFile> {
    WholeFile::create(path).map_err(|error| match error.raw_os_error() {
        Some(_) => error.kind().into(),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(path: &Path) -> Result<Output, Error> {
        let output = Output::new(path)?;
        output.check()?;
        Ok(output)
    }

    #[test]
    fn a_file_is_there_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "before").unwrap();
        let output = checked(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is there before it is whole");
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        output.finish(b"after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        drop(checked(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_written_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for (path, why) in [
            (folder.path().to_owned(), "it is a folder"),
            (folder.path().join("none/a.txt"), "its folder does not exist"),
        ] {
            let error = checked(&path).unwrap_err();
            assert!(error.is_input());
            let expected = format!("{}: cannot be written: {why}; name another file", path.display());
            assert_eq!(error.to_string(), expected);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        checked(Path::new("/dev/null")).unwrap().finish(b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let full = checked(Path::new("/dev/full")).unwrap().finish(b"no room").unwrap_err();
        assert!(!full.is_input());
    }
}
