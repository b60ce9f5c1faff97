//! The `perceptual-loss` command.

mod arguments;
mod bench;
mod byte_size;
mod compare;
mod completions;
mod demo;
mod devices;
mod distortion;
mod doctor;
mod entry;
mod failure;
mod interrupt;
mod man;
mod messages;
mod one_of;
mod options;
mod output;
mod picture;
mod progress;
mod say;
mod stdout;
mod weights;

use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    entry::main(|Arguments { messages, command }| (messages, move || command.run()))
}
