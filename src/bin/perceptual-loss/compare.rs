//! `perceptual-loss compare`: pairs of picture files in, reports out.

use std::{
    collections::HashSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use perceptual_loss::{Image, Model, Report, Session, Target};
use serde::Serialize;

use crate::{
    failure::Failure,
    options::{DeviceOptions, LossOptions},
    picture::{self, Picture, PictureOptions, Pixels, Processing},
    progress::Progress,
};

/// Compare a picture with a target, or many pictures with one target.
///
/// Without weights of your own the network is untrained (seeded:0): it tells pictures apart, but it does not
/// see as a trained one does, and its numbers compare with no published ones.
#[derive(Args)]
pub struct Arguments {
    /// GENERATED TARGET, picture files of one size; with --target, any number of generated pictures. One of them may
    /// be -, standard input.
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,

    /// The picture that all others are compared with; its features are computed once.
    #[arg(long, value_name = "PICTURE")]
    target: Option<PathBuf>,

    #[command(flatten)]
    loss: LossOptions,

    #[command(flatten)]
    picture: PictureOptions,

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures: Option<Processing>,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let (generated, target_path) = split(&arguments.pictures, arguments.target.as_deref())?;
    let options = &arguments.picture;
    let config = arguments.loss.config()?;
    let weights = arguments.loss.weights()?;
    let mut warnings = Warnings::default();
    let mut target = Picture::open(target_path, options)?;
    warnings.of_picture(target_path, &target);
    if options.resize.is_none() {
        // Sizes are checked before the first comparison, so that a wrong last file costs no time.
        let theirs = target.pixels.size();
        for path in generated {
            if let Some(ours) = picture::size(path, options)?.filter(|&ours| ours != theirs) {
                return Err(picture::sizes_differ(path, ours, target_path, theirs));
            }
        }
    }

    let mut comparer = Comparer {
        model: arguments.device.model(&config, &weights)?,
        many: generated.len() > 1,
        size: (0, 0),
        session: None,
    };
    let progress = Progress::new("comparing", generated.len());
    let mut output = String::new();
    let (mut untrained, mut light) = (false, target.light);
    for path in generated {
        let mut picture = Picture::open(path, options)?;
        warnings.of_picture(path, &picture);
        light |= picture.light;
        picture::check_range([(path, &mut picture), (target_path, &mut target)], options)?;
        let fitted = picture::fit((path, &picture), (target_path, &target), options)?;
        warnings.extend(fitted.note.clone());
        if picture.alpha != target.alpha && fitted.generated == fitted.target {
            let (generated, target) = (path.display(), target_path.display());
            warnings
                .push(format!("{generated} and {target} differ in nothing but alpha, which is not compared"));
        }
        let report = comparer.compare(&fitted.generated, &fitted.target)?;
        progress.step();
        untrained |= report.weights.trained == Some(false);
        let line = Line {
            report: &report,
            generated: path.display().to_string(),
            target: target_path.display().to_string(),
            pictures: options.processing(),
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
    if let Some(option) = options.light_option().filter(|_| !light) {
        warnings.push(format!("{option} changed nothing: no picture here holds linear light"));
    }
    warnings.print();
    if untrained {
        eprintln!("{}", arguments.loss.untrained_note());
    }
    Ok(output)
}

/// Compares pairs, with what can be kept from one to the next.
struct Comparer {
    model: Model,
    /// Whether there are many pictures for one target, whose features are worth keeping.
    many: bool,
    /// Of the session.
    size: (u32, u32),
    session: Option<(Session, Option<Target>)>,
}

impl Comparer {
    /// Pairs of one size have one and the same target.
    fn compare(&mut self, generated: &Pixels, target: &Pixels) -> Result<Report, Failure> {
        let (width, height) = generated.size();
        let (session, features) = match self.session.take().filter(|_| self.size == (width, height)) {
            Some(kept) => self.session.insert(kept),
            None => {
                let mut session = self.model.session(width, height)?;
                let features = self.many.then(|| session.target(target)).transpose()?;
                self.session.insert((session, features))
            }
        };
        self.size = (width, height);
        let reports = match features {
            None => vec![session.compare_blocking(generated, target)?],
            Some(features) => session.compare_to_blocking(features, &[Image::from(generated)])?,
        };
        let report = reports.into_iter().next();
        report.ok_or_else(|| Failure::run("the comparison gave no result"))
    }
}

/// Lines for standard error, each once, when the progress bar is gone and all input has been found good: an error
/// stands alone.
#[derive(Default)]
struct Warnings {
    lines: Vec<String>,
    seen: HashSet<String>,
}

impl Warnings {
    fn push(&mut self, line: String) {
        if self.seen.insert(line.clone()) {
            self.lines.push(line);
        }
    }

    fn of_picture(&mut self, path: &Path, picture: &Picture) {
        self.extend(picture.warnings.iter().map(|warning| format!("{}: {warning}", path.display())));
    }

    fn print(&self) {
        for line in &self.lines {
            eprintln!("warning: {line}");
        }
    }
}

impl Extend<String> for Warnings {
    fn extend<T: IntoIterator<Item = String>>(&mut self, lines: T) {
        lines.into_iter().for_each(|line| self.push(line));
    }
}

fn split<'a>(
    pictures: &'a [PathBuf],
    target: Option<&'a Path>,
) -> Result<(&'a [PathBuf], &'a Path), Failure> {
    let inputs = pictures.iter().map(PathBuf::as_path).chain(target);
    if inputs.filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::input("standard input (-) holds one picture; name files for the others"));
    }
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
