//! What decoders would read as something else without a word, or would keep without end.

use crate::{build::tiff_with, golden::bytes, read};

fn refused(name: &str, file: &[u8]) -> String {
    read(name, file, "").map(|_| ()).unwrap_err()
}

/// The decoder takes what is above the maximum for the maximum, and so two pictures for one.
#[test]
fn values_above_a_pnms_maximum_are_refused() {
    let pixels = |head: &str, value: &[u8]| [head.as_bytes(), &value.repeat(2 * 2 * 3)].concat();
    for (file, value) in [
        (pixels("P6 2 2 100\n", &[101]), 101),
        (pixels("P6 2 2 1000\n", &[5, 0]), 1280),
        (pixels("P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\nMAXVAL 100\nTUPLTYPE RGB\nENDHDR\n", &[250]), 250),
        (b"P3 2 1 9 1 2 3 4 5 10\n".to_vec(), 10),
        (b"P2 2 1 300 1 301\n".to_vec(), 301),
    ] {
        let message = refused("over.pnm", &file);
        assert!(message.contains(&format!("has a value of {value}, more than its maximum")), "{message}");
    }
    // What follows the picture is not its own; another picture is told.
    for (more, notes) in [(&b"\xff\xff"[..], 0), (b"P6 2 2 100\n", 1)] {
        let file = [pixels("P6 2 2 100\n", &[100]), more.to_vec()].concat();
        assert_eq!(read("two.pnm", &file, "").unwrap().warnings.len(), notes);
    }
}

/// What stands in a TIFF so that the decoder would read it as something else.
#[test]
fn tiffs_that_the_decoder_reads_as_something_else_are_refused() {
    let short = |value: u16| value.to_le_bytes().to_vec();
    let (plain, jpeg) = (bytes("rgb-raw.tif"), bytes("rgb.jpg"));
    let holder = [plain.as_slice(), &jpeg].concat();
    let long = |value: usize| (value as u32).to_le_bytes().to_vec();
    let holding = [
        (259, 3, 1, short(7)),
        (273, 4, 1, long(plain.len())),
        (278, 4, 1, long(4)),
        (279, 4, 1, long(jpeg.len())),
    ];
    for (file, expected) in [
        (tiff_with(&bytes("float.tif"), &[(339, 3, 1, short(1))]), "has whole numbers of 32 bits"),
        (tiff_with(&plain, &[(266, 3, 1, short(2))]), "stores the bits of each byte in reverse"),
        (tiff_with(&plain, &[(332, 3, 1, short(2))]), "has inks of its own"),
        (tiff_with(&holder, &holding), "holds a JPEG of "),
        (tiff_with(&plain, &[(317, 3, 1, short(2))]), "names a predictor, which its compression has not"),
        (tiff_with(&plain, &[(279, 3, 1, short(100))]), "strip 0 has 100 bytes, and its rows take "),
        (
            tiff_with(&plain, &[(259, 3, 1, short(5)), (317, 3, 1, short(2)), (338, 3, 1, short(0))]),
            "has channels beside colours and alpha",
        ),
        (
            tiff_with(&plain, &[(322, 3, 1, short(16)), (338, 3, 2, [short(2), short(0)].concat())]),
            "has channels beside colours and alpha",
        ),
    ] {
        let message = refused("odd.tif", &file);
        assert!(message.contains(expected), "{message}");
    }
}

/// What is kept of headers has an end.
#[test]
fn headers_without_end_are_refused() {
    let exr = bytes("linear.exr");
    let attributes = |count: usize| -> Vec<u8> {
        let each = (0..count).flat_map(|i| format!("a{i}\0string\0\0\0\0\0").into_bytes());
        each.collect()
    };
    let with = |more: &[u8]| [&exr[..8], more, &exr[8..]].concat();
    read("few.exr", &with(&attributes(0)), "").unwrap();
    assert!(refused("many.exr", &with(&attributes(5000))).contains("has more than 4096 attributes"));
    let long = [b"long\0string\0".as_slice(), &(17u32 << 20).to_le_bytes(), &vec![b' '; 17 << 20]].concat();
    assert!(refused("long.exr", &with(&long)).contains("or 16777216 bytes of them"));

    let hdr = bytes("linear.hdr");
    let line = hdr.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let with = |count: usize| [&hdr[..line], &b"A=b\n".repeat(count), &hdr[line..]].concat();
    read("few.hdr", &with(1000), "").unwrap();
    assert!(refused("many.hdr", &with(20_000)).contains("has no end of its header within 65536 bytes"));
}

/// A cursor begins alike, and counts what it holds.
#[test]
fn a_tga_is_no_cursor() {
    // Without the end that says what it is.
    let whole = bytes("rgb.tga");
    let plain = &whole[..whole.len() - 26];
    assert!(refused("a.bin", &[&[0, 0, 2, 0, 1, 0], &plain[6..]].concat()).contains("is a Windows cursor"));
    let unnamed = [&[0, 0, 2, 0, 0, 0], &plain[6..]].concat();
    assert!(refused("a.bin", &unnamed).contains("is no picture that is known"));
}
