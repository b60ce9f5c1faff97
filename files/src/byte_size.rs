//! Sizes in bytes, as people write them.

use std::{fmt, str::FromStr};

use crate::Error;

/// A number of bytes: `1GiB`, `512MiB`, `2GB`, `1000000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

impl FromStr for ByteSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = unit.trim();
        let unit = match unit {
            "" | "B" => Some(1),
            _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, bytes)| *bytes),
        };
        number
            .parse::<u64>()
            .ok()
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit))
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or_else(|| Error::Option("expected a size such as 512MiB, 2GB or 1000000 (bytes)".to_owned()))
    }
}

/// In binary units, to one decimal where it is not whole.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((name, unit)) = UNITS[..4].iter().rev().find(|(_, unit)| self.0 >= *unit) else {
            return write!(f, "{} bytes", self.0);
        };
        if self.0.is_multiple_of(*unit) {
            write!(f, "{}{name}", self.0 / unit)
        } else {
            write!(f, "{:.1}{name}", self.0 as f64 / *unit as f64)
        }
    }
}
