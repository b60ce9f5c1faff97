//! Which format a file is in, told by its contents.

use image::ImageFormat;

use super::{bytes::u16_le, foreign, hdr};

pub const EXPECTED: &str =
    "expected a PNG, JPEG, WebP, BMP, TIFF, TGA, GIF, PNM, ICO, QOI, EXR or HDR picture";

/// What later TGAs end in.
const TGA_END: &[u8] = b"TRUEVISION-XFILE.\0";

/// TGA has no mark at its start: it is told by its end or by a name that ends in it, and by a header that makes sense.
///
/// # Errors
/// What the file is that is none of these.
pub fn guess(bytes: &[u8], extension: &str) -> Result<ImageFormat, String> {
    if let Some(name) = foreign::in_disguise(bytes) {
        return Err(name);
    }
    if hdr::is_hdr(bytes) {
        return Ok(ImageFormat::Hdr);
    }
    if let Some(format) = image::guess_format(bytes).ok().filter(|format| is_read(*format)) {
        return Ok(format);
    }
    let is_named = matches!(extension, "tga" | "vda" | "icb" | "vst");
    if (is_named || bytes.ends_with(TGA_END)) && is_tga(bytes) {
        return Ok(ImageFormat::Tga);
    }
    if let Some(name) = foreign::name(bytes) {
        return Err(name);
    }
    let text =
        foreign::text(bytes).map(|text| format!(", not text that begins '{text}'")).unwrap_or_default();
    Err(format!("is no picture that is known; {EXPECTED}{text}"))
}

fn is_read(format: ImageFormat) -> bool {
    use ImageFormat::{Bmp, Gif, Hdr, Ico, Jpeg, OpenExr, Png, Pnm, Qoi, Tiff, WebP};
    matches!(format, Png | Jpeg | Gif | WebP | Tiff | Pnm | OpenExr | Bmp | Ico | Qoi | Hdr)
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
