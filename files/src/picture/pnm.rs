//! PNM values by their own maximum.

use image::{ColorType, DynamicImage};

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
