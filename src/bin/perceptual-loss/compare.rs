//! `perceptual-loss compare`: pairs of picture files in, reports out.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use perceptual_loss::{
    Config, Context, Criterion, Image, Model, Normalization, Preset, Report, Tap, Tuning, Weights,
};
use serde::Serialize;

use crate::{failure::Failure, picture::Picture};

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

    /// A safetensors file with torchvision's VGG, or seeded:N for untrained weights from a seed.
    #[arg(long, value_name = "FILE|seeded:N", default_value = "seeded:0")]
    weights: String,

    /// The loss: vgg19, study-card, johnson, srgan, esrgan, real-esrgan or pix2pixhd.
    #[arg(long, default_value_t)]
    preset: Preset,

    /// Layers and their weights, instead of the preset's: relu1_2=1.0,conv3_4=0.5
    #[arg(long, value_name = "LAYER=WEIGHT,...")]
    taps: Option<String>,

    /// mse or mae, instead of the preset's.
    #[arg(long)]
    criterion: Option<Criterion>,

    /// none, imagenet, signed, caffe, or mean=R/G/B,std=R/G/B,scale=S,order=rgb, instead of the preset's.
    #[arg(long)]
    norm: Option<Normalization>,

    /// What computes.
    #[arg(long, default_value = "gpu")]
    backend: Backend,

    /// The GPU adapter, by a part of its name; the best by default.
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,

    /// How the GPU computes convolutions: blocked or direct; blocked by default.
    #[arg(long, value_name = "NAME")]
    tuning: Option<Tuning>,

    /// One JSON object a generated picture, a line each.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// The best adapter there is, a software one included.
    Gpu,
    /// Plain loops on the CPU: slow.
    Cpu,
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
    let config = config(arguments)?;
    let weights = weights(&arguments.weights)?;
    let target_picture = Picture::open(target)?;
    let (width, height) = target_picture.size();
    // Everything is checked before the first comparison, so that a wrong last file costs no time.
    for path in generated {
        check_size(path, (width, height))?;
    }

    let context = context(arguments)?;
    let tuning = arguments.tuning.unwrap_or_default();
    let model = Model::with_tuning(&context, &config, &weights, tuning)?;
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
        eprintln!(
            "note: the weights {} are untrained; bring torchvision's VGG with --weights for numbers that mean what others' do",
            arguments.weights
        );
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

fn config(arguments: &Arguments) -> Result<Config, Failure> {
    let mut config = arguments.preset.config();
    if let Some(taps) = &arguments.taps {
        config.taps = Tap::parse_list(taps)?;
    }
    config.criterion = arguments.criterion.unwrap_or(config.criterion);
    config.normalization = arguments.norm.unwrap_or(config.normalization);
    config.validate()?;
    Ok(config)
}

fn weights(text: &str) -> Result<Weights, Failure> {
    let Some(seed) = text.strip_prefix("seeded:") else {
        return Ok(Weights::open(text)?);
    };
    seed.parse().map(Weights::seeded).map_err(|_| {
        Failure::input(format!("'{text}' names no seed; seeded: takes a whole number from 0 to {}", u64::MAX))
    })
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

fn context(arguments: &Arguments) -> Result<Context, Failure> {
    let gpu_only = [("--adapter", arguments.adapter.is_some()), ("--tuning", arguments.tuning.is_some())];
    if arguments.backend == Backend::Cpu {
        return match gpu_only.iter().find(|(_, given)| *given) {
            Some((option, _)) => {
                Err(Failure::input(format!("{option} is for the GPU; leave it out with --backend cpu")))
            }
            None => Ok(Context::cpu()),
        };
    }
    let context = match &arguments.adapter {
        Some(name) => Context::gpu_named_blocking(name)?,
        None => Context::gpu_blocking()?,
    };
    if let Some(adapter) = context.adapter().filter(|adapter| adapter.software) {
        eprintln!("warning: the adapter '{}' is a software one: the CPU does the work", adapter.name);
    }
    Ok(context)
}
