//! What a TIFF's directories say that its decoder does not tell: how many pictures there are, whether the first one's data is
//! all there, its colour profile (which the decoder does not see where it is stored as bytes of no type), and other colours.

use perceptual_loss::encode_srgb;

use super::{bytes::slice, directory::Directories, jpeg, primaries};

const SUBFILE_TYPE: u16 = 254;
const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const FILL_ORDER: u16 = 266;
const SAMPLES: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const PLANAR: u16 = 284;
const TRANSFER_FUNCTION: u16 = 301;
const PREDICTOR: u16 = 317;
const WHITE_POINT: u16 = 318;
const PRIMARIES: u16 = 319;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const INK_SET: u16 = 332;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;
const PROFILE: u16 = 34675;

/// Where the pixels are, and how many bytes each piece has: of strips, and of tiles.
const PIECES: [(u16, u16); 2] = [(273, 279), (324, 325)];

/// What deserves a warning.
///
/// # Errors
/// Where it ends early, or the decoder would read it as something else.
pub fn check(bytes: &[u8]) -> Result<Vec<String>, String> {
    let tiff = Directories::new(bytes);
    let first = tiff.first().ok_or("ends early, within its header; expected a whole TIFF file")?;
    check_data(&tiff, first)?;
    check_values(&tiff, first)?;
    check_predictor(&tiff, first)?;
    check_strips(&tiff, first)?;
    check_jpegs(&tiff, first)?;
    let mut notes = vec![];
    let next = tiff.next(first).unwrap_or(0);
    if next != 0 && next != first {
        notes.push("it has more than one picture; the first is read".to_owned());
    }
    if tiff.value(first, SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1) {
        notes.push(
            "its first picture is a smaller one of another, as in a camera's raw file; that smaller one is read"
                .to_owned(),
        );
    }
    // A profile says it better.
    if tiff.entry(first, PROFILE).is_none() {
        if !has_srgb_primaries(&tiff, first) {
            notes.push("its primaries or white point are not sRGB's; they are not applied".to_owned());
        }
        if !has_srgb_curve(&tiff, first) {
            notes.push("its transfer function is not sRGB's; it is not applied".to_owned());
        }
    }
    Ok(notes)
}

/// The first picture's colour profile.
pub fn profile(bytes: &[u8]) -> Option<&[u8]> {
    let tiff = Directories::new(bytes);
    let entry = tiff.entry(tiff.first()?, PROFILE)?;
    entry.is_bytes().then(|| slice(bytes, entry.at, entry.count))?
}

/// Where each strip or tile is, and how many bytes it has.
fn pieces(tiff: &Directories<'_>, directory: usize) -> impl Iterator<Item = (usize, usize)> {
    PIECES.into_iter().flat_map(move |(offsets, lengths)| {
        tiff.values(directory, offsets).zip(tiff.values(directory, lengths))
    })
}

/// Every strip or tile must lie within the file.
fn check_data(tiff: &Directories<'_>, directory: usize) -> Result<(), String> {
    for (offset, length) in pieces(tiff, directory) {
        if slice(tiff.bytes, offset, length).is_none() {
            return Err(format!(
                "ends early: it has {} bytes, and its pixels reach to {}; expected the whole file",
                tiff.bytes.len(),
                offset.saturating_add(length)
            ));
        }
    }
    Ok(())
}

/// What the decoder reads as something else, without a word.
fn check_values(tiff: &Directories<'_>, directory: usize) -> Result<(), String> {
    let value = |tag| tiff.value(directory, tag);
    // Whole numbers without a sign are what stands for nothing said.
    if value(BITS) == Some(32) && value(SAMPLE_FORMAT).unwrap_or(1) != 3 {
        return Err("has whole numbers of 32 bits; expected 8 or 16 bits a value, or float32".to_owned());
    }
    if value(FILL_ORDER) == Some(2) {
        return Err("stores the bits of each byte in reverse; expected FillOrder 1".to_owned());
    }
    if value(INK_SET) == Some(2) {
        return Err("has inks of its own; expected CMYK, or RGB".to_owned());
    }
    Ok(())
}

/// The decoder takes back what a predictor did to what has none, and where it leaves out channels it does so first.
fn check_predictor(tiff: &Directories<'_>, directory: usize) -> Result<(), String> {
    const CMYK: usize = 5;
    let value = |tag| tiff.value(directory, tag);
    let has_predictor = value(PREDICTOR).unwrap_or(1) != 1;
    // LZW, deflate by both of its numbers, zstd.
    if has_predictor && !matches!(value(COMPRESSION), Some(5 | 8 | 32946 | 50000)) {
        return Err(
            "names a predictor, which its compression has not; expected LZW or deflate with it".to_owned()
        );
    }
    // Alpha is read, of red, green and blue.
    let extra: Vec<_> = tiff.values(directory, EXTRA_SAMPLES).take(2).collect();
    let are_left_out = match extra.as_slice() {
        [] => false,
        [1 | 2] => value(PHOTOMETRIC) == Some(CMYK),
        _ => true,
    };
    let is_ragged =
        value(TILE_WIDTH).zip(value(WIDTH)).is_some_and(|(tile, width)| tile > 0 && width % tile != 0);
    if are_left_out && value(PLANAR) != Some(2) && (has_predictor || is_ragged) {
        return Err(
            "has channels beside colours and alpha, with a predictor or in tiles that reach beyond it; expected RGB, RGBA or CMYK"
                .to_owned(),
        );
    }
    Ok(())
}

/// The decoder goes on behind a strip that is too short, where nothing is compressed.
fn check_strips(tiff: &Directories<'_>, directory: usize) -> Result<(), String> {
    let value = |tag| tiff.value(directory, tag);
    // YCbCr has lines of its own.
    if value(COMPRESSION).unwrap_or(1) != 1 || value(PHOTOMETRIC) == Some(6) {
        return Ok(());
    }
    let (Some(width), Some(height)) = (value(WIDTH), value(HEIGHT)) else { return Ok(()) };
    let rows = value(ROWS_PER_STRIP).unwrap_or(height).clamp(1, height.max(1));
    let bits = value(BITS).unwrap_or(1);
    let values = if value(PLANAR) == Some(2) { 1 } else { value(SAMPLES).unwrap_or(1) };
    let line = width.saturating_mul(values).saturating_mul(bits).div_ceil(8);
    let strips = height.div_ceil(rows);
    for (index, length) in tiff.values(directory, PIECES[0].1).enumerate() {
        let above = (index % strips.max(1)) * rows;
        let needed = line.saturating_mul(rows.min(height - above));
        if length < needed {
            return Err(format!(
                "ends early: strip {index} has {length} bytes, and its rows take {needed}; expected the whole file"
            ));
        }
    }
    Ok(())
}

/// A JPEG within must be as large as the strip or tile that it fills: the decoder takes one of any size, and memory for it.
fn check_jpegs(tiff: &Directories<'_>, directory: usize) -> Result<(), String> {
    // What stands before the size is tables, if anything.
    const HEADER: usize = 16 << 10;
    let value = |tag| tiff.value(directory, tag);
    if value(COMPRESSION) != Some(7) {
        return Ok(());
    }
    let (Some(width), Some(height)) = (value(WIDTH), value(HEIGHT)) else { return Ok(()) };
    let rows = value(ROWS_PER_STRIP).unwrap_or(height).min(height);
    let (width, height) = (value(TILE_WIDTH).unwrap_or(width), value(TILE_HEIGHT).unwrap_or(rows));
    for (offset, length) in pieces(tiff, directory) {
        let found = slice(tiff.bytes, offset, length.min(HEADER)).and_then(jpeg::size);
        let (across, down) = found.ok_or("holds a JPEG without a size; expected a whole TIFF file")?;
        // The last strip may have fewer rows.
        if across != width || down > height {
            return Err(format!(
                "holds a JPEG of {across}x{down} in the place of one of {width}x{height}; expected a whole TIFF file"
            ));
        }
    }
    Ok(())
}

/// What is not said is taken as sRGB's.
fn has_srgb_primaries(tiff: &Directories<'_>, directory: usize) -> bool {
    let [rx, ry, gx, gy, bx, by] =
        tiff.fractions(directory, PRIMARIES).unwrap_or([0.64, 0.33, 0.3, 0.6, 0.15, 0.06]);
    let white = tiff.fractions(directory, WHITE_POINT).unwrap_or([0.3127, 0.329]);
    primaries::are_srgb([[rx, ry], [gx, gy], [bx, by], white])
}

/// The light of each value, of 65535; for each channel or for all. A gamma of 2.2 is as near to sRGB as 0.035.
fn has_srgb_curve(tiff: &Directories<'_>, directory: usize) -> bool {
    let Some(bits) = tiff.value(directory, BITS).filter(|bits| (1..=16).contains(bits)) else {
        return true;
    };
    let last = (1usize << bits) - 1;
    tiff.values(directory, TRANSFER_FUNCTION).enumerate().all(|(i, light)| {
        let value = (i & last) as f64 / last as f64;
        (encode_srgb(light as f64 / 65535.0) - value).abs() <= 0.035
    })
}
