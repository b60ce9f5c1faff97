//! The range of float pictures' values.

/// Which of two pictures it is, as options have it.
#[derive(Clone, Copy)]
pub enum Role {
    Generated,
    Target,
}

impl Role {
    /// How to give this picture a range.
    fn give(self, range: &str) -> String {
        match self {
            Self::Generated => {
                format!("give --range {range}, and --target-range where the target's is another")
            }
            Self::Target => format!("give --target-range {range}, or --range {range} for both pictures"),
        }
    }
}

/// What a float picture's values stand for; all but `any` are brought to 0..1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Range {
    /// From black to full intensity.
    Unit,
    /// 0..1, and what lies outside is cut off.
    Clip,
    /// As generators with a tanh at their end give.
    Signed,
    /// 8-bit values as floats.
    Byte,
    /// 16-bit values as floats.
    Word,
    /// Anything, left as it is: for a loss that does not normalise.
    Any,
}

impl Range {
    /// What 0 and 1 are.
    fn ends(self) -> (f32, f32) {
        match self {
            Self::Unit | Self::Clip | Self::Any => (0.0, 1.0),
            Self::Signed => (-1.0, 1.0),
            Self::Byte => (0.0, 255.0),
            Self::Word => (0.0, 65535.0),
        }
    }

    /// Brings the values to 0..1 in place.
    ///
    /// # Errors
    /// Where they are not of this range: what they look like, and which option takes them.
    pub(super) fn apply(self, values: &mut [f32], role: Role) -> Result<Option<String>, String> {
        if self == Self::Any {
            return Ok(None);
        }
        let seen = Seen::of(values);
        let (low, high) = self.ends();
        // A float's rounding is not outside.
        let slack = 1e-5 * (high - low);
        let outside = seen.min < low - slack || seen.max > high + slack;
        if self != Self::Clip && (outside || self.is_too_wide_for(&seen)) {
            return Err(format!(
                "its values run from {} to {}, which does not look like the range {}; {}",
                seen.min,
                seen.max,
                self.name(),
                seen.advice(role)
            ));
        }
        for value in values {
            *value = ((*value - low) / (high - low)).clamp(0.0, 1.0);
        }
        // A picture brighter than half throughout is rare, but there are such.
        Ok((self == Self::Signed && seen.min >= 0.0).then(|| {
            "no value is below 0: it is taken as -1..1 as was asked for, but looks like 0..1".to_owned()
        }))
    }

    /// Fractions up to 1 are no bytes, and nothing up to 255 fills 16 bits.
    fn is_too_wide_for(self, seen: &Seen) -> bool {
        match self {
            Self::Byte => seen.max <= 1.0 && seen.has_fractions,
            Self::Word => seen.max <= 1.0 && seen.has_fractions || seen.max <= 255.0 && seen.max > 1.0,
            _ => false,
        }
    }
}

/// What values there are.
struct Seen {
    min: f32,
    max: f32,
    has_fractions: bool,
}

impl Seen {
    fn of(values: &[f32]) -> Self {
        let start = Self { min: f32::INFINITY, max: f32::NEG_INFINITY, has_fractions: false };
        values.iter().fold(start, |seen, value| Self {
            min: seen.min.min(*value),
            max: seen.max.max(*value),
            has_fractions: seen.has_fractions || value.fract() != 0.0,
        })
    }

    /// What the values look like, and what takes them. The first that fits is the narrowest.
    fn advice(&self, role: Role) -> String {
        let within = |low: f32, high: f32| self.min >= low && self.max <= high;
        let scaled = |range: &str| format!("it looks like {range}: {}", role.give(range));
        if within(0.0, 1.0) {
            scaled("0..1")
        } else if within(-0.1, 1.1) {
            format!("it looks like 0..1 with a little beyond, as filters leave it: {}", role.give("clip"))
        } else if within(-1.01, 1.01) {
            scaled("-1..1")
        } else if within(-2.2, 2.7) {
            "it looks normalised already, with ImageNet's mean and deviation: give --range any and --norm none"
                .to_owned()
        } else if within(0.0, 4.0) || self.min >= 0.0 && self.max > 65535.0 {
            "it looks like linear light: give --transfer srgb".to_owned()
        } else if within(0.0, 255.5) {
            scaled("0..255")
        } else if within(0.0, 65535.5) {
            scaled("0..65535")
        } else if within(-124.5, 152.5) {
            "it looks like bytes less their mean: give --range any and --norm none".to_owned()
        } else {
            "scale it to 0..1, or take it as it is with --range any and --norm none".to_owned()
        }
    }
}
