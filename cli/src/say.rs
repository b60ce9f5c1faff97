//! Lines for people on standard error. Where it is gone, nobody is told, and the run goes on.

use std::{
    io::{self, Stderr, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use clap::builder::styling::{AnsiColor, Style};
use perceptual_loss::low_level::shown::escaped;
use perceptual_loss_files::Patient;

use crate::secrets;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Something that a user should know and need not act on.
    Note,
    /// Something that a user did not ask for and may not want.
    Warning,
}

/// A note.
pub fn note(text: &str) {
    say(Level::Note, text);
}

/// A warning.
pub fn warning(text: &str) {
    say(Level::Warning, text);
}

/// A line of one level or the other.
pub fn say(level: Level, text: &str) {
    if is_quiet() {
        return;
    }
    match level {
        Level::Note => line(AnsiColor::Cyan, "note", text),
        Level::Warning => line(AnsiColor::Yellow, "warning", text),
    }
}

/// Why there is no result. It is said even where notes and warnings are not.
pub fn error(text: &str) {
    line(AnsiColor::Red, "error", text);
}

/// Notes and warnings are no longer said.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether only errors are said.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Standard error is one for the process, and so is this.
static QUIET: AtomicBool = AtomicBool::new(false);

fn line(color: AnsiColor, level: &str, text: &str) {
    let style = Style::new().bold().fg_color(Some(color.into()));
    // What it quotes stays within the line.
    let text = secrets::hidden(text);
    let line = format!("{style}{level}:{style:#} {}\n", escaped(&text));
    match AutoStream::choice(&io::stderr()) {
        ColorChoice::Never => raw(&strip_str(&line).to_string()),
        _ => raw(&line),
    }
}

/// As it is, in one piece, which other programs' lines do not break up.
pub fn raw(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

/// Standard error, for whatever is said there.
pub fn stderr() -> Patient<Stderr> {
    Patient(io::stderr())
}
