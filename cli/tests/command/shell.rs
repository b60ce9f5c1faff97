//! Completions and manual pages: made from the command line's own definition, and complete.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// What is printed by the command, which must succeed and say nothing else.
fn prints(arguments: &[&str], folder: &Path) -> String {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_perceptual-loss"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(status.success() && stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Every subcommand's words, and the long options that its help names.
fn commands() -> Vec<(Vec<String>, Vec<String>)> {
    fn walk(words: &[&str], found: &mut Vec<(Vec<String>, Vec<String>)>) {
        let help = prints(&[words, &["--help"]].concat(), Path::new("."));
        let options = help.lines().filter_map(|line| {
            let (_, option) = line.trim_start().strip_prefix('-').and_then(|_| line.split_once("--"))?;
            Some(format!("--{}", option.split([' ', ',', '=']).next()?))
        });
        found.push((words.iter().map(|&word| word.to_owned()).collect(), options.collect()));
        let subcommands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in subcommands.take_while(|line| !line.is_empty()) {
            // A command's name stands two spaces in; what it does may go on below, further in.
            let name = line.strip_prefix("  ").filter(|line| !line.starts_with(' '));
            if let Some(name) =
                name.and_then(|line| line.split_whitespace().next()).filter(|name| *name != "help")
            {
                walk(&[words, &[name]].concat(), found);
            }
        }
    }
    let mut found = vec![];
    walk(&[], &mut found);
    let has = |words: &[&str], option: &str| {
        found.iter().any(|(w, options)| w == words && options.iter().any(|o| o == option))
    };
    // What is looked for below was found at all.
    assert!(has(&["compare"], "--preset") && has(&["compare"], "--color") && has(&["man"], "--output"));
    assert!(has(&["weights", "convert"], "--dtype") && has(&[], "--version"), "{found:?}");
    found
}

#[test]
fn completions_know_every_command_and_option() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = prints(&["completions", shell], Path::new("."));
        for (words, options) in commands() {
            if let Some(name) = words.last() {
                assert!(script.contains(name), "{shell}: {words:?}");
            }
            for option in options {
                // fish names options without their dashes.
                let option = if shell == "fish" { format!("-l {}", &option[2..]) } else { option };
                assert!(script.contains(&option), "{shell}: {words:?} {option}");
            }
        }
        // Values as well, where clap's generator has them.
        if ["bash", "zsh", "fish"].contains(&shell) {
            for value in ["study-card", "blocked", "catmull-rom"] {
                assert!(script.contains(value), "{shell}: {value}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn bash_completes_by_them() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("script"), prints(&["completions", "bash"], folder.path())).unwrap();
    for name in ["left.png", "right.png"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let bash = |script: &str| {
        let output =
            Command::new("bash").args(["--norc", "-c", script]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    bash("bash -n script");
    for (line, expected) in [
        ("comp", "compare completions"),
        ("weights con", "convert"),
        ("compare --preset r", "real-esrgan"),
        ("compare --tuning d", "direct"),
        ("compare --outp", "--output"),
        ("compare --target ri", "right.png"),
        ("completions p", "powershell"),
        ("demo --color al", "always"),
    ] {
        // As readline calls what `complete -F` hands it: with the command, the word, and the one before.
        let words = format!("perceptual-loss {line}");
        let words: Vec<_> = words.split_whitespace().collect();
        let last = words.len() - 1;
        let completed = bash(&format!(
            "complete() {{ completes=$2; }}; compopt() {{ :; }}; source ./script; COMP_WORDS=({}); COMP_CWORD={last}
            $completes {} {} {}; echo \"${{COMPREPLY[*]}}\"",
            words.join(" "),
            words[0],
            words[last],
            words[last - 1],
        ));
        assert_eq!(completed.trim(), expected, "{line}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = TempDir::new().unwrap();
    let listed = prints(&["man", "--output", "new/pages"], folder.path());
    let commands = commands();
    assert_eq!(listed.lines().count(), commands.len(), "{listed}");
    for (words, options) in commands {
        let name = [&["perceptual-loss".to_owned()], &words[..]].concat().join("-");
        let path = format!("new/pages/{name}.1");
        assert!(listed.lines().any(|line| Path::new(line) == Path::new(&path)), "{path}: {listed}");
        // In roff a hyphen that is to be one is escaped.
        let page = fs::read_to_string(folder.path().join(path)).unwrap().replace("\\-", "-");
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
        for option in options {
            assert!(page.contains(&option), "{name}: {option}");
        }
    }
    let main = fs::read_to_string(folder.path().join("new/pages/perceptual-loss.1")).unwrap();
    assert_eq!(prints(&["man"], folder.path()), main);
    assert!(main.contains("Exit codes: 0 done"), "{main}");
}
