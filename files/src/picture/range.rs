//! The range of float pictures' values.

use perceptual_loss::low_level::{Looks, Seen};

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
        let seen = Seen::of(values.iter().copied());
        let (low, high) = self.ends();
        if self != Self::Clip && !seen.fits(low, high) {
            return Err(format!(
                "its values run from {} to {}, which does not look like the range {}; {}",
                seen.min,
                seen.max,
                self.name(),
                advice(seen.looks(), role)
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
}

/// What the values look like, and which option takes them.
fn advice(looks: Looks, role: Role) -> String {
    let scaled = |range: &str| format!("it looks like {range}: {}", role.give(range));
    match looks {
        Looks::Unit => scaled("0..1"),
        Looks::Filtered => {
            format!("it looks like 0..1 with a little beyond, as filters leave it: {}", role.give("clip"))
        }
        Looks::Signed => scaled("-1..1"),
        Looks::Normalized => {
            "it looks normalised already, with ImageNet's mean and deviation: give --range any and --norm none"
                .to_owned()
        }
        Looks::Light => "it looks like linear light: give --transfer srgb".to_owned(),
        Looks::Bytes => scaled("0..255"),
        Looks::Words => scaled("0..65535"),
        Looks::CenteredBytes => {
            "it looks like bytes less their mean: give --range any and --norm none".to_owned()
        }
        _ => "scale it to 0..1, or take it as it is with --range any and --norm none".to_owned(),
    }
}
