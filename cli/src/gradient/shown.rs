//! A gradient as a picture, in a diverging colour map.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight};
use perceptual_loss::Gradient;

use crate::font::Font;

const PAPER: Rgb<u8> = Rgb([22, 24, 29]);
const INK: Rgb<u8> = Rgb([236, 238, 242]);
const FONT: Font = Font(RasterHeight::Size16, FontWeight::Regular);

/// What the scale and its numbers take below the picture.
const BELOW: u32 = 56;
/// The least width that the numbers fit in.
const LEAST_WIDTH: u32 = 240;

/// The sum of a pixel's three slopes: what as much more light of each colour does to the loss. Below it the scale.
pub fn draw(gradient: &Gradient) -> RgbImage {
    let (width, height) = (gradient.width(), gradient.height());
    let plane = width as usize * height as usize;
    let values = gradient.values();
    let slopes: Vec<f64> =
        (0..plane).map(|at| (0..3).map(|channel| f64::from(values[channel * plane + at])).sum()).collect();
    let largest = slopes.iter().fold(0.0f64, |largest, slope| largest.max(slope.abs()));
    let sheet_width = width.max(LEAST_WIDTH);
    let mut sheet = RgbImage::from_pixel(sheet_width, height + BELOW, PAPER);
    let share = |slope: f64| if largest > 0.0 { slope / largest } else { 0.0 };
    for (at, slope) in slopes.iter().enumerate() {
        sheet.put_pixel(at as u32 % width, at as u32 / width, color(share(*slope)));
    }
    let (left, right) = (8, sheet_width - 8);
    for x in left..right {
        let color = color(2.0 * f64::from(x - left) / f64::from(right - 1 - left) - 1.0);
        (height + 8..height + 24).for_each(|y| sheet.put_pixel(x, y, color));
    }
    let top = height + 30;
    FONT.write(&mut sheet, left, top, INK, &format!("{:.2e}", -largest));
    FONT.write(&mut sheet, sheet_width / 2 - 4, top, INK, "0");
    FONT.write_right(&mut sheet, right, top, INK, &format!("{largest:.2e}"));
    sheet
}

/// From blue at -1 through white at 0 to red at 1.
fn color(share: f64) -> Rgb<u8> {
    const ENDS: [[f64; 3]; 2] = [[33.0, 102.0, 172.0], [178.0, 24.0, 43.0]];
    const MIDDLE: f64 = 247.0;
    let end = ENDS[usize::from(share > 0.0)];
    let share = share.abs().min(1.0);
    Rgb(end.map(|end| (MIDDLE + (end - MIDDLE) * share).round() as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_diverge_from_white() {
        assert_eq!(color(0.0), Rgb([247; 3]));
        assert_eq!([color(-1.0), color(1.0)], [Rgb([33, 102, 172]), Rgb([178, 24, 43])]);
        assert_eq!(color(-3.0), color(-1.0));
    }
}
