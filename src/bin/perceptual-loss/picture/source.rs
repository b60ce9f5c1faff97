//! A picture file's bytes.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use crate::failure::Failure;

/// The file's bytes; `-` is standard input. A file of more than `most` bytes is refused: no picture that may be
/// decoded is as large.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let wrong = |what: String| Failure::input(format!("{}: {what}", path.display()));
    let bytes = if path.as_os_str() == "-" {
        bytes(io::stdin().lock(), most)
    } else {
        if fs::metadata(path).is_ok_and(|kind| kind.is_dir()) {
            return Err(wrong("is a folder; a picture file was expected".to_owned()));
        }
        File::open(path).and_then(|file| bytes(file, most))
    };
    let bytes = bytes.map_err(|error| wrong(format!("{error}; a picture file was expected")))?;
    if bytes.len() as u64 > most {
        return Err(wrong(format!("the file has more than {most} bytes, the limit; --max-decoded sets it")));
    }
    if bytes.is_empty() {
        return Err(wrong("the file is empty; a picture file was expected".to_owned()));
    }
    Ok(bytes)
}

fn bytes(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
