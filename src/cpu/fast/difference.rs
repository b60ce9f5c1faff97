//! Fast form of `src/cpu/twin/difference.rs`.

use rayon::prelude::*;

use super::frame::Frame;
use crate::{config::Criterion, plan::Tensor};

/// The sum over one image's features, as far as the region owns them, of the squared or absolute difference.
pub(super) fn difference(shape: &Tensor, criterion: Criterion, a: &[f32], b: &[f32]) -> f64 {
    let frame = Frame::of(shape);
    let [left, top, ..] = shape.region.halo.map(|side| side as usize);
    let [width, height] = shape.region.owned_extent().map(|side| side as usize);
    let owned = |image, y| &frame.inner(image, y)[left * frame.channels..][..width * frame.channels];
    let rows: Vec<f64> = (top..top + height)
        .into_par_iter()
        .map(|y| match criterion {
            Criterion::Mse => sum(owned(a, y), owned(b, y), |difference| difference * difference),
            Criterion::Mae => sum(owned(a, y), owned(b, y), f64::abs),
        })
        .collect();
    // One after another, whichever thread made them: the same bits each time.
    rows.iter().sum()
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
