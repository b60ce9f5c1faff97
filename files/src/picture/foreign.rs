//! What a file is that is given for a picture and is none that is read, and what to do about it.

const CONVERT: &str = "convert it to PNG, or to TIFF or EXR where it has more than 8 bits";
const UNPACK: &str = "unpack it, and give the picture";
const RENDER: &str = "render it to PNG";
const DEVELOP: &str = "develop it to TIFF or PNG";
const AGAIN: &str = "copy or download it again";
const FRAME: &str = "take a frame out of it, as PNG";
const EXPORT: &str = "export it as PNG, TIFF or EXR";

/// What files begin with, what such a file is, and what to do with it. The first that fits counts.
const STARTS: &[(&[u8], &str, &str)] = &[
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the picture that it stands for",
        "fetch that with 'git lfs pull'",
    ),
    (b"oid sha256:", "a part of a Git LFS pointer", "fetch the picture with 'git lfs pull'"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture, which is not read", CONVERT),
    (b"\xff\x0a", "a JPEG XL picture, which is not read", CONVERT),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture, which is not read", CONVERT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 codestream, which is not read", CONVERT),
    (b"II\xbc\x01", "a JPEG XR picture, which is not read", CONVERT),
    (b"II+\0", "a BigTIFF, which is not read", "save it as a plain TIFF, of less than 4 GiB"),
    (b"MM\0+", "a BigTIFF, which is not read", "save it as a plain TIFF, of less than 4 GiB"),
    (b"8BPS", "a Photoshop document, which is not read", EXPORT),
    (b"gimp xcf", "a GIMP document, which is not read", EXPORT),
    (b"DDS ", "a DDS texture, which is not read", CONVERT),
    (b"\xabKTX 11\xbb\r\n", "a KTX texture, which is not read", CONVERT),
    (b"\xabKTX 20\xbb\r\n", "a KTX2 texture, which is not read", CONVERT),
    (b"\x13\xab\xa1\x5c", "an ASTC texture, which is not read", CONVERT),
    (b"PVR\x03", "a PVR texture, which is not read", CONVERT),
    (b"\x8aMNG", "an MNG animation, which is not read", FRAME),
    (b"\x8bJNG", "a JNG picture, which is not read", CONVERT),
    (b"\x01\xda", "an SGI picture, which is not read", CONVERT),
    (b"\x59\xa6\x6a\x95", "a Sun raster picture, which is not read", CONVERT),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile, which is not read", RENDER),
    (b"AT&TFORM", "a DjVu document", RENDER),
    (b"farbfeld", "a farbfeld picture, which is not read", CONVERT),
    (b"PF\n", "a PFM picture, which is not read", "convert it to EXR, or to a float TIFF"),
    (b"Pf\n", "a PFM picture, which is not read", "convert it to EXR, or to a float TIFF"),
    (b"icns", "an Apple icon, which is not read", CONVERT),
    (b"BPG\xfb", "a BPG picture, which is not read", CONVERT),
    (b"FLIF", "a FLIF picture, which is not read", CONVERT),
    (b"\x0a\x05\x01", "a PCX picture, which is not read", CONVERT),
    (b"SIMPLE  =", "a FITS file, which is not read", CONVERT),
    (b"FUJIFILMCCD-RAW", "a camera's raw file, which is not read", DEVELOP),
    (b"IIRO", "a camera's raw file, which is not read", DEVELOP),
    (b"IIU\0", "a camera's raw file, which is not read", DEVELOP),
    (b"FOVb", "a camera's raw file, which is not read", DEVELOP),
    (b"%PDF-", "a PDF document", RENDER),
    (b"%!PS", "a PostScript document", RENDER),
    (b"\x89PNG", "a PNG whose line ends were converted, as if it were text", AGAIN),
    (b"PK\x03\x04", "a zip archive, or a document that is one", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", UNPACK),
    (b"\x1f\x8b", "compressed with gzip", UNPACK),
    (b"BZh", "compressed with bzip2", UNPACK),
    (b"\xfd7zXZ\0", "compressed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a rar archive", UNPACK),
    (b"\x93NUMPY", "a NumPy array", "save it as PNG, or as a float TIFF or EXR"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", EXPORT),
    (b"glTF", "a glTF model", RENDER),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM film", FRAME),
    (
        b"\0\x05\x16\x07",
        "what macOS keeps beside a file (AppleDouble)",
        "give the file without '._' in its name",
    ),
    (b"\x7fELF", "a program", "give a picture"),
    (b"SQLite format 3\0", "a database", "give a picture"),
];

/// Brands of ISO's media files that hold pictures; others hold films.
const BRANDS: &[(&[&[u8; 4]], &str, &str)] = &[
    (&[b"avif", b"avis"], "an AVIF picture, which is not read", CONVERT),
    (&[b"crx "], "a camera's raw file, which is not read", DEVELOP),
    (
        &[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"],
        "a HEIC picture, which is not read",
        CONVERT,
    ),
];

/// What begins as a picture that is read, and is another.
pub fn in_disguise(bytes: &[u8]) -> Option<String> {
    let at = |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(mark));
    if at(0, b"II*\0") && at(8, b"CR") {
        return Some(format!("is a camera's raw file, which is not read; {DEVELOP}"));
    }
    (at(0, b"\x89PNG") && at(12, b"CgBI")).then(|| {
        "is a PNG as Apple's tools pack it into apps, which is not read; unpack it with pngcrush".to_owned()
    })
}

/// What the file is, and what to do about it; `None` where that is not known.
pub fn name(bytes: &[u8]) -> Option<String> {
    let (what, advice) = STARTS
        .iter()
        .find(|(start, ..)| bytes.starts_with(start))
        .map(|(_, what, advice)| (*what, *advice))
        .or_else(|| media(bytes))
        .or_else(|| markup(bytes))
        .or_else(|| elsewhere(bytes))?;
    Some(format!("is {what}; {advice}"))
}

/// The start of a text, for a message; `None` of what is none.
pub fn text(bytes: &[u8]) -> Option<String> {
    let start = &bytes[..bytes.len().min(512)];
    // A character may be cut at the end of what is looked at.
    let text = match str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&start[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_text = text.chars().all(|c| !c.is_control() || c.is_whitespace()) && !text.trim().is_empty();
    is_text.then(|| text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(40).collect())
}

/// ISO's media files: a box of the brands that may be expected within.
fn media(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    if bytes.get(4..8)? != b"ftyp" {
        return None;
    }
    let brands = bytes.get(8..length.clamp(12, 256).min(bytes.len()))?.as_chunks::<4>().0;
    // AVIF files name HEIC's brands beside their own.
    BRANDS
        .iter()
        .find(|(known, ..)| brands.iter().any(|brand| known.contains(&brand)))
        .map_or(Some(("an MP4 or QuickTime film", FRAME)), |(_, what, advice)| Some((*what, *advice)))
}

/// What is written in angle brackets.
fn markup(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let start = &bytes[..bytes.len().min(4096)];
    // Every second byte of UTF-16's is 0, and what is looked for is ASCII.
    let text: Vec<u8> = start.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect();
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    let text = marks.iter().find_map(|mark| text.strip_prefix(*mark)).unwrap_or(&text).trim_ascii_start();
    if !text.starts_with(b"<") {
        return None;
    }
    let has = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    if has(b"<!doctype html") || has(b"<html") || has(b"<head") || has(b"<body") {
        return Some(("a web page, so the download went wrong", "download the picture itself"));
    }
    if has(b"<svg") {
        return Some(("an SVG drawing, which is not read", RENDER));
    }
    has(b"<?xml").then_some(("an XML document", "give the picture"))
}

/// What says what it is further on.
fn elsewhere(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let at = |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(mark));
    // How many cursors there are follows; a TGA begins alike, with zeros there.
    if at(0, b"\0\0\x02\0") && !at(4, b"\0\0") {
        return Some(("a Windows cursor, which is not read", CONVERT));
    }
    if at(257, b"ustar") {
        return Some(("a tar archive", UNPACK));
    }
    if at(128, b"DICM") {
        return Some(("a DICOM file, which is not read", CONVERT));
    }
    if bytes.starts_with(b"RIFF") {
        return Some(("a film or a sound", FRAME));
    }
    bytes.iter().all(|byte| *byte == 0).then_some(("nothing but zeros", AGAIN))
}
