//! From inputs to the 36 places, and from the products there to results.

use std::{
    f64::consts::{FRAC_1_SQRT_2, SQRT_2},
    ops::Range,
};

use pulp::Simd;

use super::{
    super::{Finish, Job},
    Layout, PATCH, TILE,
};
use crate::cpu::fast::bordered::Bordered;

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

/// An array of the value for each index below 4 or 6, spelt out: an array that constants alone index stays in registers.
macro_rules! each {
    (4, $index:ident => $value:expr) => {
        [each!(@ 0, $index, $value), each!(@ 1, $index, $value), each!(@ 2, $index, $value), each!(@ 3, $index, $value)]
    };
    (6, $index:ident => $value:expr) => {
        [
            each!(@ 0, $index, $value),
            each!(@ 1, $index, $value),
            each!(@ 2, $index, $value),
            each!(@ 3, $index, $value),
            each!(@ 4, $index, $value),
            each!(@ 5, $index, $value),
        ]
    };
    (@ $number:literal, $index:ident, $value:expr) => {{
        let $index = $number;
        $value
    }};
}

/// A patch's inputs, raised to the least that they may be, at its 36 places, which lie as one tile's of the layout.
#[inline(always)]
pub(in super::super) fn transform_patch<S: Simd>(
    simd: S,
    job: &Job<'_>,
    input: (&[f32], f32),
    [y, x]: [isize; 2],
    patch: (Layout, &mut [f32]),
) {
    let [left, top] = job.offset.map(|at| at as isize);
    let (y, x) = (top + y, left + x);
    // Beyond the border nothing is read: what comes of it is cut off.
    let (rows, columns) = (within::<PATCH>(y, job.source.height + 2), within::<PATCH>(x, job.source.pitch()));
    if rows.len() == PATCH && columns.len() == PATCH {
        transform_inputs::<S, true>(simd, (job.source, input), [y, x], (rows, columns), patch);
    } else {
        transform_inputs::<S, false>(simd, (job.source, input), [y, x], (rows, columns), patch);
    }
}

/// The same of the inputs in these rows and columns of the patch, and zeros, where it is not `WHOLE`.
#[inline(always)]
fn transform_inputs<S: Simd, const WHOLE: bool>(
    simd: S,
    (source, (input, least)): (Bordered, (&[f32], f32)),
    [y, x]: [isize; 2],
    (rows, columns): (Range<usize>, Range<usize>),
    (layout, patch): (Layout, &mut [f32]),
) {
    let (zero, least) = (simd.splat_f32s(0.0), simd.splat_f32s(least));
    for channel in (0..source.channels).step_by(S::F32_LANES) {
        let across = each!(6, column => {
            let down = each!(6, row => {
                if WHOLE || rows.contains(&row) && columns.contains(&column) {
                    let position = y.wrapping_add_unsigned(row) as usize * source.row()
                        + x.wrapping_add_unsigned(column) as usize * source.channels;
                    // In this order what is not a number stays so.
                    simd.max_f32s(least, S::as_simd_f32s(&input[position + channel..][..S::F32_LANES]).0[0])
                } else {
                    zero
                }
            });
            of_inputs(simd, down)
        });
        let patch = &mut patch[layout.channel(channel)..];
        each!(6, row => {
            let values = of_inputs(simd, each!(6, column => across[column][row]));
            each!(6, column => {
                let place = &mut patch[(row * PATCH + column) * layout.place..][..S::F32_LANES];
                S::as_mut_simd_f32s(place).0[0] = values[column];
            });
        });
    }
}

/// A tile's results from its products at the 36 places, which lie as one tile's of the layout; with what was seen of them.
#[inline(always)]
pub(in super::super) fn transform_tile<S: Simd>(
    simd: S,
    target: &Bordered,
    [y, x]: [isize; 2],
    products: (Layout, &[f32]),
    finish: (Finish<'_>, &mut S::f32s),
    slab: &mut [f32],
) {
    let rows = within::<TILE>(y, slab.len() / target.row());
    let columns = within::<TILE>(x, target.width);
    if rows.len() == TILE && columns.len() == TILE {
        transform_products::<S, true>(simd, target, [y, x], (rows, columns), products, finish, slab);
    } else {
        transform_products::<S, false>(simd, target, [y, x], (rows, columns), products, finish, slab);
    }
}

/// Those of the results that are in these rows and columns of the tile, where it is not `WHOLE`.
#[inline(always)]
fn transform_products<S: Simd, const WHOLE: bool>(
    simd: S,
    target: &Bordered,
    [y, x]: [isize; 2],
    (rows, columns): (Range<usize>, Range<usize>),
    (layout, products): (Layout, &[f32]),
    (finish, seen): (Finish<'_>, &mut S::f32s),
    slab: &mut [f32],
) {
    let channels = target.channels;
    for channel in (0..channels).step_by(S::F32_LANES) {
        let products = &products[layout.channel(channel)..];
        let across = each!(6, column => {
            let down = each!(6, row => {
                let place = &products[(row * PATCH + column) * layout.place..][..S::F32_LANES];
                S::as_simd_f32s(place).0[0]
            });
            of_products(simd, down)
        });
        each!(4, row => {
            let values = of_products(simd, each!(6, column => across[column][row]));
            each!(4, column => {
                if WHOLE || rows.contains(&row) && columns.contains(&column) {
                    let position = y.wrapping_add_unsigned(row) as usize * target.row()
                        + (x.wrapping_add_unsigned(column) as usize + 1) * channels
                        + channel;
                    let place = &mut slab[position..][..S::F32_LANES];
                    S::as_mut_simd_f32s(place).0[0] = finish.of(simd, values[column], (channel, position), seen);
                }
            });
        });
    }
}

/// Which of `N` places from `start` on are among the first `length`.
#[inline(always)]
fn within<const N: usize>(start: isize, length: usize) -> Range<usize> {
    let first = (-start).clamp(0, N as isize) as usize;
    let end = (length as isize - start).clamp(first as isize, N as isize) as usize;
    first..end
}
