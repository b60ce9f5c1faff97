//! What a file is by its first bytes; and what it is where it is no weights file.

use super::{contents::Format, safetensors::PREAMBLE, source::Reader};
use crate::error::{Error, Result};

/// Bytes that are looked at.
const HEAD: u64 = 512;

/// What would be right, as messages end.
pub(super) const EXPECTED: &str = "expected torchvision's VGG as a safetensors file or as PyTorch's .pth";

/// # Errors
/// [`Error::Io`] where it cannot be read, [`Error::Weights`] that names what it is instead of weights.
pub(super) fn format(reader: &Reader<'_>, origin: &str) -> Result<Format> {
    let length = reader.length();
    let head = reader.read(0, length.min(HEAD) as usize)?;
    // First of all, since a header's length may begin with any bytes.
    let announced = head.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
    if head.get(PREAMBLE as usize) == Some(&b'{') && announced <= length - PREAMBLE {
        return Ok(Format::Safetensors);
    }
    if head.starts_with(b"PK\x03\x04") {
        return with_pth(Format::Pytorch, origin);
    }
    // A pickle of protocol 2 and later begins with its number.
    if matches!(head[..], [0x80, 2..=5, ..]) {
        return with_pth(Format::PytorchLegacy, origin);
    }
    let what = mistaken_for_weights(&head).or_else(|| match length {
        0 => Some("the file is empty".to_owned()),
        1..PREAMBLE => Some(format!("it has {length} bytes")),
        _ => None,
    });
    match what {
        Some(what) => Err(Error::Weights(format!("{origin}: not a weights file: {what}; {EXPECTED}"))),
        // Its own reader says what is wrong with it.
        None => Ok(Format::Safetensors),
    }
}

fn with_pth(format: Format, origin: &str) -> Result<Format> {
    if cfg!(feature = "pth") {
        return Ok(format);
    }
    Err(Error::Weights(format!(
        "{origin}: a PyTorch file, and this program was built without feature \"pth\""
    )))
}

/// What files that end up in the place of weights are.
fn mistaken_for_weights(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head).trim_start().to_lowercase();
    let known: [(&dyn Fn() -> bool, &str); 8] = [
        (
            &|| text.starts_with("version https://git-lfs"),
            "it is a Git LFS pointer and not the file that it stands for: 'git lfs pull' fetches that",
        ),
        (
            &|| text.starts_with("<!doctype") || text.starts_with("<html") || text.starts_with("<?xml"),
            "it is an HTML page: the download went wrong",
        ),
        (
            &|| head.starts_with(b"\x89HDF"),
            "it is HDF5, as Keras writes it: its layers have other names and order",
        ),
        (
            &|| head.first() == Some(&8) && (text.contains("pytorch") || text.contains("onnx")),
            "it is an ONNX model: save the network's state_dict() instead",
        ),
        (&|| head.starts_with(b"\x1f\x8b") || head.starts_with(b"BZh"), "it is compressed: unpack it first"),
        (
            &|| head.get(257..262) == Some(b"ustar"),
            "it is a tar archive: unpack it, or save it anew with torch.save",
        ),
        (&|| head.starts_with(b"\x93NUMPY"), "it is a NumPy array"),
        (
            &|| {
                [&b"\x89PNG"[..], b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*"]
                    .iter()
                    .any(|magic| head.starts_with(magic))
                    || (head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP"))
            },
            "it is a picture",
        ),
    ];
    known.iter().find_map(|(is, what)| is().then(|| (*what).to_owned()))
}
