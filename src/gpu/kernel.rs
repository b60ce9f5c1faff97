//! The table of kernels: each one's name, source and bindings.

use std::fmt::Write as _;

use crate::plan::Tuning;

/// A kernel of `shaders/`. A pipeline is keyed by this alone: shapes come from a uniform buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kernel {
    SourceTexture,
    SourceBuffer,
    Pixels,
    Conv3x3Direct,
    Conv3x3Blocked,
    Relu,
    MaxPool,
    Copy,
    Difference,
    Sum,
    Total,
    PeakFma,
    PeakCopy,
}

impl Kernel {
    pub(crate) const ALL: [Self; 13] = [
        Self::SourceTexture,
        Self::SourceBuffer,
        Self::Pixels,
        Self::Conv3x3Direct,
        Self::Conv3x3Blocked,
        Self::Relu,
        Self::MaxPool,
        Self::Copy,
        Self::Difference,
        Self::Sum,
        Self::Total,
        Self::PeakFma,
        Self::PeakCopy,
    ];

    pub(crate) fn of_tuning(tuning: Tuning) -> Self {
        match tuning {
            Tuning::Direct => Self::Conv3x3Direct,
            Tuning::Blocked => Self::Conv3x3Blocked,
        }
    }

    /// Its name, which is its file's in `shaders/`, and the file's text.
    fn file(self) -> (&'static str, &'static str) {
        macro_rules! file {
            ($name:literal) => {
                ($name, include_str!(concat!("../../shaders/", $name, ".wgsl")))
            };
        }
        match self {
            Self::SourceTexture => file!("source.texture"),
            Self::SourceBuffer => file!("source.buffer"),
            Self::Pixels => file!("pixels"),
            Self::Conv3x3Direct => file!("conv3x3.direct"),
            Self::Conv3x3Blocked => file!("conv3x3.blocked"),
            Self::Relu => file!("relu"),
            Self::MaxPool => file!("max_pool"),
            Self::Copy => file!("copy"),
            Self::Difference => file!("difference"),
            Self::Sum => file!("sum"),
            Self::Total => file!("total"),
            Self::PeakFma => file!("peak.fma"),
            Self::PeakCopy => file!("peak.copy"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.file().0
    }

    /// Its WGSL with every `#include` replaced.
    pub(crate) fn source(self) -> String {
        let mut source = String::new();
        for line in self.file().1.lines() {
            let included = match line.trim() {
                r#"#include "tensor""# => include_str!("../../shaders/include/tensor.wgsl"),
                r#"#include "grid""# => include_str!("../../shaders/include/grid.wgsl"),
                r#"#include "tree""# => include_str!("../../shaders/include/tree.wgsl"),
                r#"#include "color""# => include_str!("../../shaders/include/color.wgsl"),
                r#"#include "picture""# => include_str!("../../shaders/include/picture.wgsl"),
                _ => line,
            };
            // Writing to a string does not fail.
            let _ = writeln!(source, "{included}");
        }
        source
    }

    /// What it reads, at bindings 1 and up: storage buffers, unless it [reads a texture](Self::reads_texture). The
    /// storage buffer after them is written. Binding 0 holds its parameters.
    pub(crate) fn reads(self) -> u32 {
        match self {
            Self::PeakFma => 0,
            Self::SourceTexture | Self::SourceBuffer | Self::Pixels => 1,
            Self::Relu | Self::MaxPool | Self::Copy | Self::Sum | Self::PeakCopy => 1,
            Self::Difference => 2,
            Self::Conv3x3Direct | Self::Conv3x3Blocked | Self::Total => 3,
        }
    }

    /// Whether what it reads is a texture of floats, of which nothing is filtered.
    pub(crate) fn reads_texture(self) -> bool {
        self == Self::SourceTexture
    }
}

/// Every kernel's name and complete WGSL source, for validation and for reading. All of them stay within
/// WebGPU's baseline limits and need no feature.
pub fn shaders() -> impl Iterator<Item = (&'static str, String)> {
    Kernel::ALL.into_iter().map(|kernel| (kernel.name(), kernel.source()))
}
