//! Options of every command: what is said on standard error, and in which colours.

use std::{env, io};

use anstream::AutoStream;
use clap::{Args, ColorChoice, ValueEnum as _};
use tracing::Level;
use tracing_subscriber::fmt::{format::FmtSpan, time};

use crate::say;

/// What is said beside the result.
#[derive(Args)]
pub struct MessageOptions {
    /// Say nothing on standard error but errors: no notes, no warnings, no progress.
    #[arg(short, long, global = true, help_heading = "Messages")]
    quiet: bool,

    /// Tell on standard error what is done: adapter, driver and limits, weights, memory, and how long things take.
    #[arg(short, long, global = true, conflicts_with = "quiet", help_heading = "Messages")]
    verbose: bool,

    /// Whether help and messages are coloured: auto on terminals, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Messages")]
    color: ColorChoice,
}

impl MessageOptions {
    /// From here on things are said this way.
    pub fn apply(&self) {
        color(self.color);
        if self.quiet {
            say::be_quiet();
        }
        if self.verbose {
            tracing_subscriber::fmt()
                .with_max_level(Level::DEBUG)
                .with_span_events(FmtSpan::CLOSE)
                .with_timer(time::uptime())
                .with_writer(say::stderr)
                .with_ansi(AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never)
                // Else it panics where standard error is gone.
                .log_internal_errors(false)
                .init();
        }
    }

    /// The colours that are asked for on a command line that is not good, or asks for help: nothing of it was parsed.
    pub fn apply_color_unparsed() {
        let mut arguments = env::args_os().skip(1).take_while(|argument| argument != "--");
        while let Some(argument) = arguments.next() {
            let value = match argument.to_str().and_then(|argument| argument.strip_prefix("--color")) {
                Some("") => arguments.next(),
                Some(value) => value.strip_prefix('=').map(Into::into),
                None => None,
            };
            if let Some(choice) = value.as_deref().and_then(|value| value.to_str())
                && let Ok(choice) = ColorChoice::from_str(choice, false)
            {
                color(choice);
            }
        }
    }
}

/// For all that is said, by clap as well.
fn color(choice: ColorChoice) {
    match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}
