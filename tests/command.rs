//! The command, end to end: what it prints, its exit codes, and that an error is one line and nothing else.

#[path = "common/scene.rs"]
mod scene;

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use image::{ImageBuffer, Luma, LumaA, Rgb, Rgba};
use scene::{Distortion, Scene};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with two pictures of 40x24, `a.png` a noisy `b.png`.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        let scene = Scene::new(40, 24, 7);
        for (name, scene) in [("a.png", &scene.distort(Distortion::Noise, 1)), ("b.png", &scene)] {
            image::save_buffer(folder.path(name), &scene.rgb, 40, 24, image::ColorType::Rgb8).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_perceptual-loss"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// One JSON object a line.
    fn json(&self, arguments: &str) -> Vec<Value> {
        let output = self.run(&format!("{arguments} --json"));
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The exit code and the one line that begins with "error: "; nothing may be on standard output.
    fn fails(&self, arguments: &str) -> (i32, String) {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.stdout.is_empty(), "{arguments}: {:?}", output.stdout);
        let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{arguments}: {text}");
        (output.status.code().unwrap(), errors[0].to_owned())
    }
}

#[test]
fn json_holds_what_is_needed_to_get_the_number_again() {
    let folder = Folder::new();
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
        ("criterion", "mse"),
        ("precision", "f32"),
        ("tuning", "blocked"),
        ("generated", "a.png"),
        ("target", "b.png"),
        ("version", env!("CARGO_PKG_VERSION")),
    ] {
        assert_eq!(report[key], value, "{key}");
    }
    assert!(report["adapter"].is_string());
    assert_eq!((report["width"].as_u64(), report["height"].as_u64()), (Some(40), Some(24)));
    assert_eq!(report["weights"]["origin"], "seeded:0");
    assert_eq!(report["weights"]["trained"], false);
    assert_eq!(report["weights"]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn every_backend_gives_the_same_and_the_cpu_has_neither_adapter_nor_tuning() {
    let folder = Folder::new();
    let options =
        "compare a.png b.png --taps relu1_2=1,pool1=0.5 --criterion mae --norm caffe --weights seeded:3";
    let on = |more: &str| folder.json(&format!("{options} {more}")).remove(0);
    let total = |report: &Value| report["total"].as_f64().unwrap();
    let twin = on("--backend twin");
    assert_eq!(
        (&twin["preset"], &twin["criterion"], &twin["normalization"]),
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
    let folder = Folder::new();
    let many = folder.json("compare a.png b.png a.png --target b.png --taps relu2_1");
    let [alone] = folder.json("compare a.png b.png --taps relu2_1").try_into().unwrap();
    assert_eq!(many.len(), 3);
    assert_eq!((&many[0], &many[2]), (&alone, &alone));
    assert_eq!((&many[1]["total"], &many[1]["generated"]), (&0.0.into(), &"b.png".into()));
}

#[test]
fn the_table_names_layers_and_says_that_weights_are_untrained() {
    let folder = Folder::new();
    let output = folder.run("compare a.png b.png --tuning direct --taps relu1_1,relu1_2");
    let (table, notes) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    for part in ["a.png against b.png", "relu1_1", "relu1_2", "total", "seeded:0 (UNTRAINED"] {
        assert!(table.contains(part), "{table}");
    }
    assert!(notes.contains("note: the weights seeded:0 are untrained"), "{notes}");
    assert!(notes.lines().all(|line| line.starts_with("note: ") || line.starts_with("warning: ")), "{notes}");
}

#[test]
fn picture_formats_hold_the_same_pixels() {
    let folder = Folder::new();
    let scene = Scene::new(40, 24, 7);
    let rgb: ImageBuffer<Rgb<u8>, _> = ImageBuffer::from_raw(40, 24, scene.rgb.clone()).unwrap();
    let grey: ImageBuffer<Luma<u8>, Vec<u8>> = ImageBuffer::from_fn(40, 24, |x, y| Luma([rgb[(x, y)][1]]));
    let save = |name: &str, picture: image::DynamicImage| picture.save(folder.path(name)).unwrap();
    save(
        "rgb16.png",
        ImageBuffer::from_fn(40, 24, |x, y| Rgb(rgb[(x, y)].0.map(|v| u16::from(v) * 257))).into(),
    );
    save(
        "rgba.png",
        ImageBuffer::from_fn(40, 24, |x, y| {
            let [r, g, b] = rgb[(x, y)].0;
            Rgba([r, g, b, 255])
        })
        .into(),
    );
    save(
        "clear.png",
        ImageBuffer::from_fn(40, 24, |x, y| {
            let [r, g, b] = rgb[(x, y)].0;
            Rgba([r, g, b, 100])
        })
        .into(),
    );
    save("grey.png", grey.clone().into());
    save("grey-alpha.png", ImageBuffer::from_fn(40, 24, |x, y| LumaA([grey[(x, y)][0], 255])).into());
    save("grey16.png", ImageBuffer::from_fn(40, 24, |x, y| Luma([u16::from(grey[(x, y)][0]) * 257])).into());
    save("grey-rgb.png", ImageBuffer::from_fn(40, 24, |x, y| Rgb([grey[(x, y)][0]; 3])).into());

    let of = |list: &str, target: &str| -> Vec<f64> {
        let reports = folder.json(&format!("compare {list} --target {target} --taps relu1_2 --backend cpu"));
        reports.iter().map(|report| report["total"].as_f64().unwrap()).collect()
    };
    for loss in of("b.png rgb16.png rgba.png clear.png", "b.png")
        .into_iter()
        .chain(of("grey.png grey-alpha.png grey16.png", "grey-rgb.png"))
    {
        assert!(loss < 1e-12, "{loss}");
    }
    // JPEG: the same pixels as a PNG dump of the decoded picture.
    save("b.jpg", rgb.into());
    save("dump.png", image::open(folder.path("b.jpg")).unwrap());
    assert_eq!(of("b.jpg", "dump.png"), [0.0]);
    assert!(of("b.jpg", "b.png")[0] > 1e-4);

    let warned = |name: &str| {
        let output = folder.run(&format!("compare {name} b.png --taps relu1_1 --backend cpu"));
        String::from_utf8(output.stderr).unwrap().contains("alpha is dropped")
    };
    assert!(warned("clear.png") && !warned("rgba.png"));
}

#[test]
fn bad_usage_and_input_end_with_code_2_and_one_line() {
    let folder = Folder::new();
    std::fs::write(folder.path("text.png"), "no picture").unwrap();
    std::fs::write(folder.path("empty.png"), "").unwrap();
    let whole = std::fs::read(folder.path("b.png")).unwrap();
    std::fs::write(folder.path("half.png"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.path("text.safetensors"), "hello").unwrap();
    image::save_buffer(folder.path("wide.png"), &Scene::new(41, 24, 1).rgb, 41, 24, image::ColorType::Rgb8)
        .unwrap();
    image::save_buffer(folder.path("tiny.png"), &[1, 2, 3], 1, 1, image::ColorType::Rgb8).unwrap();
    for (arguments, part) in [
        ("compare a.png", "nothing to compare it with"),
        ("compare a.png b.png a.png", "name the target with --target"),
        ("compare none.png b.png", "none.png: No such file"),
        ("compare text.png b.png", "text.png: "),
        ("compare empty.png b.png", "empty.png: "),
        ("compare a.png half.png", "half.png: "),
        ("compare wide.png b.png", "wide.png is 41x24 but the target b.png is 40x24"),
        ("compare a.png a.png wide.png --target b.png", "wide.png is 41x24"),
        ("compare tiny.png tiny.png", "the smallest that works is 8x8"),
        ("compare a.png b.png --weights none.safetensors", "none.safetensors"),
        ("compare a.png b.png --weights text.safetensors", "text.safetensors: not a safetensors file"),
        ("compare a.png b.png --weights seeded:-1", "'seeded:-1' names no seed"),
        ("compare a.png b.png --taps relu9_9=1", "no layer 'relu9_9'"),
        ("compare a.png b.png --taps relu1_1=nan", "weight NaN"),
        ("compare a.png b.png --taps =", "is no tap"),
        ("compare a.png b.png --preset nope", "no preset is called 'nope'"),
        ("compare a.png b.png --criterion l3", "no criterion is called 'l3'"),
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
        ("compare a.png b.png --threads 0", "0 threads cannot be used"),
        ("compare a.png b.png --max-decoded lots", "it takes a size such as 512MiB"),
        ("compare a.png b.png --exposure nan", "a number of stops"),
        ("compare a.png b.png --tonemap filmic", "invalid value 'filmic'"),
        ("compare a.png b.png --crop 12", "nothing of 40x24 is left"),
        ("compare", "required"),
        ("frobnicate", "frobnicate"),
    ] {
        let (code, line) = folder.fails(arguments);
        assert_eq!(code, 2, "{arguments}: {line}");
        assert!(line.contains(part), "{arguments}: {line}");
    }
}

#[test]
fn a_run_that_fails_ends_with_code_3() {
    let folder = Folder::new();
    // A driver list that names no driver: no adapter is left.
    let output = Command::new(env!("CARGO_BIN_EXE_perceptual-loss"))
        .args(["compare", "a.png", "b.png", "--backend", "gpu"])
        .env("VK_DRIVER_FILES", folder.path("none.json"))
        .env("VK_ICD_FILENAMES", folder.path("none.json"))
        .current_dir(folder.0.path())
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
        let output = Command::new(env!("CARGO_BIN_EXE_perceptual-loss"))
            .args(["compare", "a.png", "b.png", "--taps", "relu1_1", "--backend", "cpu"])
            .stdout(full)
            .current_dir(folder.0.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
}
