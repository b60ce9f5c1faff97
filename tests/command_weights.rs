//! `perceptual-loss weights`, end to end.
#![cfg(feature = "pth")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

fn run(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perceptual-loss"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap()
}

fn stdout(folder: &Path, arguments: &str) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn inspect(folder: &Path, file: &str) -> Value {
    serde_json::from_str(&stdout(folder, &format!("weights inspect {file} --json"))).unwrap()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let golden: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pth");
    for name in ["zip.pth", "checkpoint-legacy.pth"] {
        fs::copy(golden.join(name), folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn a_pth_becomes_a_compact_safetensors_in_one_command() {
    let folder = folder();
    let folder = folder.path();
    let said = stdout(folder, "weights convert zip.pth -o half.safetensors");
    assert!(said.starts_with("half.safetensors: vgg19, conv1_1 to conv1_1, f16, 3."), "{said}");
    // 64 filters of 27, and 64 biases, of two bytes.
    let bytes = fs::metadata(folder.join("half.safetensors")).unwrap().len();
    assert!((3584..4200).contains(&bytes), "{bytes}");
    let half = inspect(folder, "half.safetensors");
    assert_eq!(
        (&half["format"], &half["network"], &half["look"]),
        (&"safetensors".into(), &"vgg19".into(), &"untrained".into())
    );
    assert_eq!(half["convolutions"][0]["dtype"], "F16");

    stdout(folder, "weights convert checkpoint-legacy.pth -o full.safetensors --dtype f32");
    let (pth, full) = (inspect(folder, "zip.pth"), inspect(folder, "full.safetensors"));
    assert_eq!(pth["sha256"], full["sha256"]);
    assert_ne!(pth["sha256"], half["sha256"]);
    assert_eq!(pth["convolutions"][0]["shape"], serde_json::json!([64, 3, 3, 3]));
    let table = stdout(folder, "weights inspect zip.pth");
    for part in [
        "PyTorch, zip",
        "vgg19, conv1_1 to conv1_1",
        "it looks UNTRAINED",
        "features.0.weight",
        pth["sha256"].as_str().unwrap(),
    ] {
        assert!(table.contains(part), "{table}");
    }
}

#[test]
fn seeded_weights_are_those_of_the_seed() {
    let folder = folder();
    let folder = folder.path();
    stdout(folder, "weights seeded --seed 7 -o seven.safetensors --net vgg16");
    let file = inspect(folder, "seven.safetensors");
    assert_eq!((&file["network"], file["convolutions"].as_array().unwrap().len()), (&"vgg16".into(), 13));
    let picture: Vec<u8> = (0..16 * 16 * 3).map(|i| (i * 7 % 256) as u8).collect();
    image::save_buffer(folder.join("a.png"), &picture, 16, 16, image::ColorType::Rgb8).unwrap();
    let loss = |weights: &str| -> Value {
        let options =
            format!("compare a.png a.png --preset johnson --backend cpu --json --weights {weights}");
        serde_json::from_str(&stdout(folder, &options)).unwrap()
    };
    let (made, given) = (loss("seeded:7"), loss("seven.safetensors"));
    assert_eq!(made["weights"]["sha256"], given["weights"]["sha256"]);
}

#[test]
fn what_cannot_be_done_is_said_in_a_line_and_leaves_nothing() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("page.pth"), "<!DOCTYPE html>").unwrap();
    let before = fs::read(folder.join("zip.pth")).unwrap();
    for (arguments, part) in [
        ("weights inspect none.pth", "none.pth: No such file"),
        ("weights inspect page.pth", "page.pth: not a weights file: it is an HTML page"),
        ("weights inspect .", "is a directory"),
        ("weights convert page.pth -o out.safetensors", "an HTML page"),
        ("weights convert zip.pth -o zip.pth", "zip.pth would be written over itself"),
        ("weights convert zip.pth -o ./../none/out.safetensors", "cannot be written"),
        ("weights convert zip.pth -o out.safetensors --dtype f8", "no stored type is called 'f8'"),
        ("weights seeded --seed -1 -o out.safetensors", "--seed"),
        ("weights seeded --seed 1 -o out.safetensors --net vgg11", "vgg11"),
        ("weights", "Usage"),
    ] {
        let output = run(folder, arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {text}");
        assert!(text.contains(part) && output.stdout.is_empty(), "{arguments}: {text}");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 3, "{arguments}");
    }
    assert_eq!(fs::read(folder.join("zip.pth")).unwrap(), before);
}
