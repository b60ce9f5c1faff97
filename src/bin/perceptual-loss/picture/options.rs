//! Options about pictures.

use clap::{Args, ValueEnum};
use image::imageops::FilterType;
use perceptual_loss::ToneMap;
use serde::Serialize;

pub use super::range::Range;
use crate::byte_size::ByteSize;
use crate::one_of::OneOf;

/// How a picture's file becomes pixels.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pictures")]
pub struct PictureOptions {
    /// The memory that decoding one picture may take, and the longest file: 512MiB, 2GB, 1000000.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub max_decoded: ByteSize,

    /// Which pictures hold linear light, and become sRGB by its curve.
    #[arg(long, value_name = "WHICH", default_value = "auto")]
    pub transfer: Transfer,

    /// Brightens linear light by as many stops (factors of 2) before tone mapping.
    #[arg(long, value_name = "STOPS", default_value_t = 0.0, allow_negative_numbers = true, value_parser = stops)]
    pub exposure: f32,

    /// Brings linear light above 1 into range, in every picture that holds it.
    #[arg(long, value_name = "CURVE", value_parser = OneOf(&ToneMap::ALL))]
    pub tonemap: Option<ToneMap>,

    /// The range of float pictures' values (other than linear light), which becomes 0..1.
    #[arg(long, default_value = "0..1", allow_hyphen_values = true)]
    pub range: Range,

    /// The range of the target's values where it is another than --range.
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub target_range: Option<Range>,
}

/// How two pictures are brought to one size.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pictures")]
pub struct FitOptions {
    /// Which picture is resampled to the other's size where they differ; an error by default.
    ///
    /// With `generated`, each generated picture becomes as large as the target; with `target`, the target becomes
    /// as large as the generated pictures, which must all have one size. It is done on sRGB values.
    #[arg(long, value_name = "WHICH")]
    pub resize: Option<Resize>,

    /// How --resize samples.
    #[arg(long, value_name = "NAME", default_value = "lanczos3")]
    pub filter: Filter,

    /// Leaves out a border of as many pixels of both pictures, once upright and resized.
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    pub crop: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transfer {
    /// EXR and HDR do.
    Auto,
    /// None: all values are taken as stored, by --range.
    None,
    /// Every float picture does.
    Srgb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// The target, to the generated pictures' size.
    Target,
    /// The generated pictures, to the target's size.
    Generated,
}

/// Filters are stretched when they shrink a picture, `nearest` left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Filter {
    Lanczos3,
    CatmullRom,
    Triangle,
    Gaussian,
    Nearest,
}

impl From<Filter> for FilterType {
    fn from(filter: Filter) -> Self {
        match filter {
            Filter::Lanczos3 => Self::Lanczos3,
            Filter::CatmullRom => Self::CatmullRom,
            Filter::Triangle => Self::Triangle,
            Filter::Gaussian => Self::Gaussian,
            Filter::Nearest => Self::Nearest,
        }
    }
}

/// Beyond what floats hold there is no picture.
fn stops(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(stops) if (-64.0..=64.0).contains(&stops) => Ok(stops),
        _ => Err("expected stops from -64 to 64".to_owned()),
    }
}

/// What an option's value is called on the command line.
pub fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl PictureOptions {
    /// The target's, where it has one of its own.
    pub fn of_target(&self) -> Self {
        Self { range: self.target_range.unwrap_or(self.range), ..self.clone() }
    }
}
