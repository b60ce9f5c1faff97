//! Files that end early, ask for too much, or hold rubbish.

use crate::{
    build::crc32,
    golden::{bytes, entries},
    read,
};

/// A prefix of a file is an error or the whole picture, never a part of it. Numbers in text may be cut within the last
/// one, which nothing tells from a smaller number at the end: that has a warning.
#[test]
fn a_file_that_ends_early_is_an_error_or_the_same_picture() {
    let mut wrong = vec![];
    for entry in entries() {
        let whole = bytes(&entry.file);
        let picture = read(&entry.file, &whole, "").unwrap().values();
        for length in 0..whole.len() {
            if let Ok(part) = read(&entry.file, &whole[..length], "")
                && part.values() != picture
                && !part.warnings.iter().any(|warning| warning.contains("may have been cut short"))
            {
                wrong.push(format!("{} cut to {length} of {} bytes", entry.file, whole.len()));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bits flipped, bytes replaced, pieces cut out and doubled: whatever comes of it, no panic gets out and nothing hangs.
#[test]
fn rubbish_is_an_error_or_a_picture() {
    let mut state = 1u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let mut read_anyway = 0;
    for entry in entries() {
        let whole = bytes(&entry.file);
        for _ in 0..500 {
            let mut damaged = whole.clone();
            for _ in 0..=random(4) {
                let at = random(damaged.len());
                match random(5) {
                    0 => damaged[at] ^= 1 << random(8),
                    1 => damaged[at] = random(256) as u8,
                    2 => damaged[at] = [0, 0x7f, 0x80, 0xff][random(4)],
                    3 => damaged.truncate(at + 1),
                    _ => {
                        let piece = damaged[at..(at + random(16)).min(damaged.len())].to_vec();
                        damaged.splice(at..at, piece);
                    }
                }
            }
            read_anyway += usize::from(read(&entry.file, &damaged, "--max-decoded 16MiB").is_ok());
        }
    }
    assert!(read_anyway > 0);
    if let Some(peak) = peak_memory() {
        // An allocator may set 64 MiB of addresses aside for each thread.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).max(16) as u64;
        assert!(peak < (512 + 72 * threads) << 20, "{peak} bytes were asked for, with a limit of 16 MiB");
    }
}

/// The most address space that this process ever had: what was allocated, whether or not it was written.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// A picture of many thousand pixels a side, from no more than its header: refused before anything is allocated.
#[test]
fn a_header_that_asks_for_too_much_is_refused() {
    let file = |name: &str, patches: &[(usize, &[u8])]| {
        let mut data = bytes(name);
        for (at, patch) in patches {
            data[*at..*at + patch.len()].copy_from_slice(patch);
        }
        data
    };
    let side = 65_500u16;
    let (be, le) = (side.to_be_bytes(), side.to_le_bytes());
    let le4 = u32::from(side).to_le_bytes();
    // A PNG's header has a checksum, so this one is written: its pixels are missing.
    let mut header = Vec::from(*b"IHDR\0\0\x75\x30\0\0\x75\x30\x08\x02\0\0\0");
    let crc = crc32(&header).to_be_bytes();
    header.splice(0..0, *b"\x89PNG\r\n\x1a\n\0\0\0\x0d");
    header.extend(crc);
    header.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    assert!(header.len() < 100);
    let jpeg = bytes("rgb.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let exr = bytes("linear.exr");
    let window = |name: &[u8]| {
        let at = exr.windows(name.len()).position(|part| part == name).unwrap();
        exr[at..].windows(5).position(|part| part == b"box2i").unwrap() + at + 10 + 8
    };
    let tag = |tag: u8| {
        let tiff = bytes("rgb-tiff_lzw.tif");
        tiff.windows(4)
            .position(|entry| entry == [tag, 1, 4, 0])
            .or_else(|| tiff.windows(4).position(|entry| entry == [tag, 1, 3, 0]))
            .unwrap()
            + 8
    };
    for (name, data) in [
        ("rgb.png", header),
        ("rgb.jpg", file("rgb.jpg", &[(frame + 5, &be), (frame + 7, &be)])),
        ("palette.gif", file("palette.gif", &[(6, &le), (8, &le)])),
        ("icc-other.webp", file("icc-other.webp", &[(24, &[0x2f, 0x75]), (27, &[0x2f, 0x75])])),
        ("rgb-tiff_lzw.tif", file("rgb-tiff_lzw.tif", &[(tag(0), &le), (tag(1), &le), (tag(22), &le)])),
        ("rgb.bmp", file("rgb.bmp", &[(18, &le4), (22, &le4)])),
        ("rgb.tga", file("rgb.tga", &[(12, &le), (14, &le)])),
        ("rgb.qoi", file("rgb.qoi", &[(4, &20_000u32.to_be_bytes()), (8, &19_999u32.to_be_bytes())])),
        ("rgb.ppm", b"P6 65500 65500 255 ".to_vec()),
        ("linear.hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 65500 +X 65500\n".to_vec()),
        (
            "shown.exr",
            file("linear.exr", &[(window(b"displayWindow"), &le4), (window(b"displayWindow") + 4, &le4)]),
        ),
        ("stored.exr", file("linear.exr", &[(window(b"dataWindow"), &[0, 0, 0, 1])])),
    ] {
        let message = read(name, &data, "").err().unwrap_or_else(|| panic!("{name} was read"));
        assert!(message.contains("--max-decoded"), "{message}");
    }
    // The limit itself: 24x20 pixels of three bytes.
    assert!(read("rgb.png", &bytes("rgb.png"), "--max-decoded 1440").is_ok());
    let message = read("rgb.png", &bytes("rgb.png"), "--max-decoded 1439").err().unwrap();
    assert!(
        message.contains("24x20, which takes 1.4KiB to decode, more than the limit of 1.4KiB"),
        "{message}"
    );
}

#[test]
fn what_is_no_picture_is_told() {
    for (name, data, part) in [
        ("empty.png", &b""[..], "is empty"),
        ("text.png", b"hello, this is no picture at all\n", "is no picture that is known; expected a PNG"),
        ("bytes.png", b"\x01\x02\x03\x04", "is no picture that is known; expected a PNG"),
        ("text.tga", b"hello, this is no picture at all\n", "is no picture that is known"),
        ("a.pam", b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 999\nENDHDR\n\0\0", "expected a TUPLTYPE line"),
        ("none.ppm", b"P6 0 4 255 ", "is 0x4; expected a picture with pixels"),
    ] {
        let message = read(name, data, "").err().unwrap_or_else(|| panic!("{name} was read"));
        assert!(message.contains(part), "{message}");
    }
    // Older TGAs have no mark of their own: the name decides, but only where the contents do not. Newer ones end in 26 bytes of it.
    let tga = bytes("rgb.tga");
    assert!(read("rgb", &tga, "").is_ok());
    assert!(read("rgb", &tga[..tga.len() - 26], "").is_err());
    assert!(read("rgb.tga", &tga[..tga.len() - 26], "").is_ok());
    assert!(read("rgb.tga", &bytes("rgb.png"), "").is_ok());
    assert!(read("rgb.jpg", &bytes("rgb.png"), "").is_ok());
}

/// A picture's end is not the end of its thumbnail, nor what looks like an end within a segment.
#[test]
fn a_jpeg_needs_its_own_end() {
    let whole = bytes("rgb.jpg");
    // A segment of Exif data with a small picture's marks in it.
    let mut with_thumbnail = whole[..2].to_vec();
    with_thumbnail.extend([0xff, 0xff, 0xff, 0xe1, 0, 10, 0xff, 0xd8, 0xff, 0xd9, 0xff, 0xd9, 0xff, 0xd9]);
    with_thumbnail.extend(&whole[2..]);
    read("a.jpg", &with_thumbnail, "").unwrap();
    let cut = &with_thumbnail[..with_thumbnail.len() - 2];
    let message = read("a.jpg", cut, "").err().unwrap();
    assert!(message.contains("ends early: the JPEG's end marker is missing"), "{message}");
}
