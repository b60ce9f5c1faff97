//! Files that end early, ask for too much, or hold rubbish.

use crate::{
    golden::{bytes, entries},
    read,
};

/// A prefix of a file is an error or the whole picture, never a part of it. Numbers in text may be cut within the last
/// one, which nothing tells from a smaller number at the end: that has a warning.
#[test]
fn a_file_that_ends_early_is_an_error_or_the_same_picture() {
    let mut wrong = vec![];
    for entry in entries() {
        let whole = bytes(&entry.file);
        let picture = read(&entry.file, &whole, "").unwrap().values();
        // Every length near the ends, where headers and marks are, and steps between.
        let lengths = (0..whole.len()).filter(|at| *at < 40 || whole.len() - at < 40 || at % 41 == 0);
        for length in lengths {
            if let Ok(part) = read(&entry.file, &whole[..length], "")
                && part.values() != picture
                && !part.warnings.iter().any(|warning| warning.contains("may have been cut short"))
            {
                wrong.push(format!("{} cut to {length} of {} bytes", entry.file, whole.len()));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bits flipped, bytes replaced, pieces cut out and doubled: whatever comes of it, no panic gets out and nothing hangs.
#[test]
fn rubbish_is_an_error_or_a_picture() {
    let mut state = 1u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let mut read_anyway = 0;
    for entry in entries() {
        let whole = bytes(&entry.file);
        for _ in 0..100 {
            let mut damaged = whole.clone();
            for _ in 0..=random(4) {
                let at = random(damaged.len());
                match random(5) {
                    0 => damaged[at] ^= 1 << random(8),
                    1 => damaged[at] = random(256) as u8,
                    2 => damaged[at] = [0, 0x7f, 0x80, 0xff][random(4)],
                    3 => damaged.truncate(at + 1),
                    _ => {
                        let piece = damaged[at..(at + random(16)).min(damaged.len())].to_vec();
                        damaged.splice(at..at, piece);
                    }
                }
            }
            read_anyway += usize::from(read(&entry.file, &damaged, "--max-decoded 16MiB").is_ok());
        }
    }
    assert!(read_anyway > 0);
    if let Some(peak) = peak_memory() {
        assert!(peak < 1 << 30, "{peak} bytes were asked for, with a limit of 16 MiB");
    }
}

/// The most address space that this process ever had: what was allocated, whether or not it was written.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}
