//! Files out: whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{failure::Failure, interrupt};

/// A file that is to be written. It takes its name when it is whole: until then nothing of that name changes, and
/// nothing of another name is there.
pub struct Output {
    path: PathBuf,
    place: Place,
}

enum Place {
    /// A file, which is written in this folder under another name, on the same file system, and renamed.
    File(PathBuf),
    /// A pipe or a device, which must not be replaced by a file.
    Direct(File),
}

impl Output {
    /// Sees to it that there can be such a file, before the work whose result it is to hold.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let refused = |error: io::Error| {
            Failure::input(format!("{}: cannot be written: {error}; name another file", path.display()))
        };
        // Through links, so that what they point to is replaced and not the link.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let place = match fs::metadata(&real) {
            Ok(kind) if kind.is_dir() => return Err(refused(io::Error::other("it is a folder"))),
            Ok(kind) if !kind.is_file() => {
                Place::Direct(File::options().write(true).open(&real).map_err(refused)?)
            }
            _ => {
                let folder = real.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new("."));
                // It is gone at once: a run that is ended before it has a result leaves nothing.
                let _held = interrupt::hold();
                temporary(folder).map_err(refused)?;
                Place::File(folder.to_owned())
            }
        };
        Ok(Self { path: real, place })
    }

    /// Writes all of it and gives it its name.
    pub fn finish(self, bytes: &[u8]) -> Result<(), Failure> {
        let Self { path, place } = self;
        let written = match place {
            Place::File(folder) => replace(&path, &folder, bytes),
            Place::Direct(mut file) => match file.write_all(bytes) {
                // Whoever read has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written,
            },
        };
        written.map_err(|error| Failure::run(format!("{}: cannot be written: {error}", path.display())))
    }
}

fn replace(path: &Path, folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let _held = interrupt::hold();
    let mut file = temporary(folder)?;
    // Through the file itself, whose errors do not name it: it means nothing to a user.
    file.as_file_mut().write_all(bytes)?;
    // Some file systems tell only now that they are full.
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".perceptual-loss-");
    // Temporary files are made for their owner alone; this one is to be read as any other file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other("its folder does not exist"),
        kind => kind.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "before").unwrap();
        let output = Output::create(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is there before it is whole");
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        output.finish(b"after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        drop(Output::create(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_written_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("none/a.txt")] {
            let failure = Output::create(&path).err().unwrap();
            assert_eq!(failure.code, 2);
            assert!(failure.message.contains("cannot be written"), "{failure:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        Output::create(Path::new("/dev/null")).unwrap().finish(b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let full = Output::create(Path::new("/dev/full")).unwrap().finish(b"no room").unwrap_err();
        assert_eq!(full.code, 3);
    }
}
