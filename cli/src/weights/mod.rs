//! `perceptual-loss weights`: what a weights file is, official files, and files of one's own.

mod agreement;
mod cache;
pub mod choice;
mod convert;
mod download;
mod fetch;
mod inspect;
pub mod linears;
mod list;
mod partial;
mod published;
mod ranks;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use perceptual_loss::{Network, Weights, weights::Precision};

use crate::{failure::Failure, one_of::OneOf};

/// Fetch trained weights, look at a weights file, convert or write one, or measure how far weights judge alike.
#[derive(Args)]
#[command(arg_required_else_help = false)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Fetch(fetch::Arguments),
    Agreement(agreement::Arguments),
    /// List the weights that were fetched, those that can be, and which ones a run takes.
    List {
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
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
        #[arg(long, default_value_t = Precision::F16, value_parser = OneOf(PRECISIONS.to_vec()))]
        dtype: Precision,
    },
    /// Write the weights that ship, those of --weights default, for other tools.
    Export {
        #[command(flatten)]
        file: WholeNetwork,
    },
    /// Write random weights from a seed, those of --weights seeded:N.
    Seeded {
        /// A whole number from 0.
        #[arg(long)]
        seed: u64,

        #[command(flatten)]
        file: WholeNetwork,
    },
}

/// A file with all of a network's convolutions.
#[derive(Args)]
struct WholeNetwork {
    /// The file to write: safetensors, under torchvision's names.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// The network.
    #[arg(long, default_value_t = Network::Vgg19, value_parser = OneOf(Network::ALL.to_vec()))]
    net: Network,

    /// Only f32 keeps every bit.
    #[arg(long, default_value_t = Precision::F32, value_parser = OneOf(PRECISIONS.to_vec()))]
    dtype: Precision,
}

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Bf16];

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    match &arguments.action {
        Action::Fetch(arguments) => fetch::run(arguments),
        Action::Agreement(arguments) => agreement::run(arguments),
        Action::List { json } => list::run(*json),
        Action::Inspect { file, json } => inspect::run(file, *json),
        Action::Convert { file, output, dtype } => convert::run(file, output, *dtype),
        Action::Export { file } => file.write(&Weights::default()),
        Action::Seeded { seed, file } => file.write(&Weights::seeded(*seed)),
    }
}

impl WholeNetwork {
    fn write(&self, weights: &Weights) -> Result<String, Failure> {
        convert::whole(weights, self.net, &self.output, self.dtype)
    }
}
