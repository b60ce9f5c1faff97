//! The instructions that sum products of bfloat16.

use std::env;

use crate::cpu::simd;

/// Positions whose sums are computed together.
pub(super) const BLOCK: usize = 32;

/// Outputs whose sums are computed together.
pub(super) const PANEL: usize = 32;

/// What sums products of bfloat16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dot {
    /// AVX512-BF16.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Plain loops, for tests where a processor has no such instructions.
    Portable,
}

impl Dot {
    /// The fastest that this processor has. Plain loops are only taken where the environment names no vector instructions.
    pub(crate) fn best() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if simd::lanes() == 16 && is_x86_feature_detected!("avx512bf16") {
            return Some(Self::Avx512);
        }
        env::var(simd::VARIABLE).is_ok_and(|name| name == "none").then_some(Self::Portable)
    }

    /// `sums[row][output]` of a block of rows over all terms.
    #[inline(always)]
    pub(super) fn block<'a>(
        self,
        terms: impl Iterator<Item = Term<'a>> + Clone,
        sums: &mut [[f32; PANEL]; BLOCK],
    ) {
        match self {
            // SAFETY: `best`, which alone gives it, has found that the processor has these instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::block(terms, sums) },
            Self::Portable => portable(terms, sums),
        }
    }
}

/// Factors, rows of as many pairs as the panel has, and the panel: pairs by outputs.
pub(super) type Term<'a> = (&'a [u32], &'a [[u32; PANEL]]);

/// The terms of a 3x3 convolution: for each tap the factors from a block's first position on, positions by pairs of inputs, `pitch`
/// positions a row; and its weights, of a panel of 9 taps by pairs by outputs.
pub(super) fn taps<'a>(
    factors: &'a [u32],
    pitch: usize,
    panel: &'a [u32],
) -> impl Iterator<Item = Term<'a>> + Clone {
    let pairs = panel.len() / (9 * PANEL);
    let weights = panel.as_chunks::<PANEL>().0.chunks_exact(pairs);
    weights.enumerate().map(move |(tap, weights)| (&factors[(tap / 3 * pitch + tap % 3) * pairs..], weights))
}

fn portable<'a>(terms: impl Iterator<Item = Term<'a>>, sums: &mut [[f32; PANEL]; BLOCK]) {
    let halves = |pair: u32| [pair << 16, pair & 0xffff_0000].map(f32::from_bits);
    for (factors, weights) in terms {
        for (sums, factors) in sums.iter_mut().zip(factors.chunks_exact(weights.len())) {
            for (factor, weights) in factors.iter().zip(weights) {
                let [first, second] = halves(*factor);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    let [of_first, of_second] = halves(*weight);
                    *sum += first * of_first + second * of_second;
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512bh, _mm512_dpbf16_ps, _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::{BLOCK, PANEL, Term};

    /// Rows of sums that stay in registers, two registers a row.
    const ROWS: usize = 8;

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn block<'a>(terms: impl Iterator<Item = Term<'a>> + Clone, sums: &mut [[f32; PANEL]; BLOCK]) {
        for (index, rows_sums) in sums.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            let mut registers = [[_mm512_setzero_ps(); 2]; ROWS];
            for (factors, weights) in terms.clone() {
                let pairs = weights.len();
                let rows: [&[u32]; ROWS] =
                    std::array::from_fn(|row| &factors[(index * ROWS + row) * pairs..][..pairs]);
                for (pair, weights) in weights.iter().enumerate() {
                    // SAFETY: 32 values fill two registers, of any bits.
                    let weights: [__m512bh; 2] = unsafe { std::mem::transmute(*weights) };
                    // Plain loops: what `zip` calls is not always compiled into this, for its registers.
                    for row in 0..ROWS {
                        let factor = _mm512_set1_epi32(rows[row][pair].cast_signed());
                        // SAFETY: the same register, of 32 halves instead of 16 wholes.
                        let factor: __m512bh = unsafe { std::mem::transmute(factor) };
                        for half in 0..2 {
                            registers[row][half] =
                                _mm512_dpbf16_ps(registers[row][half], factor, weights[half]);
                        }
                    }
                }
            }
            for (sums, registers) in rows_sums.iter_mut().zip(registers) {
                for (sums, register) in sums.as_chunks_mut::<16>().0.iter_mut().zip(registers) {
                    // SAFETY: 16 values are what a register holds.
                    unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), register) };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sums of any instructions against those of plain loops: products are exact, sums are rounded in another order.
    #[test]
    fn sums_are_those_of_plain_loops() {
        let (pairs, pitch) = (16, 11);
        let mut state = 1u32;
        let mut random = |count: usize| -> Vec<u32> {
            let mut half = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                half::bf16::from_f32((state >> 8) as f32 / (1 << 23) as f32 - 1.0).to_bits()
            };
            (0..count).map(|_| u32::from(half()) | u32::from(half()) << 16).collect()
        };
        let (factors, panel) = (random((2 * pitch + 2 + BLOCK) * pairs), random(9 * pairs * PANEL));
        let mut plain = [[0.0; PANEL]; BLOCK];
        Dot::Portable.block(taps(&factors, pitch, &panel), &mut plain);
        let (position, output) = (17, 5);
        let exact: f64 = (0..9 * pairs * 2)
            .map(|k| {
                let (tap, pair, half) = (k / (2 * pairs), k / 2 % pairs, k % 2);
                let value = |bits: u32| f64::from(f32::from_bits(bits >> (16 * half) << 16));
                let at = (tap / 3 * pitch + tap % 3 + position) * pairs + pair;
                value(factors[at]) * value(panel[(tap * pairs + pair) * PANEL + output])
            })
            .sum();
        assert!((f64::from(plain[position][output]) - exact).abs() < 1e-5, "{exact}");
        if let Some(dot) = Dot::best() {
            let mut sums = [[f32::NAN; PANEL]; BLOCK];
            dot.block(taps(&factors, pitch, &panel), &mut sums);
            for (sum, plain) in sums.iter().flatten().zip(plain.iter().flatten()) {
                assert!((sum - plain).abs() < 3e-5, "{dot:?}: {sum}, plain loops {plain}");
            }
        }
    }
}
