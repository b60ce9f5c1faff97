//! How much two features that differ count.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::error::{Error, Result};

/// What is averaged over a tap's N, C, H and W: mostly a number for each difference d of two features.
///
/// As text it is its name, and behind a colon its parameter, if it has one: `mse`, `smooth-l1:0.5`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Criterion {
    /// d².
    Mse,
    /// |d|.
    Mae,
    /// d² / (2 beta) where |d| is less than beta, else |d| - beta / 2, as PyTorch's `smooth_l1_loss`.
    SmoothL1 {
        /// Where squares end and magnitudes begin; from 1e-30 to 1e30. PyTorch's default is 1.
        beta: f64,
    },
    /// sqrt(d² + eps²) - eps (Charbonnier et al. 1994): a magnitude that is smooth at 0.
    Charbonnier {
        /// How wide it is smooth; from 1e-30 to 1e30. 1e-3 as Lai et al. 2017 have it. It is the square root of what BasicSR
        /// calls so, and what is left at 0 there is none here.
        eps: f64,
    },
    /// The distance of LPIPS 0.1 (Zhang et al. 2018): at each position the two vectors of channels are divided by their lengths plus
    /// 1e-10, and the squares of what they then differ by are summed over the channels, each times a [weight](crate::weights::Linears)
    /// that was fitted to people's judgements. Of VGG16's relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3.
    Lpips,
    /// The squared difference of Gram matrices, F Fᵀ / (C H W) of features F of C channels and H W positions, over C x C (Gatys et al.
    /// 2016): which textures there are, wherever they are.
    Gram,
}

/// Of what a criterion's parameter may be, float32 has the reciprocal, too.
const PARAMETERS: std::ops::RangeInclusive<f64> = 1e-30..=1e30;

impl Criterion {
    /// Every criterion there is, with the parameter that it has where none is given.
    pub const ALL: [Self; 6] = [
        Self::Mse,
        Self::Mae,
        Self::SmoothL1 { beta: 1.0 },
        Self::Charbonnier { eps: 1e-3 },
        Self::Lpips,
        Self::Gram,
    ];

    /// Those that count each difference by itself.
    pub const POINTWISE: [Self; 4] =
        [Self::Mse, Self::Mae, Self::SmoothL1 { beta: 1.0 }, Self::Charbonnier { eps: 1e-3 }];

    /// The name that the command and reports use, without the parameter.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Mae => "mae",
            Self::SmoothL1 { .. } => "smooth-l1",
            Self::Charbonnier { .. } => "charbonnier",
            Self::Lpips => "lpips",
            Self::Gram => "gram",
        }
    }

    /// Its parameter, if it has one.
    #[must_use]
    pub fn parameter(self) -> Option<f64> {
        match self {
            Self::Mse | Self::Mae | Self::Lpips | Self::Gram => None,
            Self::SmoothL1 { beta: parameter } | Self::Charbonnier { eps: parameter } => Some(parameter),
        }
    }

    /// The same with another parameter; none where it has none.
    fn with_parameter(self, parameter: f64) -> Option<Self> {
        match self {
            Self::Mse | Self::Mae | Self::Lpips | Self::Gram => None,
            Self::SmoothL1 { .. } => Some(Self::SmoothL1 { beta: parameter }),
            Self::Charbonnier { .. } => Some(Self::Charbonnier { eps: parameter }),
        }
    }

    /// # Errors
    /// [`Error::Config`] where the parameter is out of its range.
    pub fn validate(self) -> Result<()> {
        match self.parameter().filter(|parameter| !PARAMETERS.contains(parameter)) {
            None => Ok(()),
            Some(parameter) => Err(Error::Config(format!(
                "the parameter {parameter} of {} is not usable; it must be from {:e} to {:e}",
                self.name(),
                PARAMETERS.start(),
                PARAMETERS.end()
            ))),
        }
    }

    /// Whether it counts each difference by itself.
    #[must_use]
    pub fn is_pointwise(self) -> bool {
        !matches!(self, Self::Lpips | Self::Gram)
    }

    /// What a difference counts, by a criterion that counts each by itself. It is 0 at 0, and keeps its digits next to it.
    #[inline(always)] // so that it is compiled for the registers that there are
    #[cfg_attr(not(feature = "cpu"), allow(dead_code, reason = "the twins' and the CPU's"))]
    pub(crate) fn term(self, difference: f64) -> f64 {
        let magnitude = difference.abs();
        match self {
            Self::Mse | Self::Lpips | Self::Gram => difference * difference,
            Self::Mae => magnitude,
            Self::SmoothL1 { beta } if magnitude < beta => 0.5 * difference * difference / beta,
            Self::SmoothL1 { beta } => magnitude - 0.5 * beta,
            Self::Charbonnier { eps } => {
                let square = difference * difference;
                square / ((square + eps * eps).sqrt() + eps)
            }
        }
    }

    /// The derivative of that; 0 where a magnitude has none.
    #[inline(always)] // so that it is compiled for the registers that there are
    #[cfg_attr(not(feature = "cpu"), allow(dead_code, reason = "the twins' and the CPU's"))]
    pub(crate) fn slope(self, difference: f64) -> f64 {
        match self {
            Self::Mse | Self::Lpips | Self::Gram => 2.0 * difference,
            Self::Mae if difference == 0.0 => 0.0,
            Self::Mae => 1.0f64.copysign(difference),
            Self::SmoothL1 { beta } => (difference / beta).clamp(-1.0, 1.0),
            Self::Charbonnier { eps } => difference / (difference * difference + eps * eps).sqrt(),
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parameter() {
            None => f.pad(self.name()),
            Some(parameter) => f.pad(&format!("{}:{parameter}", self.name())),
        }
    }
}

impl Serialize for Criterion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Criterion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, parameter) = match text.split_once(':') {
            None => (text, None),
            Some((name, parameter)) => (name, Some(parameter)),
        };
        let known = Self::ALL.into_iter().find(|criterion| criterion.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::Config(format!("no criterion is called '{name}'; there are {names}"))
        })?;
        let Some(parameter) = parameter else { return Ok(known) };
        let criterion = match (parameter.parse(), known.parameter()) {
            (_, None) => {
                return Err(Error::Config(format!("{name} has no parameter; leave ':{parameter}' out")));
            }
            (Ok(parameter), _) => known.with_parameter(parameter),
            (Err(_), _) => None,
        };
        let criterion = criterion.ok_or_else(|| {
            Error::Config(format!("'{parameter}' is no parameter; {name} has a number, as {known}"))
        })?;
        criterion.validate()?;
        Ok(criterion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_text() {
        let others = [Criterion::SmoothL1 { beta: 0.25 }, Criterion::Charbonnier { eps: 1e-6 }];
        for criterion in Criterion::ALL.into_iter().chain(others) {
            assert_eq!(criterion.to_string().parse::<Criterion>().unwrap(), criterion);
        }
        assert_eq!("smooth-l1".parse::<Criterion>().unwrap().to_string(), "smooth-l1:1");
        for (text, part) in [
            ("l2", "no criterion is called 'l2'; there are mse, mae, smooth-l1, charbonnier, lpips, gram"),
            ("mse:1", "mse has no parameter; leave ':1' out"),
            ("smooth-l1:", "'' is no parameter; smooth-l1 has a number, as smooth-l1:1"),
            ("charbonnier:x", "has a number, as charbonnier:0.001"),
            ("charbonnier:0", "the parameter 0 of charbonnier is not usable; it must be from 1e-30 to 1e30"),
            ("smooth-l1:-1", "parameter -1"),
            ("smooth-l1:nan", "parameter NaN"),
            ("smooth-l1:inf", "parameter inf"),
        ] {
            let message = text.parse::<Criterion>().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    /// By hand: where they turn, on both sides of it, and next to 0.
    #[test]
    fn terms_and_slopes() {
        let smooth = Criterion::SmoothL1 { beta: 0.5 };
        let charbonnier = Criterion::Charbonnier { eps: 3.0 };
        for (criterion, difference, term, slope) in [
            (Criterion::Mse, -3.0, 9.0, -6.0),
            (Criterion::Mae, -3.0, 3.0, -1.0),
            (Criterion::Mae, 0.0, 0.0, 0.0),
            (smooth, 0.25, 0.0625, 0.5),
            (smooth, 0.5, 0.25, 1.0),
            (smooth, -2.0, 1.75, -1.0),
            (charbonnier, -4.0, 2.0, -0.8),
            (charbonnier, 0.0, 0.0, 0.0),
            (charbonnier, 1e-30, 1e-60 / 6.0, 1e-30 / 3.0),
        ] {
            assert_eq!(criterion.term(difference), term, "{criterion} of {difference}");
            assert_eq!(criterion.slope(difference), slope, "{criterion} of {difference}");
        }
    }
}
