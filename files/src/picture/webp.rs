//! Walking a WebP's chunks before the decoder does: it allocates what a chunk's header asks for.

use super::bytes::{array, slice, u16_le, u32_le};

/// Checks that the file holds all that it should, and that no frame is larger than `largest` pixels: a frame's size need not be
/// the picture's. Returns the bytes that the largest frame takes to decode, beside the picture.
pub fn check(bytes: &[u8], largest: u64) -> Result<u64, String> {
    let early = || "ends early: WebP data is missing; expected the whole file".to_owned();
    let length = u32_le(bytes, 4).ok_or_else(early)? as usize;
    let body = slice(bytes, 12, length.saturating_sub(4)).ok_or_else(early)?;
    chunks(body, largest, true)
}

/// Frames hold chunks, but no further frames.
fn chunks(mut body: &[u8], largest: u64, may_nest: bool) -> Result<u64, String> {
    let (mut working, mut has_alpha) = (0, false);
    while let (Some(name), Some(length)) = (array::<4>(body, 0), u32_le(body, 4)) {
        let length = length as usize;
        let data = slice(body, 8, length)
            .ok_or("holds a chunk that is longer than its file; expected a whole WebP file")?;
        let side = |value: u32| u64::from(value & 0x3fff);
        let sides = match &name {
            b"VP8 " => u16_le(data, 6).zip(u16_le(data, 8)).map(|(w, h)| (side(w.into()), side(h.into()))),
            b"VP8L" => u32_le(data, 1).map(|sides| (side(sides) + 1, side(sides >> 14) + 1)),
            // A frame of an animation: its place and timing, then chunks again.
            b"ANMF" if may_nest => {
                working = chunks(data.get(16..).unwrap_or_default(), largest, false)?.max(working);
                None
            }
            b"ALPH" => {
                has_alpha = true;
                None
            }
            _ => None,
        };
        if let Some((width, height)) = sides {
            let area = width * height;
            if area > largest {
                return Err(format!("holds a WebP frame of {area} pixels, more than --max-decoded allows"));
            }
            // Luma and chroma in whole blocks, and alpha by itself and as it was packed; or four channels.
            let planes = width.next_multiple_of(16) * height.next_multiple_of(16) * 2;
            let decoding = match (&name, has_alpha) {
                (b"VP8L", _) => area * 4,
                (_, true) => planes + area * 6,
                _ => planes,
            };
            // An animation's frame is a picture of its own.
            working = working.max(decoding + if may_nest { 0 } else { area * 4 });
        }
        body = body.get(8 + length + length % 2..).unwrap_or_default();
    }
    Ok(working)
}
