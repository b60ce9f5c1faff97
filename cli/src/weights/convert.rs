//! `perceptual-loss weights convert`, `export` and `seeded`: weights into a file of one's own.

use std::{fmt::Write as _, path::Path};

use perceptual_loss::{
    Error, Network, Weights,
    low_level::shown,
    weights::{Parameters, Precision},
};

use crate::{
    failure::Failure,
    output::{Output, is_same},
};

/// What is to be printed.
pub fn run(file: &Path, output: &Path, precision: Precision) -> Result<String, Failure> {
    if is_same(file, output) {
        let path = shown::name(output);
        return Err(Failure::input(format!("{path} is the file to convert; write to another")));
    }
    let output = file_for_weights(output)?;
    let weights = Weights::open(file)?;
    match weights.networks()?.first() {
        Some(served) => {
            write(&weights.load(served.network, served.depth)?, served.network, output, precision)
        }
        None => Err(Failure::input(format!("{}: no network to convert", shown::name(file)))),
    }
}

/// What is to be printed, of weights that serve the whole network.
pub fn whole(
    weights: &Weights,
    network: Network,
    output: &Path,
    precision: Precision,
) -> Result<String, Failure> {
    let output = file_for_weights(output)?;
    let mut parameters = weights.load(network, network.layers().len())?;
    parameters.metadata.insert("source".to_owned(), weights.origin());
    write(&parameters, network, output, precision)
}

/// Found good before anything is read.
fn file_for_weights(path: &Path) -> Result<Output, Failure> {
    Output::of("a safetensors file", "safetensors", path)
}

/// Writes them, and says what was written.
pub fn write(
    parameters: &Parameters,
    network: Network,
    output: Output,
    precision: Precision,
) -> Result<String, Failure> {
    let path = shown::name(output.path());
    // Before anything is written: it may be refused.
    let rounded = parameters.rounded(precision)?;
    let bytes = output.finish_by(|path| parameters.write(path, precision).map_err(not_written))?;
    let first_and_last = match (parameters.convolutions().first(), parameters.convolutions().last()) {
        (Some(first), Some(last)) => format!(", {} to {}", first.layer().name, last.layer().name),
        _ => String::new(),
    };
    let mut text = format!(
        "{}: {network}{first_and_last}, {precision}, {bytes} bytes ({})\nsha256 {}\n",
        shown::escaped(&path),
        mib(bytes),
        rounded.info.sha256
    );
    if rounded.info.sha256 != parameters.info.sha256 {
        let _ = writeln!(
            text,
            "rounded from sha256 {}: weights changed by {:.1e} of a layer's norm at most",
            parameters.info.sha256,
            change(parameters, &rounded)
        );
    }
    Ok(text)
}

/// Where not what was given is at fault but where it was to go, the run failed.
pub fn not_written(error: Error) -> Failure {
    match error {
        Error::Io { .. } => Failure::run(format!("not written: {error}")),
        _ => error.into(),
    }
}

/// A size for people.
pub fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The largest norm of a layer's change, as a part of the layer's norm.
fn change(before: &Parameters, after: &Parameters) -> f64 {
    let square = |value: f32| f64::from(value).powi(2);
    before
        .convolutions()
        .iter()
        .zip(after.convolutions())
        .map(|(before, after)| {
            let change: f64 = before.weight().iter().zip(after.weight()).map(|(a, b)| square(a - b)).sum();
            let whole: f64 = before.weight().iter().map(|&a| square(a)).sum();
            if whole > 0.0 { (change / whole).sqrt() } else { 0.0 }
        })
        .fold(0.0, f64::max)
}
