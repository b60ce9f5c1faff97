//! What can compute.

use std::fmt;

use serde::Serialize;

/// What computes a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Backend {
    /// Shaders on a GPU, or on a software adapter.
    Gpu,
    /// The CPU, in vector instructions.
    Cpu,
    /// The CPU, through the kernels' twins: plain loops with float64 sums, which all else is checked against.
    Twin,
}

impl Backend {
    /// The name that the command and reports use: `gpu`, `cpu` or `twin`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
            Self::Twin => "twin",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
