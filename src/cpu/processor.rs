//! Which processor this is, and what the fast executor makes of it.

use serde::Serialize;

use super::simd::lanes;

/// The CPU that the process runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Processor {
    /// Its name; the architecture's where it has none to tell.
    pub name: String,
    /// Threads that the process may run at once.
    pub threads: usize,
    /// The instructions that matrix products are computed with.
    pub instructions: &'static str,
}

/// The CPU that the process runs on.
#[must_use]
pub fn processor() -> Processor {
    Processor {
        name: name().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        instructions: instructions(),
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn name() -> Option<String> {
    let brand = raw_cpuid::CpuId::new().get_processor_brand_string()?;
    // Padded with spaces, on some processors in the middle.
    let name = brand.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
fn name() -> Option<String> {
    None
}

/// By the width of their registers.
fn instructions() -> &'static str {
    match lanes() {
        16 => "AVX-512",
        8 => "AVX2 and FMA",
        4 if cfg!(target_arch = "aarch64") => "NEON",
        _ => "no vector instructions",
    }
}
