//! Which processor this is, and what the fast executor makes of it.

use serde::Serialize;

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

/// As `gemm` chooses.
fn instructions() -> &'static str {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "AVX-512";
        }
        if std::arch::is_x86_feature_detected!("fma") {
            return "AVX2 and FMA";
        }
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("neon") {
        return "NEON";
    }
    "no vector instructions"
}
