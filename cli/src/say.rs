//! Lines for people on standard error. Where it is gone, nobody is told, and the run goes on.

use std::{
    io::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::builder::styling::{AnsiColor, Style};

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
    // In one piece, which other programs' lines do not break up.
    let _ = anstream::stderr().write_all(format!("{style}{level}:{style:#} {text}\n").as_bytes());
}
