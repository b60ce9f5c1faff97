//! What the CPU does at best: fused multiply-adds in registers on every thread, and copying.

use std::hint::black_box;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{Engine, simd::arch};
use crate::{
    clock::Instant,
    error::{Error, Result},
    profile::Peak,
    reserve::filled,
};

/// Chains of multiply-adds: enough to hide their latency, few enough for 16 registers.
const CHAINS: usize = 12;
/// Floats copied, several times the largest cache of most machines.
const COPIED: usize = 64 << 20;
/// Long enough for threads to start and clocks to settle.
const LONG_ENOUGH: f64 = 0.05;
/// Of how many runs the fastest counts.
const TRIES: usize = 7;

pub(crate) fn peak(engine: &Engine) -> Result<Peak> {
    engine.run(|| Ok(Peak { flops_per_second: arithmetic()?, bytes_per_second: copying()? }))
}

fn arithmetic() -> Result<f64> {
    let run = |rounds: u32| {
        let start = Instant::now();
        let counted = count(rounds);
        (start.elapsed().as_secs_f64(), counted)
    };
    let mut rounds = 1 << 10;
    // Counts are exact in float32 up to 2^24.
    while run(rounds).0 < LONG_ENOUGH && rounds < 1 << 23 {
        rounds *= 2;
    }
    let mut most = 0.0f64;
    for _ in 0..TRIES {
        let (seconds, counted) = run(rounds);
        if counted.iter().any(|count| count.least != rounds as f32) {
            return Err(Error::Device("the CPU's multiply-adds came out wrong".to_owned()));
        }
        let lanes: usize = counted.iter().map(|count| count.lanes).sum();
        most = most.max(2.0 * (CHAINS * lanes) as f64 * f64::from(rounds) / seconds);
    }
    Ok(most)
}

/// Counts so far on every thread.
fn count(rounds: u32) -> Vec<Counted> {
    rayon::broadcast(|_| arch().dispatch(Count { rounds: black_box(rounds) }))
}

/// Counts by multiply-adds with factor 1 and addend 1, so that the result shows whether all of them were done.
struct Count {
    rounds: u32,
}

struct Counted {
    /// What the chain that counted least came to.
    least: f32,
    /// Floats in a register.
    lanes: usize,
}

impl WithSimd for Count {
    type Output = Counted;

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) -> Counted {
        let (factor, addend) = (simd.splat_f32s(black_box(1.0)), simd.splat_f32s(black_box(1.0)));
        let mut chains = [simd.splat_f32s(0.0); CHAINS];
        for _ in 0..self.rounds {
            for chain in &mut chains {
                *chain = simd.mul_add_f32s(*chain, factor, addend);
            }
        }
        let least = chains.into_iter().map(|chain| simd.reduce_min_f32s(chain)).fold(f32::INFINITY, f32::min);
        Counted { least, lanes: S::F32_LANES }
    }
}

fn copying() -> Result<f64> {
    let bytes = (2 * COPIED * size_of::<f32>()) as f64;
    let buffer = |value: f32| filled(value, COPIED, "a buffer to copy from or to");
    // Ones, since pages of zeros that nobody wrote are one page.
    let (from, mut to) = (buffer(1.0)?, buffer(0.5)?);
    // A share for each thread, in one piece.
    let share = COPIED.div_ceil(rayon::current_num_threads());
    let mut fastest = f64::INFINITY;
    for _ in 0..TRIES {
        let start = Instant::now();
        to.par_chunks_mut(share).zip(from.par_chunks(share)).for_each(|(to, from)| to.copy_from_slice(from));
        fastest = fastest.min(start.elapsed().as_secs_f64());
        black_box(&to);
    }
    Ok(bytes / fastest)
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use super::*;
    use crate::cpu::simd::VARIABLE;

    /// What the variable names is measured, and not the best there is: in a process of its own, since it is looked at once.
    #[test]
    fn the_instructions_that_are_named_are_measured() {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "cpu::peak::tests::without_vectors", "--ignored"])
            .env(VARIABLE, "none")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[ignore = "the_instructions_that_are_named_are_measured runs it"]
    fn without_vectors() {
        assert!(count(3).iter().all(|counted| counted.lanes == 1 && counted.least == 3.0));
    }
}
