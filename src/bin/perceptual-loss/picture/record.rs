//! What a report says about its pictures, so that its number can be had again.

use serde::Serialize;

use super::options::{FitOptions, PictureOptions, Range, Resize, Transfer, name};

/// What was done to the pictures beyond reading them; what is at its default is left out.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct Record {
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
pub struct Resized {
    pub resized: Resize,
    /// Width and height before.
    pub from: (u32, u32),
    pub filter: String,
}

impl Record {
    pub fn new(read: &PictureOptions, fit: &FitOptions, resized: Option<Resized>) -> Self {
        Self {
            resized,
            crop: Some(fit.crop).filter(|crop| *crop != 0),
            transfer: Some(read.transfer).filter(|it| *it != Transfer::Auto).map(name),
            exposure: Some(read.exposure).filter(|stops| *stops != 0.0),
            tonemap: read.tonemap.map(|map| map.to_string()),
            range: Some(read.range).filter(|it| *it != Range::Unit).map(name),
            target_range: read.target_range.filter(|it| *it != read.range).map(name),
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}
