//! `perceptual-loss demo`: what the loss sees, on a picture that needs no file.

mod scene;
mod sheet;

use std::{fmt::Write as _, io::Cursor, path::PathBuf};

use clap::{Args, ValueHint};
use image::{ImageFormat, RgbImage};
use perceptual_loss::{
    Preset, Report,
    low_level::shown::{escaped, name},
};
use serde::Serialize;

use crate::{
    distortion::{self, Distortion},
    failure::Failure,
    json,
    options::{DeviceOptions, LossOptions},
    output::Output,
    progress::Progress,
};
use sheet::Tile;

/// Draw a picture, spoil it in six ways to the same error in pixels, and compare each with the original.
///
/// Prints a table and writes a contact sheet. In a row of the sheet all pictures have one peak signal-to-noise
/// ratio, or nearly: as far as subtracting pixels can tell they are equally bad.
#[derive(Args)]
pub struct Arguments {
    /// The contact sheet, a PNG.
    #[arg(short, long, value_name = "FILE", default_value = "perceptual-loss-demo.png", value_hint = ValueHint::FilePath)]
    output: PathBuf,

    /// The picture's width and height in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 192, value_parser = clap::value_parser!(u32).range(192..=2048))]
    size: u32,

    #[command(flatten)]
    loss: LossOptions,

    #[command(flatten)]
    device: DeviceOptions,

    /// One JSON object for each distorted picture, each on a line of its own, instead of the table.
    #[arg(long)]
    json: bool,
}

/// Peak signal-to-noise ratios of the sheet's rows, in decibels: hard to see, plain, and bad.
const ROWS: [f64; 3] = [30.0, 25.0, 22.0];

/// What the sheet's columns show.
const SHOWN: [Distortion; 6] = [
    Distortion::Blur,
    Distortion::Noise,
    Distortion::Jpeg,
    Distortion::Shift,
    Distortion::Contrast,
    Distortion::Pixelation,
];

/// A distorted picture and how it compares.
struct Sample {
    distortion: Distortion,
    strength: f64,
    picture: RgbImage,
    mse: f64,
    psnr: f64,
    report: Report,
}

/// A report with what was done to the picture.
#[derive(Serialize)]
struct Line<'a> {
    distortion: &'static str,
    strength: String,
    mse: f64,
    psnr: f64,
    #[serde(flatten)]
    report: &'a Report,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let config = arguments.loss.config()?;
    let chosen = arguments.loss.weights()?;
    let linears = arguments.loss.linears(&config)?;
    let output = Output::of("a contact sheet, a PNG,", "png", &arguments.output)?;
    let size = arguments.size;

    let progress = Progress::new("comparing", ROWS.len() * SHOWN.len());
    let original = scene::draw(size);
    let model = arguments.device.model(&config, &chosen.weights, linears.as_ref())?;
    let mut session = model.session(size, size)?;
    let target = session.target(&original)?;
    let mut rows = vec![];
    for psnr in ROWS {
        let mut row = vec![];
        for distortion in SHOWN {
            let (picture, strength) = distortion.to_psnr(&original, psnr)?;
            let report = session.compare_one_to_blocking(&target, &picture)?;
            let (mse, psnr) = (distortion::mse(&original, &picture), distortion::psnr(&original, &picture));
            row.push(Sample { distortion, strength, picture, mse, psnr, report });
            progress.step();
        }
        rows.push((psnr, row));
    }
    drop(progress);

    let mut file = Cursor::new(vec![]);
    sheet(&original, &rows)
        .write_to(&mut file, ImageFormat::Png)
        .map_err(|error| Failure::run(format!("the contact sheet could not be encoded: {error}")))?;
    output.finish(&file.into_inner())?;

    chosen.tell();
    let samples = rows.iter().flat_map(|(_, row)| row);
    if arguments.json { objects(samples) } else { Ok(table(samples, arguments)) }
}

fn sheet(original: &RgbImage, rows: &[(f64, Vec<Sample>)]) -> RgbImage {
    let tile = |sample: &Sample| Tile {
        picture: sample.picture.clone(),
        name: sample.distortion.name(),
        strength: sample.distortion.describe(sample.strength),
        psnr: sample.psnr,
        loss: sample.report.total,
    };
    let headed: Vec<_> = rows
        .iter()
        .map(|(psnr, row)| {
            (format!("Equal for pixels: all at about {psnr:.0} dB PSNR"), row.iter().map(tile).collect())
        })
        .collect();
    let lines = [
        "Two pictures compared by what a VGG network sees in them.",
        "This picture, spoilt in six ways: in each row all are as far from it in",
        "pixels (PSNR), and the number is how far they are for the network.",
    ]
    .map(str::to_owned);
    let fine_print = rows.first().and_then(|(_, row)| row.first()).map_or_else(String::new, |sample| {
        let report = &sample.report;
        let trained = match report.weights.trained {
            Some(false) => ", untrained",
            _ => "",
        };
        format!(
            "{} ({}, {}), weights {}{trained}, on {}, version {}",
            report.preset.map_or(report.network.name(), Preset::name),
            report.criteria(),
            report.normalization,
            report.weights.origin,
            report.adapter.as_deref().unwrap_or(report.backend.name()),
            report.version
        )
    });
    sheet::draw(original, &headed, &lines, &fine_print)
}

fn objects<'a>(samples: impl Iterator<Item = &'a Sample>) -> Result<String, Failure> {
    let mut output = String::new();
    for Sample { distortion, strength, mse, psnr, report, .. } in samples {
        let line = Line {
            distortion: distortion.name(),
            strength: distortion.describe(*strength),
            mse: *mse,
            psnr: *psnr,
            report,
        };
        output += &json::object(&line)?;
        output.push('\n');
    }
    Ok(output)
}

fn table<'a>(samples: impl Iterator<Item = &'a Sample>, arguments: &Arguments) -> String {
    let mut output =
        format!("{:<11} {:>12} {:>10} {:>8} {:>10}", "distortion", "strength", "mse", "psnr dB", "loss");
    let mut by = String::new();
    for Sample { distortion, strength, mse, psnr, report, .. } in samples {
        let (name, strength) = (distortion.name(), distortion.describe(*strength));
        // Writing to a string does not fail.
        let _ = write!(output, "\n{name:<11} {strength:>12} {mse:>10.6} {psnr:>8.2} {:>10.6}", report.total);
        by = report.adapter.clone().unwrap_or_else(|| report.backend.to_string());
    }
    let _ = writeln!(
        output,
        "\n{size}x{size}, on {by}; the contact sheet is {}",
        escaped(&name(&arguments.output)),
        size = arguments.size
    );
    output
}
