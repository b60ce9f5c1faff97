//! Picture files of every format and oddity through the command: the loss of the pixels that they hold, or the stated
//! warning or error. `golden/formats.py` made the files, and Pillow's reading of each.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use image::{DynamicImage, ImageBuffer, Rgb, Rgb32FImage, RgbImage, Rgba};
use serde_json::Value;
use tempfile::TempDir;

/// What compares pixels nearly as they are: one shallow layer of untrained weights.
const PLAIN: &str = "--taps relu1_1 --norm none --backend cpu --json";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats").join(name)
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let (files, options): (Vec<&str>, &str) =
        (arguments[..arguments.len() - 1].to_vec(), arguments[arguments.len() - 1]);
    Command::new(env!("CARGO_BIN_EXE_perceptual-loss"))
        .arg("compare")
        .args(files)
        .args(PLAIN.split_whitespace())
        .args(options.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap()
}

/// The report of two files, and the warnings without "warning: FILE: ".
fn compare(folder: &Path, a: &str, b: &str, options: &str) -> (Value, Vec<String>) {
    let output = run(folder, &[a, b, options]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{a} and {b}: {text}");
    let warnings = text.lines().filter_map(|line| line.strip_prefix("warning: "));
    (
        serde_json::from_slice(&output.stdout).unwrap(),
        warnings.map(|line| line.split_once(": ").map_or(line, |(_, what)| what).to_owned()).collect(),
    )
}

fn total(folder: &Path, a: &str, b: &str, options: &str) -> f64 {
    compare(folder, a, b, options).0["total"].as_f64().unwrap()
}

/// The one line of an error; nothing may be on standard output.
fn refusal(folder: &Path, a: &str, b: &str, options: &str) -> String {
    let output = run(folder, &[a, b, options]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{a} and {b}: {text}");
    assert!(output.stdout.is_empty() && text.starts_with("error: ") && text.lines().count() == 1, "{text}");
    text
}

/// A folder with a picture of 12x10, `a.png`, and another, `b.png`.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        picture(0).save(folder.path().join("a.png")).unwrap();
        picture(40).save(folder.path().join("b.png")).unwrap();
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn float(&self, name: &str, pixels: &Rgb32FImage) {
        DynamicImage::from(pixels.clone()).save(self.path().join(name)).unwrap();
    }
}

fn picture(offset: u32) -> RgbImage {
    RgbImage::from_fn(12, 10, |x, y| {
        Rgb([x * 20, y * 25, (x * y * 3 + offset) % 256].map(|value| value as u8))
    })
}

/// The picture's values in 0 to 1, each changed.
fn floats(change: impl Fn(f32) -> f32) -> Rgb32FImage {
    let mut pixels = DynamicImage::from(picture(0)).to_rgb32f();
    pixels.iter_mut().for_each(|value| *value = change(*value));
    pixels
}

#[test]
fn every_file_holds_the_pixels_that_pillow_reads() {
    let folder = Folder::new();
    let mut files = 0;
    for entry in fs::read_dir(golden("")).unwrap() {
        let expected = entry.unwrap().path();
        let Some(name) = expected.file_name().unwrap().to_str().unwrap().strip_suffix(".expected.png") else {
            continue;
        };
        files += 1;
        let (report, warnings) =
            compare(folder.path(), golden(name).to_str().unwrap(), expected.to_str().unwrap(), "");
        // Lossless files to the bit. JPEG leaves rounding open, and how colour of half the resolution is spread.
        let allowed = match name {
            name if !name.ends_with(".jpg") => 0.0,
            "444.jpg" | "cmyk.jpg" | "grey.jpg" => 1e-6,
            name if name.starts_with("orientation") => 1e-6,
            _ => 1e-5,
        };
        assert!(report["total"].as_f64().unwrap() <= allowed, "{name}: {}", report["total"]);

        let first = |what: &str| format!("it is {what}; its first frame is compared");
        let alpha = "alpha is dropped, and it is not opaque everywhere".to_owned();
        let (file, other) = (golden(name), expected.display());
        let only =
            format!("{} and {other} differ in nothing but alpha, which is not compared", file.display());
        let stated = match name {
            "animated.png" | "animated.gif" | "animated.webp" => vec![first("animated")],
            "pages.tiff" => vec!["it has several pages; the first is compared".to_owned()],
            "sizes.ico" => vec!["it has 2 sizes; the largest is compared".to_owned()],
            "other-profile.png" | "other-profile.jpg" => {
                vec!["its colour profile is not applied; values are taken as stored".to_owned()]
            }
            "cmyk.jpg" | "cmyk.tiff" => {
                vec![
                    "its CMYK inks are converted to RGB by the plain formula, without a colour profile"
                        .to_owned(),
                ]
            }
            "colour-key.png" | "palette-alpha.png" | "grey-alpha.png" => vec![alpha, only],
            _ => vec![],
        };
        assert_eq!(warnings, stated, "{name}");
    }
    assert_eq!(files, 60);
}

/// Decoded by this library in both, so that JPEG too is the same to the bit.
#[test]
fn a_png_dump_of_the_decoded_pixels_has_the_same_loss() {
    let folder = Folder::new();
    for name in [
        "baseline.jpg",
        "progressive.jpg",
        "restarts.jpg",
        "lossy.webp",
        "plain.bmp",
        "plain.gif",
        "plain.tiff",
    ] {
        image::open(golden(name)).unwrap().save(folder.path().join("dump.png")).unwrap();
        let of = |file: &str| total(folder.path(), file, "b.png", "--criterion mae");
        assert_eq!(of(golden(name).to_str().unwrap()), of("dump.png"), "{name}");
    }
}

#[test]
fn what_pillow_does_not_write() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    let pixels = picture(0);
    let wide = |value: u8| u16::from(value) * 257;
    DynamicImage::from(pixels.clone()).save(path("plain.qoi")).unwrap();
    let deep: ImageBuffer<Rgb<u16>, Vec<u16>> =
        ImageBuffer::from_fn(12, 10, |x, y| Rgb(pixels[(x, y)].0.map(wide)));
    DynamicImage::from(deep.clone()).save(path("deep.png")).unwrap();
    DynamicImage::from(deep).save(path("deep.tiff")).unwrap();
    folder.float("float.tiff", &floats(|value| value));
    for name in ["plain.qoi", "deep.png", "deep.tiff", "float.tiff"] {
        let (report, warnings) = compare(folder.path(), name, "a.png", "");
        // A float32 of value / 255 is rounded.
        assert!(report["total"].as_f64().unwrap() < 1e-13, "{name}: {report}");
        assert_eq!(warnings, [""; 0], "{name}");
    }
}

/// Samples over the declared maximum, not rounded to one that bytes can say.
#[test]
fn a_pnm_is_scaled_by_its_own_maximum() {
    let folder = Folder::new();
    let grey = |index: u32| (index * 8) as f32 / 1000.0;
    folder.float("thousand.tiff", &Rgb32FImage::from_fn(12, 10, |x, y| Rgb([grey(y * 12 + x); 3])));
    let of31 = [[0.0, 1.0, 2.0], [3.0, 30.0, 31.0]].map(|pixel| Rgb(pixel.map(|value: f32| value / 31.0)));
    folder.float("thirty-one.tiff", &Rgb32FImage::from_fn(2, 1, |x, _| of31[x as usize]));
    for (pnm, float) in [("thousand.pgm", "thousand.tiff"), ("thirty-one.ppm", "thirty-one.tiff")] {
        assert!(total(folder.path(), golden(pnm).to_str().unwrap(), float, "") < 1e-13, "{pnm}");
    }
}

#[test]
fn light_is_encoded_and_highlights_need_a_tone_map() {
    let folder = Folder::new();
    // Light that encodes to the picture: sRGB's own inverse.
    let light =
        |value: f32| if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
    folder.float("light.exr", &floats(light));
    folder.float("light.hdr", &floats(light));
    assert!(total(folder.path(), "light.exr", "a.png", "") < 1e-10);
    // Radiance keeps 8 bits a colour.
    assert!(total(folder.path(), "light.hdr", "a.png", "") < 1e-4);

    folder.float("bright.exr", &floats(|value| 4.0 * light(value)));
    let message = refusal(folder.path(), "bright.exr", "a.png", "");
    for part in [
        "bright.exr: it holds linear light up to 3.585",
        "--tonemap aces, reinhard or clip",
        "--exposure",
        "--transfer none",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // Two stops down it is the picture again; the target is exposed alike.
    assert!(total(folder.path(), "bright.exr", "a.png", "--exposure -2") < 1e-10);
    folder.float("dim.exr", &floats(|value| 2.0 * light(value).min(0.5)));
    assert!(total(folder.path(), "dim.exr", "dim.exr", "--exposure -1") == 0.0);

    let encode =
        |value: f32| if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
    for (name, curve) in [
        ("clip", (|x| x.min(1.0)) as fn(f32) -> f32),
        ("reinhard", |x| x / (1.0 + x)),
        ("aces", |x| ((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0.0, 1.0)),
    ] {
        folder.float("mapped.tiff", &floats(|value| encode(curve(8.0 * light(value)))));
        let (report, _) =
            compare(folder.path(), "bright.exr", "mapped.tiff", &format!("--exposure 1 --tonemap {name}"));
        assert!(report["total"].as_f64().unwrap() < 1e-10, "{name}: {report}");
        assert_eq!(report["pictures"], serde_json::json!({"exposure": 1.0, "tonemap": name}));
    }

    // As stored: the light's own values, which are then in the range of any stored floats.
    folder.float("stored.tiff", &floats(light));
    assert_eq!(total(folder.path(), "light.exr", "stored.tiff", "--transfer none"), 0.0);
    assert!(refusal(folder.path(), "bright.exr", "a.png", "--transfer none").contains("--range"));

    folder.float("negative.exr", &floats(|value| light(value) - 0.01));
    let (_, warnings) = compare(folder.path(), "negative.exr", "a.png", "");
    assert!(warnings[0].contains("are below 0 and became 0"), "{warnings:?}");
    let output = run(folder.path(), &["a.png", "b.png", "--tonemap aces"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--tonemap changed nothing: no picture here holds linear light"), "{text}");
}

#[test]
fn floats_out_of_range_are_named_for_what_they_look_like() {
    let folder = Folder::new();
    let (mean, std) = (0.449, 0.226);
    for (name, pixels, option) in [
        ("signed.tiff", floats(|value| value * 2.0 - 1.0), "--range signed"),
        ("bytes.tiff", floats(|value| value * 255.0), "--range 255"),
        ("normalised.tiff", floats(|value| (value - mean) / std), "--range any --norm none"),
        ("odd.tiff", floats(|value| value * 1.3), "--range any"),
    ] {
        folder.float(name, &pixels);
        // On either side, the message has both.
        for (a, b) in [(name, "a.png"), ("a.png", name)] {
            let message = refusal(folder.path(), a, b, "");
            assert!(message.contains(&format!("{name}: its values are from")), "{message}");
            assert!(message.contains("a.png is from 0 to 1") && message.contains(option), "{message}");
        }
    }
    assert!(total(folder.path(), "signed.tiff", "a.png", "--range signed") < 1e-12);
    assert!(total(folder.path(), "bytes.tiff", "a.png", "--range 255") < 1e-12);
    let (report, _) = compare(folder.path(), "normalised.tiff", "a.png", "--range any");
    assert!(report["total"].as_f64().unwrap() > 0.01);
    assert_eq!(report["pictures"], serde_json::json!({"range": "any"}));
    // One in each range: an error, whichever of the two is asked for.
    folder.float("unit.tiff", &floats(|value| value));
    let message = refusal(folder.path(), "bytes.tiff", "unit.tiff", "");
    assert!(message.contains("unit.tiff's are from 0 to"), "{message}");
    assert!(
        refusal(folder.path(), "bytes.tiff", "signed.tiff", "--range 255")
            .contains("signed.tiff: its values")
    );

    let mut broken = floats(|value| value);
    broken[(7, 3)][1] = f32::NAN;
    broken[(2, 4)][0] = f32::INFINITY;
    folder.float("nan.tiff", &broken);
    folder.float("nan.exr", &broken);
    for name in ["nan.tiff", "nan.exr"] {
        let message = refusal(folder.path(), name, "a.png", "");
        assert!(message.contains("green of the pixel at x 7, y 3 is NaN"), "{message}");
    }
}

#[test]
fn alpha_is_silent_where_it_is_opaque() {
    let folder = Folder::new();
    let with = |alpha: u8| {
        ImageBuffer::from_fn(12, 10, |x, y| {
            let [r, g, b] = picture(0)[(x, y)].0;
            Rgba([r, g, b, alpha])
        })
    };
    with(255).save(folder.path().join("opaque.png")).unwrap();
    with(255).save(folder.path().join("opaque.tga")).unwrap();
    with(9).save(folder.path().join("clear.png")).unwrap();
    with(9).save(folder.path().join("clear.webp")).unwrap();
    with(8).save(folder.path().join("clearer.png")).unwrap();
    let warnings = |a: &str, b: &str| compare(folder.path(), a, b, "").1;
    assert_eq!(warnings("opaque.png", "a.png"), [""; 0]);
    assert_eq!(warnings("opaque.tga", "opaque.png"), [""; 0]);
    let dropped = "alpha is dropped, and it is not opaque everywhere";
    let only = |a: &str, b: &str| format!("{a} and {b} differ in nothing but alpha, which is not compared");
    assert_eq!(warnings("clear.png", "b.png"), [dropped]);
    assert_eq!(warnings("clear.png", "clear.webp"), [dropped, dropped], "the same alpha");
    assert_eq!(warnings("clear.png", "a.png"), [dropped.to_owned(), only("clear.png", "a.png")]);
    assert_eq!(
        warnings("clear.png", "clearer.png"),
        [dropped.to_owned(), dropped.to_owned(), only("clear.png", "clearer.png")]
    );
    assert_eq!(warnings("clear.png", "clear.png"), [dropped], "once a file");
}

#[test]
fn sizes_that_differ_are_resized_on_request() {
    let folder = Folder::new();
    let large = image::imageops::resize(&picture(0), 24, 20, image::imageops::FilterType::Nearest);
    large.save(folder.path().join("large.png")).unwrap();
    let message = refusal(folder.path(), "large.png", "a.png", "");
    assert!(message.contains("large.png is 24x20 but the target a.png is 12x10"), "{message}");
    assert!(message.contains("--resize target or generated"), "{message}");

    let (report, warnings) =
        compare(folder.path(), "large.png", "a.png", "--resize generated --filter nearest");
    assert_eq!((&report["total"], &report["width"]), (&0.0.into(), &12.into()));
    assert_eq!(warnings, ["resized from 24x20 to 12x10"]);
    assert_eq!(report["pictures"], serde_json::json!({"resize": "generated", "filter": "nearest"}));
    let (report, _) = compare(folder.path(), "large.png", "a.png", "--resize target --filter nearest");
    assert_eq!((&report["total"], &report["width"]), (&0.0.into(), &24.into()));
    assert!(total(folder.path(), "large.png", "a.png", "--resize target") > 0.0, "another filter");
    assert!(
        refusal(folder.path(), "large.png", "a.png", "--resize target --range any")
            .contains("--resize needs")
    );

    // Of many, each with the target at its own size.
    let output = run(
        folder.path(),
        &["large.png", "a.png", "large.png", "--target", "a.png", "--resize target --filter nearest"],
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let totals: Vec<f64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["total"].as_f64().unwrap())
        .collect();
    assert_eq!(totals, [0.0; 3]);

    // A border that differs is left out, after resizing.
    let mut framed = picture(0);
    framed[(0, 5)] = Rgb([255; 3]);
    framed[(11, 9)] = Rgb([255; 3]);
    framed.save(folder.path().join("framed.png")).unwrap();
    assert!(total(folder.path(), "framed.png", "a.png", "") > 0.0);
    let (report, _) = compare(folder.path(), "framed.png", "a.png", "--crop 1");
    assert_eq!((&report["total"], &report["width"], &report["height"]), (&0.0.into(), &10.into(), &8.into()));
    assert!(
        refusal(folder.path(), "a.png", "b.png", "--crop 5")
            .contains("nothing of 12x10 is left inside a border of 5")
    );
}

#[test]
fn a_picture_may_come_from_standard_input() {
    let folder = Folder::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_perceptual-loss"))
        .args(["compare", "-", "b.png"])
        .args(PLAIN.split_whitespace())
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(folder.path().join("a.png")).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["total"].as_f64().unwrap(), total(folder.path(), "a.png", "b.png", ""));
    assert_eq!(report["generated"], "-");
    assert!(refusal(folder.path(), "-", "-", "").contains("standard input (-) holds one picture"));
}

#[test]
fn what_is_no_picture_is_told_in_a_line() {
    let folder = Folder::new();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("text.png", b"hello");
    write("empty.png", b"");
    write("vector.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>");
    fs::create_dir(folder.path().join("folder.png")).unwrap();
    let jpeg = fs::read(golden("baseline.jpg")).unwrap();
    write("cut.jpg", &jpeg[..jpeg.len() - 30]);
    for (name, part) in [
        ("text.png", "it is no picture that can be read; expected PNG, JPEG, WebP"),
        ("empty.png", "the file is empty"),
        ("vector.svg", "it is no picture that can be read"),
        ("folder.png", "is a folder"),
        ("cut.jpg", "the file ends early"),
        ("none.png", "No such file"),
    ] {
        for (a, b) in [(name, "a.png"), ("a.png", name)] {
            let message = refusal(folder.path(), a, b, "");
            assert!(message.contains(name) && message.contains(part), "{message}");
        }
    }
    write("huge.ppm", b"P6 60000 60000 255\n");
    let message = refusal(folder.path(), "a.png", "huge.ppm", "");
    assert!(
        message.contains("huge.ppm: decoding it would take more than 1073741824 bytes; --max-decoded"),
        "{message}"
    );
    let (bytes, a) =
        (fs::metadata(folder.path().join("a.png")).unwrap().len(), picture(0).as_raw().len() as u64);
    assert!(bytes < a);
    let message = refusal(folder.path(), "a.png", "a.png", &format!("--max-decoded {}", a - 1));
    assert!(message.contains(&format!("more than {} bytes", a - 1)), "{message}");
    assert_eq!(total(folder.path(), "a.png", "a.png", &format!("--max-decoded {a}")), 0.0);
}
