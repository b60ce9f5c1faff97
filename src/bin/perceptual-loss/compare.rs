//! `perceptual-loss compare`: pairs of picture files in, reports out.

use std::{
    collections::HashSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use perceptual_loss::{Image, Report};
use serde::Serialize;

use crate::{
    failure::Failure,
    options::{DeviceOptions, LossOptions},
    picture::{
        Picture,
        options::{self, FitOptions, PictureOptions, Resize},
        source::Source,
    },
    progress::Progress,
};

/// Compare a picture with a target, or many pictures with one target.
///
/// Without weights of your own the network is untrained (seeded:0): it tells pictures apart, but it does not
/// see as a trained one does, and its numbers compare with no published ones.
#[derive(Args)]
pub struct Arguments {
    /// GENERATED TARGET, picture files of one size; with --target, any number of generated pictures.
    ///
    /// PNG, JPEG, WebP, BMP, TIFF, TGA, GIF, PNM, ICO, QOI, EXR and HDR are read, told by their contents; - is
    /// standard input. Pictures are turned upright by their Exif data; of animations and files with many pictures
    /// the first is read, of icons the largest. Colours are sRGB as stored: gamma chunks and colour profiles are
    /// not applied, and alpha is dropped. EXR and HDR hold linear light and are encoded.
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

    #[command(flatten)]
    picture: PictureOptions,

    #[command(flatten)]
    fit: FitOptions,
}

/// A report with the files that it is about.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    report: &'a Report,
    generated: String,
    target: String,
    #[serde(skip_serializing_if = "Pictures::is_plain")]
    pictures: Pictures,
}

/// What was done to the pictures beyond reading them; what is at its default is left out.
#[derive(Clone, Default, PartialEq, Serialize)]
struct Pictures {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    resized: Option<Resized>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crop: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exposure: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tonemap: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_range: Option<String>,
}

#[derive(Clone, PartialEq, Serialize)]
struct Resized {
    resized: Resize,
    /// Width and height before.
    from: (u32, u32),
    filter: String,
}

impl Pictures {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let (generated, target) = split(&arguments.pictures, arguments.target.as_deref())?;
    let config = arguments.loss.config()?;
    let weights = arguments.loss.weights()?;
    let (read, fit) = (&arguments.picture, &arguments.fit);
    let mut told = Told::default();

    check_stdin(generated, target)?;
    let target_source = Source::new(target, read.max_decoded)?;
    let mut target_picture = Picture::open_target(&target_source, read)?;
    told.warn(&target_picture);
    let sources: Vec<_> =
        generated.iter().map(|path| Source::new(path, read.max_decoded)).collect::<Result<_, _>>()?;
    // Everything is checked before the first comparison, so that a wrong last file costs no time.
    let sizes: Vec<_> =
        sources.iter().map(|source| Picture::size_of(source, read)).collect::<Result<_, _>>()?;
    let target_size = target_picture.size();
    let wanted = wanted_size(fit.resize, &sources, &sizes, target_size)?;
    let mut target_resized = None;
    if wanted != target_size {
        target_resized = Some(fit.resized(Resize::Target, target_size));
        told.resized(&target_source, target_size, wanted, fit);
        target_picture =
            target_picture.resized(wanted, fit.filter).map_err(|what| target_source.wrong(&what))?;
    }
    let target_picture = target_picture.cropped(fit.crop)?;
    let (width, height) = target_picture.size();

    let model = arguments.device.model(&config, &weights)?;
    let mut session = model.session(width, height)?;
    let mut output = String::new();
    let mut untrained = false;
    let cached = match generated {
        [_] => None,
        _ => Some(session.target(&target_picture)?),
    };
    let progress = Progress::new("comparing", generated.len());
    for ((path, source), size) in generated.iter().zip(&sources).zip(sizes) {
        let mut picture = Picture::open(source, read)?;
        told.warn(&picture);
        check_ranges((source, &picture), (&target_source, &target_picture), read)?;
        let mut resized = target_resized.clone();
        if size != wanted {
            resized = Some(fit.resized(Resize::Generated, size));
            told.resized(source, size, wanted, fit);
            picture = picture.resized(wanted, fit.filter).map_err(|what| source.wrong(&what))?;
        }
        let picture = picture.cropped(fit.crop)?;
        let report = match &cached {
            None => session.compare_blocking(&picture, &target_picture)?,
            Some(target) => one(session.compare_to_blocking(target, &[Image::from(&picture)])?)?,
        };
        progress.step();
        untrained |= report.weights.trained == Some(false);
        if report.total == 0.0 && picture.alpha() != target_picture.alpha() {
            told.warning(format!(
                "{} and {} differ in alpha alone, which the loss does not see: it is 0, but they are not the same",
                source.name(),
                target_source.name()
            ));
        }
        let line = Line {
            report: &report,
            generated: path.display().to_string(),
            target: target.display().to_string(),
            pictures: pictures(read, fit, resized),
        };
        // Writing to a string does not fail.
        let _ = if arguments.json {
            let json = serde_json::to_string(&line).map_err(|error| Failure::run(error.to_string()))?;
            writeln!(output, "{json}")
        } else {
            writeln!(output, "{} against {}\n{report}", line.generated, line.target)
        };
    }
    drop(progress);
    told.unused(read);
    told.print();
    if untrained {
        eprintln!("{}", arguments.loss.untrained_note());
    }
    Ok(output)
}

/// The only report of a batch of one.
fn one(reports: Vec<Report>) -> Result<Report, Failure> {
    reports.into_iter().next().ok_or_else(|| Failure::run("a comparison has given no report"))
}

/// Lines for standard error, each once, when the progress bar is gone and all input has been found good: an error
/// stands alone.
#[derive(Default)]
struct Told {
    lines: Vec<String>,
    seen: HashSet<String>,
    linear: bool,
    float: bool,
}

impl Told {
    /// A file given twice is warned about once.
    fn warn(&mut self, picture: &Picture) {
        self.linear |= picture.was_linear;
        self.float |= picture.was_float;
        picture.warnings.iter().for_each(|warning| self.warning(warning.clone()));
    }

    fn warning(&mut self, warning: String) {
        self.line(format!("warning: {warning}"));
    }

    fn line(&mut self, line: String) {
        if self.seen.insert(line.clone()) {
            self.lines.push(line);
        }
    }

    /// Says that a picture is resized.
    fn resized(&mut self, source: &Source, from: (u32, u32), to: (u32, u32), fit: &FitOptions) {
        self.line(format!(
            "note: {}: resized from {}x{} to {}x{} by {}, in sRGB values",
            source.name(),
            from.0,
            from.1,
            to.0,
            to.1,
            options::name(fit.filter)
        ));
    }

    fn print(&self) {
        self.lines.iter().for_each(|line| eprintln!("{line}"));
    }

    /// Options that no picture took up.
    fn unused(&mut self, read: &PictureOptions) {
        if !self.linear && (read.exposure != 0.0 || read.tonemap.is_some()) {
            self.warning("no picture holds linear light: --exposure and --tonemap do nothing".to_owned());
        }
        if !self.float && (read.range != options::Range::Unit || read.target_range.is_some()) {
            self.warning(
                "no picture holds floats of a range: --range and --target-range do nothing".to_owned(),
            );
        }
    }
}

impl FitOptions {
    fn resized(&self, which: Resize, from: (u32, u32)) -> Resized {
        Resized { resized: which, from, filter: options::name(self.filter) }
    }
}

fn pictures(read: &PictureOptions, fit: &FitOptions, resized: Option<Resized>) -> Pictures {
    Pictures {
        resized,
        crop: Some(fit.crop).filter(|crop| *crop != 0),
        transfer: Some(read.transfer).filter(|it| *it != options::Transfer::Auto).map(options::name),
        exposure: Some(read.exposure).filter(|stops| *stops != 0.0),
        tonemap: read.tonemap.map(options::name),
        range: Some(read.range).filter(|it| *it != options::Range::Unit).map(options::name),
        target_range: read.target_range.filter(|it| *it != read.range).map(options::name),
    }
}

/// Of two float pictures under one --range, both or neither must look like it.
fn check_ranges(
    (source, picture): (&Source, &Picture),
    (target_source, target): (&Source, &Picture),
    read: &PictureOptions,
) -> Result<(), Failure> {
    let floats = picture.was_float && target.was_float;
    if !floats || read.target_range.is_some() || picture.is_range_doubtful == target.is_range_doubtful {
        return Ok(());
    }
    let (generated_range, target_range) =
        if picture.is_range_doubtful { ("0..1", "-1..1") } else { ("-1..1", "0..1") };
    Err(Failure::input(format!(
        "{} looks like the range {generated_range} and the target {} like {target_range}; say which it is for each with --range and --target-range",
        source.name(),
        target_source.name()
    )))
}

/// Standard input is one picture.
fn check_stdin(generated: &[PathBuf], target: &Path) -> Result<(), Failure> {
    let times =
        generated.iter().map(PathBuf::as_path).chain([target]).filter(|path| path.as_os_str() == "-").count();
    if times > 1 {
        return Err(Failure::input(format!(
            "- is given {times} times, and standard input can be read once; give the others as files"
        )));
    }
    Ok(())
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

/// The size that all pictures are compared in.
fn wanted_size(
    resize: Option<Resize>,
    sources: &[Source],
    sizes: &[(u32, u32)],
    target: (u32, u32),
) -> Result<(u32, u32), Failure> {
    let text = |(width, height): (u32, u32)| format!("{width}x{height}");
    let wanted = match resize {
        Some(Resize::Generated) => return Ok(target),
        Some(Resize::Target) => sizes.first().copied().unwrap_or(target),
        None => target,
    };
    let Some((source, size)) = sources.iter().zip(sizes).find(|(_, size)| **size != wanted) else {
        return Ok(wanted);
    };
    let (name, size) = (source.name(), text(*size));
    Err(Failure::input(match resize {
        None => format!(
            "{name} is {size} but the target is {}; pictures must have one size, or give --resize generated or target",
            text(target)
        ),
        Some(_) => format!(
            "{name} is {size} but the first generated picture is {}; --resize target takes generated pictures of one size",
            text(wanted)
        ),
    }))
}
