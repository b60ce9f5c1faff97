//! The `perceptual-loss` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    perceptual_loss_cli::main()
}
