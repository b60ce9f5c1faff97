//! Where the command's output goes: reports in files, standard output that nobody reads or that cannot be written,
//! and what is said on standard error.

use std::{
    fs, io,
    process::{Command, Output},
};

use serde_json::Value;

use crate::{command, folder::Folder};

const COMPARE: &str = "compare a.png b.png --taps relu1_2=1,pool1=0.5 --backend cpu";

/// Two pictures, and weights as PyTorch saves them.
fn folder() -> Folder {
    Folder::with_pictures().and_weights("plain-zip")
}

impl Folder {
    /// The command with `shell` around it, in which it is `"$@"`.
    #[cfg(unix)]
    fn shell(&self, shell: &str, arguments: &str) -> Output {
        command::apart(Command::new("sh"))
            .args(["-c", shell, "sh", env!("CARGO_BIN_EXE_perceptual-loss")])
            .args(arguments.split_whitespace())
            .current_dir(self.root())
            .output()
            .unwrap()
    }

    /// What a file holds, once the command has written it and printed nothing.
    fn written(&self, arguments: &str, name: &str) -> String {
        let output = self.run(&format!("{arguments} --output {name}"));
        assert!(output.status.success() && output.stdout.is_empty(), "{arguments}: {output:?}");
        fs::read_to_string(self.path(name)).unwrap()
    }
}

/// Standard output and error as text.
fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_report_is_written_in_the_format_of_its_name() {
    let folder = folder();
    let printed = texts(&folder.run(&format!("{COMPARE} --json"))).0;
    for name in ["r.json", "r.jsonl", "r.ndjson", "R.JSON"] {
        assert_eq!(folder.written(COMPARE, name), printed, "{name}");
    }
    // Where the target is named apart there may be many, so that even one is in an array.
    let many = COMPARE.replace("compare a.png b.png", "compare a.png b.png --target b.png");
    let printed = texts(&folder.run(&format!("{many} --json"))).0;
    assert_eq!(folder.written(&many, "many.jsonl"), printed);
    let reports: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(serde_json::from_str::<Vec<Value>>(&folder.written(&many, "many.json")).unwrap(), reports);
    let one = COMPARE.replace("a.png b.png", "a.png --target b.png");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&folder.written(&one, "one.json")).unwrap(), reports[..1]);
    // Printed as well where that is asked for.
    let output = folder.run(&format!("{COMPARE} --json -o both.json"));
    assert_eq!(output.stdout, fs::read(folder.path("both.json")).unwrap());
}

#[test]
fn a_csv_has_a_row_a_picture_and_a_column_a_layer() {
    let folder = folder();
    fs::rename(folder.path("a.png"), folder.path("a,1.png")).unwrap();
    let arguments = "compare a,1.png b.png --target b.png --taps relu1_2=1,pool1=0.5 --backend cpu --crop 2";
    let csv = folder.written(arguments, "r.csv");
    let lines: Vec<_> = csv.lines().collect();
    let names = "generated,target,total,relu1_2,pool1,width,height,network,preset,taps,criterion,normalization,\
                 weights,weights_sha256,weights_trained,linears,linears_sha256,pictures,precision,backend,adapter,tuning,version";
    assert_eq!((lines.len(), lines[0]), (3, names), "{csv}");
    let printed = texts(&folder.run(&format!("{arguments} --json"))).0;
    for ((report, generated), line) in
        printed.lines().zip([r#""a,1.png""#, "b.png"]).zip(lines[1..].iter().copied())
    {
        // As they are printed: serde_json may read the last digit of a number otherwise.
        let field = |name: &str, index: usize| {
            let rest = report.split(&format!(r#""{name}":"#)).nth(1 + index).unwrap();
            let text = rest.split([',', '}']).next().unwrap().trim_matches('"');
            if text == "0.0" { "0" } else { text }
        };
        let expected = format!(
            r#"{generated},b.png,{},{},{},36,20,vgg19,,"relu1_2=1,pool1=0.5",mse,imagenet,default-1,{},false,,,"{{""crop"":2}}",f32,cpu,,,{}"#,
            field("total", 0),
            field("loss", 0),
            field("loss", 1),
            field("sha256", 0),
            env!("CARGO_PKG_VERSION"),
        );
        assert_eq!(line, expected);
    }
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_the_work() {
    let folder = folder();
    fs::create_dir(folder.path("folder.json")).unwrap();
    let before = folder.names();
    for (output, part) in [
        (
            "r.txt",
            "error: r.txt: a report is written by its file's extension; name one that ends in .json, .jsonl",
        ),
        ("r", "error: r: a report is written by its file's extension"),
        ("none/r.json", "error: none/r.json: cannot be written: its folder does not exist"),
        ("folder.json", "error: folder.json: cannot be written: it is a folder"),
    ] {
        // Of two things that are wrong, this is the one that is told.
        for pictures in ["a.png b.png", "a.png none.png"] {
            let output = folder.run(&format!("compare {pictures} --output {output}"));
            let (printed, said) = texts(&output);
            assert_eq!((output.status.code(), printed.as_str()), (Some(2), ""), "{said}");
            assert!(said.starts_with(part) && said.lines().count() == 1, "{said}");
        }
    }
    fs::write(folder.path("r.json"), "before").unwrap();
    assert_eq!(folder.run("compare a.png none.png -o r.json").status.code(), Some(2));
    assert_eq!(fs::read_to_string(folder.path("r.json")).unwrap(), "before");
    fs::remove_file(folder.path("r.json")).unwrap();
    assert_eq!(folder.names(), before);
}

/// Everything that writes a file, with what it writes it as.
const WRITING: [(&str, &str); 6] = [
    ("compare a.png b.png --taps relu1_2=1,pool1=0.5 --backend cpu -o", "r.json"),
    ("compare a.png b.png --taps relu1_2=1,pool1=0.5 --backend cpu -o", "r.csv"),
    ("demo --size 192 --taps relu1_1 --backend cpu -o", "sheet.png"),
    ("bench --size 32 --runs 1 --taps relu1_1 --backend cpu --plot", "plot.svg"),
    ("weights convert w.pth -o", "w.safetensors"),
    ("man -o", "perceptual-loss.1"),
];

/// The place that a file would have, as its command wants it.
fn place<'a>(folder: &'a str, name: &'a str) -> String {
    // All pages have names of their own.
    if name.ends_with(".1") { folder.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(unix)]
#[test]
fn what_is_replaced_keeps_its_mode_and_a_link_leads_to_what_is_written() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    let folder = folder();
    fs::create_dir(folder.path("out")).unwrap();
    fs::create_dir(folder.path("far")).unwrap();
    for (arguments, name) in WRITING {
        let arguments = format!("{arguments} {}", place("out", name));
        let path = folder.path(&format!("out/{name}"));
        let run = || {
            let output = folder.run(&arguments);
            assert!(output.status.success(), "{arguments}: {output:?}");
        };
        fs::write(&path, "before").unwrap();
        for mode in [0o600, 0o664] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            run();
            let is = fs::metadata(&path).unwrap();
            assert!(
                is.mode() & 0o7777 == mode && fs::read(&path).unwrap() != b"before",
                "{arguments}: {is:?}"
            );
        }
        fs::remove_file(&path).unwrap();
        symlink(format!("../far/{name}"), &path).unwrap();
        run();
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink(), "{arguments}");
        assert!(fs::symlink_metadata(folder.path(&format!("far/{name}"))).unwrap().is_file(), "{arguments}");
    }
    for name in command::names(&folder.path("out")).into_iter().chain(command::names(&folder.path("far"))) {
        assert!(!name.starts_with('.'), "{name}");
    }
}

/// A picture, a weights file or a tap that there is not would be told if any work had begun.
#[test]
fn a_file_that_cannot_be_is_told_first_by_every_command() {
    let folder = folder();
    fs::write(folder.path("file"), "").unwrap();
    fs::create_dir(folder.path("out")).unwrap();
    for (arguments, name) in WRITING {
        fs::create_dir(folder.path(&format!("out/{name}"))).unwrap();
        let arguments = arguments.replace("a.png", "none.png").replace("w.pth", "none.pth");
        let extension = name.rsplit_once('.').unwrap().1;
        let long = format!("{}.{extension}", "n".repeat(300));
        let mut places = vec![(place("out", name), "it is a folder"), (place("file", name), "file")];
        if extension != "1" {
            places.push((place("none", name), "its folder does not exist"));
            places.push((long, "its name is too long"));
        }
        for (place, part) in places {
            let (code, text) = folder.failure(&format!("{arguments} {place}"));
            assert_eq!(code, 2, "{arguments} {place}: {text}");
            assert!(text.starts_with("error: ") && text.lines().count() == 1, "{arguments} {place}: {text}");
            assert!(text.contains(part) && text.contains("name another"), "{arguments} {place}: {text}");
        }
        assert!(command::names(&folder.path(&format!("out/{name}"))).is_empty());
    }
    assert_eq!(command::names(&folder.path("out")).len(), WRITING.len());
}

/// A limit on files' sizes, which stops a file as a full disk does.
#[cfg(unix)]
#[test]
fn a_file_that_there_is_no_room_for_ends_with_code_3_and_leaves_nothing() {
    let folder = folder();
    fs::write(folder.path("r.json"), "before").unwrap();
    fs::create_dir(folder.path("pages")).unwrap();
    let before = folder.names();
    for arguments in [
        &format!("{COMPARE} -o r.json"),
        &format!("{COMPARE} -o new.csv"),
        "demo --size 192 --taps relu1_1 --backend cpu -o sheet.png",
        "weights convert w.pth -o w.safetensors",
        "man -o pages",
    ] {
        let output = folder.shell("ulimit -f 0; exec \"$@\"", arguments);
        let (printed, said) = texts(&output);
        assert_eq!((output.status.code(), printed.as_str()), (Some(3), ""), "{arguments}: {said}");
        assert!(said.starts_with("error: ") && said.lines().count() == 1, "{arguments}: {said}");
        assert!(said.contains("File too large") && !said.contains("perceptual-loss-"), "{arguments}: {said}");
        assert_eq!(folder.names(), before, "{arguments}");
    }
    assert_eq!(fs::read_to_string(folder.path("r.json")).unwrap(), "before");
    assert_eq!(fs::read_dir(folder.path("pages")).unwrap().count(), 0);
}

/// Everything that prints.
fn printing() -> Vec<String> {
    [
        COMPARE,
        &format!("{COMPARE} --json"),
        "demo --size 192 --taps relu1_1 --backend cpu",
        "weights inspect w.pth",
        "weights convert w.pth -o w.safetensors",
        "completions bash",
        "man",
        "man -o pages",
        "--help",
        "--version",
        "-h",
        "compare --help",
        "help weights",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn a_reader_that_has_gone_is_a_quiet_end() {
    let folder = folder();
    for arguments in printing() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = folder.command(&format!("--quiet {arguments}")).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments}: {output:?}");
    }
}

/// A pipe with a name, whose reader goes as soon as the command has opened it and begins its work.
#[cfg(unix)]
#[test]
fn a_reader_of_a_report_may_go_too() {
    let folder = folder();
    let shell = "mkfifo r.json; (exec 3<r.json) & exec \"$@\"";
    let output = folder.shell(shell, &format!("--quiet {COMPARE} -o r.json"));
    assert_eq!((output.status.code(), texts(&output)), (Some(0), (String::new(), String::new())));
}

#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_cannot_be_written_ends_with_code_3() {
    let folder = folder();
    for arguments in printing() {
        for (place, part) in [
            (">/dev/full", "standard output cannot be written: No space left on device"),
            (">&-", "standard output is closed"),
            ("1</dev/null", "standard output is closed, or not open for writing"),
        ] {
            let output = folder.shell(&format!("exec \"$@\" {place}"), &format!("--quiet {arguments}"));
            let said = texts(&output).1;
            assert_eq!(output.status.code(), Some(3), "{arguments} {place}: {said}");
            assert!(said.starts_with(&format!("error: {part}")), "{arguments} {place}: {said}");
            assert_eq!(said.lines().count(), 1, "{arguments} {place}: {said}");
        }
        // What programs open that want no output, some of them for reading as well.
        for place in [">/dev/null", "1<>/dev/null"] {
            let output = folder.shell(&format!("exec \"$@\" {place}"), &arguments);
            assert!(output.status.success(), "{arguments} {place}: {output:?}");
        }
    }
    // Where there is nothing to print it is not missed.
    assert!(folder.shell("exec \"$@\" >&-", &format!("{COMPARE} -o r.json")).status.success());
    assert!(folder.path("r.json").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn standard_error_that_is_gone_changes_nothing() {
    let folder = folder();
    let expected = folder.run(COMPARE);
    for place in ["2>&-", "2>/dev/full"] {
        for options in ["", "--verbose", "--color always"] {
            let output = folder.shell(&format!("exec \"$@\" {place}"), &format!("{COMPARE} {options}"));
            assert_eq!(
                (output.status.code(), &output.stdout),
                (Some(0), &expected.stdout),
                "{place} {options}"
            );
        }
        for (arguments, code) in [("compare a.png none.png", 2), ("compare", 2), ("frobnicate", 2)] {
            let output = folder.shell(&format!("exec \"$@\" {place}"), arguments);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{arguments} {place}");
        }
    }
}

#[test]
fn quiet_leaves_errors_and_results() {
    let folder = folder();
    let compare = format!("{COMPARE} --exposure 1");
    let (printed, said) = texts(&folder.run(&compare));
    assert!(said.contains("note: the weights") && said.contains("warning: no picture holds"), "{said}");
    for quiet in [format!("{compare} --quiet"), format!("-q {compare}")] {
        assert_eq!(texts(&folder.run(&quiet)), (printed.clone(), String::new()));
    }
    let output = folder.run("--quiet compare a.png none.png");
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(&output).1.starts_with("error: none.png: "));
}

#[test]
fn verbose_tells_what_is_done() {
    let folder = folder();
    let compare = COMPARE.replace("cpu", "gpu");
    let (printed, said) = texts(&folder.run(&format!("{compare} -v")));
    assert_eq!(printed, texts(&folder.run(&compare)).0);
    for parts in [
        &["DEBUG", "device adapter=", "driver=", "max_storage_buffer_binding_size="][..],
        &["weights{origin=\"default-1\" network=vgg19}", "loaded convolutions=2 sha256="],
        &["weights{origin=\"default-1\" network=vgg19}", "close time.busy="],
        &["session{backend=\"gpu\" width=40 height=24 pairs=1}", "buffers slots=", "features=", "scratch="],
        &["compile{kernel=\"pixels\"}", "close time.busy="],
        &["compile{kernel=\"conv3x3.blocked\"}", "close time.busy="],
        &["compare{generated=a.png}", "close time.busy="],
    ] {
        let lines = said.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
        assert_eq!(lines.count(), 1, "{parts:?}: {said}");
    }
}

#[test]
fn colour_is_for_terminals_or_where_it_is_asked_for() {
    let folder = folder();
    let coloured = |arguments: &str, environment: &[(&str, &str)]| {
        let mut command = folder.command(arguments);
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let (printed, said) = texts(&output);
        (printed.contains('\u{1b}'), said.contains('\u{1b}'))
    };
    // Notes, the command's errors, clap's, and help; where they go is no terminal.
    for arguments in [COMPARE, "compare a.png none.png", "compare --bogus", "compare --help"] {
        let help = arguments.contains("--help");
        let colour = (help, !help);
        assert_eq!(coloured(arguments, &[]), (false, false), "{arguments}");
        assert_eq!(coloured(&format!("--color always {arguments}"), &[]), colour, "{arguments}");
        assert_eq!(coloured(&format!("{arguments} --color=always"), &[]), colour, "{arguments}");
        assert_eq!(
            coloured(&format!("{arguments} --color never"), &[("CLICOLOR_FORCE", "1")]),
            (false, false)
        );
        assert_eq!(coloured(arguments, &[("CLICOLOR_FORCE", "1")]), colour, "{arguments}");
        assert_eq!(coloured(arguments, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), (false, false));
    }
    let said = texts(&folder.run(&format!("{COMPARE} --color always"))).1;
    assert!(said.starts_with("\u{1b}[1m\u{1b}[36mnote:\u{1b}[0m the weights"), "{said:?}");
    let output = folder.run("compare a.png b.png --color sometimes");
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(&output).1.contains("[possible values: auto, always, never]"));
}
