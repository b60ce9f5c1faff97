//! A Radiance file's header, which says more than the decoder does.

use std::{
    borrow::Cow,
    io::{BufRead, Cursor, Read},
};

use super::primaries;

/// What the decoder knows the format by. Some writers put another program's name there.
const SIGNATURE: &[u8] = b"#?RADIANCE";

/// Longer headers there are not.
const LONGEST: usize = 64 << 10;

/// Whether a file is Radiance's: of any program's, as long as its header names a format of pixels.
pub fn is_hdr(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
        || bytes.starts_with(b"#?RGBE")
        || bytes.starts_with(b"#?") && lines(bytes).any(|line| line.starts_with(b"FORMAT=32-bit_rle_"))
}

/// The file under the name that the decoder knows.
pub fn reader(bytes: Cow<'_, [u8]>) -> impl BufRead {
    let name = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let mut rest = Cursor::new(bytes);
    rest.set_position(name as u64);
    SIGNATURE.chain(rest)
}

/// What the header says that changes colours: what deserves a warning.
///
/// # Errors
/// Where its pixels are no RGB, or the header has no end.
pub fn check(bytes: &[u8]) -> Result<Vec<String>, String> {
    // The decoder keeps all lines.
    let start = &bytes[..bytes.len().min(LONGEST)];
    if !start.windows(2).any(|pair| pair == b"\n\n") && !start.windows(3).any(|end| end == b"\n\r\n") {
        return Err(format!("has no end of its header within {LONGEST} bytes; expected an empty line there"));
    }
    let mut notes = vec![];
    // Each of these stands for a product of all its lines; what is indented belongs to pictures that it was made of.
    let (mut exposure, mut correction) = (1.0f32, [1.0f32; 3]);
    for line in lines(bytes) {
        let Some((name, value)) = str::from_utf8(line).ok().and_then(|line| line.split_once('=')) else {
            continue;
        };
        let numbers: Vec<f32> = value.split_whitespace().map_while(|number| number.parse().ok()).collect();
        match (name, numbers.as_slice()) {
            ("FORMAT", _) if value.trim() != "32-bit_rle_rgbe" => {
                return Err(format!(
                    "has pixels of the format '{}', which is not read; expected 32-bit_rle_rgbe",
                    value.trim()
                ));
            }
            ("EXPOSURE", [factor, ..]) => exposure *= factor,
            ("COLORCORR", [r, g, b, ..]) => {
                correction.iter_mut().zip([r, g, b]).for_each(|(correction, factor)| *correction *= factor);
            }
            ("PRIMARIES", [rx, ry, gx, gy, bx, by, wx, wy, ..])
                if !primaries::are_srgb([[*rx, *ry], [*gx, *gy], [*bx, *by], [*wx, *wy]]) =>
            {
                notes.push("its PRIMARIES are not sRGB's; they are not applied".to_owned());
            }
            ("GAMMA", [gamma, ..]) if (gamma - 1.0).abs() > 1e-3 => {
                notes.push(format!(
                    "its GAMMA of {gamma} is not applied; its values are taken as linear light"
                ));
            }
            ("PRIMARIES" | "EXPOSURE" | "COLORCORR" | "GAMMA", []) => {
                notes.push(format!("its {name} is no number, and not applied"));
            }
            _ => {}
        }
    }
    if (exposure - 1.0).abs() > 1e-3 {
        notes.push(format!("its EXPOSURE of {exposure} is not taken back: values are used as stored"));
    }
    if correction.iter().any(|factor| (factor - 1.0).abs() > 1e-3) {
        notes.push("its COLORCORR is not taken back: values are used as stored".to_owned());
    }
    Ok(notes)
}

/// The header's lines, from the second to the empty one.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes[..bytes.len().min(LONGEST)]
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .skip(1)
        .take_while(|line| !line.is_empty())
}
