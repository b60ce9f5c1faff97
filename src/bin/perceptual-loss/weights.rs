//! `perceptual-loss weights`: look into weights files, convert them, make seeded ones.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use perceptual_loss::{
    Network, Weights,
    weights::{Parameters, StoredType},
};

use crate::{failure::Failure, output::Output};

/// Look into weights files, convert them, make seeded ones.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what a file holds: network, layers, types, norms, whether it looks trained, and the hash that reports give.
    Inspect {
        /// A safetensors file or a PyTorch .pth.
        file: PathBuf,
        /// One JSON object instead of the table.
        #[arg(long)]
        json: bool,
    },
    /// Write a file's convolutions as a compact safetensors file, under torchvision's names.
    Convert {
        /// A safetensors file or a PyTorch .pth.
        file: PathBuf,
        /// The file to be written.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// f32 keeps values as they are; f16 and bf16 round them and take half the room.
        #[arg(long, default_value_t)]
        dtype: StoredType,
    },
    /// Write untrained weights: those of --weights seeded:N.
    Seeded {
        #[arg(long, value_name = "N")]
        seed: u64,
        /// The file to be written.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// vgg19 or vgg16.
        #[arg(long, default_value = "vgg19")]
        net: Network,
        /// f32 keeps values as they are; f16 and bf16 round them and take half the room.
        #[arg(long, default_value = "f32")]
        dtype: StoredType,
    },
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    match &arguments.command {
        Command::Inspect { file, json } => {
            let inspection = Weights::open(file)?.inspect()?;
            if *json {
                let line = serde_json::to_string(&inspection);
                return line.map(|line| line + "\n").map_err(|error| Failure::run(error.to_string()));
            }
            Ok(format!("{inspection}\n"))
        }
        Command::Convert { file, output, dtype } => {
            if same_file(file, output) {
                return Err(Failure::input(format!(
                    "{} would be written over itself; name another file with -o",
                    file.display()
                )));
            }
            let (network, parameters) = Weights::open(file)?.load_all()?;
            write(network, &parameters, output, *dtype)
        }
        Command::Seeded { seed, output, net, dtype } => {
            let parameters = Weights::seeded(*seed).load(*net, net.layers().len())?;
            write(*net, &parameters, output, *dtype)
        }
    }
}

fn write(
    network: Network,
    parameters: &Parameters,
    path: &Path,
    dtype: StoredType,
) -> Result<String, Failure> {
    let output = Output::create(path)?;
    let bytes = parameters.to_safetensors(dtype)?;
    output.finish(&bytes)?;
    let ends = [parameters.convolutions.first(), parameters.convolutions.last()];
    let [first, last] =
        ends.map(|convolution| convolution.map_or("nothing", |convolution| convolution.layer.name));
    let size = bytes.len() as f64;
    let size = if size < 1e6 { format!("{:.1} kB", size / 1e3) } else { format!("{:.1} MB", size / 1e6) };
    Ok(format!("{}: {network}, {first} to {last}, {dtype}, {size}\n", path.display()))
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}
