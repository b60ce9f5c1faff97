//! The contact sheet: the picture, and each distortion of it above its error and its loss.

use image::{Rgb, RgbImage, imageops};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight};

use crate::font::Font;

/// A tile and what stands below it.
pub struct Tile {
    pub picture: RgbImage,
    pub name: &'static str,
    pub strength: String,
    pub psnr: f64,
    pub loss: f64,
}

const PAPER: Rgb<u8> = Rgb([22, 24, 29]);
const TRACK: Rgb<u8> = Rgb([46, 50, 58]);
const INK: Rgb<u8> = Rgb([236, 238, 242]);
const FAINT: Rgb<u8> = Rgb([150, 157, 170]);

/// Between tiles and at the sheet's edge.
const GAP: u32 = 16;
/// Below a tile: two lines and a bar.
const CAPTION: u32 = 62;
/// Above a row.
const HEADING: u32 = 34;

const SMALL: Font = Font(RasterHeight::Size16, FontWeight::Regular);
const STRONG: Font = Font(RasterHeight::Size16, FontWeight::Bold);
const LARGE: Font = Font(RasterHeight::Size32, FontWeight::Bold);
const MIDDLE: Font = Font(RasterHeight::Size20, FontWeight::Regular);

/// The sheet. `rows` are headed tiles of the picture's size, `lines` explain the sheet beside the picture, and
/// `fine_print` says with what it was made.
pub fn draw(
    picture: &RgbImage,
    rows: &[(String, Vec<Tile>)],
    lines: &[String],
    fine_print: &str,
) -> RgbImage {
    let (width, height) = picture.dimensions();
    let columns = rows.iter().map(|(_, tiles)| tiles.len() as u32).max().unwrap_or(1);
    let mut sheet = RgbImage::from_pixel(
        GAP + columns * (width + GAP),
        tile_top(height, rows.len() as u32) - HEADING + GAP,
        PAPER,
    );
    place(&mut sheet, picture, GAP, GAP);
    let beside = GAP + width + GAP + 8;
    LARGE.write(&mut sheet, beside, GAP, INK, "perceptual-loss");
    for (line, y) in lines.iter().zip((GAP + 48..).step_by(26)) {
        MIDDLE.write(&mut sheet, beside, y, FAINT, line);
    }
    let below = GAP + height.saturating_sub(18);
    SMALL.write(&mut sheet, beside, below, FAINT, fine_print);

    let largest = rows.iter().flat_map(|(_, tiles)| tiles).map(|tile| tile.loss).fold(0.0, f64::max);
    for (row, (heading, tiles)) in (0..).zip(rows) {
        let top = tile_top(height, row);
        STRONG.write(&mut sheet, GAP, top - HEADING + 10, INK, heading);
        for (column, tile) in (0..).zip(tiles) {
            let left = GAP + column * (width + GAP);
            place(&mut sheet, &tile.picture, left, top);
            caption(&mut sheet, tile, left, top + height + 6, width, largest);
        }
    }
    sheet
}

/// The y of a row's tiles.
fn tile_top(height: u32, row: u32) -> u32 {
    GAP + height + GAP + HEADING + row * (height + CAPTION + HEADING)
}

fn caption(sheet: &mut RgbImage, tile: &Tile, left: u32, top: u32, width: u32, largest: f64) {
    STRONG.write(sheet, left, top, INK, tile.name);
    SMALL.write_right(sheet, left + width, top, FAINT, &tile.strength);
    SMALL.write(sheet, left, top + 19, FAINT, &format!("{:.1} dB", tile.psnr));
    STRONG.write_right(sheet, left + width, top + 19, INK, &format!("loss {:.4}", tile.loss));
    let share = if largest > 0.0 { tile.loss / largest } else { 0.0 };
    bar(sheet, left, top + 42, width, TRACK);
    bar(sheet, left, top + 42, (f64::from(width) * share) as u32, heat(share));
}

fn bar(sheet: &mut RgbImage, left: u32, top: u32, width: u32, colour: Rgb<u8>) {
    for y in top..top + 6 {
        for x in left..left + width {
            set(sheet, x, y, colour);
        }
    }
}

/// From green through yellow to red.
fn heat(share: f64) -> Rgb<u8> {
    const STOPS: [[f64; 3]; 3] = [[84.0, 190.0, 122.0], [240.0, 196.0, 72.0], [228.0, 84.0, 72.0]];
    let at = share.clamp(0.0, 1.0) * 2.0;
    let (from, to, t) = if at < 1.0 { (STOPS[0], STOPS[1], at) } else { (STOPS[1], STOPS[2], at - 1.0) };
    Rgb([0, 1, 2].map(|c| (from[c] + (to[c] - from[c]) * t) as u8))
}

fn place(sheet: &mut RgbImage, picture: &RgbImage, left: u32, top: u32) {
    imageops::replace(sheet, picture, i64::from(left), i64::from(top));
}

/// Sets a pixel, if the sheet has it.
fn set(sheet: &mut RgbImage, x: u32, y: u32, colour: Rgb<u8>) {
    if let Some(pixel) = sheet.get_pixel_mut_checked(x, y) {
        *pixel = colour;
    }
}
