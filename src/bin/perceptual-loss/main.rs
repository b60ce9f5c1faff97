//! The `perceptual-loss` command.

mod bench;
mod compare;
mod demo;
mod devices;
mod doctor;
mod failure;
mod options;
mod output;
mod picture;
mod progress;
mod say;
mod weights;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use failure::Failure;

/// VGG perceptual loss on any GPU.
///
/// Exit codes: 0 done; 2 bad usage or input; 3 the run failed (no adapter, a lost device, out of memory, output
/// not written).
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Arguments),
    Compare(compare::Arguments),
    Demo(demo::Arguments),
    Devices(devices::Arguments),
    Doctor(doctor::Arguments),
    Weights(weights::Arguments),
}

fn main() -> ExitCode {
    quiet_wayland();
    let result = match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Weights(arguments) => weights::run(&arguments),
    };
    match result.and_then(|output| print(&output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, code, output }) => {
            // The failure at hand is told rather than one of printing.
            let _ = print(&output);
            // Where standard error is gone, the exit code still tells.
            let _ = writeln!(io::stderr(), "error: {message}");
            ExitCode::from(code)
        }
    }
}

/// Output is written at the end and as a whole: where something fails, nothing stands on standard output.
fn print(output: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever read has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Failure::run(format!("standard output cannot be written: {error}"))),
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
