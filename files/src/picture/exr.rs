//! An OpenEXR file's headers, which say more than the decoder does.

use std::io::Cursor;

use exr::meta::{MetaData, attribute::Chromaticities, header::Header};

/// Checks that no layer's pixels take more than `limit` bytes: the decoder allocates by the data's window, which
/// need not be the picture's. Returns what is worth a warning.
pub fn check(bytes: &[u8], limit: u64) -> Result<Vec<String>, String> {
    let meta = MetaData::read_from_buffered(Cursor::new(bytes), false)
        .map_err(|error| format!("{error}; expected a whole OpenExr file"))?;
    for header in &meta.headers {
        let needed = header.layer_size.0 as u128 * header.layer_size.1 as u128 * 4 * channels(header);
        if needed > u128::from(limit) {
            return Err(format!(
                "its data is {}x{}, more than --max-decoded allows",
                header.layer_size.0, header.layer_size.1
            ));
        }
    }
    let mut notes = vec![];
    if meta.headers.len() > 1 {
        notes.push(format!(
            "it has {} layers; the first with red, green and blue is read",
            meta.headers.len()
        ));
    }
    let foreign = |header: &Header| header.shared_attributes.chromaticities.is_some_and(|it| !is_srgb(&it));
    if meta.headers.iter().any(foreign) {
        notes.push("its chromaticities are not sRGB's; they are not applied".to_owned());
    }
    Ok(notes)
}

fn channels(header: &Header) -> u128 {
    // Red, green, blue and alpha are unpacked even where fewer are stored.
    header.channels.list.len().max(4) as u128
}

fn is_srgb(given: &Chromaticities) -> bool {
    let near = |x: f32, y: f32| (x - y).abs() < 2e-3;
    [(given.red, 0.64, 0.33), (given.green, 0.3, 0.6), (given.blue, 0.15, 0.06), (given.white, 0.3127, 0.329)]
        .iter()
        .all(|(point, x, y)| near(point.0, *x) && near(point.1, *y))
}
