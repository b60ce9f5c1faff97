//! `perceptual-loss weights`: what a weights file is, and files of one's own.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use perceptual_loss::{
    Error, Network, Weights,
    weights::{Inspection, Parameters, Precision, Served},
};

use crate::{failure::Failure, one_of::OneOf};

/// Look at a weights file, convert one to safetensors, or write untrained weights.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Say what a weights file holds: its networks, each convolution, and whether it looks trained.
    Inspect {
        /// A safetensors file or PyTorch .pth.
        file: PathBuf,

        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Convert a PyTorch .pth or a safetensors file to safetensors with the convolutions alone.
    ///
    /// vgg19-dcbb9e9d.pth of torchvision, 548 MiB, becomes 38 MiB at f16.
    Convert {
        /// A safetensors file or PyTorch .pth. Nothing in it is executed.
        file: PathBuf,

        /// The file to write.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,

        /// f16 keeps 11 significant bits (1 part in 2048; less below 0.00006), bf16 8, f32 all.
        #[arg(long, default_value_t = Precision::F16, value_parser = OneOf(&PRECISIONS))]
        dtype: Precision,
    },
    /// Write untrained weights from a seed, those of --weights seeded:N.
    Seeded {
        /// A whole number from 0.
        #[arg(long)]
        seed: u64,

        /// The file to write.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,

        /// The network.
        #[arg(long, default_value_t = Network::Vgg19, value_parser = OneOf(&Network::ALL))]
        net: Network,

        /// Only f32 keeps every bit.
        #[arg(long, default_value_t = Precision::F32, value_parser = OneOf(&PRECISIONS))]
        dtype: Precision,
    },
}

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Bf16];

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    match &arguments.action {
        Action::Inspect { file, json } => inspect(file, *json),
        Action::Convert { file, output, dtype } => {
            if is_same(file, output) {
                return Err(Failure::input(format!(
                    "{} is the file to convert; write to another",
                    output.display()
                )));
            }
            let weights = Weights::open(file)?;
            match weights.networks()?.first() {
                Some(served) => write(&weights, served.network, served.depth, output, *dtype),
                None => Err(Failure::input(format!("{}: no network to convert", file.display()))),
            }
        }
        Action::Seeded { seed, output, net, dtype } => {
            write(&Weights::seeded(*seed), *net, net.layers().len(), output, *dtype)
        }
    }
}

fn inspect(file: &Path, json: bool) -> Result<String, Failure> {
    let inspection = Weights::open(file)?.inspect()?;
    if json {
        let json = serde_json::to_string(&inspection).map_err(|error| Failure::run(error.to_string()))?;
        return Ok(json + "\n");
    }
    let Inspection { origin, format, networks, sha256, look, convolutions, .. } = &inspection;
    let networks: Vec<_> = networks.iter().map(describe).collect();
    let mut text = format!("{origin} ({format})\n{}\nsha256 {sha256}\n{look}\n\n", networks.join("; or "));
    let names = convolutions.iter().map(|c| c.tensor.chars().count()).max().unwrap_or(0);
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "layer    {:names$}  type  {:13}  {:>8}  {:>10}  bias",
        "tensor", "shape", "norm", "smoothness"
    );
    for convolution in convolutions {
        let shape = convolution.shape.map(|length| length.to_string()).join("x");
        let smoothness = convolution.smoothness.map_or("-".to_owned(), |value| format!("{value:.3}"));
        let _ = writeln!(
            text,
            "{:7}  {:names$}  {:4}  {shape:13}  {:8.4}  {smoothness:>10}  {:.4} to {:.4}",
            convolution.layer,
            convolution.tensor,
            convolution.dtype,
            convolution.weight_norm,
            convolution.bias_min,
            convolution.bias_max
        );
    }
    Ok(text)
}

fn describe(Served { network, last, .. }: &Served) -> String {
    format!("{network}, conv1_1 to {last}")
}

fn write(
    weights: &Weights,
    network: Network,
    depth: usize,
    output: &Path,
    precision: Precision,
) -> Result<String, Failure> {
    let parameters = weights.load(network, depth)?;
    let bytes = parameters.write(output, precision).map_err(|error| match error {
        // Not what was given but where it was to go: the run failed.
        Error::Io { .. } => Failure::run(format!("not written: {error}")),
        _ => error.into(),
    })?;
    let rounded = parameters.clone().rounded(precision)?;
    let first_and_last = match (parameters.convolutions.first(), parameters.convolutions.last()) {
        (Some(first), Some(last)) => format!(", {} to {}", first.layer.name, last.layer.name),
        _ => String::new(),
    };
    let mut text = format!(
        "{}: {network}{first_and_last}, {precision}, {bytes} bytes ({:.1} MiB)\nsha256 {}\n",
        output.display(),
        bytes as f64 / f64::from(1 << 20),
        rounded.info.sha256
    );
    if rounded.info.sha256 != parameters.info.sha256 {
        let _ = writeln!(
            text,
            "rounded from sha256 {}: weights changed by {:.1e} of a layer's norm at most",
            parameters.info.sha256,
            change(&parameters, &rounded)
        );
    }
    Ok(text)
}

/// The largest norm of a layer's change, as a part of the layer's norm.
fn change(before: &Parameters, after: &Parameters) -> f64 {
    let square = |value: f32| f64::from(value).powi(2);
    before
        .convolutions
        .iter()
        .zip(&after.convolutions)
        .map(|(before, after)| {
            let change: f64 = before.weight.iter().zip(&after.weight).map(|(a, b)| square(a - b)).sum();
            let whole: f64 = before.weight.iter().map(|&a| square(a)).sum();
            if whole > 0.0 { (change / whole).sqrt() } else { 0.0 }
        })
        .fold(0.0, f64::max)
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}
