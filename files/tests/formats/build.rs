//! Files made of others: a chunk, a segment or a tag put in.

/// PNG's checksum.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

/// A PNG with more chunks behind its header.
pub fn png_with(png: &[u8], chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut made = png[..33].to_vec();
    for (name, data) in chunks {
        let named = [*name, *data].concat();
        made.extend((data.len() as u32).to_be_bytes());
        made.extend(&named);
        made.extend(crc32(&named).to_be_bytes());
    }
    made.extend(&png[33..]);
    made
}

/// A JPEG's segment.
pub fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker], &length[..], body].concat()
}

/// A JPEG with other segments in place of JFIF's, which comes first.
pub fn jpeg_with(jpeg: &[u8], segments: &[Vec<u8>]) -> Vec<u8> {
    assert_eq!(jpeg[..4], [0xff, 0xd8, 0xff, 0xe0]);
    let jfif = 4 + usize::from(u16::from_be_bytes([jpeg[4], jpeg[5]]));
    [&jpeg[..2], &segments.concat(), &jpeg[jfif..]].concat()
}

/// A little-endian TIFF with more tags: number, type, how many values, the values.
pub fn tiff_with(tiff: &[u8], tags: &[(u16, u16, u32, Vec<u8>)]) -> Vec<u8> {
    assert_eq!(&tiff[..4], b"II*\0");
    let number = |at: usize| u16::from_le_bytes([tiff[at], tiff[at + 1]]);
    let first = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let old = (0..usize::from(number(first))).map(|i| first + 2 + i * 12);
    let mut entries: Vec<_> = old.map(|at| tiff[at..at + 12].to_vec()).collect();
    let mut made = tiff.to_vec();
    for (tag, kind, count, data) in tags {
        let mut value = data.clone();
        if data.len() > 4 {
            value = (made.len() as u32).to_le_bytes().to_vec();
            made.extend(data);
        }
        value.resize(4, 0);
        let head = [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes()].concat();
        entries.retain(|entry| entry[..2] != tag.to_le_bytes());
        entries.push([head, value].concat());
    }
    entries.sort_by_key(|entry| u16::from_le_bytes([entry[0], entry[1]]));
    let at = made.len() as u32;
    made[4..8].copy_from_slice(&at.to_le_bytes());
    made.extend((entries.len() as u16).to_le_bytes());
    made.extend(entries.concat());
    made.extend([0; 4]);
    made
}

/// Numbers as fractions of 100000, little-endian.
pub fn fractions(numbers: &[f64]) -> Vec<u8> {
    let fraction = |number: &f64| [(number * 1e5).round() as u32, 100_000].map(u32::to_le_bytes).concat();
    numbers.iter().flat_map(fraction).collect()
}
