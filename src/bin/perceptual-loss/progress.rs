//! A progress bar for what takes longer than a second, where somebody watches.

use std::time::{Duration, Instant};

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
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::hidden());
        // A template of our own that does not parse would be drawn in the default style.
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:32} {pos} of {len}, {eta} left") {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Self { bar, started: Instant::now() }
    }

    /// One step is done.
    pub fn step(&self) {
        if self.bar.is_hidden() && !say::is_quiet() && self.started.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
