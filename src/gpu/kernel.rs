//! What the host knows of a kernel: a row for each file of `shaders/`.

use std::{
    fmt::{self, Write as _},
    hash::{Hash, Hasher},
};

/// Threads of a workgroup, in every kernel whose threads are numbered along one dimension.
pub(super) const WORKGROUP: u32 = 64;

/// A kernel of `shaders/`. A pipeline is keyed by this alone: shapes come from a uniform buffer.
pub(crate) struct Kernel {
    /// Its name, which is its file's in `shaders/`.
    pub(crate) name: &'static str,
    /// The file's text.
    pub(super) text: &'static str,
    /// Constants that the text is given: sizes of tiles and the like stand once, in Rust.
    pub(super) constants: &'static [(&'static str, u32)],
    /// What it binds, at bindings 1 and up. Binding 0 holds its parameters.
    pub(super) bindings: &'static [Access],
    /// Threads of a workgroup, along x and y.
    pub(super) threads: [u32; 2],
    /// Bytes that a workgroup's threads share.
    pub(super) workgroup_memory: u32,
}

/// What a kernel does with a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads a storage buffer.
    Read,
    /// Reads a texture of floats, of which nothing is filtered.
    Texture,
    /// Writes a storage buffer, and may read it.
    Write,
}

/// A kernel's row, with the text of the file of its name.
macro_rules! kernel {
    ($name:literal, [$($binding:ident),*] $(, $field:ident: $value:expr)* $(,)?) => {
        $crate::gpu::kernel::Kernel {
            $($field: $value,)*
            ..$crate::gpu::kernel::Kernel::plain(
                $name,
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $name, ".wgsl")),
                &[$($crate::gpu::kernel::Access::$binding),*],
            )
        }
    };
}
pub(super) use kernel;

impl Kernel {
    /// One whose threads are numbered along one dimension and share no memory.
    pub(super) const fn plain(name: &'static str, text: &'static str, bindings: &'static [Access]) -> Self {
        Self { name, text, constants: &[], bindings, threads: [WORKGROUP, 1], workgroup_memory: 0 }
    }

    /// Its WGSL: the constants, and the file's text with every `#include` replaced.
    pub(crate) fn source(&self) -> String {
        let workgroup = ("WORKGROUP", self.threads.iter().product());
        let mut source = String::new();
        for (name, value) in [workgroup].iter().chain(self.constants) {
            // Writing to a string does not fail.
            let _ = writeln!(source, "const {name}: u32 = {value}u;");
        }
        for line in self.text.lines() {
            let included = match line.trim() {
                r#"#include "tensor""# => include_str!("../../shaders/include/tensor.wgsl"),
                r#"#include "grid""# => include_str!("../../shaders/include/grid.wgsl"),
                r#"#include "elements""# => include_str!("../../shaders/include/elements.wgsl"),
                r#"#include "activation""# => include_str!("../../shaders/include/activation.wgsl"),
                r#"#include "conv3x3""# => include_str!("../../shaders/include/conv3x3.wgsl"),
                r#"#include "convolution""# => include_str!("../../shaders/include/convolution.wgsl"),
                r#"#include "criterion""# => include_str!("../../shaders/include/criterion.wgsl"),
                r#"#include "lpips""# => include_str!("../../shaders/include/lpips.wgsl"),
                r#"#include "features""# => include_str!("../../shaders/include/features.wgsl"),
                r#"#include "tree""# => include_str!("../../shaders/include/tree.wgsl"),
                r#"#include "color""# => include_str!("../../shaders/include/color.wgsl"),
                r#"#include "picture""# => include_str!("../../shaders/include/picture.wgsl"),
                r#"#include "packed""# => include_str!("../../shaders/include/packed.wgsl"),
                r#"#include "winograd""# => include_str!("../../shaders/include/winograd.wgsl"),
                _ => line,
            };
            let _ = writeln!(source, "{included}");
        }
        source
    }
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kernel {}

impl Hash for Kernel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A label that tells a host whose it is.
pub(super) fn labelled(what: &str) -> String {
    format!("perceptual-loss {what}")
}
