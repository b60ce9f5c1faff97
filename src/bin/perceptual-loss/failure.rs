//! How the command fails: one line, and an exit code.

/// A line for standard error, without its "error: ", and the exit code.
#[derive(Debug)]
pub struct Failure {
    pub message: String,
    pub code: u8,
}

impl Failure {
    /// Bad usage or input.
    pub fn input(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// A run that failed although its input was good.
    pub fn run(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 3 }
    }
}

impl From<perceptual_loss::Error> for Failure {
    fn from(error: perceptual_loss::Error) -> Self {
        let message = error.to_string();
        if error.is_input() { Self::input(message) } else { Self::run(message) }
    }
}
