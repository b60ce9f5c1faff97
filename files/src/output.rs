//! Files out: whole or not at all.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use perceptual_loss::low_level::Place;

use crate::Error;

/// A file that is to be written. It takes its name when it is whole: until then nothing of that name changes, and
/// nothing of another name is there.
///
/// A link stays, and what it leads to is written, whether or not it is there yet. Of a file that is replaced the mode stays,
/// and the owner and group as far as that is permitted. A pipe or a device is written to.
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
    path: PathBuf,
    place: Place,
}

impl Output {
    /// Looks at what is there now, and opens it where it is a pipe or a device.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn new(path: &Path) -> Result<Self, Error> {
        match Place::new(path) {
            Ok(place) => Ok(Self { path: path.to_owned(), place }),
            Err(source) => Err(Error::Unwritable { path: path.to_owned(), source }),
        }
    }

    /// Whether a file of another name is there while [`check`](Self::check) and [`finish`](Self::finish) work. A program
    /// that may be ended at any time should see to it that it is not ended in between.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.place.is_replaced()
    }

    /// Sees to it that there can be such a file, before the work whose result it is to hold.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn check(&self) -> Result<(), Error> {
        // It is gone at once: a run that is ended before it has a result leaves nothing.
        match self.place.begin() {
            Ok(_) => Ok(()),
            Err(source) => Err(Error::Unwritable { path: self.path.clone(), source }),
        }
    }

    /// Writes all of it and gives it its name.
    ///
    /// # Errors
    /// [`Error::NotWritten`].
    pub fn finish(self, bytes: &[u8]) -> Result<(), Error> {
        let Self { path, place } = self;
        let write = || {
            let mut file = place.begin()?;
            file.write_all(bytes)?;
            file.finish()
        };
        write().map_err(|source| Error::NotWritten { path, source })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        fs::write(folder.path().join("file"), "").unwrap();
        let names_a_folder = "it names a folder, which does not exist";
        for (name, why) in [
            ("", "it is a folder"),
            ("none/a.txt", "its folder does not exist"),
            ("none/..", "it names no file"),
            ("new/", names_a_folder),
            ("file/a.txt", "what should be its folder is a file"),
            (&"n".repeat(300), "its name is too long"),
        ] {
            let path = folder.path().join(name);
            let error = checked(&path).unwrap_err();
            assert!(error.is_input());
            let expected = format!("{}: cannot be written: {why}; name another file", path.display());
            assert_eq!(error.to_string(), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_lead_to_what_is_written() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        // By way of another, and from another folder.
        for (link, to) in
            [("one", "sub/two"), ("sub/two", "three"), ("far", "/"), ("lost", "none/a"), ("round", "round")]
        {
            let to = if to == "/" { path("four") } else { to.into() };
            symlink(to, path(link)).unwrap();
        }
        // What they lead to is not there yet, and then it is.
        for text in ["first", "second"] {
            for (link, to) in [("one", "sub/three"), ("far", "four")] {
                checked(&path(link)).unwrap().finish(text.as_bytes()).unwrap();
                assert!(fs::symlink_metadata(path(link)).unwrap().is_symlink());
                assert!(fs::symlink_metadata(path(to)).unwrap().is_file());
                assert_eq!(fs::read_to_string(path(to)).unwrap(), text);
            }
        }
        assert!(fs::symlink_metadata(path("sub/two")).unwrap().is_symlink());
        let said = |link| checked(&path(link)).unwrap_err().to_string();
        assert!(said("lost").contains("its folder does not exist"), "{}", said("lost"));
        assert!(said("round").contains("links"), "{}", said("round"));
        assert_eq!(fs::read_dir(path("sub")).unwrap().count(), 2, "nothing else is left");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_replaced_keeps_its_mode_and_owner() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let new = |mode| {
            fs::write(&path, "before").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let finished = || {
            checked(&path).unwrap().finish(b"after").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"after");
            let is = fs::metadata(&path).unwrap();
            (is.mode() & 0o7777, is.uid(), is.gid())
        };
        let own = || fs::metadata(&path).map(|is| (is.uid(), is.gid())).unwrap();
        for mode in [0o600, 0o640, 0o664, 0o666, 0o444, 0o755] {
            new(mode);
            let (user, group) = own();
            assert_eq!(finished(), (mode, user, group), "{mode:o}");
            fs::remove_file(&path).unwrap();
        }
        // Only root gives files away.
        new(0o640);
        if chown(&path, Some(1234), Some(4321)).is_ok() {
            assert_eq!(finished(), (0o640, 1234, 4321));
        }
        // A new one has what all new ones have.
        fs::remove_file(&path).unwrap();
        fs::write(folder.path().join("new"), "").unwrap();
        let mode = fs::metadata(folder.path().join("new")).unwrap().mode() & 0o7777;
        checked(&path).unwrap().finish(b"after").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
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
