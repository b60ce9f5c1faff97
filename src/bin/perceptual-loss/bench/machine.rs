//! What machine this is, as far as its system tells.

use std::{env::consts::ARCH, fs};

/// The processor's name; its architecture where the system does not tell.
pub fn cpu() -> String {
    let named = || {
        let info = fs::read_to_string("/proc/cpuinfo").ok()?;
        let line = info.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    named().or_else(|| std::env::var("PROCESSOR_IDENTIFIER").ok()).unwrap_or_else(|| ARCH.to_owned())
}

/// The most memory that this process has had resident so far, in bytes; none where the system does not tell.
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
