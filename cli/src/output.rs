//! Files out: whole or not at all, whenever Ctrl-C comes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use perceptual_loss::low_level::shown;
use perceptual_loss_files as files;

use crate::{failure::Failure, interrupt};

/// A file that is to be written.
pub struct Output {
    path: PathBuf,
    file: files::Output,
}

impl Output {
    /// Sees to it that there can be such a file, before the work whose result it is to hold.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        // Which means standard input where a picture may stand.
        if path == "-" {
            return Err(Failure::input("-: standard output is not written to here; name a file"));
        }
        let file = files::Output::new(path)?;
        let _held = file.is_replaced().then(interrupt::hold);
        file.check()?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The same of a file of one format, `what`, whose name may not promise another.
    pub fn of(what: &str, extension: &str, path: &Path) -> Result<Self, Failure> {
        match path.extension() {
            Some(other) if !other.eq_ignore_ascii_case(extension) => Err(Failure::input(format!(
                "{}: {what} is what is written; name a file that ends in .{extension}",
                shown::name(path)
            ))),
            _ => Self::create(path),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of it and gives it its name.
    pub fn finish(self, bytes: &[u8]) -> Result<(), Failure> {
        let _held = self.file.is_replaced().then(interrupt::hold);
        Ok(self.file.finish(bytes)?)
    }

    /// Has it written by what writes whole files itself.
    pub fn finish_by<T>(self, write: impl FnOnce(&Path) -> Result<T, Failure>) -> Result<T, Failure> {
        let _held = self.file.is_replaced().then(interrupt::hold);
        write(&self.path)
    }
}

/// Whether two names lead to one file.
pub fn is_same(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_output_is_no_file() {
        assert!(Output::of("a PNG", "png", Path::new("-")).is_err_and(|failure| failure.code == 2));
    }

    #[test]
    fn a_name_promises_no_other_format() {
        let folder = tempfile::tempdir().unwrap();
        for (name, is_good) in [
            ("a.png", true),
            ("a.PNG", true),
            ("a.jpg.png", true),
            ("a", true),
            (".png", true),
            ("a.jpg", false),
            ("a.png.tmp", false),
        ] {
            match Output::of("a PNG", "png", &folder.path().join(name)) {
                Ok(_) => assert!(is_good, "{name}"),
                Err(failure) => {
                    assert!(!is_good && failure.code == 2, "{}", failure.message);
                    assert!(
                        failure.message.ends_with("a PNG is what is written; name a file that ends in .png")
                    );
                }
            }
        }
    }
}
