//! Threads that the system refuses, and more of them than are of use.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::folder::Folder;

/// No address space is as large: no thread of Rust's can be started.
const NO_THREADS: (&str, &str) = ("RUST_MIN_STACK", "140737488355328");

fn report(folder: &Folder, options: &str, (variable, value): (&str, &str)) -> Value {
    let mut command = folder.command(&format!("compare a.png b.png --backend cpu --json {options}"));
    let output = command.env(variable, value).output().unwrap();
    assert!(output.status.success(), "{options}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn without_threads_the_numbers_are_the_same() {
    let folder = Folder::with_pictures();
    let expected = report(&folder, "", ("LANG", "C"));
    for options in ["", "--threads 1", "--threads 7"] {
        let report = report(&folder, options, NO_THREADS);
        assert_eq!(report["layers"], expected["layers"], "{options}");
        assert_eq!(report["total"], expected["total"], "{options}");
    }
}

#[test]
fn without_threads_a_download_ends_in_words() {
    let folder = Folder::new();
    // A name that is looked up, and nobody at that port.
    let mut command = folder.command("weights fetch vgg16 --url http://localhost:9/vgg16.pth --timeout 5");
    let output = command.env(NO_THREADS.0, NO_THREADS.1).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(3), 1), "{text}");
    assert!(text.starts_with("error: http://localhost:9/vgg16.pth: "), "{text}");
}

#[test]
fn too_many_threads_are_not_started() {
    let folder = Folder::with_pictures();
    let expected = report(&folder, "", ("LANG", "C"));
    for variable in ["RAYON_NUM_THREADS", "RAYON_RS_NUM_CPUS"] {
        let start = Instant::now();
        assert_eq!(report(&folder, "", (variable, "100000"))["total"], expected["total"]);
        assert!(start.elapsed() < Duration::from_secs(20), "{variable}: {:?}", start.elapsed());
    }
    let output = folder.run("compare a.png b.png --backend cpu --threads 100000");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(2), 1), "{text}");
    assert!(text.contains("the number must be from 1 to 1024"), "{text}");
}
