//! `perceptual-loss weights inspect`: what a weights file holds.

use std::{fmt::Write as _, path::Path};

use perceptual_loss::{
    Weights,
    low_level::shown::escaped,
    weights::{Inspection, Served},
};

use crate::{failure::Failure, json};

/// What is to be printed.
pub fn run(file: &Path, as_json: bool) -> Result<String, Failure> {
    let inspection = Weights::open(file)?.inspect()?;
    if as_json {
        return Ok(json::object(&inspection)? + "\n");
    }
    let Inspection { origin, format, networks, sha256, look, convolutions, .. } = &inspection;
    let networks: Vec<_> = networks.iter().map(describe).collect();
    let origin = escaped(origin);
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
