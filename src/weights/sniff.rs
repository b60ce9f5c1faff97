//! What a file is, told by its first bytes: a format of weights, or something else that is then named.

use super::{
    contents::Format,
    safetensors::{LONGEST_HEADER, PREAMBLE},
    source::Reader,
};
use crate::error::{Error, Result};

/// Bytes that are looked at: a tar archive says what it is in those from 257 on.
const LOOKED_AT: u64 = 512;

/// Every zip archive's first bytes; those of one without entries are others.
const ZIP: &[u8] = b"PK\x03\x04";

/// What files begin with that are often taken for weights, what such a file is, and what to do with it.
const OTHERS: &[(&[u8], &str, &str)] = &[
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file that it stands for",
        "fetch that with 'git lfs pull'",
    ),
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file, as Keras and TensorFlow write them",
        "bring torchvision's VGG as safetensors or PyTorch .pth",
    ),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", WANTED),
    (b"\xff\xd8\xff", "a JPEG picture", WANTED),
    (b"GIF8", "a GIF picture", WANTED),
    (b"RIFF", "a WebP picture or a sound", WANTED),
    (b"BM", "a BMP picture", WANTED),
    (b"\x93NUMPY", "a NumPy array", WANTED),
    (b"GGUF", "a GGUF file", WANTED),
    (b"\x1f\x8b", "compressed with gzip", "unpack it first"),
    (b"PK\x05\x06", "a zip archive without entries", WANTED),
];

/// What would be right, for errors.
pub(super) const WANTED: &str = "expected torchvision's VGG as safetensors or PyTorch .pth";

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
    if is_onnx(&bytes) {
        return refused("this is an ONNX model", WANTED);
    }
    refused(&format!("not a safetensors file, nor a PyTorch one{}", why(&bytes, reader.length())), WANTED)
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

/// ONNX has no magic number: it is told by its first field, a small version, and by its second, who made it.
fn is_onnx(bytes: &[u8]) -> bool {
    let [0x08, 1..=20, 0x12, length, rest @ ..] = bytes else { return false };
    rest.get(..usize::from(*length)).is_some_and(|producer| producer.iter().all(u8::is_ascii_graphic))
}
