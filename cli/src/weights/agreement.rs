//! `perceptual-loss weights agreement`: how far weights judge pictures as other weights do.

use std::{fmt::Write as _, path::PathBuf};

use clap::{Args, ValueHint, builder::NonEmptyStringValueParser};
use image::RgbImage;
use perceptual_loss::{Config, Image, Model, Preset, Tap, Weights, low_level::shown::escaped};
use perceptual_loss_files::{Picture, Source, check_stdin};
use serde::Serialize;

use super::{
    choice::{Chosen, named},
    ranks,
};
use crate::{
    distortion::{self, Distortion},
    failure::Failure,
    interrupt, json,
    options::DeviceOptions,
    picture_options::PictureOptions,
    progress::Progress,
    say,
    told::Told,
};

/// Measure how far weights judge pictures as other weights do.
///
/// The middle of each picture (160x160) is spoilt in ten ways at four strengths. Each result's loss, at relu1_2, relu2_2,
/// relu3_3 and relu4_2 relative to the picture's mean squared feature there and summed, is ranked by both weights. Spearman's
/// correlation of the two rankings is printed, for the sum and for each layer; mean squared error has a line as well, for
/// comparison. "order" looks at pairs of results of one picture whose mean squared errors differ by 10 % at most: it is the
/// share of pairs that both weights put in the same order.
#[derive(Args)]
pub struct Arguments {
    /// Photographs. Eight of different kinds give two digits.
    #[arg(required = true, value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    images: Vec<PathBuf>,

    /// The weights to be judged by, such as the pretrained ones.
    #[arg(long, value_name = "FILE|default|seeded:N", value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::FilePath)]
    reference: String,

    /// The weights that are judged; those of a run without --weights by default.
    #[arg(long, value_name = "FILE|default|seeded:N", value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::FilePath)]
    weights: Option<String>,

    /// One JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    device: DeviceOptions,

    #[command(flatten)]
    picture: PictureOptions,
}

const TAPS: [&str; 4] = ["relu1_2", "relu2_2", "relu3_3", "relu4_2"];

/// The side of what is taken of a picture, in pixels.
const SIDE: u32 = 160;

#[derive(Serialize)]
struct Agreement {
    network: &'static str,
    weights: String,
    reference: String,
    images: usize,
    /// Of pictures with their distortions.
    pairs: usize,
    agreement: Option<f64>,
    layers: Vec<LayerAgreement>,
    order: Option<f64>,
    /// Pairs of distortions that are counted for the order.
    ordered: usize,
    mse: Option<f64>,
    mse_order: Option<f64>,
}

#[derive(Serialize)]
struct LayerAgreement {
    name: &'static str,
    agreement: Option<f64>,
}

/// Each result's loss at each tap, relative to the picture's own features.
type Judgements = Vec<[f64; TAPS.len()]>;

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let reference = named(&arguments.reference)?;
    let Some(network) = reference.networks()?.first().map(|served| served.network) else {
        return Err(Failure::input(format!("{}: no network to judge by", arguments.reference)));
    };
    let chosen = Chosen::new(arguments.weights.as_deref(), network)?;
    let mut config = Preset::Vgg19.config();
    config.network = network;
    config.taps = TAPS.map(|layer| Tap::new(layer, 1.0)).to_vec();
    let judge = |weights: &Weights| Judge::new(arguments, &config, weights);
    let (judged, by) = (judge(&chosen.weights)?, judge(&reference)?);

    let reading = arguments.picture.reading();
    check_stdin(arguments.images.iter().map(PathBuf::as_path))?;
    let mut told = Told::default();
    let mut pictures = vec![];
    for path in &arguments.images {
        let source = Source::new(path, reading.max_decoded)?;
        let picture = Picture::open(&source, &reading)?;
        told.warn(&picture);
        pictures.push(middle(picture));
    }

    let progress = Progress::new("judging", pictures.len());
    let mut agreement = Tally::default();
    for picture in &pictures {
        let spoilt = Distortion::ALL
            .into_iter()
            .flat_map(|distortion| distortion.strengths().map(|strength| distortion.apply(picture, strength)))
            .collect::<Result<Vec<_>, _>>()?;
        let errors: Vec<f64> = spoilt.iter().map(|spoilt| distortion::mse(spoilt, picture)).collect();
        agreement.add(&errors, &judged.judge(picture, &spoilt)?, &by.judge(picture, &spoilt)?);
        progress.step();
    }
    drop(progress);
    told.unused(&reading);
    told.print();
    chosen.warn();
    if arguments.weights.is_none() {
        say::note(&format!("judged are the weights {}", chosen.name));
    }
    let report = Agreement {
        network: network.name(),
        weights: chosen.name,
        reference: reference.origin(),
        images: pictures.len(),
        ..agreement.report()
    };
    if arguments.json {
        return Ok(json::object(&report)? + "\n");
    }
    Ok(text(&Agreement {
        weights: escaped(&report.weights).into_owned(),
        reference: escaped(&report.reference).into_owned(),
        ..report
    }))
}

/// Its middle, 8-bit.
fn middle(picture: Picture) -> RgbImage {
    let picture = picture.middle((SIDE, SIDE));
    let (width, height) = picture.size();
    let values = picture.values().into_iter().map(|value| (value * 255.0 + 0.5) as u8).collect();
    // It has as many values as the sides say.
    RgbImage::from_raw(width, height, values).unwrap_or_default()
}

/// Weights at work.
struct Judge {
    model: Model,
    origin: String,
}

impl Judge {
    fn new(arguments: &Arguments, config: &Config, weights: &Weights) -> Result<Self, Failure> {
        Ok(Self { model: arguments.device.model(config, weights, None)?, origin: weights.origin() })
    }

    fn judge(&self, picture: &RgbImage, spoilt: &[RgbImage]) -> Result<Judgements, Failure> {
        let mut session = self.model.session(picture.width(), picture.height())?;
        session.set_cancel_token(interrupt::token());
        let zero = session.zero_target()?;
        let own = session.compare_to_blocking(&zero, &[Image::from(picture)])?;
        let target = session.target(picture)?;
        let spoilt: Vec<_> = spoilt.iter().map(Image::from).collect();
        let own: Vec<_> = own.iter().flat_map(|report| &report.layers).collect();
        if let Some(layer) = own.iter().find(|layer| layer.loss == 0.0) {
            return Err(Failure::input(format!(
                "{}: a picture has no features but zeros at {}; a photograph was expected",
                self.origin, layer.name
            )));
        }
        let reports = session.compare_to_blocking(&target, &spoilt)?;
        let relative = |tap: usize, loss: f64| loss / own[tap].loss;
        Ok(reports
            .iter()
            .map(|report| std::array::from_fn(|tap| relative(tap, report.layers[tap].loss)))
            .collect())
    }
}

/// What all pictures gave.
#[derive(Default)]
struct Tally {
    errors: Vec<f64>,
    judged: Judgements,
    by: Judgements,
    alike: usize,
    mse_alike: usize,
    ordered: usize,
}

impl Tally {
    fn add(&mut self, errors: &[f64], judged: &Judgements, by: &Judgements) {
        let ((alike, ordered), (mse_alike, _)) =
            (ranks::order(errors, &sums(judged), &sums(by)), ranks::order(errors, errors, &sums(by)));
        self.alike += alike;
        self.mse_alike += mse_alike;
        self.ordered += ordered;
        self.errors.extend(errors);
        self.judged.extend(judged);
        self.by.extend(by);
    }

    /// Without names.
    fn report(&self) -> Agreement {
        let share = |alike: usize| (self.ordered > 0).then(|| alike as f64 / self.ordered as f64);
        let layer = |(tap, name)| {
            let [a, b] =
                [&self.judged, &self.by].map(|judgements| judgements.iter().map(|j| j[tap]).collect());
            let (a, b): (Vec<f64>, Vec<f64>) = (a, b);
            LayerAgreement { name, agreement: ranks::spearman(&a, &b) }
        };
        let by = sums(&self.by);
        Agreement {
            network: "",
            weights: String::new(),
            reference: String::new(),
            images: 0,
            pairs: self.errors.len(),
            agreement: ranks::spearman(&sums(&self.judged), &by),
            layers: TAPS.into_iter().enumerate().map(layer).collect(),
            order: share(self.alike),
            ordered: self.ordered,
            mse: ranks::spearman(&self.errors, &by),
            mse_order: share(self.mse_alike),
        }
    }
}

fn sums(judgements: &Judgements) -> Vec<f64> {
    judgements.iter().map(|layers| layers.iter().sum()).collect()
}

fn text(report: &Agreement) -> String {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let Agreement { network, weights, reference, images, pairs, ordered, .. } = report;
    let mut text =
        format!("against {reference}, {network}; pictures: {images}, spoilt in 40 ways: {pairs}\n\n");
    let names = weights.chars().count().max("mean squared error".len());
    let layers: String = report.layers.iter().map(|layer| format!("  {}", layer.name)).collect();
    let of_layers: String =
        report.layers.iter().map(|layer| format!("  {:>7}", number(layer.agreement))).collect();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{:names$}    all{layers}  order", "");
    let _ = writeln!(
        text,
        "{weights:names$}  {:>5}{of_layers}  {:>5}",
        number(report.agreement),
        number(report.order)
    );
    let _ = writeln!(
        text,
        "{:names$}  {:>5}{:36}  {:>5}",
        "mean squared error",
        number(report.mse),
        "",
        number(report.mse_order)
    );
    let _ =
        writeln!(text, "\norder: of {ordered} pairs of spoilt pictures at nearly equal mean squared error");
    text
}
