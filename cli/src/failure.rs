//! How the command fails: one line, and an exit code.

use crate::interrupt;

/// A line for standard error, without its "error: ", the exit code, and what is printed all the same.
#[derive(Debug)]
pub struct Failure {
    pub message: String,
    pub code: u8,
    /// For standard output: a report whose finding is the failure. Nothing, of most failures.
    pub output: String,
}

impl Failure {
    /// Bad usage or input.
    pub fn input(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2, output: String::new() }
    }

    /// A run that failed although its input was good.
    pub fn run(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 3, output: String::new() }
    }

    /// What Ctrl-C ends, or another signal. The code is what shells give for a program that the signal has ended.
    pub fn interrupted() -> Self {
        Self { code: interrupt::code(), ..Self::run("interrupted") }
    }

    /// The same, with a report that is printed all the same.
    pub fn with_output(self, output: String) -> Self {
        Self { output, ..self }
    }
}

impl From<perceptual_loss_files::Error> for Failure {
    fn from(error: perceptual_loss_files::Error) -> Self {
        let message = error.to_string();
        if error.is_input() { Self::input(message) } else { Self::run(message) }
    }
}

impl From<perceptual_loss::Error> for Failure {
    fn from(error: perceptual_loss::Error) -> Self {
        if matches!(error, perceptual_loss::Error::Cancelled) {
            return Self::interrupted();
        }
        let message = error.to_string();
        if error.is_input() { Self::input(message) } else { Self::run(message) }
    }
}
