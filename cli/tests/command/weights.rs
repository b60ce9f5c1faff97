//! `perceptual-loss weights`, end to end: what it prints and writes, its exit codes, and that nothing partial is left.

use std::{
    fs,
    process::{Command, Stdio},
};

use perceptual_loss::{Network, Weights};
use serde_json::Value;

use crate::{folder::Folder, pickle};

impl Folder {
    fn prints(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The hash of the seeded weights' first convolution.
fn first_of_seeded() -> String {
    Weights::seeded(1).load(Network::Vgg19, 1).unwrap().info.sha256
}

#[test]
fn inspect_says_what_a_file_holds() {
    let folder = Folder::new().and_weights("checkpoint-old");
    let text = folder.prints("weights inspect w.pth");
    for part in [
        "w.pth (PyTorch, before version 1.6)\n",
        "vgg16, conv1_1 to conv1_1; or vgg19, conv1_1 to conv1_1\n",
        &format!("sha256 {}\n", first_of_seeded()),
        "looks untrained\n",
        "conv1_1  state_dict.features.0.weight  F32   64x3x3x3 ",
    ] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
    let json: Value = serde_json::from_str(&folder.prints("weights inspect w.pth --json")).unwrap();
    assert_eq!(
        (&json["format"], &json["look"], &json["origin"]),
        (&"pytorch-legacy".into(), &"untrained".into(), &"w.pth".into())
    );
    assert_eq!(json["sha256"], first_of_seeded());
    assert_eq!(json["networks"][1], serde_json::json!({"network": "vgg19", "depth": 2, "last": "conv1_1"}));
    assert_eq!(json["convolutions"][0]["shape"], serde_json::json!([64, 3, 3, 3]));
    assert_eq!(folder.names(), ["w.pth"]);
}

#[test]
fn convert_keeps_the_tensors() {
    for golden in ["plain-zip", "channels-last-old", "checkpoint-zip"] {
        let folder = Folder::new().and_weights(golden);
        let text = folder.prints("weights convert w.pth --output w.safetensors --dtype f32");
        assert!(text.starts_with("w.safetensors: vgg16, conv1_1 to conv1_1, f32, "), "{text}");
        assert!(text.contains(&first_of_seeded()) && !text.contains("rounded"), "{text}");
        let written = Weights::open(folder.path("w.safetensors")).unwrap();
        assert_eq!(written.load(Network::Vgg19, 1).unwrap().info.sha256, first_of_seeded());
        assert_eq!(folder.names(), ["w.pth", "w.safetensors"]);
        // A conversion converts to itself.
        folder.prints("weights convert w.safetensors -o again --dtype f32");
        assert_eq!(fs::read(folder.path("again")).unwrap(), fs::read(folder.path("w.safetensors")).unwrap());
    }
}

#[test]
fn convert_rounds_to_f16_by_default_and_says_what_that_changed() {
    let folder = Folder::new().and_weights("plain-zip");
    let text = folder.prints("weights convert w.pth -o w.safetensors");
    let json: Value = serde_json::from_str(&folder.prints("weights inspect w.safetensors --json")).unwrap();
    assert_eq!(json["convolutions"][0]["dtype"], "F16");
    let bytes = fs::metadata(folder.path("w.safetensors")).unwrap().len();
    for part in [
        &format!("f16, {bytes} bytes (0.0 MiB)\n"),
        &format!("sha256 {}\n", json["sha256"].as_str().unwrap()),
        &format!("rounded from sha256 {}: ", first_of_seeded()),
        "of a layer's norm at most\n",
    ] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
}

#[test]
fn seeded_weights_are_those_of_the_seed() {
    let folder = Folder::new();
    let text = folder.prints("weights seeded --seed 7 -o s.safetensors");
    assert!(
        text.starts_with("s.safetensors: vgg19, conv1_1 to conv5_4, f32, 80100488 bytes (76.4 MiB)\n"),
        "{text}"
    );
    let expected = Weights::seeded(7).load(Network::Vgg19, 36).unwrap().info.sha256;
    let read = Weights::open(folder.path("s.safetensors")).unwrap().load(Network::Vgg19, 36).unwrap();
    assert_eq!(read.info.sha256, expected);
    assert!(text.contains(&expected), "{text}");

    let text = folder.prints("weights seeded --seed 7 --net vgg16 --dtype bf16 -o s.safetensors");
    assert!(text.starts_with("s.safetensors: vgg16, conv1_1 to conv5_3, bf16, "), "{text}");
    let json: Value = serde_json::from_str(&folder.prints("weights inspect s.safetensors --json")).unwrap();
    assert_eq!(
        (&json["networks"][0]["network"], &json["networks"][0]["depth"]),
        (&"vgg16".into(), &31.into())
    );
    assert_eq!(folder.names(), ["s.safetensors"]);
}

#[test]
fn exported_weights_are_those_that_ship() {
    let folder = Folder::new();
    for (option, network, layers) in [("", Network::Vgg19, 36), (" --net vgg16", Network::Vgg16, 30)] {
        let text = folder.prints(&format!("weights export -o w.safetensors{option}"));
        let shipped = Weights::default().load(network, layers).unwrap().info;
        assert!(text.contains(&shipped.sha256), "{text}");
        let file = Weights::open(folder.path("w.safetensors")).unwrap();
        let read = file.load(network, layers).unwrap().info;
        assert_eq!((read.sha256, read.trained), (shipped.sha256, Some(false)));
        assert_eq!(file.metadata("source"), Some("default-1"));
    }
    // Their filters are smooth as trained ones are.
    let text = folder.prints("weights inspect w.safetensors");
    assert!(text.contains("looks untrained\n"), "{text}");
}

/// A folder with two pictures that are no photographs, but have edges, slopes and grain.
fn with_patterns() -> Folder {
    let folder = Folder::new();
    for (name, turn) in [("a.png", 1), ("b.png", 3)] {
        let picture = image::RgbImage::from_fn(48, 40, |x, y| {
            let grain = (x * 37 + y * 91 * turn) % 23;
            let inside = (x / turn).abs_diff(14) + y.abs_diff(19) < 14;
            image::Rgb(if inside {
                [(190 + grain) as u8, (60 + 2 * y) as u8, 40]
            } else {
                [(30 + 2 * x) as u8, (90 + grain) as u8, (60 + 3 * y) as u8]
            })
        });
        picture.save(folder.path(name)).unwrap();
    }
    folder
}

fn agreement(folder: &Folder, options: &str) -> Value {
    let text = folder.prints(&format!("weights agreement --json --backend cpu a.png b.png {options}"));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn weights_agree_with_themselves_and_others_less() {
    let folder = with_patterns();
    let own = agreement(&folder, "--reference default --weights default");
    assert_eq!((&own["images"], &own["pairs"], &own["network"]), (&2.into(), &80.into(), &"vgg19".into()));
    for number in
        [&own["agreement"], &own["order"], &own["layers"][0]["agreement"], &own["layers"][3]["agreement"]]
    {
        assert!((number.as_f64().unwrap() - 1.0).abs() < 1e-12, "{own}");
    }
    assert!(own["mse"].as_f64().unwrap() < 0.99 && own["mse_order"].as_f64().unwrap() < 0.99, "{own}");
    assert!(own["ordered"].as_u64().unwrap() > 20, "{own}");

    let other = agreement(&folder, "--reference default --weights seeded:0");
    let number = other["agreement"].as_f64().unwrap();
    assert!((0.3..0.95).contains(&number), "{other}");
    assert_eq!((&other["weights"], &other["reference"]), (&"seeded:0".into(), &"default-1".into()));
    // By the names of layers, whatever the backend.
    let names: Vec<_> = other["layers"].as_array().unwrap().iter().map(|layer| &layer["name"]).collect();
    assert_eq!(names, ["relu1_2", "relu2_2", "relu3_3", "relu4_2"]);

    let output = folder.run("weights agreement --reference seeded:0 --backend cpu a.png");
    let (text, notes) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(notes, "note: judged are the weights default-1\n");
    for part in
        ["against seeded:0, vgg19; pictures: 1, spoilt in 40 ways: 40", "default-1", "mean squared error"]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn an_agreement_that_cannot_be_measured_is_said_in_a_line() {
    let folder = with_patterns();
    image::RgbImage::new(4, 4).save(folder.path("small.png")).unwrap();
    for (arguments, part) in [
        ("a.png", "--reference"),
        ("--reference default", "<IMAGE>"),
        ("--reference none.safetensors a.png", "none.safetensors: No such file"),
        ("--reference default none.png", "none.png: "),
        ("--reference default small.png", "4x4 is too small"),
        ("--reference default --weights seeded:x a.png", "'seeded:x' names no seed"),
    ] {
        let (code, text) = folder.failure(&format!("weights agreement {arguments}"));
        assert_eq!(code, 2, "{text}");
        assert!(text.starts_with("error: ") && text.contains(part), "{arguments}: {text}");
    }
}

#[test]
fn what_cannot_be_used_ends_with_code_2_and_leaves_nothing() {
    let folder = Folder::new().and_weights("plain-zip");
    fs::write(folder.path("page.pth"), "<!doctype html><title>404").unwrap();
    fs::write(folder.path("empty.pth"), "").unwrap();
    let whole = fs::read(folder.path("w.pth")).unwrap();
    fs::write(folder.path("half.pth"), &whole[..whole.len() / 2]).unwrap();
    let before = folder.names();
    for (arguments, part) in [
        ("weights inspect none.pth", "none.pth: No such file"),
        ("weights inspect .", ".: is a directory"),
        ("weights inspect page.pth", "page.pth: this is an HTML page"),
        ("weights convert page.pth -o o", "page.pth: this is an HTML page"),
        ("weights convert empty.pth -o o", "empty.pth: the file is empty"),
        ("weights convert half.pth -o o", "half.pth: the file is cut short"),
        ("weights convert w.pth -o w.pth", "w.pth is the file to convert; write to another"),
        ("weights convert w.pth -o ./w.pth", "is the file to convert"),
        (
            "weights convert w.pth -o o --dtype f64",
            "no precision is called 'f64'; there are f32, f16 and bf16",
        ),
        ("weights convert w.pth", "--output"),
        ("weights seeded --seed -1 -o o", "-1"),
        ("weights seeded --seed 1 -o o --net vgg11", "no network is called 'vgg11'"),
        ("weights", "requires a subcommand"),
    ] {
        let output = folder.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {text}");
        assert!(output.stdout.is_empty() && text.contains(part), "{arguments}: {text}");
        assert_eq!(folder.names(), before, "{arguments}");
    }
    assert_eq!(fs::read(folder.path("w.pth")).unwrap(), whole);
}

#[test]
fn weights_are_named_as_what_is_written() {
    let folder = Folder::new().and_weights("plain-zip");
    for arguments in
        ["weights convert w.pth -o o.pth", "weights export -o o.bin", "weights seeded --seed 1 -o o.h5"]
    {
        let (code, line) = folder.fails(arguments);
        assert_eq!(code, 2, "{line}");
        assert!(
            line.contains(": a safetensors file is what is written; name a file that ends in .safetensors"),
            "{line}"
        );
    }
    assert_eq!(folder.names(), ["w.pth"]);
}

/// SIGTERM comes while a file is there that is not whole.
#[cfg(unix)]
#[test]
fn a_signal_leaves_no_part_of_a_file() {
    let folder = Folder::new();
    let mut command = folder.command("weights seeded --seed 1 --net vgg16 -o w.safetensors");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let is_part = |name: &String| {
        name.starts_with(".perceptual-loss-")
            && fs::metadata(folder.path(name)).is_ok_and(|part| part.len() > 1 << 20)
    };
    while !folder.names().iter().any(is_part) {
        assert!(child.try_wait().unwrap().is_none(), "it has ended before a part was seen");
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let code = child.wait().unwrap().code();
    // It comes to nothing, or to the whole.
    assert!(matches!(code, Some(143 | 0)), "{code:?}");
    for name in folder.names() {
        assert_eq!(name, "w.safetensors");
        Weights::open(folder.path(&name)).unwrap();
    }
}

/// In a process with little memory and a little stack, which would be killed if it took more.
#[cfg(target_os = "linux")]
#[test]
fn a_hostile_pickle_takes_little_memory_and_no_stack() {
    let folder = Folder::new();
    let marker = folder.path("marker");
    for (word, pickle) in pickle::hostile(marker.to_str().unwrap()) {
        fs::write(folder.path("w.pth"), pickle::zip_file(&pickle, &[])).unwrap();
        let output = Command::new("sh")
            .args(["-c", "ulimit -v 200000; ulimit -s 512; exec \"$0\" weights inspect w.pth"])
            .arg(env!("CARGO_BIN_EXE_perceptual-loss"))
            .current_dir(folder.root())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{word}: {text}");
        assert!(text.starts_with("error: w.pth: ") && text.lines().count() == 1, "{word}: {text}");
        assert!(text.contains(word), "{word}: {text}");
        assert_eq!(folder.names(), ["w.pth"], "{word}");
    }
}
