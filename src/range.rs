//! What range a float picture's values look like: what [`Image::checked`](crate::Image::checked) and the command ask.

/// What values there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// The smallest.
    pub min: f32,
    /// The largest.
    pub max: f32,
    /// Whether one of them is no whole number.
    pub has_fractions: bool,
}

/// What values look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Looks {
    /// From 0 to 1.
    Unit,
    /// From 0 to 1 with a little beyond, as filters leave it.
    Filtered,
    /// From -1 to 1, as generators with a tanh at their end give.
    Signed,
    /// Normalised already, with ImageNet's mean and deviation.
    Normalized,
    /// Linear light.
    Light,
    /// 8-bit values as floats.
    Bytes,
    /// 16-bit values as floats.
    Words,
    /// 8-bit values less their mean.
    CenteredBytes,
    /// None of these.
    Unknown,
}

impl Seen {
    /// Of these values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f32>) -> Self {
        let start = Self { min: f32::INFINITY, max: f32::NEG_INFINITY, has_fractions: false };
        values.into_iter().fold(start, |seen, value| Self {
            min: seen.min.min(value),
            max: seen.max.max(value),
            has_fractions: seen.has_fractions || value.fract() != 0.0,
        })
    }

    /// Whether they look like a range from black, `low`, to full intensity, `high`. Fractions up to 1 are no bytes, and nothing
    /// up to 255 fills 16 bits.
    #[must_use]
    pub fn fits(&self, low: f32, high: f32) -> bool {
        // A float's rounding is not outside.
        let slack = 1e-5 * (high - low);
        let is_outside = self.min < low - slack || self.max > high + slack;
        let is_too_narrow = high > 1.0 && self.max <= 1.0 && self.has_fractions
            || high > 255.0 && self.max <= 255.0 && self.max > 1.0;
        !is_outside && !is_too_narrow
    }

    /// What they look like. The first that fits is the narrowest.
    #[must_use]
    pub fn looks(&self) -> Looks {
        let within = |low: f32, high: f32| self.min >= low && self.max <= high;
        if within(0.0, 1.0) {
            Looks::Unit
        } else if within(-0.1, 1.1) {
            Looks::Filtered
        } else if within(-1.01, 1.01) {
            Looks::Signed
        } else if within(-2.2, 2.7) {
            Looks::Normalized
        } else if within(0.0, 4.0) || self.min >= 0.0 && self.max > 65535.0 {
            Looks::Light
        } else if within(0.0, 255.5) {
            Looks::Bytes
        } else if within(0.0, 65535.5) {
            Looks::Words
        } else if within(-124.5, 152.5) {
            Looks::CenteredBytes
        } else {
            Looks::Unknown
        }
    }
}

impl Looks {
    /// What they look like in words, and what would be right for a program that holds them.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Unit => "it looks like 0..1",
            Self::Filtered => {
                "it looks like 0..1 with a little beyond, as filters leave it: clamp it to 0..1"
            }
            Self::Signed => "it looks like -1..1: take value / 2 + 0.5",
            Self::Normalized => {
                "it looks normalised already, with ImageNet's mean and deviation: hand over the picture before that, or \
                 compare as it is with Normalization::NONE"
            }
            Self::Light => {
                "it looks like linear light: tone-map it to 0..1 and encode it, as encode_srgb does"
            }
            Self::Bytes => "it looks like 0..255: divide it by 255, or hand over 8-bit values",
            Self::Words => "it looks like 0..65535: divide it by 65535, or hand over 16-bit values",
            Self::CenteredBytes => {
                "it looks like bytes less their mean: hand over the picture before that, or compare as it is with \
                 Normalization::NONE"
            }
            Self::Unknown => "scale it to 0..1, or compare as it is with Normalization::NONE",
        }
    }
}
