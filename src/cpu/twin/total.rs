//! Twin of `shaders/total.wgsl`.

use crate::image::{NOT_FINITE, WRITTEN};

/// The sum of each tap's sum times its factor.
#[must_use]
pub fn total(sums: &[f32], factors: &[f64]) -> f64 {
    sums.iter().zip(factors).map(|(&sum, factor)| f64::from(sum) * factor).sum()
}

/// What is wrong with a total, from the first words of the packed picture and of the one that the target was made
/// from, and from what convolutions have noted: 1 where a value of the picture was not finite, 2 where one of the target's, 4
/// where there was no target; and the notes from bit 8 on.
#[must_use]
pub fn faults(picture: u32, target: u32, notes: u32) -> u32 {
    let not_finite = |header: u32| u32::from(header & NOT_FINITE != 0);
    not_finite(picture) | not_finite(target) << 1 | u32::from(target & WRITTEN == 0) << 2 | notes << 8
}
