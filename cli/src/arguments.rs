//! The command line as a whole: what completions and manual pages are made from.

use clap::{Parser, Subcommand};

use crate::{
    bench, compare, completions, demo, devices, doctor, failure::Failure, man, messages::MessageOptions,
    weights,
};

/// VGG perceptual loss of pictures, on GPU or CPU.
///
/// Exit codes: 0 done; 2 bad usage or input; 3 the run failed (no adapter, a lost device, out of memory, output
/// not written); 130 interrupted by Ctrl-C.
#[derive(Parser)]
#[command(name = "perceptual-loss", version)]
pub struct Arguments {
    #[command(flatten)]
    pub messages: MessageOptions,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Bench(bench::Arguments),
    Compare(compare::Arguments),
    Completions(completions::Arguments),
    Demo(demo::Arguments),
    Devices(devices::Arguments),
    Doctor(doctor::Arguments),
    Man(man::Arguments),
    Weights(weights::Arguments),
}

impl Command {
    /// What is to be printed.
    pub fn run(&self) -> Result<String, Failure> {
        match self {
            Self::Bench(arguments) => bench::run(arguments),
            Self::Compare(arguments) => compare::run(arguments),
            Self::Completions(arguments) => completions::run(arguments),
            Self::Demo(arguments) => demo::run(arguments),
            Self::Devices(arguments) => devices::run(arguments),
            Self::Doctor(arguments) => doctor::run(arguments),
            Self::Man(arguments) => man::run(arguments),
            Self::Weights(arguments) => weights::run(arguments),
        }
    }
}
