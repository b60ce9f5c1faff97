//! The `perceptual-loss-bench` command: `perceptual-loss bench` as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    perceptual_loss_cli::bench_main()
}
