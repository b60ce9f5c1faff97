//! Command lines that are not good: one line says so, whatever is wrong, and it shows no password.

use std::process::{Command, Output};

use crate::{command, folder::Folder};

/// The only line that is said.
fn line(output: &Output, what: &[&str]) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{what:?}: {said}");
    assert!(
        said.starts_with("error: ") && said.ends_with('\n') && said.lines().count() == 1,
        "{what:?}: {said}"
    );
    said
}

#[test]
fn every_wrong_command_line_is_told_in_a_line() {
    let folder = Folder::with_pictures();
    for (arguments, part) in [
        (&[][..], "requires a subcommand"),
        (&["compare"], "required arguments were not provided: <PICTURE>..."),
        (&["compare", "", "b.png"], "it is missing, or empty as a variable is that was not set"),
        (&["compare", "a.png", "b.png", "--target", ""], "or empty"),
        (&["compare", "a.png", "b.png", "-o", ""], "or empty"),
        (&["compare", "a.png", "b.png", "--weights", ""], "or empty"),
        (&["weights", "agreement", "--reference", ""], "or empty"),
        (&["demo", "--quiet", "--verbose"], "cannot be used with"),
        (&["compare", "a.png", "b.png", "--output"], "a value is required for '--output <FILE>'"),
        (
            &["compare", "a.png", "b.png", "--jsn"],
            "unexpected argument '--jsn' found; a similar argument exists: '--json'",
        ),
        (&["compare", "a.png", "b.png", "--json", "--json"], "cannot be used multiple times"),
        (&["compare", "a.png", "b.png", "--json=yes"], "unexpected value 'yes'"),
        (
            &["compare", "a.png", "b.png", "--plan", "-o", "r.csv"],
            "'--plan' cannot be used with '--output <FILE>'",
        ),
        (&["compare", "a.png", "b.png", "--preset", "a\nb\n\nUsage: c"], r"'a\nb\n\nUsage: c'"),
        (&["compare", "a.png", "b.png", "--filter", "box"], "[possible values: lanczos3, "),
        (&["compare", "a.png", "b.png", "--crop", "-1"], "-1"),
        (&["compare", "a.png", "b.png", "--threads", "x"], "invalid value 'x' for '--threads <N>'"),
        (&["compar"], "unrecognized subcommand 'compar'; a similar subcommand exists: 'compare'"),
        (&["help", "nothing"], "unrecognized subcommand 'nothing'"),
        (&["weights"], "requires a subcommand"),
        (&["weights", "convert"], "<FILE>"),
        (&["weights", "seeded", "--seed", ""], "or empty"),
        (&["completions", "tcsh"], "[possible values: bash, "),
        (&["bench", "--width", "8"], "--height"),
        (&["bench", "--size", "8", "--width", "8", "--height", "8"], "cannot be used with"),
        (&["--color", "sometimes", "demo"], "[possible values: auto, always, never]"),
    ] {
        let said = line(&folder.command("").args(arguments).output().unwrap(), arguments);
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
    // The other program's as well.
    let bench = |arguments: &[&str]| {
        command::apart(Command::new(env!("CARGO_BIN_EXE_perceptual-loss-bench")))
            .args(arguments)
            .output()
            .unwrap()
    };
    for arguments in [&["--bogus"][..], &["--runs"], &["--runs", ""], &["x"]] {
        line(&bench(arguments), arguments);
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_utf_8_is_told_in_a_line() {
    use std::os::unix::ffi::OsStrExt as _;

    let folder = Folder::with_pictures();
    let strange = std::ffi::OsStr::from_bytes(b"\xff");
    for arguments in ["compare a.png b.png --taps", "compare a.png b.png --weights", "demo --size", ""] {
        line(&folder.command(arguments).arg(strange).output().unwrap(), &[arguments]);
    }
}

#[test]
fn no_password_of_a_url_is_shown() {
    let folder = Folder::with_pictures();
    for url in [
        "http://me:word@a.invalid/w.pth?key=word",
        "http://me:w@word@a.invalid/w",
        "http://me:wo/word@a.invalid/w",
        "http:/me:word@a.invalid/w",
        "htp://me:word@a.invalid/w",
        "http://me:word@/w",
        "http://me:word",
        "http://me:word word@a.invalid/w",
        "ftp://me:word@a.invalid/w",
        "://me:word@a.invalid/w",
    ] {
        let fetch = |arguments: &str| {
            let mut command = folder.command(&format!("weights fetch --timeout 1 {arguments}"));
            command.env("PERCEPTUAL_LOSS_CACHE", folder.path("cache"));
            command
        };
        let output = fetch("--url").arg(url).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !said.contains("word") && said.starts_with("error: ") && said.lines().count() == 1,
            "{url}: {said}"
        );
        assert!(matches!(output.status.code(), Some(2 | 3)), "{url}: {said}");
        let mirror =
            folder.command("weights fetch --timeout 1").env("PERCEPTUAL_LOSS_MIRROR", url).output().unwrap();
        assert!(!String::from_utf8(mirror.stderr).unwrap().contains("word"), "{url}");
        if !url.contains("://me") {
            continue;
        }
        // Where a URL has no place, too.
        for arguments in
            ["weights fetch", "compare b.png", "compare a.png b.png --weights", "weights inspect", ""]
        {
            let output = folder.command(arguments).arg(url).output().unwrap();
            let said = line(&output, &[arguments, url]);
            assert!(!said.contains("word"), "{arguments} {url}: {said}");
        }
        let list = folder.command("weights list").env("PERCEPTUAL_LOSS_WEIGHTS", url).output().unwrap();
        assert!(!String::from_utf8(list.stdout).unwrap().contains("word"), "{url}");
        let proxy = fetch("--url http://a.invalid/w").env("HTTP_PROXY", url).output().unwrap();
        assert!(!String::from_utf8(proxy.stderr).unwrap().contains("word"), "{url}");
    }
}
