//! Fast forms of `src/cpu/twin/difference.rs`.

use rayon::prelude::*;

use super::{
    bordered::{Bordered, Lying, offset},
    relu::zero_unmasked,
};
use crate::{
    cpu::{
        kernels::{Slope, least},
        simd::vectorized,
    },
    criterion::Criterion,
    plan::Tensor,
};

/// The sum over one image, as far as the region owns it, of what each value of a difference counts; or of features, through
/// max(x, 0).
pub(super) fn difference(shape: &Tensor, criterion: Criterion, input_relu: bool, image: &[f32]) -> f64 {
    let border = Bordered::of(shape);
    let [left, top, ..] = shape.region.halo.map(|side| side as usize);
    let [width, height] = shape.region.owned_extent().map(|side| side as usize);
    let least = least(input_relu);
    let rows: Vec<f64> = (top..top + height)
        .into_par_iter()
        .map(|y| {
            let owned = &border.inner(image, y)[left * border.channels..][..width * border.channels];
            row_sum(owned, criterion, least)
        })
        .collect();
    // One after another, whichever thread made them: the same bits each time.
    rows.iter().sum()
}

vectorized! {
    /// What a row's values count, raised to the least.
    fn row_sum<'a>(values: &'a [f32], criterion: Criterion, least: f32) -> f64 {
        match criterion {
            Criterion::Mse => sum(values, least, |d| Criterion::Mse.term(d)),
            Criterion::Mae => sum(values, least, |d| Criterion::Mae.term(d)),
            other => sum(values, least, |d| other.term(d)),
        }
    }
}

/// What each position counts, to one image of a map, of which the first `kept` rows stay.
pub(super) fn difference_map(
    shape: &Tensor,
    criterion: Criterion,
    input_relu: bool,
    image: &[f32],
    (to, kept, map): (&Tensor, u32, &mut [f32]),
) {
    let source = Bordered::of(shape);
    let [left, top] = offset(shape, &to.region.below(kept));
    let least = least(input_relu);
    Bordered::below(to, kept).fill_rows(map, |y, row| {
        let values = &source.inner(image, top + y)[left * source.channels..];
        for (out, value) in row.iter_mut().zip(values) {
            *out = criterion.term(f64::from(value.max(least))) as f32;
        }
    });
}

/// What a tap adds to the gradient of the difference that it compares, of one image, and what is there of it; 0 where there is a mask
/// without its bit.
pub(super) fn difference_gradient(
    (from, difference, slope): (&Tensor, &[f32], Slope),
    added: Option<(&Tensor, &[f32])>,
    mask: Option<(&Tensor, &[f32])>,
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let written = to.region.below(kept);
    let difference = Lying::under(from, difference, &written);
    let [added, mask] =
        [added, mask].map(|read| read.map(|(tensor, image)| Lying::under(tensor, image, &written)));
    Bordered::below(to, kept).fill_rows(output, |y, row| {
        let [added, mask] = [&added, &mask].map(|read| read.as_ref().map(|lying| lying.row(y)));
        row_gradient(row, difference.row(y), slope, added, mask, difference.channels());
    });
}

vectorized! {
    /// The same of a row.
    fn row_gradient<'a>(
        row: &'a mut [f32],
        differences: &'a [f32],
        slope: Slope,
        added: Option<&'a [f32]>,
        mask: Option<&'a [f32]>,
        channels: usize,
    ) {
        begin(row, added);
        add_slopes(row, differences, slope);
        if let Some(mask) = mask {
            zero_unmasked(row, mask, channels);
        }
    }
}

/// A row with what is there of it.
#[inline(always)] // so that it is compiled for the registers that there are
pub(super) fn begin(row: &mut [f32], added: Option<&[f32]>) {
    match added {
        Some(added) => row.copy_from_slice(&added[..row.len()]),
        None => row.fill(0.0),
    }
}

/// Adds a criterion's derivative at each difference, times its factor.
#[inline(always)] // so that it is compiled for the registers that there are
pub(super) fn add_slopes(row: &mut [f32], differences: &[f32], Slope { criterion, factor }: Slope) {
    let [once, twice] = [factor, 2.0 * factor].map(|factor| factor as f32);
    match criterion {
        Criterion::Mse => add(row, differences, |difference| twice * difference),
        Criterion::Mae => {
            add(
                row,
                differences,
                |difference| {
                    if difference == 0.0 { 0.0 } else { once.copysign(difference) }
                },
            )
        }
        other => add(row, differences, |difference| (factor * other.slope(difference.into())) as f32),
    }
}

#[inline(always)] // so that it is compiled for the registers that there are
fn add(row: &mut [f32], differences: &[f32], slope: impl Fn(f32) -> f32) {
    for (out, difference) in row.iter_mut().zip(differences) {
        *out += slope(*difference);
    }
}

/// The sum of `measure` over the values of a row, in as many partial sums as vector units want.
#[inline(always)]
fn sum(values: &[f32], least: f32, measure: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for values in whole {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += measure(f64::from(value.max(least)));
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += measure(f64::from(value.max(least)));
    }
    sums.iter().sum()
}
