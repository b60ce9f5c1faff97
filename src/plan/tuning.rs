//! The ways in which a 3x3 convolution can be computed on a GPU.

use std::{fmt, str::FromStr};

use crate::error::{Error, Result};

/// A tuning of the 3x3 convolution: the same numbers to rounding, at different speeds. All of them share the
/// twin `src/cpu/twin/conv3x3.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Tuning {
    /// `shaders/conv3x3.direct.wgsl`: one output element a thread. Written to be read; the yardstick.
    Direct,
    /// `shaders/conv3x3.blocked.wgsl`: each thread holds a block of pixels by channels in registers.
    #[default]
    Blocked,
}

impl Tuning {
    /// Every tuning.
    pub const ALL: [Self; 2] = [Self::Direct, Self::Blocked];

    /// The name that the command and reports use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Blocked => "blocked",
        }
    }
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tuning {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|tuning| tuning.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::Config(format!("no tuning is called '{name}'; there are {names}"))
        })
    }
}
