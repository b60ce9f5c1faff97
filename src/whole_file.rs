//! A file that is replaced as a whole or not at all.

use std::{
    fs::{self, File, Metadata},
    io::{self, BufWriter, ErrorKind, Write},
    path::{self, Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// Where a file is to stand, looked at before the work whose result it is to hold.
#[derive(Debug)]
pub struct Place {
    /// Through links, so that what they lead to is replaced and not the link.
    path: PathBuf,
    now: Now,
}

/// What is there now.
#[derive(Debug)]
enum Now {
    Nothing,
    File(Metadata),
    /// A pipe or a device, which is written to and not replaced.
    Stream(File),
}

/// A file on its way. It is written beside its place, on the same file system, under a name that begins with
/// `.perceptual-loss-`, and takes its name when it is whole. Where it is dropped before, nothing of it is left.
#[derive(Debug)]
pub struct WholeFile {
    file: BufWriter<File>,
    /// What is to be done at the end; nothing of a stream.
    rename: Option<Rename>,
}

#[derive(Debug)]
struct Rename {
    temporary: Temporary,
    path: PathBuf,
    replaced: Option<Metadata>,
}

impl Place {
    /// Looks at what stands at `path`, or, where that is a link, where the link leads: there need be nothing yet. A pipe or
    /// a device is opened.
    ///
    /// # Errors
    /// Where there can be no such file.
    pub fn new(path: &Path) -> io::Result<Self> {
        let (path, now) = match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(io::Error::other("it is a folder")),
            Ok(there) if there.is_file() => (fs::canonicalize(path).map_err(plain)?, Now::File(there)),
            Ok(_) => {
                let stream = File::options().write(true).open(path).map_err(plain)?;
                (path.to_owned(), Now::Stream(stream))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => (through_links(path)?, Now::Nothing),
            Err(error) => return Err(plain(error)),
        };
        Ok(Self { path, now })
    }

    /// Whether what is written takes the place of what is there, and is not written into it.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        !matches!(self.now, Now::Stream(_))
    }

    /// Begins the file.
    ///
    /// # Errors
    /// Where its folder is missing or takes none.
    pub fn begin(&self) -> io::Result<WholeFile> {
        let replaced = match &self.now {
            Now::Stream(stream) => {
                return Ok(WholeFile { file: BufWriter::new(stream.try_clone()?), rename: None });
            }
            Now::File(there) => Some(there.clone()),
            Now::Nothing => None,
        };
        let (file, temporary) = beside(&self.path, replaced.is_some()).map_err(plain)?;
        let temporary = Temporary(temporary);
        if let Some(there) = &replaced {
            see_that_it_can_go(there, &self.path, &file)?;
        }
        let rename = Rename { temporary, path: self.path.clone(), replaced };
        Ok(WholeFile { file: BufWriter::new(file), rename: Some(rename) })
    }
}

impl WholeFile {
    /// Begins a file that is to stand at `path`, as [`Place`] has it.
    ///
    /// # Errors
    /// Where there can be no such file: its folder is missing or takes none, or there is a folder.
    pub fn create(path: &Path) -> io::Result<Self> {
        Place::new(path)?.begin()
    }

    /// Gives the file its name, once all of it is on the disk. Of a file that it replaces it has the mode, and the owner and
    /// group as far as this process may give them.
    ///
    /// # Errors
    /// Where there is no room, for one. What stood there before then still does.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        let Self { file, rename } = self;
        let Some(Rename { temporary, path, replaced }) = rename else { return Ok(()) };
        if let Some(replaced) = replaced {
            become_like(file.get_ref(), &replaced);
        }
        // Some file systems tell only now that they are full.
        file.get_ref().sync_all()?;
        fs::rename(&temporary.0, path)
    }

    /// Of a stream, whoever read may have seen enough.
    fn unless_reader_has_gone<T>(&self, written: io::Result<T>, else_: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe && self.rename.is_none() => Ok(else_),
            written => written,
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.unless_reader_has_gone(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.unless_reader_has_gone(flushed, ())
    }
}

/// What keeps a file from being made, in words alone.
fn plain(error: io::Error) -> io::Error {
    let what = match (error.kind(), error.raw_os_error()) {
        (ErrorKind::NotFound, _) => "its folder does not exist".to_owned(),
        (ErrorKind::NotADirectory, _) => "what should be its folder is a file".to_owned(),
        (ErrorKind::InvalidFilename, _) => "its name is too long".to_owned(),
        (_, Some(number)) => error.to_string().replace(&format!(" (os error {number})"), ""),
        (_, None) => return error,
    };
    io::Error::new(error.kind(), what)
}

/// Where a name leads at which nothing is, or a link to nothing.
fn through_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // No row of links is longer: the system itself gave up before.
    for _ in 0..64 {
        if path.as_os_str().as_encoded_bytes().last().is_some_and(|&end| path::is_separator(end.into())) {
            return Err(io::Error::other("it names a folder, which does not exist"));
        }
        if path.file_name().is_none() {
            return Err(io::Error::other("it names no file"));
        }
        match fs::read_link(&path) {
            Ok(target) => {
                path.pop();
                path.push(target);
            }
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("its links lead nowhere"))
}

/// A new file in the folder of `path`; of its owner alone where it may not be for all who could read it.
fn beside(path: &Path, is_private: bool) -> io::Result<(File, PathBuf)> {
    /// Files that this process began, so that no two have one name.
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = is_private;
    loop {
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let name = path.with_file_name(format!(".perceptual-loss-{}-{number}.tmp", process::id()));
        match options.open(&name) {
            // Another machine's process may have this one's number, on a disk that they share.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (file, name)),
        }
    }
}

/// In a folder such as /tmp only its owner or the folder's may replace a file. The system would say so at the end.
#[cfg(unix)]
fn see_that_it_can_go(there: &Metadata, path: &Path, own: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    const STICKY: u32 = 0o1000;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let (folder, we) = (fs::metadata(folder)?, own.metadata()?.uid());
    if folder.mode() & STICKY == 0 || [0, there.uid(), folder.uid()].contains(&we) {
        return Ok(());
    }
    Err(io::Error::new(
        ErrorKind::PermissionDenied,
        "it is somebody else's, in a folder where each keeps their own",
    ))
}

#[cfg(not(unix))]
fn see_that_it_can_go(_: &Metadata, _: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

/// Gives `file` the owner, group and mode of what it replaces, as far as that is permitted. Nobody may do with it what they
/// could not do before.
#[cfg(unix)]
fn become_like(file: &File, replaced: &Metadata) {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

    let (mut mode, owner, group) = (replaced.mode() & 0o7777, replaced.uid(), replaced.gid());
    // Only root gives files away. Where it is not permitted, or the file system has no owners, the file is ours.
    if fchown(file, Some(owner), Some(group)).is_err() {
        let _ = fchown(file, None, Some(group));
    }
    let is = file.metadata().map(|is| (is.uid(), is.gid()));
    if !is.as_ref().is_ok_and(|&(_, is)| is == group) {
        // Another group has what all others had.
        mode = mode & !0o070 | (mode & 0o007) << 3;
    }
    if !is.is_ok_and(|is| is == (owner, group)) {
        mode &= 0o777;
    }
    let _ = file.set_permissions(fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn become_like(_: &File, _: &Metadata) {}

/// A file that is removed unless it was renamed.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is not there where all went well.
        let _ = fs::remove_file(&self.0);
    }
}
