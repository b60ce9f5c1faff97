//! Options on how picture files are read.

use clap::{Args, ValueEnum};
use image::imageops::FilterType;
use serde::Serialize;

/// How picture files are read.
#[derive(Args, Clone, Debug)]
pub struct PictureOptions {
    /// Where sizes differ, resize this one of the two to the other's size.
    #[arg(long, value_name = "WHICH")]
    pub resize: Option<Resize>,

    /// How --resize resamples, over values as they are compared.
    #[arg(long, value_name = "NAME", default_value = "lanczos3")]
    pub filter: Filter,

    /// Leave out a border of N pixels of both pictures.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub crop: u32,

    /// Linear light (EXR, HDR): multiply by 2 to this power first, in both pictures alike.
    #[arg(long, value_name = "STOPS", default_value_t = 0.0, allow_negative_numbers = true, value_parser = stops)]
    pub exposure: f32,

    /// Linear light (EXR, HDR): how values above 1 come to lie within 0 to 1.
    #[arg(long, value_name = "NAME")]
    pub tonemap: Option<Tonemap>,

    /// What is done to EXR and HDR files' values: auto encodes linear light as sRGB, none takes them as stored.
    #[arg(long, default_value = "auto")]
    pub transfer: Transfer,

    /// The range that stored floats (float TIFF; EXR and HDR with --transfer none) are in.
    #[arg(long, default_value = "unit")]
    pub range: Range,

    /// The most memory that one decoded picture may take, such as 512MiB or 2GB.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = bytes)]
    pub max_decoded: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// The target, to the generated picture's size.
    Target,
    /// The generated picture, to the target's size.
    Generated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    Nearest,
    Triangle,
    CatmullRom,
    Gaussian,
    Lanczos3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tonemap {
    /// Narkowicz's fit of the ACES filmic curve.
    Aces,
    /// x / (1 + x), channel by channel.
    Reinhard,
    /// Values above 1 become 1.
    Clip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transfer {
    Auto,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Range {
    /// 0 to 1; values outside are an error.
    Unit,
    /// -1 to 1.
    Signed,
    /// 0 to 255.
    #[value(name = "255")]
    #[serde(rename = "255")]
    Bytes,
    /// Whatever they are: taken as stored.
    Any,
}

/// What was done to pictures, for the report: only what is not the default.
#[derive(Serialize)]
pub struct Processing {
    #[serde(skip_serializing_if = "Option::is_none")]
    resize: Option<Resize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<Filter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crop: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exposure: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tonemap: Option<Tonemap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<Transfer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
}

impl PictureOptions {
    /// Whether linear light is encoded.
    pub fn encodes_light(&self) -> bool {
        self.transfer == Transfer::Auto
    }

    /// None where all is as by default.
    pub fn processing(&self) -> Option<Processing> {
        let processing = Processing {
            resize: self.resize,
            filter: self.resize.map(|_| self.filter),
            crop: Some(self.crop).filter(|&crop| crop > 0),
            exposure: Some(self.exposure).filter(|&stops| stops != 0.0),
            tonemap: self.tonemap,
            transfer: Some(self.transfer).filter(|&transfer| transfer != Transfer::Auto),
            range: Some(self.range).filter(|&range| range != Range::Unit),
        };
        let Processing { resize, crop, exposure, tonemap, transfer, range, .. } = &processing;
        let any = resize.is_some()
            || crop.is_some()
            || exposure.is_some()
            || tonemap.is_some()
            || transfer.is_some()
            || range.is_some();
        any.then_some(processing)
    }

    /// The option that was given for linear light, if one was.
    pub fn light_option(&self) -> Option<&'static str> {
        let given = [("--exposure", self.exposure != 0.0), ("--tonemap", self.tonemap.is_some())];
        given.into_iter().find_map(|(option, given)| given.then_some(option))
    }
}

impl Filter {
    pub fn of_image(self) -> FilterType {
        match self {
            Self::Nearest => FilterType::Nearest,
            Self::Triangle => FilterType::Triangle,
            Self::CatmullRom => FilterType::CatmullRom,
            Self::Gaussian => FilterType::Gaussian,
            Self::Lanczos3 => FilterType::Lanczos3,
        }
    }
}

fn stops(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(stops) if (-64.0..=64.0).contains(&stops) => Ok(stops),
        _ => Err("it takes a number of stops from -64 to 64".to_owned()),
    }
}

/// A number of bytes, with a unit or without.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "B" => 1,
        "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err("it takes a size such as 512MiB, 2GB or 1000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("2GB"), Ok(2_000_000_000));
        assert_eq!(bytes("77"), Ok(77));
        for wrong in ["", "MiB", "0", "-1", "1.5GiB", "3 MiB", "1TiB", "99999999999GiB", "é"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
