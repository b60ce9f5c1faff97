//! Which format a file is in, told by its contents.

use image::ImageFormat;

use super::bytes::u16_le;

/// TGA has no mark at its start: it is told by a name that ends in it and a header that makes sense.
pub fn guess(bytes: &[u8], extension: &str) -> Option<ImageFormat> {
    image::guess_format(bytes).ok().or_else(|| {
        (matches!(extension, "tga" | "vda" | "icb" | "vst") && is_tga(bytes)).then_some(ImageFormat::Tga)
    })
}

/// The decoder takes any bytes for a grey picture.
fn is_tga(bytes: &[u8]) -> bool {
    let known = |at: usize, values: &[u8]| bytes.get(at).is_some_and(|value| values.contains(value));
    let side = |at| u16_le(bytes, at).is_some_and(|side| side > 0);
    known(1, &[0, 1])
        && known(2, &[1, 2, 3, 9, 10, 11])
        && side(12)
        && side(14)
        && known(16, &[8, 15, 16, 24, 32])
}
