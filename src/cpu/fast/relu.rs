//! Fast forms of `src/cpu/twin/relu.rs`.

use super::bordered::{Bordered, Lying, offset};
use crate::{
    cpu::simd::vectorized,
    plan::{CHANNELS_OF_BITS, Tensor},
};

/// Channels whose bits a word holds.
pub(super) const OF_WORD: usize = CHANNELS_OF_BITS as usize;

/// The activation of a difference from a target, for every position of one image that the output holds, of which the output's first
/// `kept` rows stay.
pub(super) fn relu(
    (from, input): (&Tensor, &[f32]),
    (of_target, target): (&Tensor, &[f32]),
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let row_of = |tensor: &Tensor| {
        let (bordered, [left, top]) = (Bordered::of(tensor), offset(tensor, &to.region.below(kept)));
        move |y: usize| (bordered, top + y, left * bordered.channels)
    };
    let (input_row, target_row) = (row_of(from), row_of(of_target));
    Bordered::below(to, kept).fill_rows(output, |y, row| {
        let (bordered, line, first) = input_row(y);
        let d = &bordered.inner(input, line)[first..];
        let (bordered, line, first) = target_row(y);
        row_through_relu(row, d, &bordered.inner(target, line)[first..]);
    });
}

vectorized! {
    fn row_through_relu<'a>(row: &'a mut [f32], d: &'a [f32], a: &'a [f32]) {
        for ((out, d), a) in row.iter_mut().zip(d).zip(a) {
            *out = difference_through_relu(*d, *a);
        }
    }
}

/// The bits of where max(a, 0) + d is positive, of one image.
pub(super) fn relu_mask(
    target: (&Tensor, &[f32]),
    difference: (&Tensor, &[f32]),
    (to, kept, mask): (&Tensor, u32, &mut [f32]),
) {
    let written = to.region.below(kept);
    let [target, difference] =
        [target, difference].map(|(tensor, image)| Lying::under(tensor, image, &written));
    let (words, channels) = (to.channels as usize, difference.channels());
    Bordered::below(to, kept)
        .fill_rows(mask, |y, row| row_mask(row, target.row(y), difference.row(y), words, channels));
}

vectorized! {
    fn row_mask<'a>(row: &'a mut [f32], a: &'a [f32], d: &'a [f32], words: usize, channels: usize) {
        let positions = a.chunks_exact(channels).zip(d.chunks_exact(channels));
        for (out, (a, d)) in row.chunks_exact_mut(words).zip(positions) {
            for (word, (a, d)) in out.iter_mut().zip(a.chunks(OF_WORD).zip(d.chunks(OF_WORD))) {
                let is_positive = |(a, d): (&f32, &f32)| a.max(0.0) + d > 0.0;
                *word = match (a.first_chunk::<OF_WORD>(), d.first_chunk::<OF_WORD>()) {
                    // A length that is known is gone through without branches.
                    (Some(a), Some(d)) => bits(a.iter().zip(d).map(is_positive)),
                    _ => bits(a.iter().zip(d).map(is_positive)),
                };
            }
        }
    }
}

/// A word of these bits, the first the lowest.
#[inline(always)] // so that it is compiled for the registers that there are
pub(super) fn bits(values: impl Iterator<Item = bool>) -> f32 {
    let mut word = 0;
    for (bit, value) in values.enumerate() {
        word |= u32::from(value) << bit;
    }
    f32::from_bits(word)
}

/// Zeros of a row's values those whose bit is not there.
#[inline(always)] // so that it is compiled for the registers that there are
pub(super) fn zero_unmasked(values: &mut [f32], mask: &[f32], channels: usize) {
    let words = channels.div_ceil(OF_WORD);
    for (values, words) in values.chunks_exact_mut(channels).zip(mask.chunks_exact(words)) {
        for (values, word) in values.chunks_mut(OF_WORD).zip(words) {
            zero_unset(values, word.to_bits());
        }
    }
}

/// Zeros of up to a word's values those whose bit is not there.
#[inline(always)] // so that it is compiled for the registers that there are
pub(super) fn zero_unset(values: &mut [f32], word: u32) {
    let keep = |value: &mut f32, bit: usize| {
        // All ones or none: a value's bits are its own or 0.
        let all = ((word << (31 - bit)) as i32 >> 31) as u32;
        *value = f32::from_bits(value.to_bits() & all);
    };
    match values.as_chunks_mut::<OF_WORD>() {
        // A length that is known is gone through without branches.
        ([values], []) => values.iter_mut().enumerate().for_each(|(bit, value)| keep(value, bit)),
        _ => values.iter_mut().enumerate().for_each(|(bit, value)| keep(value, bit)),
    }
}

/// d, -a, a + d or 0, as a and a + d are positive or not.
#[inline(always)]
pub(super) fn difference_through_relu(d: f32, a: f32) -> f32 {
    (d + a.min(0.0)).max(-a.max(0.0))
}
