//! The `perceptual-loss-bench` command: `perceptual-loss bench` as a program of its own.
#![allow(dead_code)] // What the two share is more than this one uses.

mod bench;
mod byte_size;
mod entry;
mod failure;
mod interrupt;
mod messages;
mod one_of;
mod options;
mod output;
mod progress;
mod say;
mod stdout;
/// The choice of weights, of all that the other does with them.
mod weights {
    mod cache;
    pub mod choice;
    mod published;
}

use std::process::ExitCode;

use clap::Parser;

/// Time comparisons on this machine, step by step, beside what the device could do at best.
///
/// One run is a whole comparison, from pixels in memory to the report. Pictures are made of noise; no file is needed.
#[derive(Parser)]
#[command(name = "perceptual-loss-bench", version)]
struct CommandLine {
    #[command(flatten)]
    bench: bench::Arguments,

    #[command(flatten)]
    messages: messages::MessageOptions,
}

fn main() -> ExitCode {
    entry::main(|CommandLine { bench, messages }| (messages, move || bench::run(&bench)))
}
