//! What the commands `perceptual-loss` and `perceptual-loss-bench` are made of. This library is for their two `main`s alone:
//! whoever wants to compare pictures in a program takes the crate [`perceptual_loss`].

mod arguments;
mod bench;
mod compare;
mod completions;
mod demo;
mod devices;
mod distortion;
mod doctor;
mod entry;
mod failure;
mod font;
mod gradient;
mod interrupt;
mod json;
mod man;
mod messages;
mod one_of;
mod options;
mod output;
mod picture_options;
mod progress;
mod say;
mod secrets;
mod stdout;
mod style_options;
mod told;
mod usage;
mod weights;

use std::process::ExitCode;

/// The `perceptual-loss` command.
pub fn main() -> ExitCode {
    entry::main(|arguments::Arguments { messages, command }| (messages, move || command.run()))
}

/// The `perceptual-loss-bench` command.
pub fn bench_main() -> ExitCode {
    entry::main(|bench::CommandLine { bench, messages }| (messages, move || bench::run(&bench)))
}
