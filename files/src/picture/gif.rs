//! Walking a GIF's blocks, to count its frames without decoding them.

/// Frames, counted no further than two.
pub fn frames(bytes: &[u8]) -> usize {
    let mut frames = 0;
    // None is the end of the file.
    let _ = walk(bytes, &mut frames);
    frames
}

fn walk(bytes: &[u8], frames: &mut usize) -> Option<()> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 6 << (flags & 7) };
    let mut at = 13 + table(*bytes.get(10)?);
    while *frames < 2 {
        match bytes.get(at)? {
            b'!' => at += 2,
            b',' => {
                *frames += 1;
                // A descriptor, a colour table and the code size.
                at += 11 + table(*bytes.get(at + 9)?);
            }
            _ => return None,
        }
        // Blocks of data, up to one without any.
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += length + 1;
            if length == 0 {
                break;
            }
        }
    }
    Some(())
}
