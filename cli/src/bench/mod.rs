//! `perceptual-loss bench`: how long a comparison takes here, step by step, beside what the device could do.

mod measure;
mod memory;
mod plot;
mod table;

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::{
    failure::Failure,
    json,
    messages::MessageOptions,
    options::{DeviceOptions, LossOptions},
    output::Output,
    say,
};
use measure::Work;

/// Time comparisons on this machine, step by step, beside the device's measured peak.
///
/// One run is a whole comparison, from pixels in memory to the report. Pictures are made of noise; no file is needed.
#[derive(Args)]
pub struct Arguments {
    /// The pictures' width and height in pixels; 256 by default.
    #[arg(long, value_name = "PIXELS", conflicts_with_all = ["width", "height"])]
    size: Option<u32>,

    /// The pictures' width in pixels.
    #[arg(long, value_name = "PIXELS", requires = "height")]
    width: Option<u32>,

    /// The pictures' height in pixels.
    #[arg(long, value_name = "PIXELS", requires = "width")]
    height: Option<u32>,

    /// Pairs compared in one run.
    #[arg(long, value_name = "PAIRS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    batch: u32,

    /// Runs to take the median of; by default 5 or as many as fit into 3 seconds, 100 at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: Option<u32>,

    /// Compare with a target whose features are kept, as in a training loop.
    #[arg(long)]
    cached_target: bool,

    /// Make the gradient of each loss, too, as in a training loop.
    #[arg(long)]
    gradient: bool,

    #[command(flatten)]
    loss: LossOptions,

    #[command(flatten)]
    device: DeviceOptions,

    /// One JSON object instead of the table.
    #[arg(long)]
    json: bool,

    /// Draw the steps' times, and a roofline, into an SVG.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

/// Time comparisons on this machine, step by step, beside the device's measured peak.
///
/// One run is a whole comparison, from pixels in memory to the report. Pictures are made of noise; no file is needed.
// The help of `perceptual-loss-bench`: the same words as above, where they are a subcommand's.
#[derive(Parser)]
#[command(name = "perceptual-loss-bench", version)]
pub struct CommandLine {
    #[command(flatten)]
    pub bench: Arguments,

    #[command(flatten)]
    pub messages: MessageOptions,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let size = arguments.size.unwrap_or(256);
    let work = Work {
        width: arguments.width.unwrap_or(size),
        height: arguments.height.unwrap_or(size),
        batch: arguments.batch,
        cached_target: arguments.cached_target,
        gradient: arguments.gradient,
        runs: arguments.runs,
    };
    let config = arguments.loss.config()?;
    let chosen = arguments.loss.weights()?;
    let linears = arguments.loss.linears(&config)?;
    let plot =
        (arguments.plot.as_deref()).map(|plot| Output::of("a plot, an SVG,", "svg", plot)).transpose()?;
    let measurement =
        measure::measure(&work, || arguments.device.model(&config, &chosen.weights, linears.as_ref()))?;
    if let Some(plot) = plot {
        plot.finish(plot::svg(&measurement)?.as_bytes())?;
    }
    if cfg!(debug_assertions) {
        say::warning("this is a debug build, whose times mean little; build with --release");
    }
    chosen.warn();
    if arguments.json { Ok(json::object(&measurement)? + "\n") } else { Ok(table::table(&measurement)) }
}
