//! `perceptual-loss gradient`: what each pixel of a picture does to its loss.

mod shown;

use std::{collections::HashMap, io::Cursor, path::PathBuf};

use clap::{Args, ValueHint};
use image::ImageFormat;
use perceptual_loss::{Gradient, low_level::shown as names};
use perceptual_loss_files::{Picture, Source, check_ranges, check_stdin};
use safetensors::{Dtype, tensor::TensorView};

use crate::{
    compare::{Line, PlanReport, Record, check_not_read},
    failure::Failure,
    interrupt,
    options::{DeviceOptions, LossOptions},
    output::Output,
    picture_options::PictureOptions,
    progress::Progress,
    style_options::StyleOptions,
    told::Told,
};

/// Compare a picture with a target, and write the gradient of the loss: how much each value of the picture changes it.
#[derive(Args)]
pub struct Arguments {
    /// The picture whose gradient it is.
    #[arg(value_name = "GENERATED", value_hint = ValueHint::FilePath)]
    generated: PathBuf,

    /// The picture that it is compared with, of its size.
    #[arg(value_name = "TARGET", value_hint = ValueHint::FilePath)]
    target: PathBuf,

    /// The gradient, a safetensors file: tensor "gradient" of shape (3, height, width), float32, in red, green and blue; loss per 1.0
    /// of a value, where 1.0 is full intensity.
    #[arg(short, long, value_name = "FILE", required_unless_present = "plan", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// The gradient as a picture, a PNG: blue where more light makes the loss less, red where it makes it more, with the scale below.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    image: Option<PathBuf>,

    #[command(flatten)]
    style: StyleOptions,

    #[command(flatten)]
    loss: LossOptions,

    #[command(flatten)]
    device: DeviceOptions,

    /// Print the report as a JSON object.
    #[arg(long)]
    json: bool,

    /// Compute nothing: print the steps that would run, their tensors, and the memory that they would take.
    #[arg(long, conflicts_with_all = ["output", "image"])]
    plan: bool,

    #[command(flatten)]
    picture: PictureOptions,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let Arguments { generated, target, style, .. } = arguments;
    let config = arguments.loss.config()?;
    style.check(&config)?;
    let chosen = arguments.loss.weights()?;
    let linears = arguments.loss.linears(&config)?;
    let output = arguments.output.as_deref();
    let output = output.map(|path| Output::of("a safetensors file", "safetensors", path)).transpose()?;
    let image = arguments.image.as_deref().map(|path| Output::of("a PNG", "png", path)).transpose()?;
    for file in output.iter().chain(&image) {
        check_not_read(file.path(), [generated.as_path(), target].into_iter().chain(style.path()))?;
    }
    let reading = &arguments.picture.reading();
    let mut told = Told::default();
    check_stdin([generated.as_path(), target].into_iter().chain(style.path()))?;
    let [source, target_source] = [generated, target].map(|path| Source::new(path, reading.max_decoded));
    let (source, target_source) = (source?, target_source?);
    let target_picture = Picture::open_target(&target_source, reading)?;
    told.warn(&target_picture);
    let picture = Picture::open(&source, reading)?;
    told.warn(&picture);
    if picture.size() != target_picture.size() {
        let [(width, height), (target_width, target_height)] = [picture.size(), target_picture.size()];
        return Err(Failure::input(format!(
            "{} is {width}x{height} and {} is {target_width}x{target_height}; a gradient is that of a picture of its target's size",
            source.name(),
            target_source.name()
        )));
    }
    check_ranges((&source, &picture), (&target_source, &target_picture), reading)?;
    let style_picture = style.open(reading, &mut told)?;
    let (width, height) = picture.size();

    let model = arguments.device.model(&config, &chosen.weights, linears.as_ref())?;
    if arguments.plan {
        let plan = PlanReport::of(&model, model.gradient_outline(width, height)?, width, height)?;
        return if arguments.json { plan.json() } else { Ok(plan.table()) };
    }
    let mut session = model.session(width, height)?;
    session.set_cancel_token(interrupt::token());
    let styled = match &style_picture {
        Some(style) => Some(session.target_with_style_blocking(&target_picture, style)?),
        None => None,
    };
    let progress = std::sync::Arc::new(Progress::long("computing", 1));
    let bar = std::sync::Arc::clone(&progress);
    session.set_progress(move |share| bar.set(share));
    let made = match &styled {
        Some(target) => Some(session.loss_and_gradient_blocking(&picture, target)?),
        None => {
            let pair = [((&picture).into(), (&target_picture).into())];
            session.loss_and_gradient_batch_blocking(&pair)?.pop()
        }
    };
    drop((session, progress));
    let (report, gradient) = made.ok_or_else(|| Failure::run("the comparison gave no result"))?;
    if let Some(image) = image {
        let mut file = Cursor::new(vec![]);
        shown::draw(&gradient)
            .write_to(&mut file, ImageFormat::Png)
            .map_err(|error| Failure::run(format!("the picture could not be encoded: {error}")))?;
        image.finish(&file.into_inner())?;
    }
    if let Some(output) = output {
        output.finish(&encoded(&gradient)?)?;
    }
    told.unused(reading);
    told.print();
    chosen.tell();
    let line = Line {
        report,
        generated: names::name(generated),
        target: names::name(target),
        style: style.name(),
        pictures: Record::of(reading),
    };
    if arguments.json { Ok(line.json()? + "\n") } else { Ok(line.table()) }
}

/// A safetensors file of one tensor.
fn encoded(gradient: &Gradient) -> Result<Vec<u8>, Failure> {
    let shape = vec![3, gradient.height() as usize, gradient.width() as usize];
    let bytes: Vec<u8> = gradient.values().iter().flat_map(|value| value.to_le_bytes()).collect();
    let failed = |error: safetensors::SafeTensorError| {
        Failure::run(format!("the gradient could not be encoded: {error}"))
    };
    let tensor = TensorView::new(Dtype::F32, shape, &bytes).map_err(failed)?;
    safetensors::serialize(HashMap::from([("gradient", tensor)]), None).map_err(failed)
}
