//! Standard streams that a parent has made non-blocking, and that are not ready.

use std::{
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    os::fd::AsRawFd as _,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::folder::Folder;

/// A pipe that holds little, and is non-blocking for whoever has either end.
fn pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    for end in [reader.as_raw_fd(), writer.as_raw_fd()] {
        // SAFETY: descriptors of pipes that are open, and numbers.
        unsafe {
            assert!(libc::fcntl(end, libc::F_SETPIPE_SZ, 4096) >= 4096);
            assert_eq!(
                libc::fcntl(end, libc::F_SETFL, libc::fcntl(end, libc::F_GETFL) | libc::O_NONBLOCK),
                0
            );
        }
    }
    (reader, writer)
}

/// All that comes, read late and a little at a time.
fn read_late(mut reader: PipeReader) -> Vec<u8> {
    let (mut all, mut piece) = (vec![], [0; 1000]);
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return all,
            Ok(read) => all.extend(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(10))
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Nothing more goes into it.
fn fill(writer: &mut PipeWriter) -> usize {
    let mut filled = 0;
    while let Ok(written) = writer.write(b"#") {
        filled += written;
    }
    filled
}

/// What comes out of a full pipe that the command was started with, behind what was in it.
fn through(mut command: Command, stream: fn(&mut Command, Stdio)) -> (Option<i32>, String) {
    let (reader, mut writer) = pipe();
    let before = fill(&mut writer);
    stream(&mut command, writer.into());
    let mut child = command.spawn().unwrap();
    // Its own copy of the writer would keep the pipe open.
    drop(command);
    thread::sleep(Duration::from_millis(300));
    let read = read_late(reader);
    (child.wait().unwrap().code(), String::from_utf8(read[before..].to_vec()).unwrap())
}

#[test]
fn all_of_standard_output_comes_through() {
    let folder = Folder::with_pictures();
    let many = "compare a.png a.png a.png a.png a.png a.png --target b.png --taps relu1_1 --backend cpu";
    for arguments in [
        &format!("{many} --json"),
        many,
        "man",
        "completions zsh",
        "compare --help",
        "help weights",
        "demo --json --taps relu1_1 --backend cpu",
        "weights list --json",
    ] {
        let arguments = format!("--quiet {arguments}");
        let expected = folder.run(&arguments);
        let (code, printed) = through(folder.command(&arguments), |command, pipe| {
            command.stdout(pipe);
        });
        assert_eq!((code, printed.as_bytes()), (Some(0), expected.stdout.as_slice()), "{arguments}");
    }
}

#[test]
fn all_of_standard_error_comes_through() {
    let folder = Folder::with_pictures();
    for arguments in [
        "compare a.png b.png --taps relu1_1 --backend cpu --exposure 1 --json",
        "compare a.png none.png",
        "compare --bogus",
        "compare a.png b.png --color always --taps relu9_9",
    ] {
        let expected = folder.run(arguments);
        let (code, said) = through(folder.command(arguments), |command, pipe| {
            command.stderr(pipe).stdout(Stdio::null());
        });
        assert_eq!(
            (code, said.as_bytes()),
            (expected.status.code(), expected.stderr.as_slice()),
            "{arguments}"
        );
        assert!(!said.is_empty(), "{arguments}");
    }
    // What is told of the work: each line is whole.
    let arguments = "compare a.png b.png --taps relu1_1 --backend cpu --verbose";
    let (code, said) = through(folder.command(arguments), |command, pipe| {
        command.stderr(pipe).stdout(Stdio::null());
    });
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains("DEBUG")).count(), {
        let expected = String::from_utf8(folder.run(arguments).stderr).unwrap();
        expected.lines().filter(|line| line.contains("DEBUG")).count()
    });
    assert!(said.ends_with("numbers that mean what others' do\n"), "{said}");
}

#[test]
fn standard_input_is_waited_for() {
    let folder = Folder::with_pictures();
    let arguments = "compare - b.png --taps relu1_1 --backend cpu --json";
    let (reader, writer) = pipe();
    let child = folder.command(arguments).stdin(reader).stdout(Stdio::piped()).spawn().unwrap();
    let picture = std::fs::read(folder.path("a.png")).unwrap();
    for piece in picture.chunks(1000) {
        thread::sleep(Duration::from_millis(50));
        (&writer).write_all(piece).unwrap();
    }
    drop(writer);
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = folder.run(&arguments.replace("- b.png", "a.png b.png"));
    assert_eq!(report["total"], serde_json::from_slice::<Value>(&expected.stdout).unwrap()["total"]);
}
