//! Lines for people on standard error. Where it is gone, nobody is told, and the run goes on.

use std::io::{self, Write as _};

/// Something that a user should know and need not act on.
pub fn note(text: &str) {
    line(&format!("note: {text}"));
}

/// Something that a user did not ask for and may not want.
pub fn warning(text: &str) {
    line(&format!("warning: {text}"));
}

/// A line as it is.
pub fn line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
