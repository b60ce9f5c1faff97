//! PNM values by their own maximum.

use image::{
    ColorType, DynamicImage,
    codecs::pnm::{PnmHeader, PnmSubtype, SampleEncoding},
};

/// Sees that no value is above the maximum, where it is not the largest that can be: the decoder takes it for the maximum. `raster` is what
/// follows the header. Tells what deserves a warning.
///
/// # Errors
/// The first value that is.
pub fn check(header: &PnmHeader, raster: &[u8]) -> Result<Option<String>, String> {
    let (encoding, channels) = match header.subtype() {
        PnmSubtype::Bitmap(_) => return Ok(None),
        PnmSubtype::Graymap(encoding) => (encoding, 1),
        PnmSubtype::Pixmap(encoding) => (encoding, 3),
        PnmSubtype::ArbitraryMap => {
            (SampleEncoding::Binary, header.as_arbitrary().map_or(0, |pam| pam.depth as usize))
        }
    };
    let maximum = header.maximal_sample();
    let count = (header.width() as usize).saturating_mul(header.height() as usize).saturating_mul(channels);
    let above = |value: &u32| *value > maximum;
    let (first, length) = match encoding {
        SampleEncoding::Binary if maximum < 256 => {
            (raster.iter().take(count).map(|byte| u32::from(*byte)).find(above), count)
        }
        SampleEncoding::Binary => {
            let values = raster.as_chunks().0.iter().take(count);
            (values.map(|pair| u32::from(u16::from_be_bytes(*pair))).find(above), count.saturating_mul(2))
        }
        SampleEncoding::Ascii => {
            let words = raster.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(count);
            let values = words.map_while(|word| str::from_utf8(word).ok()?.parse().ok());
            (values.into_iter().find(above), raster.len())
        }
    };
    if let Some(value) = first {
        return Err(format!(
            "has a value of {value}, more than its maximum of {maximum}; expected values up to that"
        ));
    }
    let rest = raster.get(length..).unwrap_or_default().trim_ascii_start();
    let is_another = matches!(rest, [b'P', b'1'..=b'7', ..]);
    Ok(is_another.then(|| "it has more than one picture; the first is read".to_owned()))
}

/// Whether the decoder has scaled values of this maximum, and rounded them.
pub fn is_scaled(color: ColorType, maximum: u32) -> bool {
    let full = if color.bytes_per_pixel() > color.channel_count() { 65535 } else { 255 };
    maximum != 0 && maximum < full && full % maximum != 0
}

/// `value / maximum` of a picture that the decoder scaled to 8 or 16 bits and rounded. The stored value comes
/// back by rounding, as there are more steps after scaling than before.
pub fn exact(picture: DynamicImage, maximum: u32) -> DynamicImage {
    if !is_scaled(picture.color(), maximum) {
        return picture;
    }
    let maximum = maximum as f32;
    let stored = |value: f32| (value * maximum).round() / maximum;
    let has_alpha = picture.color().has_alpha();
    if has_alpha {
        let mut picture = picture.into_rgba32f();
        picture.iter_mut().for_each(|value| *value = stored(*value));
        picture.into()
    } else {
        let mut picture = picture.into_rgb32f();
        picture.iter_mut().for_each(|value| *value = stored(*value));
        picture.into()
    }
}
