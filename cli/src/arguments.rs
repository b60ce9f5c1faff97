//! The command line as a whole: what completions and manual pages are made from.

use clap::{Parser, Subcommand};

use crate::{
    bench, compare, completions, demo, devices, doctor, failure::Failure, gradient, man,
    messages::MessageOptions, weights,
};

/// VGG perceptual loss of pictures, on GPU or CPU.
///
/// Exit codes: 0 done; 2 bad usage or input; 3 the run failed (no adapter, a lost device, out of memory, output
/// not written); 130 interrupted by Ctrl-C (143 by SIGTERM, 129 by SIGHUP). An error is one line, 'error: ...'.
///
/// In lines for people, characters of a file's name that would act on the terminal are written as in the shell's $'...':
/// \n, \x1b, \u009b. JSON has the name itself, but for bytes that are no UTF-8: those are \xHH there and everywhere.
#[derive(Parser)]
#[command(name = "perceptual-loss", version, arg_required_else_help = false)]
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
    Gradient(gradient::Arguments),
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
            Self::Gradient(arguments) => gradient::run(arguments),
            Self::Man(arguments) => man::run(arguments),
            Self::Weights(arguments) => weights::run(arguments),
        }
    }
}
