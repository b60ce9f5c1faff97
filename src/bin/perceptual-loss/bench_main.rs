//! The `perceptual-loss-bench` command: `perceptual-loss bench` as a program of its own.
#![allow(dead_code)] // What the two share is more than this one uses.

mod bench;
mod entry;
mod failure;
mod messages;
mod one_of;
mod options;
mod output;
mod progress;
mod say;
mod stdout;
mod weights;

use std::process::ExitCode;

use clap::Parser;

/// As the other command's.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    bench: bench::Arguments,

    #[command(flatten)]
    messages: messages::MessageOptions,
}

fn main() -> ExitCode {
    entry::main(|Arguments { bench, messages }| (messages, move || bench::run(&bench)))
}
