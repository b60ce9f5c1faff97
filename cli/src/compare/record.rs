//! What a report says about its pictures, so that its number can be had again.

use perceptual_loss_files::{Range, Reading, Resize, Transfer};
use serde::Serialize;

use crate::picture_options::FitOptions;

/// What was done to the pictures beyond reading them; what is at its default is left out.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct Record {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    resized: Option<Resized>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crop: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exposure: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tonemap: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_range: Option<&'static str>,
}

#[derive(Clone, PartialEq, Serialize)]
pub struct Resized {
    /// Which of the two.
    resized: &'static str,
    /// Width and height before.
    from: (u32, u32),
    filter: &'static str,
}

impl Resized {
    pub fn new(which: Resize, from: (u32, u32), fit: &FitOptions) -> Self {
        Self { resized: which.name(), from, filter: fit.filter.name() }
    }
}

impl Record {
    pub fn new(reading: &Reading, fit: &FitOptions, resized: Option<Resized>) -> Self {
        Self { resized, crop: Some(fit.crop).filter(|crop| *crop != 0), ..Self::of(reading) }
    }

    /// Of pictures that were read and nothing else.
    pub fn of(reading: &Reading) -> Self {
        Self {
            resized: None,
            crop: None,
            transfer: Some(reading.transfer).filter(|it| *it != Transfer::Auto).map(Transfer::name),
            exposure: Some(reading.exposure).filter(|stops| *stops != 0.0),
            tonemap: reading.tone_map.map(|map| map.to_string()),
            range: Some(reading.range).filter(|it| *it != Range::Unit).map(Range::name),
            target_range: reading.target_range.filter(|it| *it != reading.range).map(Range::name),
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}
