//! From inputs to the 36 places, and from the products there to results.

use std::{
    f64::consts::{FRAC_1_SQRT_2, SQRT_2},
    ops::Range,
};

use pulp::Simd;

use super::{super::Job, Layout, PATCH, TILE};
use crate::cpu::fast::frame::Frame;

/// B' d.
#[inline(always)]
fn of_inputs<S: Simd>(simd: S, d: [S::f32s; PATCH]) -> [S::f32s; PATCH] {
    let plus = |factor: f64, a, b| simd.mul_add_e_f32s(simd.splat_f32s(factor as f32), a, b);
    let (even, odd) = (plus(-2.0, d[2], d[4]), plus(-2.0, d[1], d[3]));
    let (even_2, odd_2) = (plus(-0.5, d[2], d[4]), plus(-0.5, d[1], d[3]));
    [
        simd.add_f32s(plus(-2.5, d[2], d[0]), d[4]),
        plus(FRAC_1_SQRT_2, odd, even),
        plus(-FRAC_1_SQRT_2, odd, even),
        plus(SQRT_2, odd_2, even_2),
        plus(-SQRT_2, odd_2, even_2),
        simd.add_f32s(plus(-2.5, d[3], d[1]), d[5]),
    ]
}

/// A' m.
#[inline(always)]
fn of_products<S: Simd>(simd: S, m: [S::f32s; PATCH]) -> [S::f32s; TILE] {
    let times = |factor: f64, a| simd.mul_f32s(simd.splat_f32s(factor as f32), a);
    let plus = |factor: f64, a, b| simd.mul_add_e_f32s(simd.splat_f32s(factor as f32), a, b);
    let (even, odd) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (even_2, odd_2) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(simd.add_f32s(m[0], even), even_2),
        plus(SQRT_2, odd_2, times(FRAC_1_SQRT_2, odd)),
        plus(2.0, even_2, times(0.5, even)),
        simd.add_f32s(plus(2.0 * SQRT_2, odd_2, times(0.5 * FRAC_1_SQRT_2, odd)), m[5]),
    ]
}

/// A patch's inputs at its 36 places, which lie as one tile's of the layout.
#[inline(always)]
pub(super) fn transform_patch<S: Simd>(
    simd: S,
    job: &Job<'_>,
    input: &[f32],
    [y, x]: [isize; 2],
    patch: (Layout, &mut [f32]),
) {
    let [left, top] = job.offset.map(|at| at as isize);
    let (y, x) = (top + y, left + x);
    // Beyond the frame nothing is read: what comes of it is cut off.
    let (rows, columns) = (within::<PATCH>(y, job.source.height + 2), within::<PATCH>(x, job.source.pitch()));
    // Most patches are whole, and known to be when this is compiled, they stay in registers.
    if rows.len() == PATCH && columns.len() == PATCH {
        transform_inputs(simd, (job.source, input), [y, x], (0..PATCH, 0..PATCH), patch);
    } else {
        transform_inputs(simd, (job.source, input), [y, x], (rows, columns), patch);
    }
}

/// The same of the inputs in these rows and columns of the patch, and zeros.
#[inline(always)]
fn transform_inputs<S: Simd>(
    simd: S,
    (source, input): (Frame, &[f32]),
    [y, x]: [isize; 2],
    (rows, columns): (Range<usize>, Range<usize>),
    (layout, patch): (Layout, &mut [f32]),
) {
    let zero = simd.splat_f32s(0.0);
    for channel in (0..source.channels).step_by(S::F32_LANES) {
        let at = |row: usize, column: usize| {
            let position = y.wrapping_add_unsigned(row) as usize * source.row()
                + x.wrapping_add_unsigned(column) as usize * source.channels;
            S::as_simd_f32s(&input[position + channel..][..S::F32_LANES]).0[0]
        };
        let mut across = [[zero; PATCH]; PATCH];
        for column in columns.clone() {
            let mut values = [zero; PATCH];
            for row in rows.clone() {
                values[row] = at(row, column);
            }
            across[column] = of_inputs(simd, values);
        }
        let patch = &mut patch[layout.channel(channel)..];
        for row in 0..PATCH {
            let mut values = [zero; PATCH];
            for (value, across) in values.iter_mut().zip(&across) {
                *value = across[row];
            }
            for (column, value) in of_inputs(simd, values).iter().enumerate() {
                let place = &mut patch[(row * PATCH + column) * layout.place..][..S::F32_LANES];
                S::as_mut_simd_f32s(place).0[0] = *value;
            }
        }
    }
}

/// A tile's results from its products at the 36 places, which lie as one tile's of the layout.
#[inline(always)]
pub(super) fn transform_tile<S: Simd>(
    simd: S,
    job: &Job<'_>,
    [y, x]: [isize; 2],
    products: (Layout, &[f32]),
    strip: &mut [f32],
) {
    let target = &job.target;
    let rows = within::<TILE>(y, strip.len() / target.row());
    let columns = within::<TILE>(x, target.width);
    if rows.len() == TILE && columns.len() == TILE {
        transform_products(simd, job, [y, x], (0..TILE, 0..TILE), products, strip);
    } else {
        transform_products(simd, job, [y, x], (rows, columns), products, strip);
    }
}

/// Those of the results that are in these rows and columns of the tile.
#[inline(always)]
fn transform_products<S: Simd>(
    simd: S,
    Job { target, bias, least, .. }: &Job<'_>,
    [y, x]: [isize; 2],
    (rows, columns): (Range<usize>, Range<usize>),
    (layout, products): (Layout, &[f32]),
    strip: &mut [f32],
) {
    let channels = target.channels;
    let (zero, least) = (simd.splat_f32s(0.0), simd.splat_f32s(*least));
    for channel in (0..channels).step_by(S::F32_LANES) {
        let bias = S::as_simd_f32s(&bias[channel..][..S::F32_LANES]).0[0];
        let products = &products[layout.channel(channel)..];
        let mut across = [[zero; TILE]; PATCH];
        for (column, across) in across.iter_mut().enumerate() {
            let mut values = [zero; PATCH];
            for (row, value) in values.iter_mut().enumerate() {
                let place = &products[(row * PATCH + column) * layout.place..][..S::F32_LANES];
                *value = S::as_simd_f32s(place).0[0];
            }
            *across = of_products(simd, values);
        }
        for row in rows.clone() {
            let mut values = [zero; PATCH];
            for (value, across) in values.iter_mut().zip(&across) {
                *value = across[row];
            }
            let values = of_products(simd, values);
            for column in columns.clone() {
                let position = y.wrapping_add_unsigned(row) as usize * target.row()
                    + (x.wrapping_add_unsigned(column) as usize + 1) * channels
                    + channel;
                let place = &mut strip[position..][..S::F32_LANES];
                S::as_mut_simd_f32s(place).0[0] = simd.max_f32s(simd.add_f32s(values[column], bias), least);
            }
        }
    }
}

/// Which of `N` places from `start` on are among the first `length`.
#[inline(always)]
fn within<const N: usize>(start: isize, length: usize) -> Range<usize> {
    let first = (-start).clamp(0, N as isize) as usize;
    let end = (length as isize - start).clamp(first as isize, N as isize) as usize;
    first..end
}
