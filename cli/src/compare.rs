//! `perceptual-loss compare`: pairs of picture files in, reports out.

mod csv;
mod file;
mod line;
mod plan;
mod record;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, ValueHint};
use perceptual_loss::low_level::shown;
use perceptual_loss_files::{Picture, Resize, Source, check_ranges, check_stdin, wanted_size};

use crate::{
    failure::Failure,
    interrupt,
    options::{DeviceOptions, LossOptions},
    output::{Output, is_same},
    picture_options::{FitOptions, PictureOptions},
    progress::Progress,
    style_options::StyleOptions,
    told::Told,
};
use file::Format;
pub use line::Line;
pub use plan::PlanReport;
pub use record::Record;
use record::Resized;

/// Compare a picture with a target, or many pictures with one target.
///
/// Until 'perceptual-loss weights fetch' has brought trained weights, or --weights names some, the network has the weights
/// that ship (default-1). They were made from a seed and are not trained. They rank pictures much as the pretrained VGG
/// does, but their numbers cannot be compared with published ones.
#[derive(Args)]
pub struct Arguments {
    /// GENERATED TARGET, picture files of one size; with --target, any number of generated pictures.
    ///
    /// PNG, JPEG, WebP, BMP, TIFF, TGA, GIF, PNM, ICO, QOI, EXR and HDR are read, by their contents and not by their
    /// names; - is standard input. JSON has a picture's name as it is, but for bytes that are not UTF-8, which are written
    /// \xHH; tables and CSV also write characters so that would act on a terminal. Pictures are turned upright by their
    /// Exif data; of animations and files with many pictures
    /// the first is read, of icons the largest. Colours are sRGB as stored: gamma chunks and colour profiles are
    /// not applied, and alpha is dropped. EXR and HDR hold linear light and are encoded.
    #[arg(required = true, value_name = "PICTURE", value_hint = ValueHint::FilePath)]
    pictures: Vec<PathBuf>,

    /// The picture that all others are compared with; its features are computed once.
    #[arg(long, value_name = "PICTURE", value_hint = ValueHint::FilePath)]
    target: Option<PathBuf>,

    #[command(flatten)]
    style: StyleOptions,

    #[command(flatten)]
    loss: LossOptions,

    #[command(flatten)]
    device: DeviceOptions,

    /// Print one JSON object for each generated picture, each on a line of its own.
    #[arg(long)]
    json: bool,

    /// Write the report to a file, as its name ends: .json, .jsonl (or .ndjson) or .csv.
    ///
    /// Nothing is printed then, unless --json asks for it. .json has one object for GENERATED TARGET and an array of
    /// them with --target; .jsonl has one object on each line, as --json prints; .csv has one row for each generated
    /// picture, with a column for each layer. The file is written as a whole or not at all. A file that is replaced keeps
    /// its mode, and a link stays a link.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// Compare nothing: print the steps that would run, their tensors, and the memory that they would take.
    #[arg(long, conflicts_with = "output")]
    plan: bool,

    #[command(flatten)]
    picture: PictureOptions,

    #[command(flatten)]
    fit: FitOptions,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let (generated, target) = split(&arguments.pictures, arguments.target.as_deref())?;
    let (config, style) = (arguments.loss.config()?, &arguments.style);
    style.check(&config)?;
    let chosen = arguments.loss.weights()?;
    let linears = arguments.loss.linears(&config)?;
    let output = match &arguments.output {
        Some(path) => Some((Format::of(path)?, Output::create(path)?)),
        None => None,
    };
    if let Some((_, output)) = &output {
        let read = generated.iter().map(PathBuf::as_path).chain([target]).chain(style.path());
        check_not_read(output.path(), read)?;
    }
    let (reading, fit) = (&arguments.picture.reading(), &arguments.fit);
    let mut told = Told::default();

    check_stdin(generated.iter().map(PathBuf::as_path).chain([target]).chain(style.path()))?;
    let target_source = Source::new(target, reading.max_decoded)?;
    let mut target_picture = Picture::open_target(&target_source, reading)?;
    told.warn(&target_picture);
    let style_picture = style.open(reading, &mut told)?;
    let sources: Vec<_> =
        generated.iter().map(|path| Source::new(path, reading.max_decoded)).collect::<Result<_, _>>()?;
    // Everything is checked before the first comparison, so that a wrong last file costs no time.
    let sizes: Vec<_> =
        sources.iter().map(|source| Picture::size_of(source, reading)).collect::<Result<_, _>>()?;
    let target_size = target_picture.size();
    let wanted = wanted_size(fit.resize, &sources, &sizes, target_size)?;
    let mut target_resized = None;
    if wanted != target_size {
        target_resized = Some(Resized::new(Resize::Target, target_size, fit));
        told.resized(&target_source, target_size, wanted, fit.filter);
        target_picture = target_picture.resized(wanted, fit.filter)?;
    }
    let target_picture = target_picture.cropped(fit.crop)?;
    let (width, height) = target_picture.size();

    let model = arguments.device.model(&config, &chosen.weights, linears.as_ref())?;
    if arguments.plan {
        let plan = PlanReport::new(&model, width, height)?;
        return if arguments.json { plan.json() } else { Ok(plan.table()) };
    }
    let mut session = model.session(width, height)?;
    let mut lines = vec![];
    session.set_cancel_token(interrupt::token());
    let cached = match (generated, &style_picture) {
        (_, Some(style)) => Some(session.target_with_style_blocking(&target_picture, style)?),
        ([_], None) => None,
        (_, None) => Some(session.target(&target_picture)?),
    };
    let progress = Arc::new(Progress::long("comparing", generated.len()));
    for (index, ((path, source), size)) in generated.iter().zip(&sources).zip(sizes).enumerate() {
        let (bar, count) = (Arc::clone(&progress), generated.len() as f64);
        session.set_progress(move |share| bar.set((index as f64 + share) / count));
        let mut picture = Picture::open(source, reading)?;
        told.warn(&picture);
        check_ranges((source, &picture), (&target_source, &target_picture), reading)?;
        let mut resized = target_resized.clone();
        if size != wanted {
            resized = Some(Resized::new(Resize::Generated, size, fit));
            told.resized(source, size, wanted, fit.filter);
            picture = picture.resized(wanted, fit.filter)?;
        }
        let picture = picture.cropped(fit.crop)?;
        let span =
            tracing::debug_span!(target: "perceptual_loss::compare", "compare", generated = %shown::escaped(&shown::name(path)))
                .entered();
        let report = match &cached {
            None => session.compare_blocking(&picture, &target_picture)?,
            Some(target) => session.compare_one_to_blocking(target, &picture)?,
        };
        drop(span);
        if report.total == 0.0 {
            let unseen = if !picture.has_colours_of(&target_picture) {
                Some("in what these weights and taps do not see")
            } else if !picture.has_alpha_of(&target_picture) {
                Some("in alpha alone, which the loss does not see")
            } else {
                None
            };
            if let Some(unseen) = unseen {
                told.warning(format!(
                    "{} and {} differ {unseen}: the loss is 0, but they are not the same",
                    source.name(),
                    target_source.name()
                ));
            }
        }
        lines.push(Line {
            report,
            generated: shown::name(path),
            target: shown::name(target),
            style: style.name(),
            pictures: Record::new(reading, fit, resized),
        });
    }
    drop((session, progress));
    let printed = match (&output, arguments.json) {
        (_, true) => lines.iter().map(|line| Ok(line.json()? + "\n")).collect::<Result<_, Failure>>()?,
        (Some(_), false) => String::new(),
        (None, false) => lines.iter().map(Line::table).collect(),
    };
    if let Some((format, file)) = output {
        file.finish(format.encode(&lines, arguments.target.is_some())?.as_bytes())?;
    }
    told.unused(reading);
    told.print();
    chosen.tell();
    Ok(printed)
}

/// A report may not take the place of a picture that it is about.
pub fn check_not_read<'a>(
    output: &Path,
    mut pictures: impl Iterator<Item = &'a Path>,
) -> Result<(), Failure> {
    match pictures.find(|picture| is_same(picture, output)) {
        Some(picture) => Err(Failure::input(format!(
            "{} is a picture to compare, and would be replaced by the result; write to another file",
            shown::name(picture)
        ))),
        None => Ok(()),
    }
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
