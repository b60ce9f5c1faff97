//! The command, end to end: what it prints, its exit codes, and that an error is one line and nothing else.

use std::{io::Write as _, process::Stdio};

use image::{ImageBuffer, Rgb, Rgb32FImage, RgbImage, Rgba};
use serde_json::Value;

use crate::{command, folder::Folder, scene::Scene};

impl Folder {
    /// The total of one comparison on the CPU, and all of standard error.
    fn loss(&self, arguments: &str) -> (f64, String) {
        let output = self.run(&format!("compare {arguments} --taps relu1_2 --backend cpu --json"));
        assert!(output.status.success(), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report["total"].as_f64().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    fn save(&self, name: &str, picture: impl Into<image::DynamicImage>) {
        picture.into().save(self.path(name)).unwrap();
    }

    /// One JSON object a line.
    pub fn json(&self, arguments: &str) -> Vec<Value> {
        let output = self.run(&format!("{arguments} --json"));
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn json_holds_what_is_needed_to_get_the_number_again() {
    let folder = Folder::with_pictures();
    let [report] = folder.json("compare a.png b.png --backend gpu").try_into().unwrap();
    assert_eq!(report["layers"][3]["name"], "relu4_2");
    assert_eq!(report["layers"][3]["shape"], serde_json::json!([512, 3, 5]));
    let total: f64 = (0..4)
        .map(|i| {
            report["layers"][i]["weight"].as_f64().unwrap() * report["layers"][i]["loss"].as_f64().unwrap()
        })
        .sum();
    assert!(total > 0.0 && (report["total"].as_f64().unwrap() - total).abs() < 1e-12 * total);
    for (key, value) in [
        ("backend", "gpu"),
        ("preset", "vgg19"),
        ("network", "vgg19"),
        ("normalization", "imagenet"),
        ("precision", "f32"),
        ("tuning", "blocked"),
        ("generated", "a.png"),
        ("target", "b.png"),
        ("version", env!("CARGO_PKG_VERSION")),
    ] {
        assert_eq!(report[key], value, "{key}");
    }
    assert!(report["layers"].as_array().unwrap().iter().all(|layer| layer["criterion"] == "mse"));
    assert!(report["adapter"].is_string() && report["linears"].is_null());
    assert_eq!((report["width"].as_u64(), report["height"].as_u64()), (Some(40), Some(24)));
    assert_eq!(report["weights"]["origin"], "default-1");
    assert_eq!(report["weights"]["trained"], false);
    assert_eq!(report["weights"]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn every_backend_gives_the_same_and_the_cpu_has_neither_adapter_nor_tuning() {
    let folder = Folder::with_pictures();
    let options =
        "compare a.png b.png --taps relu1_2=1,pool1=0.5 --criterion mae --norm caffe --weights seeded:3";
    let on = |more: &str| folder.json(&format!("{options} {more}")).remove(0);
    let total = |report: &Value| report["total"].as_f64().unwrap();
    let twin = on("--backend twin");
    assert_eq!(
        (&twin["preset"], &twin["layers"][1]["criterion"], &twin["normalization"]),
        (&Value::Null, &"mae".into(), &"caffe".into())
    );
    for (more, backend) in [
        ("--backend twin --threads 1", "twin"),
        ("--backend cpu", "cpu"),
        ("--backend cpu --threads 3", "cpu"),
        ("--threads 2", "cpu"),
        ("--backend gpu", "gpu"),
        ("--tuning direct", "gpu"),
    ] {
        let report = on(more);
        assert_eq!(report["backend"], backend, "{more}");
        assert_eq!(report["adapter"].is_null() && report["tuning"].is_null(), backend != "gpu", "{more}");
        assert!((total(&report) / total(&twin) - 1.0).abs() < 1e-5, "{more}: {report} and {twin}");
    }
    // By default a hardware GPU, or the CPU: which of them a machine has is not known here.
    let auto = on("");
    assert!(auto["backend"] == "gpu" || auto["backend"] == "cpu", "{auto}");
    assert!((total(&auto) / total(&twin) - 1.0).abs() < 1e-5);
}

#[test]
fn many_candidates_are_compared_with_one_target() {
    let folder = Folder::with_pictures();
    let many = folder.json("compare a.png b.png a.png --target b.png --taps relu2_1");
    let [alone] = folder.json("compare a.png b.png --taps relu2_1").try_into().unwrap();
    assert_eq!(many.len(), 3);
    assert_eq!((&many[0], &many[2]), (&alone, &alone));
    assert_eq!((&many[1]["total"], &many[1]["generated"]), (&0.0.into(), &"b.png".into()));
}

#[test]
fn the_table_names_layers_and_says_that_weights_are_untrained() {
    let folder = Folder::with_pictures();
    let output = folder.run("compare a.png b.png --tuning direct --taps relu1_1,relu1_2");
    let (table, notes) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    for part in ["a.png against b.png", "relu1_1", "relu1_2", "total", "default-1 (untrained"] {
        assert!(table.contains(part), "{table}");
    }
    assert!(
        notes.contains("note: the weights default-1, which ship, judge much as pretrained ones do"),
        "{notes}"
    );
    assert!(notes.lines().all(|line| line.starts_with("note: ") || line.starts_with("warning: ")), "{notes}");
}

/// The same pixels in another format give the same loss; `files/tests/formats` holds the pixels themselves.
#[test]
fn picture_formats_hold_the_same_pixels() {
    let folder = Folder::with_pictures();
    let scene = Scene::new(40, 24, 7);
    let rgb: RgbImage = ImageBuffer::from_raw(40, 24, scene.rgb).unwrap();
    let dynamic = image::DynamicImage::from(rgb.clone());
    let other = folder.loss("a.png b.png").0;
    for name in ["b.webp", "b.bmp", "b.tif", "b.tga", "b.ppm", "b.qoi"] {
        folder.save(name, rgb.clone());
        let (loss, said) = folder.loss(&format!("a.png {name}"));
        assert_eq!(loss, other, "{name}");
        assert!(!said.contains("warning: b."), "{said}");
    }
    folder.save("b16.png", dynamic.to_rgb16());
    folder.save("b-float.tif", dynamic.to_rgb32f());
    folder.save("b-grey.png", dynamic.to_luma8());
    folder.save("b-grey-rgb.png", image::DynamicImage::from(dynamic.to_luma8()).to_rgb8());
    for name in ["b16.png", "b-float.tif"] {
        let loss = folder.loss(&format!("a.png {name}")).0;
        assert!((loss / other - 1.0).abs() < 1e-5, "{name}: {loss}, not {other}");
    }
    assert_eq!(folder.loss("a.png b-grey.png").0, folder.loss("a.png b-grey-rgb.png").0);
    // JPEG: the same pixels as a PNG dump of the decoded picture.
    folder.save("b.jpg", rgb);
    folder.save("dump.png", image::open(folder.path("b.jpg")).unwrap());
    assert_eq!(folder.loss("b.jpg dump.png").0, 0.0);
    assert!(folder.loss("b.jpg b.png").0 > 1e-4);
}

/// Linear light against the same picture encoded by hand, in 16 bits.
#[test]
fn linear_light_is_compared_as_srgb() {
    let folder = Folder::with_pictures();
    let light = Rgb32FImage::from_fn(40, 24, |x, y| Rgb([x as f32 / 20.0, y as f32 / 24.0, 0.2]));
    folder.save("light.exr", light.clone());
    let curve = |v: f64| if v <= 0.0031308 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
    let save = |name: &str, map: fn(f64) -> f64| {
        let encode = |v: f32| (curve(map(f64::from(v)).min(1.0)) * 65535.0).round() as u16;
        folder.save(name, ImageBuffer::from_fn(40, 24, |x, y| Rgb(light[(x, y)].0.map(encode))));
    };
    save("clip.png", |v| v);
    save("dark.png", |v| v / 2.0);
    save("reinhard.png", |v| v / (1.0 + v));
    let (code, line) = folder.fails("compare light.exr a.png");
    assert!(code == 2 && line.contains("light.exr: it holds linear light up to 1.95"), "{line}");
    for (png, options) in [
        ("clip.png", "--tonemap clip"),
        ("dark.png", "--exposure -1"),
        ("reinhard.png", "--tonemap reinhard"),
    ] {
        let expected = folder.loss(&format!("{png} b.png")).0;
        let loss = folder.loss(&format!("light.exr b.png {options}")).0;
        assert!((loss / expected - 1.0).abs() < 1e-5, "{png}: {loss}, not {expected}");
    }
    let report =
        &folder.json("compare light.exr b.png --exposure -1 --tonemap aces --taps relu1_1 --backend cpu")[0];
    assert_eq!(report["pictures"], serde_json::json!({ "exposure": -1.0, "tonemap": "aces" }));
    assert!(folder.loss("a.png b.png --exposure 1").1.contains("warning: no picture holds linear light"));
}

#[test]
fn ranges_of_two_pictures_are_told_apart() {
    let folder = Folder::with_pictures();
    for name in ["a", "b"] {
        let unit = image::open(folder.path(&format!("{name}.png"))).unwrap().to_rgb32f();
        let signed = Rgb32FImage::from_fn(40, 24, |x, y| Rgb(unit[(x, y)].0.map(|v| v * 2.0 - 1.0)));
        folder.save(&format!("{name}-unit.tif"), unit);
        folder.save(&format!("{name}-signed.tif"), signed);
    }
    let expected = folder.loss("a.png b.png").0;
    for arguments in [
        "a-unit.tif b-unit.tif",
        "a-signed.tif b-signed.tif --range -1..1",
        "a-signed.tif b.png --range -1..1",
        "a-unit.tif b-signed.tif --target-range -1..1",
        "a-signed.tif b-unit.tif --range -1..1 --target-range 0..1",
    ] {
        let loss = folder.loss(arguments).0;
        assert!((loss / expected - 1.0).abs() < 1e-5, "{arguments}: {loss}, not {expected}");
    }
    for (arguments, part) in [
        ("a-signed.tif b-unit.tif", "a-signed.tif: its values run from -1 to 1"),
        ("a-unit.tif b-signed.tif", "b-signed.tif: its values run from -0.8"),
        ("a-unit.tif b-signed.tif", "looks like -1..1: give --target-range -1..1, or --range"),
        (
            "a-unit.tif b-signed.tif --range -1..1",
            "a-unit.tif looks like the range 0..1 and the target b-signed.tif like -1..1",
        ),
        (
            "a-signed.tif b-unit.tif --range -1..1",
            "a-signed.tif looks like the range -1..1 and the target b-unit.tif like 0..1",
        ),
    ] {
        let (code, line) = folder.fails(&format!("compare {arguments}"));
        assert!(code == 2 && line.contains(part), "{arguments}: {line}");
    }
    let report =
        &folder.json("compare a-unit.tif b-signed.tif --target-range -1..1 --taps relu1_1 --backend cpu")[0];
    assert_eq!(report["pictures"], serde_json::json!({ "target_range": "-1..1" }));
}

/// Pictures that a training loop has normalised give what they gave before.
#[test]
fn normalised_pictures_are_taken_as_they_are() {
    let folder = Folder::with_pictures();
    let (mean, deviation) = ([0.485, 0.456, 0.406f32], [0.229, 0.224, 0.225f32]);
    for name in ["a", "b"] {
        let unit = image::open(folder.path(&format!("{name}.png"))).unwrap().to_rgb32f();
        let normal = |x, y| Rgb([0, 1, 2].map(|c| (unit[(x, y)][c] - mean[c]) / deviation[c]));
        folder.save(&format!("{name}.tif"), Rgb32FImage::from_fn(40, 24, normal));
    }
    let expected = folder.loss("a.png b.png").0;
    let loss = folder.loss("a.tif b.tif --range any --norm none").0;
    assert!((loss / expected - 1.0).abs() < 1e-5, "{loss}, not {expected}");
    let (code, line) = folder.fails("compare a.tif b.tif");
    assert!(code == 2 && line.contains("normalised already"), "{line}");
    // Resampling would cut values off.
    folder.save("small.tif", Rgb32FImage::from_pixel(20, 20, Rgb([2.0; 3])));
    let (code, line) = folder.fails("compare small.tif b.tif --range any --norm none --resize generated");
    assert!(code == 2 && line.contains("small.tif: its values are not from 0 to 1"), "{line}");
}

#[test]
fn a_difference_in_alpha_alone_is_told() {
    let folder = Folder::with_pictures();
    let rgb = image::open(folder.path("b.png")).unwrap().to_rgb8();
    for (name, alpha) in [("opaque.png", 255), ("clear.png", 100), ("clearer.png", 50)] {
        let [width, height] = [rgb.width(), rgb.height()];
        folder.save(
            name,
            ImageBuffer::from_fn(width, height, |x, y| {
                let [r, g, b] = rgb[(x, y)].0;
                Rgba([r, g, b, alpha])
            }),
        );
    }
    let told = |arguments: &str| {
        let (loss, said) = folder.loss(arguments);
        let lines = said.lines().filter(|line| line.contains("alpha is dropped")).count();
        (loss == 0.0, lines, said.contains("differ in alpha alone"))
    };
    assert_eq!(told("opaque.png b.png"), (true, 0, false));
    assert_eq!(told("clear.png b.png"), (true, 1, true));
    assert_eq!(told("clear.png clearer.png"), (true, 2, true));
    // The same file twice has its warning once, and is the same.
    assert_eq!(told("clear.png clear.png"), (true, 1, false));
    assert_eq!(told("clear.png a.png"), (false, 1, false));
}

#[test]
fn a_difference_that_weights_and_taps_do_not_see_is_told() {
    let folder = Folder::with_pictures();
    let told = |pair: &str, taps: &str| {
        let output = folder.run(&format!("compare {pair} --backend cpu --json --taps {taps}"));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let said = String::from_utf8(output.stderr).unwrap();
        (report["total"] == 0.0, said.contains("do not see: the loss is 0, but they are not the same"))
    };
    for (taps, is_zero) in [("relu1_1=0", true), ("relu1_1=5e-324", true), ("relu1_1=1e-300", false)] {
        assert_eq!(told("a.png b.png", taps), (is_zero, is_zero), "{taps}");
        assert_eq!(told("b.png b.png", taps), (true, false), "{taps}");
    }
    // One value by the least step of 16 bits; and the same picture in 16 bits and in 8.
    let wide = image::open(folder.path("b.png")).unwrap().to_rgb16();
    let mut changed = wide.clone();
    changed[(3, 4)].0[1] ^= 1;
    folder.save("wide.png", wide);
    folder.save("changed.png", changed);
    assert_eq!(told("wide.png changed.png", "relu1_1=0"), (true, true));
    assert_eq!(told("wide.png b.png", "relu1_1=0"), (true, false));
}

#[test]
fn a_report_takes_no_pictures_place() {
    let folder = Folder::with_pictures();
    for picture in ["a.png", "b.png"] {
        let copy = format!("{picture}.json");
        std::fs::copy(folder.path(picture), folder.path(&copy)).unwrap();
        let before = std::fs::read(folder.path(&copy)).unwrap();
        for pair in
            [format!("{copy} b.png"), format!("a.png ./{copy}"), format!("--target {copy} a.png b.png")]
        {
            let (code, line) = folder.fails(&format!("compare {pair} --backend cpu -o {copy}"));
            assert!(code == 2 && line.contains("is a picture to compare, and would be replaced"), "{line}");
        }
        assert_eq!(std::fs::read(folder.path(&copy)).unwrap(), before);
    }
}

#[test]
fn pictures_of_other_sizes_are_resized_and_cropped_on_request() {
    let folder = Folder::with_pictures();
    let target = image::open(folder.path("b.png")).unwrap().to_rgb8();
    let filter = image::imageops::FilterType::Triangle;
    let big = image::imageops::resize(&target, 60, 50, image::imageops::FilterType::CatmullRom);
    folder.save("big.png", big.clone());
    // What is asked for, done by hand.
    folder.save("small.png", image::imageops::resize(&big, 40, 24, filter));
    folder.save("b-big.png", image::imageops::resize(&target, 60, 50, filter));
    let by_hand = folder.loss("small.png b.png").0;
    let (loss, said) = folder.loss("big.png b.png --resize generated --filter triangle");
    assert_eq!(loss, by_hand);
    assert!(
        said.contains("note: big.png: resized from 60x50 to 40x24 by triangle, in sRGB values"),
        "{said}"
    );
    let (loss, said) = folder.loss("big.png b.png --resize target --filter triangle");
    assert_eq!(loss, folder.loss("big.png b-big.png").0);
    assert!(said.contains("note: b.png: resized from 40x24 to 60x50"), "{said}");
    // Of one size, there is nothing to do.
    let (loss, said) = folder.loss("a.png b.png --resize target");
    assert!(loss == folder.loss("a.png b.png").0 && !said.contains("resized"), "{said}");

    let crop = |name: &str| image::open(folder.path(name)).unwrap().crop_imm(5, 5, 30, 14);
    folder.save("a-cropped.png", crop("a.png"));
    folder.save("b-cropped.png", crop("b.png"));
    assert_eq!(folder.loss("a.png b.png --crop 5").0, folder.loss("a-cropped.png b-cropped.png").0);
    let options = "--resize generated --crop 5 --taps relu1_1 --backend cpu";
    let reports = folder.json(&format!("compare big.png a.png --target b.png {options}"));
    assert_eq!(
        reports[0]["pictures"],
        serde_json::json!({ "resized": "generated", "from": [60, 50], "filter": "lanczos3", "crop": 5 })
    );
    assert_eq!(reports[1]["pictures"], serde_json::json!({ "crop": 5 }));
    assert_eq!((reports[0]["width"].as_u64(), reports[0]["height"].as_u64()), (Some(30), Some(14)));

    for (arguments, part) in [
        (
            "big.png b.png",
            "big.png is 60x50 but the target is 40x24; pictures must have one size, or give --resize",
        ),
        (
            "big.png a.png --target b.png --resize target",
            "a.png is 40x24 but the first generated picture is 60x50",
        ),
        ("a.png b.png --crop 12", "--crop 12 leaves nothing of 40x24; 11 is the most"),
        ("a.png b.png --filter box", "box"),
    ] {
        let (code, line) = folder.fails(&format!("compare {arguments}"));
        assert!(code == 2 && line.contains(part), "{arguments}: {line}");
    }
}

#[test]
fn standard_input_is_a_picture() {
    let folder = Folder::with_pictures();
    let run = |arguments: &str, bytes: &[u8]| {
        let mut child = folder
            .command(&format!("{arguments} --taps relu1_2 --backend cpu --json"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read it closes it.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        child.wait_with_output().unwrap()
    };
    let expected = folder.loss("a.png b.png").0;
    for (arguments, file) in [("compare - b.png", "a.png"), ("compare a.png -", "b.png")] {
        let output = run(arguments, &std::fs::read(folder.path(file)).unwrap());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["total"].as_f64().unwrap(), expected);
    }
    for (arguments, bytes, part) in [
        ("compare - -", &b""[..], "error: - is given 2 times"),
        ("compare - b.png", b"", "error: standard input: is empty"),
        ("compare - b.png", b"text", "error: standard input: is no picture that is known"),
        (
            "compare a.png - --max-decoded 3",
            b"text",
            "error: standard input: is longer than the limit of 3 bytes",
        ),
    ] {
        let output = run(arguments, bytes);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && output.stdout.is_empty(), "{arguments}: {text}");
        assert!(text.lines().any(|line| line.starts_with(part)), "{arguments}: {text}");
    }
}

#[test]
fn bad_usage_and_input_end_with_code_2_and_one_line() {
    let folder = Folder::with_pictures();
    std::fs::write(folder.path("text.png"), "no picture").unwrap();
    std::fs::write(folder.path("empty.png"), "").unwrap();
    let whole = std::fs::read(folder.path("b.png")).unwrap();
    std::fs::write(folder.path("half.png"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.path("text.safetensors"), "hello").unwrap();
    image::save_buffer(folder.path("wide.png"), &Scene::new(41, 24, 1).rgb, 41, 24, image::ColorType::Rgb8)
        .unwrap();
    image::save_buffer(folder.path("tiny.png"), &[1, 2, 3], 1, 1, image::ColorType::Rgb8).unwrap();
    folder.save("flat.png", RgbImage::new(40, 24));
    folder.save("long.png", RgbImage::new(100_000, 1));
    for (arguments, part) in [
        ("compare a.png", "nothing to compare it with"),
        ("compare a.png b.png a.png", "name the target with --target"),
        ("compare none.png b.png", "none.png: No such file"),
        ("compare text.png b.png", "text.png: "),
        ("compare empty.png b.png", "empty.png: "),
        ("compare a.png half.png", "half.png: "),
        ("compare . b.png", ".: is a folder; expected a picture file"),
        (
            "compare flat.png flat.png --max-decoded 2KiB",
            "flat.png: is 40x24, which takes 2.8KiB to decode, more than the limit of 2KiB",
        ),
        (
            "compare long.png b.png --resize generated --max-decoded 16MiB",
            "long.png: is 100000x1, which takes 36.9MiB to resize to 40x24, more than the limit of 16MiB",
        ),
        ("compare a.png b.png --max-decoded much", "expected a size such as 512MiB"),
        ("compare a.png b.png --exposure 1000", "expected stops from -64 to 64"),
        ("compare wide.png b.png", "wide.png is 41x24 but the target is 40x24"),
        ("compare a.png a.png wide.png --target b.png", "wide.png is 41x24"),
        ("compare tiny.png tiny.png", "the smallest that works is 8x8"),
        ("compare a.png b.png --weights none.safetensors", "none.safetensors"),
        ("compare a.png b.png --weights text.safetensors", "text.safetensors: not a safetensors file"),
        ("compare a.png b.png --weights seeded:-1", "'seeded:-1' names no seed"),
        ("compare a.png b.png --taps relu9_9=1", "no layer 'relu9_9'"),
        ("compare a.png b.png --taps relu1_1=nan", "weight NaN"),
        ("compare a.png b.png --taps =", "is no tap"),
        (
            "compare a.png b.png --taps relu1_1=1e308,relu1_2=1e308 --norm caffe --backend cpu --json",
            "finite",
        ),
        ("compare a.png b.png --preset nope", "no preset is called 'nope'"),
        ("compare a.png b.png --criterion l3", "no criterion is called 'l3'"),
        ("compare a.png b.png --criterion smooth-l1:0", "the parameter 0 of smooth-l1 is not usable"),
        ("compare a.png b.png --taps relu1_1:l3", "no criterion is called 'l3'"),
        (
            "compare a.png b.png --criterion lpips",
            "lpips is of vgg16's relu1_2, relu2_2, relu3_3, relu4_3, relu5_3",
        ),
        ("compare a.png b.png --preset lpips-vgg", "bring it with 'perceptual-loss weights fetch lpips-vgg'"),
        ("compare a.png b.png --preset lpips-vgg --lin gone.pth", "gone.pth"),
        ("compare a.png b.png --norm 3", "'3' is no normalisation"),
        ("compare a.png b.png --tuning warp", "no tuning is called 'warp'"),
        ("compare a.png b.png --adapter no-such-adapter", "no adapter here is called 'no-such-adapter'"),
        ("compare a.png b.png --adapter x --backend cpu", "--adapter is for the GPU"),
        ("compare a.png b.png --tuning direct --backend twin", "--tuning is for the GPU"),
        ("compare a.png b.png --threads 2 --backend gpu", "--threads is for the CPU"),
        (
            "compare a.png b.png --threads 2 --adapter x",
            "--adapter is for the GPU and --threads is for the CPU",
        ),
        ("compare a.png b.png --precision bf16 --backend gpu", "--precision bf16 is for the CPU"),
        ("compare a.png b.png --precision bf16 --backend twin", "the twins compute in f32 alone"),
        ("compare a.png b.png --precision f8", "no precision is called 'f8'"),
        ("compare a.png b.png --threads 0", "0 threads cannot be used"),
        (
            "compare a.png b.png --memory 1KiB --backend gpu",
            "in 1024 bytes of feature maps; the least that works is",
        ),
        ("compare a.png b.png --memory 1KiB", "in 1024 bytes of feature maps; the least that works is"),
        ("compare a.png b.png --tonemap filmic", "invalid value 'filmic'"),
        ("compare", "required"),
        ("frobnicate", "frobnicate"),
    ] {
        let (code, line) = folder.fails(arguments);
        assert_eq!(code, 2, "{arguments}: {line}");
        assert!(line.contains(part), "{arguments}: {line}");
    }
}

#[test]
fn a_device_is_no_picture() {
    let folder = Folder::with_pictures();
    if cfg!(unix) {
        let (code, line) = folder.fails("compare /dev/zero b.png");
        assert_eq!((code, line.as_str()), (2, "error: /dev/zero: is a device; expected a picture file"));
    }
}

#[test]
fn a_run_that_fails_ends_with_code_3() {
    let folder = Folder::with_pictures();
    // A driver list that names no driver: no adapter is left.
    let output = folder
        .command("compare a.png b.png --backend gpu")
        .env("VK_DRIVER_FILES", folder.path("none.json"))
        .env("VK_ICD_FILENAMES", folder.path("none.json"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.starts_with("error: no GPU adapter was found; install a driver"), "{text}");
        assert!(output.stdout.is_empty());
    }
    // A full disk.
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let output =
            folder.command("compare a.png b.png --taps relu1_1 --backend cpu").stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
}

/// Pictures within their limit, in a process that may have less.
#[cfg(target_os = "linux")]
#[test]
fn a_picture_for_which_there_is_no_memory_ends_with_code_3() {
    let folder = Folder::with_pictures();
    // 16000x12000, of which one pixel is stored.
    let frame =
        b"GIF89a\x80\x3e\xe0\x2e\x80\0\0\xff\0\0\0\0\xff,\x01\0\x01\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;";
    std::fs::write(folder.path("large.gif"), frame).unwrap();
    folder.save("wide.png", RgbImage::new(900, 1));
    folder.save("tall.png", RgbImage::new(8, 60_000));
    for (arguments, line) in [
        ("large.gif b.png", "large.gif: takes 732.4MiB of memory, and there is not as much"),
        ("b.png large.gif", "large.gif: takes 732.4MiB of memory, and there is not as much"),
        ("tall.png wide.png --resize target", "wide.png: takes 825.4MiB of memory, and there is not as much"),
    ] {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "ulimit -v 600000; exec \"$0\" compare \"$@\" --backend cpu"]);
        shell.arg(env!("CARGO_BIN_EXE_perceptual-loss")).args(arguments.split_whitespace());
        let output = command::apart(shell).current_dir(folder.root()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments}: {text}");
        assert!(output.stdout.is_empty() && text.starts_with(&format!("error: {line}")), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
