//! A folder that the command is run in, which goes with the test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::{
    command,
    scene::{Distortion, Scene},
};

pub struct Folder(TempDir);

impl Folder {
    /// With nothing in it.
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// With two pictures of 40x24, `a.png` a noisy `b.png`.
    pub fn with_pictures() -> Self {
        let folder = Self::new();
        let scene = Scene::new(40, 24, 7);
        for (name, scene) in [("a.png", &scene.distort(Distortion::Noise, 1)), ("b.png", &scene)] {
            image::save_buffer(folder.path(name), &scene.rgb, 40, 24, image::ColorType::Rgb8).unwrap();
        }
        folder
    }

    /// With `w.pth` as well, a file that PyTorch saved.
    pub fn and_weights(self, golden: &str) -> Self {
        let from = format!("{}/../tests/golden/pytorch/{golden}.pth", env!("CARGO_MANIFEST_DIR"));
        fs::copy(from, self.path("w.pth")).unwrap();
        self
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// The names of what is in it, sorted.
    pub fn names(&self) -> Vec<String> {
        command::names(self.root())
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = command::command();
        command.args(arguments.split_whitespace()).current_dir(self.root());
        command
    }

    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The exit code and all of standard error; nothing may be on standard output.
    pub fn failure(&self, arguments: &str) -> (i32, String) {
        let output = self.run(arguments);
        assert!(output.stdout.is_empty(), "{arguments}: {:?}", output.stdout);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// The exit code and the one line that begins with "error: "; nothing may be on standard output.
    pub fn fails(&self, arguments: &str) -> (i32, String) {
        let (code, text) = self.failure(arguments);
        let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{arguments}: {text}");
        (code, errors[0].to_owned())
    }
}
