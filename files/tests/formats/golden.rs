//! The files of `files/tests/golden/formats.py`, against the pixels that Pillow reads from them.

use std::{fs, path::PathBuf};

use perceptual_loss_files::{Picture, Reading, Source};
use serde::Deserialize;

use crate::read;

#[derive(Deserialize)]
pub struct Entry {
    pub file: String,
    pixels: String,
    width: u32,
    height: u32,
    tolerance: f32,
    warnings: Vec<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats")
}

pub fn bytes(file: &str) -> Vec<u8> {
    fs::read(folder().join(file)).unwrap()
}

pub fn entries() -> Vec<Entry> {
    serde_json::from_slice(&bytes("formats.json")).unwrap()
}

#[test]
fn every_format_holds_the_pixels_that_another_implementation_reads() {
    let mut wrong = vec![];
    for entry in entries() {
        let picture = match read(&entry.file, &bytes(&entry.file), "") {
            Ok(picture) => picture,
            Err(message) => {
                wrong.push(message);
                continue;
            }
        };
        assert_eq!(picture.size(), (entry.width, entry.height), "{}", entry.file);
        let expected: Vec<_> =
            bytes(&entry.pixels).as_chunks().0.iter().copied().map(f32::from_le_bytes).collect();
        let values = picture.values();
        assert_eq!(values.len(), expected.len(), "{}", entry.file);
        let off = values.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // A share as float32 may be a rounding off.
        if off > entry.tolerance.max(1e-7) {
            wrong.push(format!("{}: {} steps of 255 off", entry.file, off * 255.0));
        }
        let warnings = &picture.warnings;
        if warnings.len() != entry.warnings.len()
            || !warnings.iter().zip(&entry.warnings).all(|(warning, part)| warning.contains(part))
        {
            wrong.push(format!("{}: {warnings:?}, not {:?}", entry.file, entry.warnings));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sizes are told from headers alone, and before orientation swaps sides they must know about it.
#[test]
fn headers_tell_the_size() {
    for entry in entries() {
        let source = Source::of_bytes(&entry.file, bytes(&entry.file));
        let size = Picture::size_of(&source, &Reading::default()).unwrap();
        assert_eq!(size, (entry.width, entry.height), "{}", entry.file);
    }
}
