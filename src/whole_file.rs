//! A file that is replaced as a whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// A file on its way. It is written beside its place, on the same file system, under a name that begins with
/// `.perceptual-loss-`, and takes its name when it is whole. Where it is dropped before, nothing of it is left.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    file: BufWriter<File>,
    temporary: Temporary,
}

impl WholeFile {
    /// Begins a file that is to stand at `path`, or, where that is a link, where the link leads.
    ///
    /// # Errors
    /// Where there can be no such file: its folder is missing or takes none, or what is there is no file.
    pub fn create(path: &Path) -> io::Result<Self> {
        // A device would be replaced by the file, and a link by what it should have led to.
        if fs::metadata(path).is_ok_and(|target| !target.is_file()) {
            return Err(io::Error::other("exists and is not a file"));
        }
        if path.file_name().is_none() {
            return Err(io::Error::other("names no file"));
        }
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (file, temporary) = beside(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(error.kind(), "its folder does not exist"),
            _ => error,
        })?;
        Ok(Self { path, file: BufWriter::new(file), temporary: Temporary(temporary) })
    }

    /// Gives the file its name, once all of it is on the disk.
    ///
    /// # Errors
    /// Where there is no room, for one. What stood there before then still does.
    pub fn finish(self) -> io::Result<()> {
        let Self { path, file, temporary } = self;
        // Some file systems tell only now that they are full.
        file.into_inner()?.sync_all()?;
        fs::rename(&temporary.0, path)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A new file in the folder of `path`.
fn beside(path: &Path) -> io::Result<(File, PathBuf)> {
    /// Files that this process began, so that no two have one name.
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let name = path.with_file_name(format!(".perceptual-loss-{}-{number}.tmp", process::id()));
        match File::create_new(&name) {
            // Another machine's process may have this one's number, on a disk that they share.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (file, name)),
        }
    }
}

/// A file that is removed unless it was renamed.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is not there where all went well.
        let _ = fs::remove_file(&self.0);
    }
}
