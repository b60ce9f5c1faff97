//! Names of files that act on a terminal, or are no UTF-8: how they are shown, and how they are found again.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, process::Output};

use serde_json::Value;

use crate::folder::Folder;

/// It would end the line, turn all red, set the window's title, and go on in the other direction.
const NAME: &str = "a\n\u{1b}[31m\u{1b}]0;t\u{7}\r\u{7f}\u{9b}1m\u{202e}.png";
const SHOWN: &str = r"a\n\x1b[31m\x1b]0;t\x07\r\x7f\u009b1m\u202e.png";

const OPTIONS: [&str; 4] = ["--taps", "relu1_1", "--backend", "cpu"];

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    folder.command("").args(arguments).output().unwrap()
}

/// Nothing in it but the ends of lines acts on a terminal.
fn assert_harmless(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let acts = |c: char| c.is_control() && c != '\n' || ('\u{2028}'..='\u{202e}').contains(&c);
    assert!(!text.contains(acts), "{text:?}");
    text
}

#[test]
fn names_act_on_no_terminal() {
    let folder = Folder::with_pictures().and_weights("plain-zip");
    fs::rename(folder.path("a.png"), folder.path(NAME)).unwrap();
    let weights = NAME.replace(".png", ".pth");
    fs::rename(folder.path("w.pth"), folder.path(&weights)).unwrap();
    let compare = |more: &[&str]| run(&folder, &[&["compare", NAME, "b.png"][..], &OPTIONS, more].concat());

    let table = assert_harmless(&compare(&["--weights", &weights]).stdout);
    assert!(table.contains(&format!("{SHOWN} against b.png\n")), "{table}");
    assert!(table.contains(&format!("weights {} (", SHOWN.replace(".png", ".pth"))), "{table}");

    let verbose = compare(&["--verbose", "--weights", &weights]);
    let said = assert_harmless(&verbose.stderr);
    assert!(said.contains("generated=a\\n\\x1b[31m"), "{said}");

    // JSON has the name itself.
    let json = assert_harmless(&compare(&["--json", "--weights", &weights]).stdout);
    assert_eq!(json.lines().count(), 1);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&report["generated"], &report["weights"]["origin"]),
        (&NAME.into(), &weights.as_str().into())
    );

    let out = NAME.replace(".png", ".csv");
    assert!(compare(&["-o", &out]).status.success());
    let csv = assert_harmless(&fs::read(folder.path(&out)).unwrap());
    assert!(
        csv.lines().count() == 2 && csv.lines().nth(1).unwrap().starts_with(&format!("{SHOWN},b.png,")),
        "{csv}"
    );

    // Other commands that print names.
    for arguments in [
        &["weights", "inspect", &weights][..],
        &["weights", "convert", &weights, "-o", &NAME.replace(".png", ".safetensors")],
        &["demo", "-o", NAME, "--taps", "relu1_1", "--backend", "cpu"],
        &["man", "-o", NAME.strip_suffix(".png").unwrap()],
    ] {
        let output = run(&folder, arguments);
        assert!(output.status.success(), "{output:?}");
        let text = assert_harmless(&output.stdout);
        assert!(text.contains(r"a\n\x1b[31m"), "{text}");
    }
    // Each line is one of what it says.
    assert_eq!(
        run(&folder, &["weights", "inspect", &weights]).stdout.iter().filter(|&&b| b == b'\n').count(),
        7
    );
}

#[test]
fn errors_act_on_no_terminal_and_stay_a_line() {
    let folder = Folder::with_pictures();
    for arguments in [
        &["compare", NAME, "b.png"][..],
        &["compare", "a.png", "b.png", "--weights", NAME],
        &["compare", "a.png", "b.png", "--taps", NAME],
        &["compare", "a.png", "b.png", "--preset", NAME],
        &["compare", "a.png", "b.png", "--range", NAME],
        &["compare", "a.png", "b.png", "--adapter", NAME],
        &["compare", "a.png", "b.png", "-o", NAME],
        &["compare", "a.png", "b.png", "-o", &format!("none/{NAME}.json")],
        &["weights", "inspect", NAME],
        &["weights", "convert", NAME, "-o", "o"],
        &["weights", "fetch", NAME],
        &["weights", "fetch", "--url", NAME],
        &["demo", "-o", &format!("none/{NAME}")],
        &[NAME],
        &["compare", &format!("--{NAME}")],
    ] {
        let Output { status, stdout, stderr } = run(&folder, arguments);
        let text = assert_harmless(&stderr);
        assert_eq!((status.code(), stdout.len()), (Some(2), 0), "{arguments:?}: {text}");
        assert!(text.starts_with("error: ") && text.lines().count() == 1, "{arguments:?}: {text}");
    }
}

/// Two names that differ in a byte that is no UTF-8 are told apart.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_utf_8_can_be_found_again() {
    let folder = Folder::with_pictures();
    let names = [&b"a\xff.png"[..], b"a\xfe.png"].map(OsStr::from_bytes);
    for name in names {
        fs::copy(folder.path("a.png"), folder.root().join(name)).unwrap();
    }
    let output = folder
        .command("compare --target b.png --taps relu1_1 --backend cpu --json")
        .args(names)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let generated: Vec<Value> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["generated"].clone()).collect();
    assert_eq!(generated, [r"a\xff.png", r"a\xfe.png"]);
    let output = folder.command("compare b.png").arg(OsStr::from_bytes(b"none\xff.png")).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with(r"error: none\xff.png: No such file"), "{text}");
    // And the help says so.
    let help = String::from_utf8(folder.run("compare --help").stdout).unwrap();
    assert!(help.contains(r"\xHH"), "{help}");
}

/// `$'...'` of the shell finds each of these again.
#[test]
fn a_backslash_is_no_escape() {
    let folder = Folder::with_pictures();
    let names = [("a\\n.png", r"a\\n.png"), ("a\n.png", r"a\n.png"), ("\\\\.png", r"\\\\.png")];
    for (name, shown) in names {
        fs::copy(folder.path("a.png"), folder.path(name)).unwrap();
        let table = run(&folder, &[&["compare", name, "b.png"][..], &OPTIONS].concat()).stdout;
        let table = assert_harmless(&table);
        assert!(table.contains(&format!("{shown} against b.png\n")), "{table}");
    }
}
