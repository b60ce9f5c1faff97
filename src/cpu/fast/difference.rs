//! Fast forms of `src/cpu/twin/difference.rs`.

use rayon::prelude::*;

use super::{
    bordered::{Bordered, Lying, offset},
    relu::zero_unmasked,
};
use crate::{
    config::Criterion,
    cpu::{
        kernels::{Slope, least},
        simd::arch,
    },
    plan::Tensor,
};

/// The sum over one image, as far as the region owns it, of the squares or magnitudes of a difference; or of features, through
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
            // Compiled for the registers there are.
            arch().dispatch(|| match criterion {
                Criterion::Mse => sum(owned, least, squared),
                Criterion::Mae => sum(owned, least, f64::abs),
            })
        })
        .collect();
    // One after another, whichever thread made them: the same bits each time.
    rows.iter().sum()
}

/// Each position's own square or magnitude, to one image of a map, of which the first `kept` rows stay.
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
    let measure = match criterion {
        Criterion::Mse => squared,
        Criterion::Mae => f64::abs,
    };
    Bordered::below(to, kept).fill_rows(map, |y, row| {
        let values = &source.inner(image, top + y)[left * source.channels..];
        for (out, value) in row.iter_mut().zip(values) {
            *out = measure(f64::from(value.max(least))) as f32;
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
        // Compiled for the registers there are.
        arch().dispatch(|| {
            let slope = slope.near();
            for (out, difference) in row.iter_mut().zip(difference.row(y)) {
                *out = slope(*difference);
            }
            if let Some(added) = &added {
                for (out, added) in row.iter_mut().zip(added.row(y)) {
                    *out += *added;
                }
            }
            if let Some(mask) = &mask {
                zero_unmasked(row, mask.row(y), difference.channels());
            }
        });
    });
}

fn squared(value: f64) -> f64 {
    value * value
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
