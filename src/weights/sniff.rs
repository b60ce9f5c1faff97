//! What a file is, told by its first bytes: a format of weights, or something else that is then named.

use super::{
    contents::Format,
    names::printable,
    safetensors::{LONGEST_HEADER, PREAMBLE},
    source::Reader,
};
use crate::error::{Error, Result};

/// Bytes that are looked at: a tar archive says what it is in those from 257 on.
const LOOKED_AT: u64 = 512;

/// What the index of a model in shards has.
const WEIGHT_MAP: &[u8] = b"\"weight_map\"";

/// Every zip archive's first bytes; those of one without entries are others.
const ZIP: &[u8] = b"PK\x03\x04";

/// What files begin with that are often taken for weights, what such a file is, and what to do with it.
const OTHERS: &[(&[u8], &str, &str)] = &[
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file that it stands for",
        "fetch that with 'git lfs pull'",
    ),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras and TensorFlow write them", BRING),
    (b"MATLAB ", "a MATLAB file, as MatConvNet has its VGG", BRING),
    (b"model_checkpoint_path:", "the list of a TensorFlow checkpoint's files", BRING),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", WANTED),
    (b"\xff\xd8\xff", "a JPEG picture", WANTED),
    (b"GIF8", "a GIF picture", WANTED),
    (b"RIFF", "a WebP picture or a sound", WANTED),
    (b"BM", "a BMP picture", WANTED),
    (b"\x93NUMPY", "a NumPy array", WANTED),
    (b"GGUF", "a GGUF file", WANTED),
    (b"lmgg", "a GGML file", WANTED),
    (b"tjgg", "a GGML file", WANTED),
    (b"\x1f\x8b", "compressed with gzip", UNPACK),
    (b"\xfd7zXZ\0", "compressed with xz", UNPACK),
    (b"BZh", "compressed with bzip2", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"%PDF", "a PDF", WANTED),
    (b"PK\x05\x06", "a zip archive without entries", WANTED),
];

/// What would be right, for errors.
pub(super) const WANTED: &str = "expected torchvision's VGG as safetensors or PyTorch .pth";

/// The same of a file that holds a VGG, but another framework's.
const BRING: &str = "bring torchvision's VGG as safetensors or PyTorch .pth";

const UNPACK: &str = "unpack it first";

/// Text is looked through as far as this.
const LONGEST_TEXT: u64 = 1 << 20;

/// A TensorFlow checkpoint's index ends with these, as LevelDB's tables do.
const TABLE: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();

/// The format of weights that a file has.
///
/// # Errors
/// [`Error::Weights`] that names what it is instead.
pub(super) fn format(reader: &Reader<'_>, origin: &str) -> Result<Format> {
    let bytes = reader.read(0, reader.length().min(LOOKED_AT) as usize)?;
    // First, since the length of a good header may well begin with another format's bytes.
    if is_safetensors(&bytes, reader.length()) {
        return Ok(Format::Safetensors);
    }
    let refused = |what: &str, instead: &str| Err(Error::Weights(format!("{origin}: {what}; {instead}")));
    let pytorch = |format| match cfg!(feature = "pth") {
        true => Ok(format),
        false => refused(
            "a PyTorch .pth, which this build does not read",
            "enable the feature \"pth\", or convert the file to safetensors",
        ),
    };
    if bytes.is_empty() {
        return refused("the file is empty", WANTED);
    }
    if bytes.starts_with(ZIP) {
        return pytorch(Format::Pytorch);
    }
    // PROTO and a version of pickle's that PyTorch can be asked for.
    if matches!(bytes[..], [0x80, 2..=5, ..]) {
        return pytorch(Format::PytorchLegacy);
    }
    if let Some((_, what, instead)) = OTHERS.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return refused(&format!("this is {what}"), instead);
    }
    if is_html(&bytes) {
        return refused("this is an HTML page, so the download went wrong", "download the file again");
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return refused(
            "this is a tar archive, as PyTorch wrote them before version 0.1.10",
            "load it in Python and save its state_dict",
        );
    }
    if let Some(what) = protobuf(&bytes) {
        return refused(&format!("this is {what}"), BRING);
    }
    if bytes.get(4..8) == Some(b"TFL3") {
        return refused("this is a TensorFlow Lite model", BRING);
    }
    if reader.length() >= 8 && reader.read(reader.length() - 8, 8)? == TABLE {
        return refused("this is the index of a TensorFlow checkpoint", BRING);
    }
    let text = text(&bytes);
    if text.is_some_and(|text| text.starts_with('{')) && is_index(reader)? {
        return refused(
            "this is the index of a model in shards (its \"weight_map\" says which shard has which tensor), without a tensor",
            "load the model in Python and save its state_dict as one file",
        );
    }
    let but = text.map_or_else(String::new, |text| {
        let first: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
        format!(", but text that begins '{}'", printable(&first))
    });
    let why = why(&bytes, reader.length());
    refused(&format!("not a safetensors file, nor a PyTorch one{but}{why}"), WANTED)
}

/// A header of a length that can be, or could be if the file went on, which begins as JSON objects do.
fn is_safetensors(bytes: &[u8], length: u64) -> bool {
    let Some((announced, [b'{', rest @ ..])) = preamble(bytes) else { return false };
    let fits = announced <= length.saturating_sub(PREAMBLE);
    fits || announced <= LONGEST_HEADER && matches!(rest, [b'"' | b'}' | b' ', ..])
}

fn preamble(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (preamble, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*preamble), rest))
}

/// Why these bytes begin no safetensors file, for whoever believes that they do.
fn why(bytes: &[u8], length: u64) -> String {
    match preamble(bytes) {
        None => format!(" (it has {length} bytes)"),
        Some((announced, _)) if announced > length - PREAMBLE => {
            format!(
                " (its first 8 bytes announce a header of {announced} bytes, {} follow)",
                length - PREAMBLE
            )
        }
        Some(_) => " (its header does not begin with '{')".to_owned(),
    }
}

fn is_html(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begins =
        |with: &str| text.get(..with.len()).is_some_and(|text| text.eq_ignore_ascii_case(with.as_bytes()));
    ["<!doctype html", "<html", "<head", "<body", "<?xml", "<!--"].into_iter().any(begins)
}

/// Models that are Protocol Buffers have no magic numbers: they are told by their first fields.
fn protobuf(bytes: &[u8]) -> Option<&'static str> {
    let is_name = |length: u8, rest: &[u8]| {
        let name = rest.get(..usize::from(length));
        length > 0
            && name.is_some_and(|name| name.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic()))
    };
    match bytes {
        // A small version, and who made it; or, where that is left out, the graph or its operators' versions.
        [0x08, 1..=20, 0x12, length, rest @ ..] if is_name(*length, rest) => Some("an ONNX model"),
        [0x08, 3..=20, 0x3a | 0x42, ..] => Some("an ONNX model"),
        // The version of the format is 1, then comes a graph with its own description.
        [0x08, 1, 0x12, ..] => Some("a TensorFlow SavedModel"),
        // A network's name, then a layer; a node, whose name comes first and then its operation.
        [0x0a, length, rest @ ..]
            if is_name(*length, rest) && matches!(rest[usize::from(*length)..], [0x12 | 0x1a | 0xa2, ..]) =>
        {
            Some("a Caffe model")
        }
        [0x0a, _, 0x0a, length, rest @ ..]
            if is_name(*length, rest) && rest.get(usize::from(*length)) == Some(&0x12) =>
        {
            Some("a TensorFlow graph")
        }
        _ => None,
    }
}

/// The text that a file begins with, where these bytes of it are nothing else. The last character may be cut off.
fn text(bytes: &[u8]) -> Option<&str> {
    let end = match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_some() => return None,
        Err(error) => error.valid_up_to(),
        Ok(text) => text.len(),
    };
    let text = str::from_utf8(&bytes[..end]).ok()?.trim_start_matches('\u{feff}').trim();
    let is_strange = |c: char| c.is_control() && !c.is_whitespace();
    (!text.is_empty() && !text.contains(is_strange)).then_some(text)
}

/// Whether JSON says which shard has which tensor.
fn is_index(reader: &Reader<'_>) -> Result<bool> {
    let text = reader.read(0, reader.length().min(LONGEST_TEXT) as usize)?;
    Ok(text.windows(WEIGHT_MAP.len()).any(|part| part == WEIGHT_MAP))
}
