//! Floats: linear light, tone mapping, ranges, numbers that are none; and alpha.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, Rgb32FImage, Rgba32FImage, RgbaImage};

use crate::read;

/// A file of one row of pixels.
fn file(format: ImageFormat, row: &[[f32; 3]]) -> Vec<u8> {
    let picture = Rgb32FImage::from_fn(row.len() as u32, 1, |x, _| Rgb(row[x as usize]));
    encoded(picture.into(), format)
}

fn encoded(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The sRGB curve in float64.
fn curve(light: f64) -> f64 {
    if light <= 0.0031308 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

fn assert_near(values: &[f32], expected: &[f64]) {
    assert_eq!(values.len(), expected.len());
    for (value, expected) in values.iter().zip(expected) {
        assert!((f64::from(*value) - expected).abs() < 2e-7, "{values:?}, not {expected:?}");
    }
}

fn fails(name: &str, bytes: &[u8], options: &str, parts: &[&str]) {
    let message =
        read(name, bytes, options).err().unwrap_or_else(|| panic!("{name} was read with '{options}'"));
    for part in parts {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn linear_light_is_encoded() {
    let light = [[0.0, 0.001, 0.0031308], [0.0032, 0.18, 0.5], [0.9, 0.999, 1.0]];
    let bytes = file(ImageFormat::OpenExr, &light);
    let expected: Vec<_> = light.iter().flatten().map(|v| curve(f64::from(*v))).collect();
    assert_near(&read("a.exr", &bytes, "").unwrap().values(), &expected);
    // As stored, and a float picture of linear light.
    let stored: Vec<_> = light.iter().flatten().map(|v| f64::from(*v)).collect();
    assert_near(&read("a.exr", &bytes, "--transfer none").unwrap().values(), &stored);
    let tiff = file(ImageFormat::Tiff, &light);
    assert_near(&read("a.tif", &tiff, "").unwrap().values(), &stored);
    assert_near(&read("a.tif", &tiff, "--transfer srgb").unwrap().values(), &expected);
}

#[test]
fn light_beyond_white_needs_exposure_or_a_curve() {
    let light = [[0.0, 0.25, 1.0], [2.0, 5.5, 13.0]];
    let bytes = file(ImageFormat::OpenExr, &light);
    let values = |options: &str| read("a.exr", &bytes, options).unwrap().values();
    let expected = |map: fn(f64) -> f64| -> Vec<f64> {
        light.iter().flatten().map(|v| curve(map(f64::from(*v)))).collect()
    };
    fails(
        "a.exr",
        &bytes,
        "",
        &["linear light up to 13", "--exposure -4", "--tonemap", "--transfer none --range any"],
    );
    fails("a.exr", &bytes, "--exposure -3", &["up to 1.625", "--exposure -4"]);
    assert_near(&values("--exposure -4"), &expected(|x| x / 16.0));
    assert_near(&values("--tonemap clip"), &expected(|x| x.min(1.0)));
    assert_near(&values("--tonemap reinhard"), &expected(|x| x / (1.0 + x)));
    let aces = |x: f64| ((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0.0, 1.0);
    assert_near(&values("--tonemap aces"), &expected(aces));
    let brighter: Vec<_> =
        light.iter().flatten().map(|v| curve((f64::from(*v) * 2.0) / (1.0 + f64::from(*v) * 2.0))).collect();
    assert_near(&values("--exposure 1 --tonemap reinhard"), &brighter);
    let stored: Vec<_> = light.iter().flatten().map(|v| f64::from(*v)).collect();
    assert_near(&values("--transfer none --range any"), &stored);
    // So bright that the curves' squares are infinite.
    let bright = file(ImageFormat::OpenExr, &[[f32::MAX, 1e20, 0.0]]);
    for curve in ["aces", "reinhard", "clip"] {
        let picture = read("a.exr", &bright, &format!("--tonemap {curve}")).unwrap();
        assert_near(&picture.values(), &[1.0, 1.0, 0.0]);
    }
}

#[test]
fn light_below_black_is_black_and_told() {
    let picture =
        read("a.exr", &file(ImageFormat::OpenExr, &[[-0.25, 0.0, 1.0], [-0.5, 1.0, 0.0]]), "").unwrap();
    assert_near(&picture.values(), &[0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(picture.warnings, ["a.exr: 2 values below 0 are taken as 0; the smallest is -0.5"]);
}

#[test]
fn what_is_no_number_has_a_place() {
    for (value, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        for (file_name, format) in [("a.exr", ImageFormat::OpenExr), ("a.tif", ImageFormat::Tiff)] {
            let bytes = file(format, &[[0.5; 3], [0.5, value, f32::NAN]]);
            fails(
                file_name,
                &bytes,
                "--range any",
                &[&format!("green at x 1, y 0 is {name}; every value must")],
            );
        }
    }
}

#[test]
fn values_out_of_range_are_told_apart() {
    for (row, options, parts) in [
        (vec![[-1.0, 0.0, 1.0]], "", &["from -1 to 1", "looks like -1..1: give --range -1..1"][..]),
        (vec![[0.0, 100.0, 255.0]], "", &["looks like 0..255: give --range 0..255"]),
        (vec![[0.0, 100.0, 65535.0]], "", &["looks like 0..65535: give --range 0..65535"]),
        (vec![[-2.1, 0.0, 2.6]], "", &["normalised already", "--range any and --norm none"]),
        (vec![[-103.9, 0.0, 151.0]], "", &["bytes less their mean", "--range any and --norm none"]),
        (vec![[-0.02, 0.0, 1.03]], "", &["a little beyond", "give --range clip"]),
        (vec![[0.0, 0.5, 3.5]], "", &["looks like linear light: give --transfer srgb"]),
        (vec![[-1e6, 0.0, 1e6]], "", &["scale it to 0..1"]),
        (
            vec![[0.1, 0.5, 0.9]],
            "--range 0..255",
            &["from 0.1 to 0.9", "the range 0..255; it looks like 0..1"],
        ),
        (vec![[1.0, 50.5, 255.0]], "--range 0..65535", &["it looks like 0..255"]),
        (vec![[-2.0, 0.0, 1.0]], "--range -1..1", &["from -2 to 1", "the range -1..1"]),
    ] {
        fails("a.tif", &file(ImageFormat::Tiff, &row), options, parts);
    }
}

#[test]
fn ranges_become_0_to_1() {
    for (row, options, expected) in [
        ([-1.0, 0.0, 0.5], "--range -1..1", [0.0, 0.5, 0.75]),
        ([0.0, 51.0, 255.0], "--range 0..255", [0.0, 0.2, 1.0]),
        ([0.0, 13107.0, 65535.0], "--range 0..65535", [0.0, 0.2, 1.0]),
        ([-0.5, 0.25, 1.5], "--range clip", [0.0, 0.25, 1.0]),
        ([-2.5, 0.25, 100.0], "--range any", [-2.5, 0.25, 100.0]),
        // Black, in whatever range.
        ([0.0, 0.0, 0.0], "--range 0..255", [0.0, 0.0, 0.0]),
    ] {
        let picture = read("a.tif", &file(ImageFormat::Tiff, &[row]), options).unwrap();
        assert_near(&picture.values(), &expected);
        assert!(picture.warnings.is_empty(), "{:?}", picture.warnings);
    }
    let picture = read("a.tif", &file(ImageFormat::Tiff, &[[0.0, 0.5, 1.0]]), "--range -1..1").unwrap();
    assert!(picture.warnings[0].contains("looks like 0..1"), "{:?}", picture.warnings);
    // Whole numbers have a range of their own.
    let png = crate::golden::bytes("rgb.png");
    let plain = read("a.png", &png, "").unwrap().values();
    assert_eq!(read("a.png", &png, "--range -1..1 --transfer srgb").unwrap().values(), plain);
    let ppm = crate::golden::bytes("max100.ppm");
    let plain = read("a.ppm", &ppm, "").unwrap().values();
    assert_eq!(read("a.ppm", &ppm, "--range -1..1 --transfer srgb").unwrap().values(), plain);
}

#[test]
fn alpha_is_silent_where_it_is_opaque() {
    let with =
        |alpha: u8| RgbaImage::from_fn(2, 1, |x, _| [10, 20, 30, if x == 0 { 255 } else { alpha }].into());
    let png = |alpha| read("a.png", &encoded(with(alpha).into(), ImageFormat::Png), "").unwrap();
    assert!(png(255).warnings.is_empty() && png(255).alpha().is_none());
    assert_eq!(png(0).alpha().unwrap(), [65535, 0]);
    assert!(png(254).warnings[0].contains("alpha is dropped"));
    // The same alpha at another depth.
    let deep = DynamicImage::from(with(100)).into_rgba16();
    let deep = read("a.png", &encoded(deep.into(), ImageFormat::Png), "").unwrap();
    assert_eq!((deep.alpha(), deep.values()), (png(100).alpha(), png(100).values()));
    // Alpha of linear light is not encoded.
    let light = Rgba32FImage::from_pixel(1, 1, [1.0, 0.0, 1.0, 0.5].into());
    let light = read("a.exr", &encoded(light.into(), ImageFormat::OpenExr), "").unwrap();
    assert_eq!(light.alpha().unwrap(), [32768]);
    assert_eq!(light.warnings.len(), 1);
}

/// What an orientation means, by hand: where the corner that the file has first comes to lie.
#[test]
fn orientations_turn_the_first_corner() {
    let stored = read("a.png", &crate::golden::bytes("oriented1.png"), "").unwrap();
    let first = &stored.values()[..3];
    // The file's first row and column are the upright picture's: top and left, top and right, ...
    for (value, right, bottom) in [
        (1, false, false),
        (2, true, false),
        (3, true, true),
        (4, false, true),
        (5, false, false),
        (6, true, false),
        (7, true, true),
        (8, false, true),
    ] {
        for kind in ["png", "webp", "tif"] {
            let name = format!("oriented{value}.{kind}");
            let upright = read(&name, &crate::golden::bytes(&name), "").unwrap();
            let (width, height) = upright.size();
            assert_eq!((width, height), if value < 5 { (12, 7) } else { (7, 12) }, "{name}");
            let x = if right { width - 1 } else { 0 };
            let y = if bottom { height - 1 } else { 0 };
            let at = ((y * width + x) * 3) as usize;
            assert_eq!(&upright.values()[at..at + 3], first, "{name}");
        }
    }
}
