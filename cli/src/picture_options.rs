//! Options about pictures.

use clap::{Args, builder::TypedValueParser};
use perceptual_loss::ToneMap;
use perceptual_loss_files::{ByteSize, Filter, Range, Reading, Resize, Transfer};

use crate::one_of::{OneOf, named};

/// How a picture's file becomes pixels.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pictures")]
pub struct PictureOptions {
    /// The memory that one picture may take, decoded, converted and resized, and the longest file: 512MiB, 2GB, 1000000.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    max_decoded: ByteSize,

    /// Which pictures hold linear light, and become sRGB by its curve.
    #[arg(long, value_name = "WHICH", default_value = "auto", value_parser = transfers())]
    transfer: Transfer,

    /// Brightens linear light by as many stops (factors of 2) before tone mapping.
    #[arg(long, value_name = "STOPS", default_value_t = 0.0, allow_negative_numbers = true, value_parser = stops)]
    exposure: f32,

    /// Brings linear light above 1 into range, in every picture that holds it.
    #[arg(long, value_name = "CURVE", value_parser = OneOf(ToneMap::ALL.to_vec()))]
    tonemap: Option<ToneMap>,

    /// The range of float pictures' values (other than linear light), which becomes 0..1.
    #[arg(long, default_value = "0..1", allow_hyphen_values = true, value_parser = ranges())]
    range: Range,

    /// The range of the target's values where it is another than --range.
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true, value_parser = ranges())]
    target_range: Option<Range>,
}

/// How two pictures are brought to one size.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pictures")]
pub struct FitOptions {
    /// Which picture is resampled to the other's size where they differ; an error by default.
    ///
    /// With `generated`, each generated picture becomes as large as the target; with `target`, the target becomes
    /// as large as the generated pictures, which must all have one size. It is done on sRGB values.
    #[arg(long, value_name = "WHICH", value_parser = resizes())]
    pub resize: Option<Resize>,

    /// How --resize samples.
    #[arg(long, value_name = "NAME", default_value = "lanczos3", value_parser = filters())]
    pub filter: Filter,

    /// Leaves out a border of as many pixels of both pictures, once upright and resized.
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    pub crop: u32,
}

impl PictureOptions {
    /// What they come to.
    pub fn reading(&self) -> Reading {
        let mut reading = Reading::default();
        reading.max_decoded = self.max_decoded;
        reading.transfer = self.transfer;
        reading.exposure = self.exposure;
        reading.tone_map = self.tonemap;
        reading.range = self.range;
        reading.target_range = self.target_range;
        reading
    }
}

fn transfers() -> impl TypedValueParser<Value = Transfer> {
    named(&[
        (Transfer::Auto, "EXR and HDR do"),
        (Transfer::None, "None: all values are taken as stored, by --range"),
        (Transfer::Srgb, "Every float picture does"),
    ])
}

fn ranges() -> impl TypedValueParser<Value = Range> {
    named(&[
        (Range::Unit, "From black to full intensity"),
        (Range::Clip, "0..1, and what lies outside is cut off"),
        (Range::Signed, "As generators with a tanh at their end give"),
        (Range::Byte, "8-bit values as floats"),
        (Range::Word, "16-bit values as floats"),
        (Range::Any, "Anything, left as it is: for --norm none"),
    ])
}

fn resizes() -> impl TypedValueParser<Value = Resize> {
    named(&[
        (Resize::Target, "The target, to the generated pictures' size"),
        (Resize::Generated, "The generated pictures, to the target's size"),
    ])
}

fn filters() -> impl TypedValueParser<Value = Filter> {
    named(&[
        (Filter::Lanczos3, ""),
        (Filter::CatmullRom, ""),
        (Filter::Triangle, ""),
        (Filter::Gaussian, ""),
        (Filter::Nearest, ""),
    ])
}

/// Beyond what floats hold there is no picture.
fn stops(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(stops) if (-64.0..=64.0).contains(&stops) => Ok(stops),
        _ => Err("expected stops from -64 to 64".to_owned()),
    }
}
