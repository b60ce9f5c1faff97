//! The format of PyTorch 1.6 and later: a zip archive whose entries are stored as they are. `NAME/data.pkl` is the
//! pickle, `NAME/data/KEY` a storage.

use std::{collections::BTreeMap, ops::Range};

use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipLocator};

use super::{
    super::{
        contents::{Contents, Format},
        names::printable,
        sniff::EXPECTED,
        source::Reader,
    },
    pickle::{Fault, LONGEST, Pickle},
    state_dict,
};
use crate::error::{Error, Result};

/// An entry's bytes in the file, or why they are not there to be read.
type Place = Result<Range<u64>, String>;

/// # Errors
/// [`Error::Io`] where it cannot be read, [`Error::Weights`] where it holds no state dict.
pub(in super::super) fn contents(reader: &Reader<'_>, origin: &str) -> Result<Contents> {
    let wrong = |what: String| Error::Weights(format!("{origin}: {what}"));
    let entries = entries(reader).map_err(wrong)?;
    let pickles: Vec<_> = entries.keys().filter_map(|name| name.strip_suffix("data.pkl")).collect();
    let root = match pickles[..] {
        [root] => root,
        [] if entries.keys().any(|name| name.ends_with(".npy")) => {
            return Err(wrong(format!("it is a NumPy archive; {EXPECTED}")));
        }
        [] => return Err(wrong(format!("it is a zip archive, but not PyTorch's; {EXPECTED}"))),
        _ => return Err(wrong("it is a zip archive with several pickles; one was expected".to_owned())),
    };
    if entries
        .keys()
        .any(|name| name.starts_with(&format!("{root}code/")) || *name == format!("{root}constants.pkl"))
    {
        return Err(wrong("it is a TorchScript program; save the network's state_dict() instead".to_owned()));
    }
    let read = |name: &str| -> Result<Option<Vec<u8>>> {
        match entries.get(&format!("{root}{name}")) {
            None => Ok(None),
            Some(Err(why)) => Err(wrong(format!("its {name} is {why}"))),
            Some(Ok(range)) if range.end - range.start > LONGEST => {
                Err(wrong(format!("its {name} has {} bytes, more than any has", range.end - range.start)))
            }
            Some(Ok(range)) => reader.read(range.start, (range.end - range.start) as usize).map(Some),
        }
    };
    if read("byteorder")?.is_some_and(|order| order != b"little") {
        return Err(wrong(
            "it was written on a big-endian machine; save it anew on a little-endian one".to_owned(),
        ));
    }
    let pickle = Pickle::read(&read("data.pkl")?.unwrap_or_default()).map_err(|fault| match fault {
        Fault::End => wrong("its pickle is cut short".to_owned()),
        Fault::Refused(what) => wrong(what),
    })?;
    let place = |key: &str| match entries.get(&format!("{root}data/{key}")) {
        Some(place) => place.clone(),
        None => Err(format!("in a storage {} that the archive lacks", printable(key))),
    };
    state_dict::contents(&pickle, Format::Pytorch, place).map_err(wrong)
}

/// Every entry by its name.
fn entries(reader: &Reader<'_>) -> Result<BTreeMap<String, Place>, String> {
    let cut_short = |_: &dyn std::error::Error| {
        "the file is cut short or damaged: the zip archive's directory, which comes last, cannot be read"
            .to_owned()
    };
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let archive = ZipLocator::new()
        .locate_in_reader(reader, &mut buffer, reader.length())
        .map_err(|(_, error)| cut_short(&error))?;
    let mut found = BTreeMap::new();
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry().map_err(|error| cut_short(&error))? {
        let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
        let place = if entry.compression_method() != CompressionMethod::STORE {
            Err("compressed in the archive, as torch.save does not do".to_owned())
        } else {
            match archive.get_entry(entry.wayfinder()).map(|entry| entry.compressed_data_range()) {
                Ok((start, end)) if start <= end && end <= reader.length() => Ok(start..end),
                _ => Err("cut short or damaged in the archive".to_owned()),
            }
        };
        if found.insert(name, place).is_some() {
            return Err("the zip archive has two entries of one name".to_owned());
        }
    }
    Ok(found)
}
