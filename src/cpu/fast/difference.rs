//! Fast form of `src/cpu/twin/difference.rs`.

use rayon::prelude::*;

use super::bordered::{Bordered, offset};
use crate::{config::Criterion, plan::Tensor};

/// The sum over one image's features, as far as the region owns them, of the squared or absolute difference.
pub(super) fn difference(shape: &Tensor, criterion: Criterion, a: &[f32], b: &[f32]) -> f64 {
    let border = Bordered::of(shape);
    let [left, top, ..] = shape.region.halo.map(|side| side as usize);
    let [width, height] = shape.region.owned_extent().map(|side| side as usize);
    let owned = |image, y| &border.inner(image, y)[left * border.channels..][..width * border.channels];
    let rows: Vec<f64> = (top..top + height)
        .into_par_iter()
        .map(|y| match criterion {
            Criterion::Mse => sum(owned(a, y), owned(b, y), squared),
            Criterion::Mae => sum(owned(a, y), owned(b, y), f64::abs),
        })
        .collect();
    // One after another, whichever thread made them: the same bits each time.
    rows.iter().sum()
}

/// Each position's own squared or absolute difference, to one image of a map, of which the first `kept` rows stay.
pub(super) fn difference_map(
    shape: &Tensor,
    criterion: Criterion,
    [a, b]: [&[f32]; 2],
    (to, kept, map): (&Tensor, u32, &mut [f32]),
) {
    let source = Bordered::of(shape);
    let [left, top] = offset(shape, &to.region.below(kept));
    let measure = match criterion {
        Criterion::Mse => squared,
        Criterion::Mae => f64::abs,
    };
    Bordered::below(to, kept).fill_rows(map, |y, row| {
        let [a, b] = [a, b].map(|image| &source.inner(image, top + y)[left * source.channels..]);
        for ((out, a), b) in row.iter_mut().zip(a).zip(b) {
            *out = measure(f64::from(*a) - f64::from(*b)) as f32;
        }
    });
}

fn squared(difference: f64) -> f64 {
    difference * difference
}

/// The sum of `measure` over the differences of two rows, in as many partial sums as vector units want.
fn sum(a: &[f32], b: &[f32], measure: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += measure(f64::from(*a) - f64::from(*b));
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += measure(f64::from(*a) - f64::from(*b));
    }
    sums.iter().sum()
}
