//! What every command of this package does around its work: reading its arguments, printing what came of them, and
//! exit codes.

use std::process::ExitCode;

use clap::Parser;

use crate::{failure::Failure, interrupt, messages::MessageOptions, say, stdout, usage};

/// Runs a command. `split` takes its arguments apart into what messages it wants and its work, which gives what is to
/// be printed.
pub fn main<A: Parser, W: FnOnce() -> Result<String, Failure>>(
    split: impl FnOnce(A) -> (MessageOptions, W),
) -> ExitCode {
    quiet_wayland();
    outlive_size_limits();
    interrupt::listen();
    let result = match A::try_parse() {
        Ok(arguments) => {
            let (messages, work) = split(arguments);
            messages.apply();
            work().and_then(|output| stdout::print(&output))
        }
        Err(error) => {
            MessageOptions::apply_color_unparsed();
            if error.use_stderr() {
                Err(Failure::input(usage::line(error)))
            } else {
                // Help, or the version, which were asked for.
                stdout::print_styled(&error.render().ansi().to_string())
            }
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, code, output }) => {
            // Whatever becomes of it, the run has failed.
            let _ = stdout::print(&output);
            say::error(&message);
            ExitCode::from(code)
        }
    }
}

/// Mesa's device-select layer asks Wayland for its screen, and libwayland prints an "error: " line of its own
/// where there is no session. Without one the layer has nothing to select by.
fn quiet_wayland() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the first thing that the program does, while it has one thread.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

/// A file that grows beyond the limit on sizes would end the program by a signal, with the file half there. With the
/// signal ignored, writing gives an error.
fn outlive_size_limits() {
    #[cfg(unix)]
    // SAFETY: nothing is run when the signal comes.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
