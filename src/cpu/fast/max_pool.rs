//! Fast forms of `src/cpu/twin/max_pool.rs`.

use super::bordered::Bordered;
use crate::{
    cpu::{
        kernels::{PoolDifference, least},
        simd::arch,
    },
    plan::Tensor,
};

/// 2x2 maximum, stride 2, of values or of max(value, 0), in the picture's own phase, of one image, of which the output's first
/// `kept` rows stay.
pub(super) fn max_pool(
    (from, input): (&Tensor, &[f32]),
    input_relu: bool,
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let least = least(input_relu);
    let windows = Windows::of(from, to, kept);
    windows.target.fill_rows(output, |y, row| {
        let rows = windows.rows(input, y);
        // Compiled for the registers there are.
        arch().dispatch(|| {
            for (out, [a, b, c, d]) in row.chunks_exact_mut(windows.source.channels).zip(windows.along(rows))
            {
                for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *out = larger(larger(larger(*a, *b), larger(*c, *d)), least);
                }
            }
        });
    });
}

/// The same of a difference from a target.
pub(super) fn max_pool_difference(
    (from, difference): (&Tensor, &[f32]),
    target: &[f32],
    how: PoolDifference,
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let least = least(how.input_relu);
    let tied = how.tied();
    let windows = Windows::of(from, to, kept);
    windows.target.fill_rows(output, |y, row| {
        let [of_target, of_difference] = [target, difference].map(|image| windows.rows(image, y));
        // Compiled for the registers there are.
        arch().dispatch(|| {
            let pairs = windows.along(of_target).zip(windows.along(of_difference));
            for (out, (target, difference)) in row.chunks_exact_mut(windows.source.channels).zip(pairs) {
                let ([a, b, c, d], [da, db, dc, dd]) = (target, difference);
                let target = a.iter().zip(b).zip(c).zip(d);
                let difference = da.iter().zip(db).zip(dc).zip(dd);
                for ((out, (((a, b), c), d)), (((da, db), dc), dd)) in
                    out.iter_mut().zip(target).zip(difference)
                {
                    let a = [larger(*a, least), larger(*b, least), larger(*c, least), larger(*d, least)];
                    *out = pooled(a, [*da, *db, *dc, *dd], tied).1;
                }
            }
        });
    });
}

/// Both, which read the target once.
pub(super) fn max_pool_both(
    (from, target): (&Tensor, &[f32]),
    difference: &[f32],
    how: PoolDifference,
    (to, kept, to_target, to_difference): (&Tensor, u32, &mut [f32], &mut [f32]),
) {
    let least = least(how.input_relu);
    let tied = how.tied();
    let windows = Windows::of(from, to, kept);
    windows.target.fill_rows_of_both([to_target, to_difference], |y, [target_row, difference_row]| {
        let [of_target, of_difference] = [target, difference].map(|image| windows.rows(image, y));
        // Compiled for the registers there are.
        arch().dispatch(|| {
            let pairs = windows.along(of_target).zip(windows.along(of_difference));
            let channels = windows.source.channels;
            let outs = target_row.chunks_exact_mut(channels).zip(difference_row.chunks_exact_mut(channels));
            for ((to_target, to_difference), (target, difference)) in outs.zip(pairs) {
                let ([a, b, c, d], [da, db, dc, dd]) = (target, difference);
                let target = a.iter().zip(b).zip(c).zip(d);
                let difference = da.iter().zip(db).zip(dc).zip(dd);
                let outs = to_target.iter_mut().zip(to_difference);
                for ((out, (((a, b), c), d)), (((da, db), dc), dd)) in outs.zip(target).zip(difference) {
                    let a = [larger(*a, least), larger(*b, least), larger(*c, least), larger(*d, least)];
                    (*out.0, *out.1) = pooled(a, [*da, *db, *dc, *dd], tied);
                }
            }
        });
    });
}

/// A window's largest value of the target, and what becomes of the differences: see the twin.
#[inline(always)] // so that it is compiled for the registers that there are
fn pooled(a: [f32; 4], d: [f32; 4], tied: f32) -> (f32, f32) {
    let of_largest = larger(larger(a[0], a[1]), larger(a[2], a[3]));
    let margin = tied * of_largest;
    let (mut all, mut at_largest) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    for k in 0..4 {
        let less = a[k] - of_largest;
        let is_largest = -less <= margin;
        all = larger(all, if is_largest { d[k] } else { d[k] + less });
        at_largest = larger(at_largest, if is_largest { d[k] } else { f32::NEG_INFINITY });
    }
    let eighth = at_largest.abs() * 0.125;
    let margin = if eighth < margin { eighth } else { margin };
    (of_largest, if all - at_largest <= margin { at_largest } else { all })
}

/// One instruction, which f32's own maximum is not: it minds what is not a number.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Where an output's inputs lie.
struct Windows {
    source: Bordered,
    target: Bordered,
    left: usize,
    top: usize,
}

impl Windows {
    fn of(from: &Tensor, to: &Tensor, kept: u32) -> Self {
        let written = to.region.below(kept);
        let [left, top] = [0, 1].map(|axis| (2 * written.origin[axis] - from.region.origin[axis]) as usize);
        Self { source: Bordered::of(from), target: Bordered::below(to, kept), left, top }
    }

    /// The two rows of inputs of a row of outputs.
    fn rows<'a>(&self, image: &'a [f32], y: usize) -> [&'a [f32]; 2] {
        let first = self.left * self.source.channels;
        [0, 1].map(|dy| &self.source.inner(image, self.top + 2 * y + dy)[first..])
    }

    /// For each output of a row the channels of its four inputs.
    #[inline(always)]
    fn along<'a>(&self, [upper, lower]: [&'a [f32]; 2]) -> impl Iterator<Item = [&'a [f32]; 4]> + use<'a> {
        let channels = self.source.channels;
        let pairs = upper.chunks_exact(2 * channels).zip(lower.chunks_exact(2 * channels));
        pairs.map(move |(upper, lower)| {
            let ((a, b), (c, d)) = (upper.split_at(channels), lower.split_at(channels));
            [a, b, c, d]
        })
    }
}
