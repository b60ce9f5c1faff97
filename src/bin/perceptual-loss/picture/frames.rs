//! Files with more than one picture, of which the first (of an icon, the largest) is taken.

use std::io::Cursor;

use image::{
    AnimationDecoder as _, ImageDecoder as _, ImageFormat, Limits,
    codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder},
};

/// What to say of a file with several pictures; nothing where there is one, or where that cannot be told.
pub fn several(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Option<String> {
    let cursor = Cursor::new(bytes);
    let first = |what: &str| Some(format!("it is {what}; its first frame is compared"));
    match format {
        ImageFormat::Png => PngDecoder::with_limits(cursor, limits.clone())
            .ok()?
            .is_apng()
            .ok()?
            .then(|| first("animated"))?,
        ImageFormat::WebP => WebPDecoder::new(cursor).ok()?.has_animation().then(|| first("animated"))?,
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(cursor).ok()?;
            decoder.set_limits(limits.clone()).ok()?;
            decoder.into_frames().nth(1)?.ok().and_then(|_| first("animated"))
        }
        ImageFormat::Tiff => {
            (tiff_pages(bytes)? > 1).then(|| "it has several pages; the first is compared".to_owned())
        }
        ImageFormat::Ico => {
            let count = u16::from_le_bytes([*bytes.get(4)?, *bytes.get(5)?]);
            (count > 1).then(|| format!("it has {count} sizes; the largest is compared"))
        }
        _ => None,
    }
}

/// Pages of a TIFF, up to two. Its directories are a list, each with the place of the next.
fn tiff_pages(bytes: &[u8]) -> Option<u32> {
    let little = bytes.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<usize> {
        let field = bytes.get(at..)?.get(..length)?;
        let digit = |number: usize, &byte: &u8| number << 8 | usize::from(byte);
        Some(if little { field.iter().rev().fold(0, digit) } else { field.iter().fold(0, digit) })
    };
    // BigTIFF (43) has wider numbers than classic TIFF (42).
    let (first, count, entry, place) = match number(2, 2)? {
        42 => (4, 2, 12, 4),
        _ => (8, 8, 20, 8),
    };
    let directory = number(first, place)?;
    let entries = number(directory, count)?;
    let next = number(directory.checked_add(count)?.checked_add(entries.checked_mul(entry)?)?, place)?;
    Some(if next == 0 { 1 } else { 2 })
}
