//! `perceptual-loss compare`: pairs of picture files in, reports out.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use perceptual_loss::{Image, Report};
use serde::Serialize;

use crate::{
    failure::Failure,
    options::{DeviceOptions, LossOptions},
    picture::Picture,
};

/// Compare a picture with a target, or many pictures with one target.
///
/// Without weights of your own the network is untrained (seeded:0): it tells pictures apart, but it does not
/// see as a trained one does, and its numbers compare with no published ones.
#[derive(Args)]
pub struct Arguments {
    /// GENERATED TARGET, PNG or JPEG of one size; with --target, any number of generated pictures.
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,

    /// The picture that all others are compared with; its features are computed once.
    #[arg(long, value_name = "PICTURE")]
    target: Option<PathBuf>,

    #[command(flatten)]
    loss: LossOptions,

    #[command(flatten)]
    device: DeviceOptions,

    /// One JSON object a generated picture, a line each.
    #[arg(long)]
    json: bool,
}

/// A report with the files that it is about.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    report: &'a Report,
    generated: String,
    target: String,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let (generated, target) = split(&arguments.pictures, arguments.target.as_deref())?;
    let config = arguments.loss.config()?;
    let weights = arguments.loss.weights()?;
    let target_picture = Picture::open(target)?;
    let (width, height) = target_picture.size();
    // Everything is checked before the first comparison, so that a wrong last file costs no time.
    for path in generated {
        check_size(path, (width, height))?;
    }

    let model = arguments.device.model(&config, &weights)?;
    let mut session = model.session(width, height)?;
    let mut output = String::new();
    let mut untrained = false;
    let cached = match generated {
        [_] => None,
        _ => Some(session.target(&target_picture)?),
    };
    for path in generated {
        let picture = Picture::open(path)?;
        let reports = match &cached {
            None => vec![session.compare_blocking(&picture, &target_picture)?],
            Some(target) => session.compare_to_blocking(target, &[Image::from(&picture)])?,
        };
        for report in &reports {
            untrained |= report.weights.trained == Some(false);
            let line =
                Line { report, generated: path.display().to_string(), target: target.display().to_string() };
            // Writing to a string does not fail.
            let _ = if arguments.json {
                let json = serde_json::to_string(&line).map_err(|error| Failure::run(error.to_string()))?;
                writeln!(output, "{json}")
            } else {
                writeln!(output, "{} against {}\n{report}", line.generated, line.target)
            };
        }
    }
    if untrained {
        eprintln!("{}", arguments.loss.untrained_note());
    }
    Ok(output)
}

fn split<'a>(
    pictures: &'a [PathBuf],
    target: Option<&'a Path>,
) -> Result<(&'a [PathBuf], &'a Path), Failure> {
    match (pictures, target) {
        (generated, Some(target)) => Ok((generated, target)),
        ([generated @ .., target], None) if generated.len() == 1 => Ok((generated, target)),
        ([_], None) => {
            Err(Failure::input("there is one picture and nothing to compare it with; give GENERATED TARGET"))
        }
        (many, None) => Err(Failure::input(format!(
            "there are {} pictures; give GENERATED TARGET, or name the target with --target to compare many",
            many.len()
        ))),
    }
}

/// Reads no more than a picture's header.
fn check_size(path: &Path, (width, height): (u32, u32)) -> Result<(), Failure> {
    let size = image::ImageReader::open(path)
        .and_then(image::ImageReader::with_guessed_format)
        .ok()
        .and_then(|reader| reader.into_dimensions().ok());
    match size {
        Some(size) if size != (width, height) => Err(Failure::input(format!(
            "{} is {}x{} but the target is {width}x{height}; pictures must have one size",
            path.display(),
            size.0,
            size.1
        ))),
        // What cannot be read is told by whoever decodes it.
        None => Picture::open(path).map(drop),
        Some(_) => Ok(()),
    }
}
