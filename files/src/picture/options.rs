//! How picture files become pixels.

use std::{fmt, str::FromStr};

use image::imageops::FilterType;
use perceptual_loss::ToneMap;

use super::range::Range;
use crate::{ByteSize, Error};

/// How a picture's file becomes pixels.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reading {
    /// The memory that one picture may take, with all that it becomes on its way: decoded, turned upright, converted, resized.
    /// And the longest file, which is not counted there. 1 GiB.
    pub max_decoded: ByteSize,
    /// Which pictures hold linear light, and become sRGB by its curve.
    pub transfer: Transfer,
    /// Brightens linear light by as many stops (factors of 2) before tone mapping: from -64 to 64.
    pub exposure: f32,
    /// Brings linear light above 1 into range; where there is none, such light is an error.
    pub tone_map: Option<ToneMap>,
    /// The range of float pictures' values (other than linear light), which becomes 0..1.
    pub range: Range,
    /// The range of the target's values where it is another.
    pub target_range: Option<Range>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            max_decoded: ByteSize(1 << 30),
            transfer: Transfer::Auto,
            exposure: 0.0,
            tone_map: None,
            range: Range::Unit,
            target_range: None,
        }
    }
}

impl Reading {
    /// The target's, where it has one of its own.
    pub(super) fn of_target(&self) -> Self {
        Self { range: self.target_range.unwrap_or(self.range), ..self.clone() }
    }
}

/// Which pictures hold linear light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transfer {
    /// EXR and HDR do.
    Auto,
    /// None: all values are taken as stored, by their range.
    None,
    /// Every float picture does.
    Srgb,
}

/// How a picture is resampled. Filters are stretched when they shrink a picture, `Nearest` left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// Lanczos's window of three lobes.
    Lanczos3,
    /// Catmull and Rom's cubic.
    CatmullRom,
    /// Linear.
    Triangle,
    /// A bell.
    Gaussian,
    /// The nearest pixel's value.
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

/// Names of a type's values: how options take them, and how reports give them.
macro_rules! names {
    ($what:literal, $type:ty, $($value:ident => $name:literal),+) => {
        impl $type {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// Its name, as options take it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self, Error> {
                Self::ALL.iter().copied().find(|value| value.name() == name).ok_or_else(|| {
                    let names = [$($name),+].join(", ");
                    Error::Option(format!("no {} is called '{name}'; there are {names}", $what))
                })
            }
        }
    };
}

names!("transfer", Transfer, Auto => "auto", None => "none", Srgb => "srgb");
names!(
    "filter", Filter,
    Lanczos3 => "lanczos3", CatmullRom => "catmull-rom", Triangle => "triangle", Gaussian => "gaussian",
    Nearest => "nearest"
);
names!("choice of what is resized", super::fit::Resize, Target => "target", Generated => "generated");
names!(
    "range", Range,
    Unit => "0..1", Clip => "clip", Signed => "-1..1", Byte => "0..255", Word => "0..65535", Any => "any"
);
