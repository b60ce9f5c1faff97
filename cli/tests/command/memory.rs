//! `compare` with pictures that go through in parts: what it says beforehand, and how it is ended.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::command;

fn picture(folder: &Path, name: &str, [width, height]: [u32; 2]) {
    let pixel = |x: u32, y: u32| Rgb([x, y, x * y].map(|v| (v % 251) as u8));
    RgbImage::from_fn(width, height, pixel).save(folder.join(name)).unwrap();
}

fn compare(folder: &Path, options: &str) -> Command {
    let mut command = command::command();
    command.current_dir(folder).args(["compare", "a.png", "a.png", "--weights", "seeded:0"]);
    command.args(options.split_whitespace());
    command
}

fn plan(folder: &Path, options: &str) -> Output {
    let output = compare(folder, options).arg("--plan").output().unwrap();
    assert!(output.status.success(), "{options}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn a_plan_tells_what_would_run() {
    let folder = tempfile::tempdir().unwrap();
    picture(folder.path(), "a.png", [300, 400]);
    for backend in ["cpu", "gpu"] {
        let json = |options: &str| -> Value {
            let output = plan(folder.path(), &format!("--backend {backend} --json {options}"));
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let whole = json("");
        assert_eq!(
            (&whole["bands"], &whole["strips"], &whole["recomputed"]),
            (&1.into(), &1.into(), &0.0.into())
        );
        let parts = whole["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 1);
        let steps = parts[0]["steps"].as_array().unwrap();
        assert_eq!((&steps[1]["name"], &steps[1]["kernel"]), (&"conv1_1".into(), &"conv3x3".into()));
        // 64 channels of 300x400, from 3, of the target and of the difference.
        assert_eq!(steps[1]["flops"], 2 * 2 * 9 * 3 * 64 * 300 * 400);
        let writes = steps[1]["writes"].as_array().unwrap();
        let written = writes.iter().map(|id| &parts[0]["tensors"][id.as_u64().unwrap() as usize]);
        let named: Vec<_> = written.map(|tensor| (&tensor["name"], &tensor["extent"])).collect();
        let size = Value::from(vec![300, 400]);
        assert_eq!(named, [(&"conv1_1 target".into(), &size), (&"relu1_1 difference".into(), &size)]);
        // What a cached target keeps: the maps before each activation that differences read, and its picture.
        let positions = [64 * (120_000 + 120_000), 128 * 2 * 30_000, 256 * 4 * 7_500, 512 * 2 * 1_850];
        let maps: u64 = 4 * positions.iter().sum::<u64>();
        let target = whole["target"].as_u64().unwrap();
        // The CPU has a border of zeros around each.
        assert!((maps..maps + maps / 20).contains(&target), "{target} bytes of {maps}");

        // Of 651,264 kernels behind conv1_1, 9 values, or on the CPU Winograd's 36; then conv1_1's and the biases.
        let values = if backend == "cpu" { 36 } else { 9 };
        assert_eq!(whole["weights"], 4 * (values * 651_264 + 1_728 + 2_432));

        let cut = json("--memory 16MiB");
        let strips = cut["strips"].as_u64().unwrap();
        assert!(strips > 2, "{strips} strips");
        let counted = cut["features"].as_u64().unwrap() + cut["scratch"].as_u64().unwrap();
        assert!(counted <= 16 << 20 && cut["budget"] == 16 << 20, "{counted} bytes");
        // All parts together are the whole, and what is done again.
        let [all, once] = [&cut, &whole].map(|plan| plan["flops"].as_f64().unwrap());
        let again = cut["recomputed"].as_f64().unwrap();
        assert!((all / once - 1.0 - again).abs() < 1e-3, "{all} of {once}: {again}");
        let last = cut["parts"].as_array().unwrap().last().unwrap();
        assert_eq!(last["strips"][1].as_u64(), Some(strips));

        let text =
            String::from_utf8(plan(folder.path(), &format!("--backend {backend} --memory 16MiB")).stdout)
                .unwrap();
        assert!(
            text.contains("16MiB are allowed") && text.contains(&format!("strip 1 of {strips}:")),
            "{text}"
        );
    }
}

/// What comes of a command that may have so much address space.
#[cfg(target_os = "linux")]
fn within(mebibytes: u64, plain: &Command, folder: &Path) -> Output {
    let limited = format!("ulimit -v {}; exec \"$0\" \"$@\"", mebibytes << 10);
    let mut command = command::apart(Command::new("sh"));
    command.args(["-c", &limited]).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(folder).output().unwrap()
}

/// Whatever runs out first: the packed pictures, features, transformed weights, or what threads work in.
#[cfg(target_os = "linux")]
#[test]
fn running_out_of_memory_is_one_line_that_does_not_blame_the_gpu() {
    let folder = tempfile::tempdir().unwrap();
    picture(folder.path(), "a.png", [500, 400]);
    let mut outcomes = vec![];
    for mebibytes in (80..480).step_by(40).chain([2000]) {
        let plain =
            compare(folder.path(), "--preset johnson --backend cpu --threads 2 --memory 64GiB --json");
        let output = within(mebibytes, &plain, folder.path());
        let text = String::from_utf8(output.stderr).unwrap();
        match output.status.code() {
            Some(0) => outcomes.push(true),
            Some(3) => {
                assert!(text.starts_with("error: ") && text.lines().count() == 1, "{mebibytes} MiB: {text}");
                assert!(text.contains("out of memory") && !text.contains("GPU"), "{mebibytes} MiB: {text}");
                outcomes.push(false);
            }
            code => panic!("{mebibytes} MiB: {code:?}, {text}"),
        }
    }
    assert!(outcomes.first() == Some(&false) && outcomes.last() == Some(&true), "{outcomes:?}");
}

/// Weights are written whole or not at all, and what cannot be had is told before the file is there.
#[cfg(target_os = "linux")]
#[test]
fn running_out_of_memory_leaves_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let mut outcomes = vec![];
    for mebibytes in (60..260).step_by(20).chain([2000]) {
        let mut plain = command::command();
        plain.args(["weights", "export", "--dtype", "f16", "-o", "w.safetensors"]);
        let output = within(mebibytes, &plain, folder.path());
        let text = String::from_utf8(output.stderr).unwrap();
        let is_there = folder.path().join("w.safetensors").exists();
        match output.status.code() {
            Some(0) => assert!(is_there),
            Some(3) => assert!(!is_there && text.lines().count() == 1, "{mebibytes} MiB: {text}"),
            code => panic!("{mebibytes} MiB: {code:?}, {text}"),
        }
        outcomes.push(output.status.success());
        let _ = std::fs::remove_file(folder.path().join("w.safetensors"));
        assert_eq!(command::names(folder.path()), [""; 0], "{mebibytes} MiB");
    }
    assert!(outcomes.first() == Some(&false) && outcomes.last() == Some(&true), "{outcomes:?}");
}

/// A file's profile and texts are asked for before they are taken out of it.
#[cfg(target_os = "linux")]
#[test]
fn metadata_that_no_memory_holds_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    picture(folder.path(), "a.png", [4, 4]);
    let mut png = std::fs::read(folder.path().join("a.png")).unwrap();
    let text = [b"tEXtComment\0".as_slice(), &vec![b'x'; 30 << 20]].concat();
    let crc = !text.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    let chunk = [&(text.len() as u32 - 4).to_be_bytes(), text.as_slice(), &crc.to_be_bytes()].concat();
    // Behind the header.
    png.splice(33..33, chunk);
    std::fs::write(folder.path().join("a.png"), png).unwrap();
    let mut outcomes = vec![];
    for mebibytes in (40..200).step_by(16).chain([2000]) {
        let plain = compare(folder.path(), "--taps relu1_1 --backend cpu --threads 1 --json");
        let output = within(mebibytes, &plain, folder.path());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(0 | 3)), "{mebibytes} MiB: {:?}, {text}", output.status);
        outcomes.push(output.status.success());
    }
    assert!(outcomes.first() == Some(&false), "{outcomes:?}");
}

#[test]
fn a_plan_that_cannot_be_names_the_least_that_works() {
    let folder = tempfile::tempdir().unwrap();
    picture(folder.path(), "a.png", [300, 400]);
    let output = compare(folder.path(), "--backend cpu --plan --memory 10kB").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    let least = text.trim().rsplit_once("works is ").unwrap_or_else(|| panic!("{text}")).1;
    plan(folder.path(), &format!("--backend cpu --memory {least}"));
}

#[cfg(unix)]
#[test]
fn signals_end_a_comparison_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    picture(folder.path(), "a.png", [3072, 3072]);
    for (backend, signal, code) in [("cpu", "-INT", 130), ("gpu", "-TERM", 143), ("cpu", "-HUP", 129)] {
        let command =
            compare(folder.path(), &format!("--backend {backend} --memory 256MiB --output loss.json"))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
        // It would take many seconds.
        thread::sleep(Duration::from_secs(1));
        let (pid, start) = (command.id(), Instant::now());
        assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
        let output = command.wait_with_output().unwrap();
        let (took, text) = (start.elapsed(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "{backend}: {text}");
        assert!(text.ends_with("error: interrupted\n") && output.stdout.is_empty(), "{backend}: {text}");
        assert!(took < Duration::from_secs(5), "{backend}: {took:?}");
        assert_eq!(command::names(folder.path()), ["a.png"], "{backend}");
    }
}
