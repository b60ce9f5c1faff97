//! PyTorch's zip archive: `NAME/data.pkl` beside `NAME/data/0`, `NAME/data/1` and so on, stored as they are.

use std::{collections::HashMap, io, ops::Range};

use rawzip::{CompressionMethod, ErrorKind, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder};

use super::{input::Input, machine, state};
use crate::{
    error::{Error, Result},
    weights::{
        contents::{Contents, Format},
        names::printable,
        sniff::WANTED,
        source::Reader,
    },
};

/// A comment may follow the archive's directory; PyTorch writes none, and the format allows no longer one.
const SEARCHED: u64 = 64 * 1024 + 22;
/// The most entries that are listed; a checkpoint has one for each tensor.
const MOST_ENTRIES: usize = 200_000;
/// Entries with longer names are none of PyTorch's.
const LONGEST_NAME: usize = 512;

type Archive<'a> = ZipArchive<&'a Reader<'a>>;

#[derive(Clone, Copy)]
struct Found {
    place: ZipArchiveEntryWayfinder,
    stored: bool,
}

/// # Errors
/// [`Error::Io`] where it cannot be read, [`Error::Weights`] where it holds no state dict.
pub(in crate::weights) fn contents(reader: &Reader<'_>, origin: &str) -> Result<Contents> {
    let wrong = |what: &str| Error::Weights(format!("{origin}: {what}"));
    let archive = open(reader, origin)?;
    let entries = list(&archive, reader, origin)?;

    let Some(folder) = entries
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|folder| folder.matches('/').count() <= 1 && (folder.is_empty() || folder.ends_with('/')))
        .min()
    else {
        let has = |end: &str| entries.keys().any(|name| name.ends_with(end));
        let whose = match () {
            () if has("model.weights.h5") => " but Keras's (model.weights.h5)",
            () if has(".npy") => " of NumPy's arrays (.npz)",
            () if has(".pth") || has(".pt") || has(".safetensors") => {
                " with a file of weights in it, which is to be unpacked"
            }
            () => ", but not PyTorch's",
        };
        return Err(wrong(&format!("this is a zip archive{whose}: it has no data.pkl; {WANTED}")));
    };
    let code = format!("{folder}code/");
    if entries.contains_key(&format!("{folder}constants.pkl"))
        || entries.keys().any(|name| name.starts_with(&code))
    {
        return Err(wrong(
            "this is a TorchScript archive, which holds a program; save its weights with torch.save(model.state_dict(), FILE)",
        ));
    }
    let range = |name: &str| match entries.get(name) {
        Some(entry) => range(&archive, reader, *entry),
        None => Err("missing from the archive".to_owned()),
    };
    let read = |name: &str| -> Result<Option<Range<u64>>> {
        let name = format!("{folder}{name}");
        if !entries.contains_key(&name) {
            return Ok(None);
        }
        range(&name).map(Some).map_err(|fault| wrong(&format!("{} is {fault}", printable(&name))))
    };
    if let Some(order) = read("byteorder")?
        && reader.read(order.start, (order.end - order.start).min(16) as usize)? != b"little"
    {
        return Err(wrong(
            "this was saved by a big-endian machine; load it in Python and save it again on a little-endian one",
        ));
    }
    let Some(pickle) = read("data.pkl")? else { return Err(wrong("this is a zip archive without data.pkl")) };
    let pickle = machine::load(&mut Input::new(reader, origin, pickle.start, pickle.end))?;
    state::contents(&pickle, origin, Format::Pytorch, &|key, _| {
        range(&format!("{folder}data/{key}"))
            .map_err(|fault| format!("in a storage, data/{}, that is {fault}", printable(key)))
    })
}

fn open<'a>(reader: &'a Reader<'a>, origin: &str) -> Result<Archive<'a>> {
    ZipArchive::with_max_search_space(SEARCHED)
        .locate_in_reader(reader, &mut vec![0; RECOMMENDED_BUFFER_SIZE], reader.length())
        .map_err(|(_, error)| broken(reader, origin, error))
}

/// The entries by name.
fn list(archive: &Archive<'_>, reader: &Reader<'_>, origin: &str) -> Result<HashMap<String, Found>> {
    let mut found = HashMap::new();
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry().map_err(|error| broken(reader, origin, error))? {
        let name = entry.file_path();
        let Some(name) = str::from_utf8(name.as_bytes()).ok().filter(|name| name.len() <= LONGEST_NAME)
        else {
            continue;
        };
        let stored = entry.compression_method() == CompressionMethod::STORE && !entry.flags().is_encrypted();
        found.insert(name.to_owned(), Found { place: entry.wayfinder(), stored });
        if found.len() > MOST_ENTRIES {
            return Err(Error::Weights(format!(
                "{origin}: the zip archive has more than {MOST_ENTRIES} entries; no weights need as many"
            )));
        }
    }
    Ok(found)
}

/// Where an entry's bytes are, or what is wrong with it.
fn range(archive: &Archive<'_>, reader: &Reader<'_>, entry: Found) -> Result<Range<u64>, String> {
    if !entry.stored {
        return Err(
            "compressed or encrypted; PyTorch stores entries as they are, so save it again with torch.save"
                .to_owned(),
        );
    }
    let opened = archive.get_entry(entry.place).map_err(|error| format!("broken ({error})"))?;
    let (start, end) = opened.compressed_data_range();
    if start > end || end > reader.length() {
        return Err("cut short".to_owned());
    }
    Ok(start..end)
}

fn broken(reader: &Reader<'_>, origin: &str, error: rawzip::Error) -> Error {
    let what = match error.into_kind() {
        ErrorKind::MissingEndOfCentralDirectory | ErrorKind::Eof => {
            "the file is cut short: the zip archive's directory, which comes last, is not whole".to_owned()
        }
        ErrorKind::IO(error) if error.kind() != io::ErrorKind::UnexpectedEof => return reader.failed(error),
        other => format!("this is a broken zip archive: its directory cannot be read ({other})"),
    };
    Error::Weights(format!("{origin}: {}", printable(&what)))
}
