//! The command, as it is for somebody who has fetched nothing and set nothing.

use std::{fs, path::Path, process::Command};

/// Apart from the weights and the environment of whoever runs the tests.
pub fn command() -> Command {
    apart(Command::new(env!("CARGO_BIN_EXE_perceptual-loss")))
}

/// A program that is the command, or starts it, likewise.
pub fn apart(mut command: Command) -> Command {
    command.env("PERCEPTUAL_LOSS_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/nothing-fetched"));
    for variable in ["PERCEPTUAL_LOSS_WEIGHTS", "PERCEPTUAL_LOSS_MIRROR"] {
        command.env_remove(variable);
    }
    for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        command.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    command
}

/// What is in a folder, in the order of names.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
