//! What files say of their colours: whatever changes how they are shown, and is not applied, is told.

use crate::{
    build::{fractions, jpeg_with, png_with, segment, tiff_with},
    golden::bytes,
    read,
};

/// Reads a file whose pixels are those of another one, and compares what is said of it.
fn says(name: &str, file: &[u8], like: &str, expected: Option<&str>) {
    let picture = read(name, file, "").unwrap();
    assert_eq!(picture.values(), read(like, &bytes(like), "").unwrap().values(), "{name}");
    match expected {
        None => assert!(picture.warnings.is_empty(), "{:?}", picture.warnings),
        Some(part) => {
            let [warning] = picture.warnings.as_slice() else {
                panic!("'{part}' alone was expected, not {:?}", picture.warnings)
            };
            assert!(warning.contains(part) && warning.contains("not applied"), "{warning}, not {part}");
        }
    }
}

const SRGB: [f64; 8] = [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329];
const ADOBE_RGB: [f64; 8] = [0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.329];
/// sRGB's primaries under another white.
const WARM: [f64; 8] = [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3457, 0.3585];

#[test]
fn png_chunks() {
    let gamma = |value: u32| value.to_be_bytes().to_vec();
    let primaries = |points: [f64; 8]| {
        let [rx, ry, gx, gy, bx, by, wx, wy] = points.map(|part| (part * 1e5).round() as u32);
        [wx, wy, rx, ry, gx, gy, bx, by].map(u32::to_be_bytes).concat()
    };
    type Chunk = (&'static [u8; 4], Vec<u8>);
    let gama = |value| -> Chunk { (b"gAMA", gamma(value)) };
    let chrm = |points| -> Chunk { (b"cHRM", primaries(points)) };
    let srgb = || -> Chunk { (b"sRGB", vec![0]) };
    let cicp = |numbers: [u8; 4]| -> Chunk { (b"cICP", numbers.to_vec()) };
    let cases: Vec<(Vec<Chunk>, Option<&str>)> = vec![
        (vec![gama(45455)], None),
        (vec![gama(45000), chrm(SRGB)], None),
        // It means nothing.
        (vec![gama(0)], None),
        (vec![gama(100_000)], Some("gAMA chunk says a gamma of 1,")),
        (vec![gama(55_556)], Some("gAMA chunk says a gamma of 1.8,")),
        (vec![chrm(SRGB)], None),
        (vec![chrm(ADOBE_RGB)], Some("cHRM")),
        (vec![gama(45455), chrm(WARM)], Some("cHRM")),
        (vec![gama(100_000), chrm(ADOBE_RGB)], Some("gAMA and cHRM")),
        // What comes first of cICP, iCCP, sRGB and these counts alone.
        (vec![srgb(), gama(100_000), chrm(ADOBE_RGB)], None),
        (vec![cicp([1, 13, 0, 1]), gama(100_000)], None),
        (vec![cicp([9, 16, 0, 1]), srgb()], Some("cICP")),
        (vec![cicp([12, 13, 0, 1])], Some("cICP")),
        (vec![cicp([1, 8, 0, 1])], Some("cICP")),
        // "Not specified".
        (vec![cicp([2, 2, 0, 1]), chrm(WARM)], Some("cHRM")),
    ];
    let png = bytes("rgb.png");
    for (chunks, expected) in cases {
        let chunks: Vec<_> = chunks.iter().map(|(name, data)| (*name, data.as_slice())).collect();
        says("a.png", &png_with(&png, &chunks), "rgb.png", expected);
    }
    let profiled = bytes("icc-other.png");
    says("a.png", &png_with(&profiled, &[(b"cICP", &[1, 13, 0, 1])]), "rgb.png", None);
    says(
        "a.png",
        &png_with(&profiled, &[(b"gAMA", &gamma(100_000))]),
        "rgb.png",
        Some("profile is not sRGB"),
    );
    // Behind the pixels it means nothing.
    let end = png.len() - 12;
    let late = png_with(&png, &[(b"gAMA", &gamma(100_000))])[33..49].to_vec();
    says("a.png", &[&png[..end], &late, &png[end..]].concat(), "rgb.png", None);
}

#[test]
fn tiff_tags() {
    const RATIONAL: u16 = 5;
    let white = |points: [f64; 8]| (318, RATIONAL, 2, fractions(&points[6..]));
    let primaries = |points: [f64; 8]| (319, RATIONAL, 6, fractions(&points[..6]));
    let curve = |count: u32, light: fn(f64) -> f64| {
        let values = (0..count).map(|i| (light(f64::from(i % 256) / 255.0) * 65535.0).round() as u16);
        (301, 3, count, values.flat_map(u16::to_le_bytes).collect::<Vec<_>>())
    };
    let srgb = |v: f64| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
    let tiff = bytes("rgb-raw.tif");
    for (tags, expected) in [
        (vec![white(SRGB), primaries(SRGB)], None),
        (vec![white(WARM)], Some("white point are not sRGB's")),
        (vec![primaries(ADOBE_RGB)], Some("primaries or white point")),
        (vec![curve(256, srgb)], None),
        (vec![curve(768, srgb)], None),
        (vec![curve(768, |v| v.powf(2.2))], None),
        (vec![curve(256, |v| v)], Some("transfer function is not sRGB's")),
        (vec![curve(768, |v| v.powf(1.8))], Some("transfer function is not sRGB's")),
    ] {
        says("a.tif", &tiff_with(&tiff, &tags), "rgb-raw.tif", expected);
    }
    let profiled = tiff_with(&bytes("icc-other.tif"), &[primaries(ADOBE_RGB)]);
    says("a.tif", &profiled, "rgb-raw.tif", Some("profile is not sRGB"));
    // A camera's raw file begins with a small picture.
    let preview = read("a.tif", &tiff_with(&tiff, &[(254, 4, 1, vec![1, 0, 0, 0])]), "").unwrap();
    assert!(preview.warnings[0].contains("a smaller one of another"), "{:?}", preview.warnings);
}

/// A BMP with a header of the fifth version: what follows the masks, from the kind of colours on, and a profile.
fn bmp(kind: [u8; 4], ends: [[f64; 3]; 3], gammas: [f64; 3], profile: &[u8]) -> Vec<u8> {
    let old = bytes("rgb.bmp");
    let pixels = u32::from_le_bytes(old[10..14].try_into().unwrap()) as usize;
    let mut header = 124u32.to_le_bytes().to_vec();
    header.extend(&old[18..54]);
    header.resize(56, 0);
    header.extend(kind);
    header.extend(ends.as_flattened().iter().flat_map(|part| ((part * 2f64.powi(30)) as u32).to_le_bytes()));
    header.extend(gammas.iter().flat_map(|gamma| ((gamma * 65536.0) as u32).to_le_bytes()));
    // Perceptual.
    header.extend(4u32.to_le_bytes());
    let data = &old[pixels..];
    header.extend((124 + data.len() as u32).to_le_bytes());
    header.extend((profile.len() as u32).to_le_bytes());
    header.resize(124, 0);
    let length = (14 + 124 + data.len() + profile.len()) as u32;
    [&b"BM"[..], &length.to_le_bytes(), &[0; 4], &138u32.to_le_bytes(), &header, data, profile].concat()
}

#[test]
fn bmp_headers() {
    let none = [[0.0; 3]; 3];
    let srgb = [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]];
    let wide = [[0.5767, 0.2973, 0.027], [0.1856, 0.6274, 0.0707], [0.1882, 0.0753, 0.9911]];
    let other = bytes("icc-other.webp");
    let at = other.windows(4).position(|part| part == b"ICCP").unwrap();
    let length = u32::from_le_bytes(other[at + 4..at + 8].try_into().unwrap()) as usize;
    let profile = &other[at + 8..at + 8 + length];
    let mut outside = bmp(*b"DEBM", none, [0.0; 3], b"");
    outside[14 + 116] = 200;
    for (file, expected) in [
        (bmp(*b"BGRs", none, [0.0; 3], b""), None),
        (bmp(*b" niW", none, [0.0; 3], b""), None),
        // What it does not name under a name means nothing.
        (bmp(*b"BGRs", wide, [1.0; 3], b""), None),
        (bmp([0; 4], none, [0.0; 3], b""), None),
        (bmp([0; 4], srgb, [2.2; 3], b""), None),
        (bmp([0; 4], srgb, [0.4545; 3], b""), None),
        (bmp([0; 4], wide, [2.2; 3], b""), Some("calibrated primaries or gamma")),
        (bmp([0; 4], none, [1.0; 3], b""), Some("calibrated primaries or gamma")),
        (bmp(*b"DEBM", none, [0.0; 3], profile), Some("profile is not sRGB")),
        (bmp(*b"KNIL", none, [0.0; 3], b"C:\\a.icc\0"), Some("profile is another file")),
        (outside, Some("profile is not within the file")),
    ] {
        says("a.bmp", &file, "rgb.bmp", expected);
    }
}

/// Cameras that write no profile say Adobe RGB so.
#[test]
fn exif_data() {
    let exif = |ifd: &[u8], interop: &[u8]| {
        // One entry in each directory: Exif's at 26, interoperability's at 44.
        let first = b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0";
        segment(0xe1, &[b"Exif\0\0", &first[..], &[1, 0], ifd, &[0; 4], &[1, 0], interop, &[0; 4]].concat())
    };
    let space = |value: u8| [0x01, 0xa0, 3, 0, 1, 0, 0, 0, value, 0, 0, 0];
    let interop = [0x05, 0xa0, 4, 0, 1, 0, 0, 0, 44, 0, 0, 0];
    let index = |text: &[u8; 4]| [&[1, 0, 2, 0, 4, 0, 0, 0], &text[..]].concat();
    let none = [0; 12];
    let jpeg = bytes("rgb.jpg");
    for (segment, expected) in [
        (exif(&space(1), &none), None),
        (exif(&space(2), &none), Some("Adobe RGB")),
        (exif(&interop, &index(b"R98\0")), None),
        (exif(&interop, &index(b"R03\0")), Some("Adobe RGB")),
    ] {
        says("a.jpg", &jpeg_with(&jpeg, std::slice::from_ref(&segment)), "rgb.jpg", expected);
        // A profile says it better.
        let profiled = bytes("icc-other.jpg");
        let both = [&profiled[..2], &segment, &profiled[2..]].concat();
        says("a.jpg", &both, "icc-other.jpg", Some("profile is not sRGB"));
    }
}

#[test]
fn radiance_headers() {
    let plain = bytes("linear.hdr");
    let values = read("a.hdr", &plain, "").unwrap().values();
    let rest = |from: &[u8]| plain[from.len()..].to_vec();
    let with = |start: &str| [start.as_bytes(), &rest(b"#?RADIANCE\n")].concat();
    // The same format under other programs' names.
    for start in ["#?RGBE\n", "#?RADIANCE \n", "#?AUTOPANO\n", "#?pfstools\n", "#?RGBE\n# a comment\n"] {
        let picture = read("a", &with(start), "").unwrap_or_else(|message| panic!("{start}: {message}"));
        assert_eq!(picture.values(), values, "{start}");
        assert!(picture.was_linear && picture.warnings.is_empty(), "{:?}", picture.warnings);
    }
    let srgb = "PRIMARIES=0.6400 0.3300 0.3000 0.6000 0.1500 0.0600 0.3127 0.3290\n";
    let wide = "PRIMARIES=0.708 0.292 0.170 0.797 0.131 0.046 0.3127 0.3290\n";
    for (lines, parts) in [
        (srgb, &[][..]),
        ("EXPOSURE=1\nCOLORCORR=1 1 1\nGAMMA=1.0\nSOFTWARE=x=y\nVIEW= -vtv\n", &[]),
        // Two halves of nothing; and what belongs to a picture that this was made of.
        ("EXPOSURE=2\nEXPOSURE=0.5\n\tEXPOSURE=4\n", &[]),
        (wide, &["PRIMARIES are not sRGB's; they are not applied"]),
        ("EXPOSURE=0.5\nEXPOSURE=0.5\n", &["EXPOSURE of 0.25 is not taken back"]),
        ("COLORCORR=1 0.9 1\n", &["COLORCORR is not taken back"]),
        ("GAMMA=2.2\n", &["GAMMA of 2.2 is not applied"]),
        ("GAMMA=2.2\nEXPOSURE=3\n", &["GAMMA of 2.2", "EXPOSURE of 3"]),
    ] {
        for start in ["#?RADIANCE\n", "#?RGBE\n"] {
            let picture = read("a.hdr", &with(&format!("{start}{lines}")), "").unwrap();
            assert_eq!(picture.values(), values, "{lines}");
            let warnings = &picture.warnings;
            assert_eq!(warnings.len(), parts.len(), "{lines}: {warnings:?}");
            for (warning, part) in warnings.iter().zip(parts) {
                assert!(warning.contains(part), "{warning}, not {part}");
            }
        }
    }
    let xyz = [b"#?RADIANCE\nFORMAT=32-bit_rle_xyze\n", &rest(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n")[..]]
        .concat();
    let message = read("a.hdr", &xyz, "").err().unwrap();
    assert!(message.contains("32-bit_rle_xyze") && message.contains("expected 32-bit_rle_rgbe"), "{message}");
}
