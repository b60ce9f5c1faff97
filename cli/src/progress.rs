//! A progress bar for what takes longer than a second, where somebody watches.

#[cfg(unix)]
use std::io;
use std::time::{Duration, Instant};

#[cfg(unix)]
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::say;

/// A bar on standard error that comes up after a second and is gone at the end. Nothing is drawn where standard
/// error is no terminal, or where only errors are wanted.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// A bar for `steps` steps of `what`.
    pub fn new(what: &'static str, steps: usize) -> Self {
        Self::with(what, Some(steps as u64), "{prefix} {bar:32} {pos} of {len}, {eta} left")
    }

    /// A bar for `items` of `what`, each of which takes long: [`set`](Self::set) says how far it is.
    pub fn long(what: &'static str, items: usize) -> Self {
        let progress = Self::with(what, Some(FINE), "{prefix} {msg}{bar:32} {percent:>3} %, {eta} left");
        if items > 1 {
            progress.bar.set_message(format!("{items} "));
        }
        progress
    }

    /// A bar for `total` bytes of `what`, of which `start` are there already. Without a total it counts them.
    pub fn bytes(what: &'static str, start: u64, total: Option<u64>) -> Self {
        let template = match total {
            Some(_) => "{prefix} {bar:32} {binary_bytes} of {binary_total_bytes}, {eta} left",
            None => "{prefix} {binary_bytes}",
        };
        let progress = Self::with(what, total, template);
        progress.bar.set_position(start);
        // They came at no speed that says when the rest will.
        progress.bar.reset_eta();
        progress
    }

    fn with(what: &'static str, length: Option<u64>, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
        // A template of our own that does not parse would be drawn in the default style.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Self { bar, started: Instant::now() }
    }

    /// One step is done.
    pub fn step(&self) {
        self.advance(1);
    }

    /// So many are done.
    pub fn advance(&self, steps: u64) {
        self.show();
        self.bar.inc(steps);
    }

    /// Of all that is [`long`](Self::long), such a share is done, from 0 to 1.
    pub fn set(&self, share: f64) {
        self.show();
        self.bar.set_position((share * FINE as f64) as u64);
    }

    fn show(&self) {
        if self.bar.is_hidden() && !say::is_quiet() && self.started.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(terminal());
        }
    }
}

/// Standard error, waited for where it is not ready.
#[cfg(unix)]
fn terminal() -> ProgressDrawTarget {
    ProgressDrawTarget::term(Term::read_write_pair(io::stdin(), say::stderr()), TIMES_A_SECOND)
}

#[cfg(not(unix))]
fn terminal() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr_with_hz(TIMES_A_SECOND)
}

/// How often it is drawn.
const TIMES_A_SECOND: u8 = 20;

/// Steps of a bar that moves within one item.
const FINE: u64 = 1000;

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
