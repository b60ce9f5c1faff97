//! Damaged files: whatever is cut off or changed, the answer is a picture or a line, and what is cut short is never
//! taken for whole.

use std::{ffi::OsStr, fs, io::Cursor, path::PathBuf, time::Instant};

use clap::Parser;
use image::{DynamicImage, ImageFormat};

use super::*;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    picture: PictureOptions,
}

fn options(arguments: &str) -> PictureOptions {
    Options::parse_from(["test"].into_iter().chain(arguments.split_whitespace())).picture
}

/// One file of each format and oddity, with its name.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/formats");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            !path.to_string_lossy().contains(".expected.") && !path.to_string_lossy().contains("orientation")
        })
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 25);
    // What Pillow does not write.
    let picture = image::open(PathBuf::from(folder).join("plain.bmp")).unwrap();
    for (name, format, picture) in [
        ("light.exr", ImageFormat::OpenExr, DynamicImage::from(picture.to_rgb32f())),
        ("light.hdr", ImageFormat::Hdr, DynamicImage::from(picture.to_rgb32f())),
        ("plain.qoi", ImageFormat::Qoi, picture.clone()),
        ("float.tiff", ImageFormat::Tiff, DynamicImage::from(picture.to_rgb32f())),
        ("deep.png", ImageFormat::Png, DynamicImage::from(picture.to_rgb16())),
    ] {
        let mut bytes = Cursor::new(vec![]);
        picture.write_to(&mut bytes, format).unwrap();
        files.push((PathBuf::from(name), bytes.into_inner()));
    }
    files
}

#[test]
fn a_file_cut_short_is_an_error_or_the_whole_picture() {
    let options = options("");
    for (path, bytes) in files() {
        let whole =
            Picture::decode(&bytes, &path, &options).unwrap_or_else(|what| panic!("{path:?}: {what}"));
        let mut refused = 0;
        // Text whose last number has lost a digit is whole text.
        let end = if path.ends_with("thirty-one.ppm") { bytes.len() - 2 } else { bytes.len() };
        for length in 1..end {
            match Picture::decode(&bytes[..length], &path, &options) {
                Err(message) => {
                    assert!(!message.contains('\n') && message.len() < 600, "{message}");
                    refused += 1;
                }
                Ok(picture) => {
                    assert!(picture.pixels == whole.pixels, "{path:?} cut to {length} of {}", bytes.len())
                }
            }
        }
        // What follows the first frame of an animation may be missing.
        assert!(refused * 4 > bytes.len(), "{path:?}: {refused} of {}", bytes.len());
    }
}

#[test]
fn a_damaged_file_is_a_picture_or_a_line() {
    let options = options("--max-decoded 16MiB");
    let mut random = 7u64;
    let mut below = |end: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % end
    };
    for (path, bytes) in files() {
        let start = Instant::now();
        for _ in 0..150 {
            let mut damaged = bytes.clone();
            for _ in 0..=below(8) {
                let at = below(damaged.len());
                damaged[at] = below(256) as u8;
            }
            if let Err(message) = Picture::decode(&damaged, &path, &options) {
                assert!(!message.contains('\n') && message.len() < 600, "{message}");
            }
        }
        assert!(start.elapsed().as_secs() < 30, "{path:?} takes {:?}", start.elapsed());
    }
}

#[test]
fn a_header_cannot_ask_for_more_than_is_allowed() {
    let huge = |name: &str, bytes: Vec<u8>| {
        let start = Instant::now();
        let message = Picture::decode(&bytes, name.as_ref(), &options("")).err().unwrap();
        assert!(message.contains("--max-decoded") && message.contains("1073741824"), "{name}: {message}");
        assert!(start.elapsed().as_millis() < 500, "{name}");
    };
    huge("huge.ppm", b"P6 60000 60000 255\n".to_vec());
    huge("huge.hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 60000\n".to_vec());
    let mut qoi = b"qoif".to_vec();
    // Its decoder has a limit of its own, of 400 million pixels: 20,000 by 18,000.
    qoi.extend([0, 0, 0x4e, 0x20, 0, 0, 0x46, 0x50, 3, 0]);
    huge("huge.qoi", qoi);
    for (path, mut bytes) in files() {
        match path.extension().and_then(OsStr::to_str) {
            // Its frames would have to be as large.
            Some("png") if path.ends_with("animated.png") => continue,
            // Width and height of 60,000, as each format writes them.
            Some("png") => {
                bytes[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
                let sum = crc32(&bytes[12..29]).to_be_bytes();
                bytes[29..33].copy_from_slice(&sum);
            }
            Some("bmp") => bytes[18..26].copy_from_slice(&[0x60, 0xea, 0, 0, 0x60, 0xea, 0, 0]),
            Some("gif") => bytes[6..10].copy_from_slice(&[0x60, 0xea, 0x60, 0xea]),
            Some("tga") => bytes[12..16].copy_from_slice(&[0x60, 0xea, 0x60, 0xea]),
            _ => continue,
        }
        huge(&path.to_string_lossy(), bytes);
    }
    // The smallest limit that holds this picture's 12 * 10 * 3 bytes, and one less.
    let ppm = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/formats/plain.ppm")).unwrap();
    let with = |most: &str| Picture::decode(&ppm, "a.ppm".as_ref(), &options(most)).is_ok();
    assert!(with("--max-decoded 360") && !with("--max-decoded 359"));
}

/// PNG's checksum.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
