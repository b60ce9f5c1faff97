//! `perceptual-loss bench`, end to end: what its JSON, table and plot hold.

use std::process::{Command, Output};

use serde_json::Value;

use crate::command;

fn run(arguments: &str) -> Output {
    command::command().arg("bench").args(arguments.split_whitespace()).output().unwrap()
}

fn json(arguments: &str) -> Value {
    let output = run(&format!("{arguments} --json"));
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn json_on_both_backends() {
    for backend in ["gpu", "cpu"] {
        let on_gpu = backend == "gpu";
        let b = json(&format!("--backend {backend} --width 40 --height 24 --batch 2 --runs 3"));
        assert_eq!((b["backend"].as_str(), b["adapter"].is_string()), (Some(backend), on_gpu));
        assert_eq!((&b["width"], &b["height"], &b["batch"]), (&40.into(), &24.into(), &2.into()));
        assert_eq!(b["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!((b["driver"].is_string(), b["threads"].is_u64()), (on_gpu, !on_gpu));
        assert!(!b["cpu"].as_str().unwrap().is_empty());

        let steps = b["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 18, "as the default loss has");
        let conv = &steps[2];
        assert_eq!((&conv["name"], &conv["kernel"]), (&"conv1_2".into(), &"conv3x3".into()));
        assert_eq!(conv["tuning"], if on_gpu { "blocked".into() } else { Value::Null });
        // Counted by hand: 4 pictures, 64 channels to 64.
        let flops = 4.0 * 2.0 * 9.0 * 64.0 * 64.0 * 40.0 * 24.0;
        let counted = number(&conv["gflops"]) * 1e9 * number(&conv["median_s"]);
        assert!((counted / flops - 1.0).abs() < 1e-9, "{counted} and {flops}");
        assert!(number(&conv["bytes"]) >= 4.0 * 2.0 * 64.0 * 40.0 * 24.0 * 4.0);

        let whole = &b["whole"];
        assert_eq!(whole["runs"], 3);
        let [first, median, least] = ["first_s", "median_s", "min_s"].map(|key| number(&whole[key]));
        assert!(0.0 < least && least <= median && median < first, "{whole}");
        match on_gpu {
            true => assert!((0.0..first).contains(&number(&whole["compile_s"]))),
            false => assert!(whole["compile_s"].is_null()),
        }
        if cfg!(target_os = "linux") {
            // At least the weights, at most what such a process can need.
            assert!((10e6..2e9).contains(&number(&whole["peak_bytes"])), "{whole}");
        }
        assert!(number(&b["peak"]["gflops"]) > 0.1 && number(&b["peak"]["bytes_per_s"]) > 1e8);
    }
}

#[test]
fn a_kept_target_leaves_half_the_work() {
    let options = "--backend cpu --size 32 --runs 1 --preset johnson --weights seeded:3";
    let [pair, kept] = ["", "--cached-target"].map(|kept| json(&format!("{options} {kept}")));
    let flops = |b: &Value| number(&b["steps"][1]["gflops"]) * number(&b["steps"][1]["median_s"]);
    assert!((flops(&pair) / flops(&kept) - 2.0).abs() < 1e-9);
    assert_eq!((&kept["cached_target"], &kept["network"]), (&true.into(), &"vgg16".into()));
    assert_eq!(kept["weights"], "seeded:3");
}

#[test]
fn the_table_and_the_plot_name_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plot.svg");
    let output = run(&format!("--backend cpu --size 32 --runs 2 --plot {}", file.display()));
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    let plot = std::fs::read_to_string(&file).unwrap();
    assert!(plot.starts_with("<svg") && plot.trim_end().ends_with("</svg>"), "{plot}");
    for name in ["pixels", "conv1_1", "pool3", "conv4_2", "relu4_2 difference"] {
        assert!(table.contains(name) && plot.contains(name), "{name}:\n{table}");
    }
    for line in ["between steps", "whole", "first run", "2 runs", "at best"] {
        assert!(table.contains(line), "{line}:\n{table}");
    }
    assert!(plot.contains("Roofline") && plot.contains("GB/s"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    for (arguments, says) in [
        ("--size 4", "too small"),
        ("--size 0", "at least 1"),
        ("--width 32", "--height"),
        ("--size 32 --width 32 --height 32", "cannot be used with"),
        ("--runs 0", "1..=100000"),
        ("--batch 0", "1..=1024"),
        ("--size 32 --plot /nowhere/plot.svg", "cannot be written"),
        (
            "--size 32 --plot /nowhere/plot.png",
            "a plot, an SVG, is what is written; name a file that ends in .svg",
        ),
    ] {
        let output = run(&format!("{arguments} --backend cpu"));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments}: {text}");
        assert!(text.contains(says), "{arguments}: {text}");
    }
}

#[test]
fn a_program_of_its_own_is_the_same() {
    let bench = |arguments: &str| {
        let mut bench = command::apart(Command::new(env!("CARGO_BIN_EXE_perceptual-loss-bench")));
        bench.args(arguments.split_whitespace()).output().unwrap()
    };
    let arguments = "--backend cpu --size 32 --runs 1 --json --quiet";
    let Output { status, stdout, stderr } = bench(arguments);
    assert!(status.success() && stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    let alone: Value = serde_json::from_slice(&stdout).unwrap();
    let command = json("--backend cpu --size 32 --runs 1");
    let keys = |b: &Value| b.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&alone), keys(&command));
    assert_eq!(alone["steps"][3]["bytes"], command["steps"][3]["bytes"]);
    assert_eq!(bench("--size 4 --backend cpu").status.code(), Some(2));
    let help = String::from_utf8(bench("--help").stdout).unwrap();
    for word in ["Time comparisons", "Usage: perceptual-loss-bench", "--cached-target", "--quiet"] {
        assert!(help.contains(word), "{word}:\n{help}");
    }
}
