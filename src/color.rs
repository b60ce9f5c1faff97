//! From light to the sRGB values that networks are trained on: exposure, tone mapping, the sRGB curve.
//! `shaders/include/color.wgsl` does the same.

use std::{fmt, str::FromStr};

use crate::error::{Error, Result};

/// How light beyond white is brought into range, channel by channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ToneMap {
    /// None: whatever is above 1 becomes 1.
    #[default]
    Clip,
    /// Narkowicz's fit of the ACES film curve (2016).
    Aces,
    /// x / (1 + x) (Reinhard 2002).
    Reinhard,
}

impl ToneMap {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Clip, Self::Aces, Self::Reinhard];

    /// `clip`, `aces` or `reinhard`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Aces => "aces",
            Self::Reinhard => "reinhard",
        }
    }

    /// Linear light to a value from 0 to 1, still linear. Light below 0 is none.
    #[must_use]
    pub fn map(self, light: f64) -> f64 {
        // Beyond this the curves are flat, and in float32 their squares are no numbers any more.
        let x = light.clamp(0.0, BRIGHTEST);
        let mapped = match self {
            Self::Clip => x,
            Self::Aces => (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14),
            Self::Reinhard => x / (1.0 + x),
        };
        mapped.min(1.0)
    }
}

impl fmt::Display for ToneMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ToneMap {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|map| map.name() == text).ok_or_else(|| {
            Error::Config(format!("'{text}' is no tone map; it is {}", Self::ALL.map(Self::name).join(", ")))
        })
    }
}

/// Light that is as good as any brighter.
const BRIGHTEST: f64 = 1e9;

/// What the values of a picture are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transfer {
    /// sRGB as stored, which is what networks are trained on: nothing is done to them.
    Srgb,
    /// Linear light, which is encoded as sRGB.
    Linear,
}

/// The sRGB curve of IEC 61966-2-1: linear light from 0 to 1 to a value from 0 to 1.
#[must_use]
pub fn encode_srgb(light: f64) -> f64 {
    if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tone_map_ends_at_white() {
        for map in ToneMap::ALL {
            assert_eq!(map.map(0.0), 0.0);
            assert_eq!(map.map(-1.0), 0.0);
            let values: Vec<f64> = (0..200).map(|i| map.map(1.2f64.powi(i - 100))).collect();
            assert!(
                values.is_sorted() && values.iter().all(|v| (0.0..=1.0).contains(v)),
                "{map}: {values:?}"
            );
            assert!(map.map(f64::MAX) > 0.999);
            assert_eq!(map.name().parse::<ToneMap>().unwrap(), map);
        }
        assert!("none".parse::<ToneMap>().unwrap_err().to_string().contains("clip, aces, reinhard"));
    }

    #[test]
    fn the_srgb_curve_by_hand() {
        assert_eq!((encode_srgb(0.0), encode_srgb(1.0)), (0.0, 0.999_999_999_999_999_9));
        assert!((encode_srgb(0.5) - 0.735_356_983_052_449).abs() < 1e-12);
        assert!((encode_srgb(0.002) - 0.025_84).abs() < 1e-12);
    }
}
