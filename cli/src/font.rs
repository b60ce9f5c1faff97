//! Text in pictures.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// A size and weight of the one typeface.
#[derive(Clone, Copy)]
pub struct Font(pub RasterHeight, pub FontWeight);

impl Font {
    /// A line of text from (left, top) on; what does not fit is cut off.
    pub fn write(self, sheet: &mut RgbImage, left: u32, top: u32, colour: Rgb<u8>, text: &str) {
        let Self(size, weight) = self;
        for (character, left) in text.chars().zip((left..).step_by(get_raster_width(weight, size))) {
            let Some(glyph) = get_raster(character, weight, size).or_else(|| get_raster('?', weight, size))
            else {
                continue;
            };
            for (row, y) in glyph.rows().zip(top..) {
                for (&ink, x) in row.iter().zip(left..) {
                    if let Some(pixel) = sheet.get_pixel_mut_checked(x, y) {
                        let mix = |c: usize| {
                            let (from, to) = (u32::from(pixel[c]), u32::from(colour[c]));
                            ((from * (255 - u32::from(ink)) + to * u32::from(ink) + 127) / 255) as u8
                        };
                        *pixel = Rgb([mix(0), mix(1), mix(2)]);
                    }
                }
            }
        }
    }

    /// A line of text that ends at `right`.
    pub fn write_right(self, sheet: &mut RgbImage, right: u32, top: u32, colour: Rgb<u8>, text: &str) {
        let width = (text.chars().count() * get_raster_width(self.1, self.0)) as u32;
        self.write(sheet, right.saturating_sub(width), top, colour, text);
    }
}
