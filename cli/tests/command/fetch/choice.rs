//! Which weights a run takes, and what it and `weights list` say of them.

use std::{fs, process::Command};

use perceptual_loss::{
    Network, Weights,
    weights::{Parameters, Precision},
};
use serde_json::{Value, json};

use super::{
    Cache, FILE, assert_says, fault,
    server::{Served, Server},
};

/// A cache with two pictures beside it, and perhaps what was fetched.
fn pictures() -> Cache {
    let cache = Cache::new();
    for (name, grey) in [("a.png", 100), ("b.png", 120)] {
        let picture =
            image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([grey, (x * 9) as u8, (y * 7) as u8]));
        picture.save(cache.path(name)).unwrap();
    }
    cache
}

fn fetched() -> Cache {
    let cache = pictures();
    cache.fetch(&Server::new(|request, _, stream| FILE.answer(request, stream)));
    cache
}

fn compare(cache: &Cache, more: &str) -> Command {
    let mut command =
        cache.command(&format!("compare a.png b.png --taps relu1_1 --backend cpu --json {more}"));
    command.current_dir(cache.path(""));
    command
}

/// The report's weights, and standard error.
fn weights(command: &mut Command) -> (Value, String) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    (report["weights"].clone(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_run_takes_the_fetched_file_by_itself_and_says_so() {
    let cache = fetched();
    let kept = cache.path("vgg19.safetensors").display().to_string();
    let (taken, notes) = weights(&mut compare(&cache, ""));
    assert_eq!(taken["origin"], kept);
    assert_eq!(taken["sha256"], super::seeded(), "the file's, which has those of the seed");
    assert_eq!(taken["trained"], Value::Null, "nobody knows of a file of one's own");
    assert_eq!(notes, format!("note: the weights {kept}, fetched before, are taken\n"));
    // For its network alone.
    let (taken, notes) = weights(&mut compare(&cache, "--preset johnson"));
    assert_eq!(taken["origin"], "default-1");
    assert_says(
        &notes,
        &["note: the weights default-1, which ship", "'perceptual-loss weights fetch vgg16'"],
    );
}

#[test]
fn the_option_goes_before_the_variable_and_that_before_what_was_fetched() {
    let cache = fetched();
    for (more, variable, origin, note) in [
        (
            "--weights seeded:1",
            Some("seeded:2"),
            "seeded:1",
            "the weights seeded:1 are random and judge no better",
        ),
        (
            "",
            Some("seeded:2"),
            "seeded:2",
            "the weights seeded:2, named by PERCEPTUAL_LOSS_WEIGHTS, are random and judge",
        ),
        (
            "",
            Some("w.safetensors"),
            "w.safetensors",
            "the weights w.safetensors, named by PERCEPTUAL_LOSS_WEIGHTS, are taken\n",
        ),
        ("--weights w.safetensors", None, "w.safetensors", ""),
    ] {
        fs::copy(cache.path("vgg19.safetensors"), cache.path("w.safetensors")).unwrap();
        let mut command = compare(&cache, more);
        let (taken, notes) = weights(command.envs(variable.map(|value| ("PERCEPTUAL_LOSS_WEIGHTS", value))));
        assert_eq!(taken["origin"], origin);
        let expected = if note.is_empty() { String::new() } else { format!("note: {note}") };
        assert!(
            notes.starts_with(&expected) && notes.lines().count() == usize::from(!note.is_empty()),
            "{notes}"
        );
    }
    // A variable that is set to nothing says nothing.
    let (taken, _) = weights(compare(&cache, "").env("PERCEPTUAL_LOSS_WEIGHTS", ""));
    assert_eq!(taken["origin"], cache.path("vgg19.safetensors").display().to_string());
}

#[test]
fn a_variable_or_a_kept_file_that_cannot_be_used_is_an_error() {
    let cache = fetched();
    for (variable, part) in [
        ("none.pth", "none.pth: No such file or directory (os error 2) (named by PERCEPTUAL_LOSS_WEIGHTS)"),
        ("seeded:x", "'seeded:x' names no seed"),
    ] {
        let output = compare(&cache, "").env("PERCEPTUAL_LOSS_WEIGHTS", variable).output().unwrap();
        let (code, line) = fault(&output);
        assert_eq!(code, 2);
        assert_says(&line, &[part]);
    }

    let kept = cache.path("vgg19.safetensors");
    let whole = fs::read(&kept).unwrap();
    fs::write(&kept, &whole[..whole.len() / 2]).unwrap();
    let (code, line) = fault(&compare(&cache, "").output().unwrap());
    assert_eq!(code, 2);
    assert_says(&line, &["cut short", "fetch it again with 'perceptual-loss weights fetch vgg19'"]);
    assert_says(&cache.prints("weights list"), &["cut short", "losses over vgg19 fail: "]);
    // So it can be, and also where only a bit has changed.
    let server = Server::new(|request, _, stream| FILE.answer(request, stream));
    cache.fetch(&server);
    assert!(fs::read(&kept).unwrap() != whole, "it names another server");
    let mut changed = fs::read(&kept).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&kept, changed).unwrap();
    assert_says(&cache.prints("weights list"), &["the file is not what was written there; fetch it again"]);
    cache.fetch(&server);
    assert_eq!(server.requests().len(), 2);
    assert!(!cache.prints("weights list").contains("fetch it again"));
}

/// As services have it, which fetched nothing: a home that is no folder, or whose folders are none.
#[cfg(unix)]
#[test]
fn a_cache_that_is_out_of_reach_is_one_without_weights() {
    let cache = pictures();
    fs::write(cache.path("file"), "").unwrap();
    fs::create_dir(cache.path("home")).unwrap();
    std::os::unix::fs::symlink("round", cache.path("round")).unwrap();
    fs::write(cache.path("home/.cache"), "").unwrap();
    let path = |name: &str| cache.path(name).display().to_string();
    let long = path(&"n".repeat(300));
    for (variable, value) in [
        ("HOME", "/dev/null".to_owned()),
        ("HOME", path("home")),
        ("HOME", path("file")),
        ("XDG_CACHE_HOME", path("file")),
        ("PERCEPTUAL_LOSS_CACHE", path("file")),
        ("PERCEPTUAL_LOSS_CACHE", path("round")),
        ("PERCEPTUAL_LOSS_CACHE", long),
    ] {
        let set = |command: &mut Command| {
            command
                .env_remove("PERCEPTUAL_LOSS_CACHE")
                .env_remove("XDG_CACHE_HOME")
                .env(variable, &value)
                .output()
                .unwrap()
        };
        let output = set(&mut compare(&cache, ""));
        assert!(output.status.success(), "{variable}={value}: {output:?}");
        let (report, said) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(serde_json::from_str::<Value>(&report).unwrap()["weights"]["origin"], "default-1");
        assert_says(
            &said,
            &["warning: ", "vgg19.safetensors: ", "out of reach there, and default-1 are taken\nnote: "],
        );
        // One is enough for other commands.
        let others = if value == "/dev/null" { 2 } else { 0 };
        for arguments in [
            "demo -o sheet.png --taps relu1_1 --backend cpu",
            "bench --size 16 --runs 1 --taps relu1_1 --backend cpu",
        ]
        .into_iter()
        .take(others)
        {
            let output = set(cache.command(arguments).current_dir(cache.path("")));
            assert!(output.status.success(), "{variable}={value}: {output:?}");
            assert_says(&String::from_utf8(output.stderr).unwrap(), &["default-1 are taken"]);
        }
        let list = String::from_utf8(set(&mut cache.command("weights list")).stdout).unwrap();
        assert_says(
            &list,
            &["name another folder with PERCEPTUAL_LOSS_CACHE", "losses over vgg19 take default-1\n"],
        );
        let (code, line) = fault(&set(&mut cache.command("weights fetch --url http://a.invalid/w")));
        assert_eq!(code, 2, "{line}");
        assert_says(&line, &["weights cannot be kept there", "PERCEPTUAL_LOSS_CACHE"]);
    }
    // What cannot be read there is no reason either, nor is a link to what has gone.
    let kept = cache.path("vgg19.safetensors");
    std::os::unix::fs::symlink("gone", &kept).unwrap();
    let (taken, said) = weights(&mut compare(&cache, ""));
    assert_eq!(taken["origin"], "default-1");
    assert_says(&said, &["warning: ", "vgg19.safetensors: ", "out of reach there"]);
    fs::remove_file(&kept).unwrap();
    fs::create_dir(&kept).unwrap();
    let (taken, said) = weights(&mut compare(&cache, ""));
    assert_eq!(taken["origin"], "default-1");
    assert_says(&said, &["warning: ", "is a directory"]);
}

/// Made here, and kept as if it had been made from the official file.
#[test]
fn what_came_from_the_publisher_is_known_to_be_trained() {
    let cache = pictures();
    let convolutions = Weights::seeded(1).load(Network::Vgg19, 2).unwrap().convolutions().to_vec();
    let mut parameters = Parameters::new(convolutions, "here");
    let official = "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44";
    parameters.metadata.insert("source_file_sha256".to_owned(), official.to_owned());
    parameters.write(cache.path("vgg19.safetensors"), Precision::F32).unwrap();
    let (taken, notes) = weights(&mut compare(&cache, ""));
    assert_eq!(taken["trained"], true);
    assert_eq!(notes.lines().count(), 1, "{notes}");
    let list: Value = serde_json::from_str(&cache.prints("weights list --json")).unwrap();
    assert_eq!(list["files"][0]["fetched"]["official"], true);
}

#[test]
fn the_list_says_what_is_there_and_what_is_taken() {
    let cache = Cache::new();
    let text = cache.prints("weights list");
    assert_says(
        &text,
        &[
            "vgg19      not fetched; torchvision's, 548.1 MiB: 'perceptual-loss weights fetch vgg19'\n",
            "vgg16      not fetched; torchvision's, 527.8 MiB: ",
            "lpips-vgg  not fetched; lpips's, 0.0 MiB: ",
            &format!(
                "fetched files are kept in {}\n",
                cache.path("").display().to_string().trim_end_matches('/')
            ),
            "PERCEPTUAL_LOSS_WEIGHTS is not set\n",
            "without --weights, losses over vgg16 take default-1\n",
            "without --weights, losses over vgg19 take default-1\n",
        ],
    );
    assert!(cache.names().is_empty(), "looking makes nothing");

    let server = Server::new(|request, before, stream| match before {
        0 => Served { bytes: FILE.bytes, tag: FILE.tag }.cut(100, stream),
        _ => FILE.answer(request, stream),
    });
    cache.fails(&server);
    let list = |command: &mut Command| -> Value {
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(list(&mut cache.command("weights list --json"))["files"][0]["partial_bytes"], 100);
    cache.fetch(&server);
    let kept = cache.path("vgg19.safetensors");
    let list = list(cache.command("weights list --json").env("PERCEPTUAL_LOSS_WEIGHTS", "seeded:4"));
    assert_eq!(
        list["files"][0]["fetched"],
        json!({
            "path": kept.display().to_string(),
            "bytes": fs::metadata(&kept).unwrap().len(),
            "sha256": super::seeded(),
            "source_url": server.url(),
            "official": false,
        })
    );
    assert_eq!(list["files"][1]["fetched"], Value::Null);
    assert_eq!(list["files"][1]["url"], "https://download.pytorch.org/models/vgg16-397923af.pth");
    assert_eq!(list["variable"], "seeded:4");
    assert_eq!(list["taken"]["vgg19"], json!({"weights": "seeded:4", "by": "variable", "error": null}));
    let text = cache.prints("weights list");
    assert_says(
        &text,
        &[", not the official file\n", &format!("losses over vgg19 take {}\n", kept.display())],
    );
}
