//! Fast forms of `src/cpu/twin/max_pool.rs`.

use super::{
    bordered::{Bordered, Lying},
    difference::add_slopes,
    relu::{OF_WORD, bits, zero_unmasked, zero_unset},
};
use crate::{
    cpu::{
        kernels::{PoolDifference, Slope, least},
        simd::vectorized,
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
        row_pool(row, &windows, windows.rows(input, y), least);
    });
}

vectorized! {
    fn row_pool<'a>(row: &'a mut [f32], windows: &'a Windows, rows: [&'a [f32]; 2], least: f32) {
        for (out, [a, b, c, d]) in row.chunks_exact_mut(windows.source.channels).zip(windows.along(rows)) {
            for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *out = larger(larger(larger(*a, *b), larger(*c, *d)), least);
            }
        }
    }
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
        let maps = [target, difference].map(|image| windows.rows(image, y));
        row_pool_difference(row, &windows, maps, least, tied);
    });
}

vectorized! {
    fn row_pool_difference<'a>(
        row: &'a mut [f32],
        windows: &'a Windows,
        maps: [[&'a [f32]; 2]; 2],
        least: f32,
        tied: f32,
    ) {
        let pairs = windows.along(maps[0]).zip(windows.along(maps[1]));
        for (out, (target, difference)) in row.chunks_exact_mut(windows.source.channels).zip(pairs) {
            let ([a, b, c, d], [da, db, dc, dd]) = (target, difference);
            let target = a.iter().zip(b).zip(c).zip(d);
            let difference = da.iter().zip(db).zip(dc).zip(dd);
            for ((out, (((a, b), c), d)), (((da, db), dc), dd)) in out.iter_mut().zip(target).zip(difference) {
                let a = [larger(*a, least), larger(*b, least), larger(*c, least), larger(*d, least)];
                *out = pooled(a, [*da, *db, *dc, *dd], tied).1;
            }
        }
    }
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
        let maps = [target, difference].map(|image| windows.rows(image, y));
        row_pool_both([target_row, difference_row], &windows, maps, least, tied);
    });
}

vectorized! {
    fn row_pool_both<'a>(
        rows: [&'a mut [f32]; 2],
        windows: &'a Windows,
        maps: [[&'a [f32]; 2]; 2],
        least: f32,
        tied: f32,
    ) {
        let pairs = windows.along(maps[0]).zip(windows.along(maps[1]));
        let [to_target, to_difference] = rows.map(|row| row.chunks_exact_mut(windows.source.channels));
        for ((to_target, to_difference), (target, difference)) in to_target.zip(to_difference).zip(pairs) {
            let ([a, b, c, d], [da, db, dc, dd]) = (target, difference);
            let target = a.iter().zip(b).zip(c).zip(d);
            let difference = da.iter().zip(db).zip(dc).zip(dd);
            let outs = to_target.iter_mut().zip(to_difference);
            for ((out, (((a, b), c), d)), (((da, db), dc), dd)) in outs.zip(target).zip(difference) {
                let a = [larger(*a, least), larger(*b, least), larger(*c, least), larger(*d, least)];
                (*out.0, *out.1) = pooled(a, [*da, *db, *dc, *dd], tied);
            }
        }
    }
}

/// The bits of which input of each window is the generated picture's largest, of one image.
pub(super) fn max_pool_routes(
    (from, target): (&Tensor, &[f32]),
    difference: &[f32],
    input_relu: bool,
    (to, kept, routes): (&Tensor, u32, &mut [f32]),
) {
    let least = least(input_relu);
    let windows = Windows::of(from, to, kept);
    let words = to.channels as usize / 2;
    windows.target.fill_rows(routes, |y, row| {
        let maps = [target, difference].map(|image| windows.rows(image, y));
        row_routes(row, &windows, maps, least, words);
    });
}

vectorized! {
    fn row_routes<'a>(
        row: &'a mut [f32],
        windows: &'a Windows,
        maps: [[&'a [f32]; 2]; 2],
        least: f32,
        words: usize,
    ) {
        let pairs = windows.along(maps[0]).zip(windows.along(maps[1]));
        for (out, (target, difference)) in row.chunks_exact_mut(2 * words).zip(pairs) {
            let (lower, upper) = out.split_at_mut(words);
            for (index, (lower, upper)) in lower.iter_mut().zip(upper).enumerate() {
                let [target, difference] = [target, difference].map(|values| of_word(values, index * OF_WORD));
                let routes = routes_of(target, difference, least);
                *lower = bits(routes.iter().map(|route| route & 1 != 0));
                *upper = bits(routes.iter().map(|route| route & 2 != 0));
            }
        }
    }
}

/// The channels of four inputs that a word is of, from the first on; zeros where there are fewer.
#[inline(always)] // so that it is compiled for the registers that there are
fn of_word(inputs: [&[f32]; 4], first: usize) -> [[f32; OF_WORD]; 4] {
    let mut chunks = [[0.0; OF_WORD]; 4];
    for (chunk, values) in chunks.iter_mut().zip(inputs) {
        let values = &values[first..];
        match values.first_chunk() {
            // A length that is known is copied without a call.
            Some(whole) => *chunk = *whole,
            None => chunk[..values.len()].copy_from_slice(values),
        }
    }
    chunks
}

/// For each channel, which of four values of a target's and of a difference's together is the first of the largest: see the twin.
#[inline(always)] // so that it is compiled for the registers that there are
fn routes_of(a: [[f32; OF_WORD]; 4], d: [[f32; OF_WORD]; 4], least: f32) -> [u32; OF_WORD] {
    let mut routes = [0; OF_WORD];
    for (channel, route) in routes.iter_mut().enumerate() {
        let a = [0, 1, 2, 3].map(|k| larger(a[k][channel], least));
        let of_largest = larger(larger(a[0], a[1]), larger(a[2], a[3]));
        let b = [0, 1, 2, 3].map(|k| a[k] - of_largest + d[k][channel]);
        let (above, below) = (larger(b[1], b[0]), larger(b[3], b[2]));
        let across = if below > above { b[3] > b[2] } else { b[1] > b[0] };
        *route = u32::from(across) | u32::from(below > above) << 1;
    }
    routes
}

/// The gradient of what a max-pool reads, of one image: that of its window where the route leads to it, and what a tap adds; 0 where
/// there is a mask without its bit.
pub(super) fn max_pool_gradient(
    (from, gradient): (&Tensor, &[f32]),
    (of_routes, routes): (&Tensor, &[f32]),
    mask: Option<(&Tensor, &[f32])>,
    tap: Option<(&Tensor, &[f32], Slope)>,
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let written = to.region.below(kept);
    let mask = mask.map(|(tensor, image)| Lying::under(tensor, image, &written));
    let tap = tap.map(|(tensor, image, slope)| (Lying::under(tensor, image, &written), slope));
    let channels = to.channels as usize;
    // A row of windows, from the first that is written on.
    let windows = |tensor: &Tensor, y: u32| {
        let [x, y] = [written.origin[0] / 2, y / 2];
        (x < tensor.region.whole[0] && y < tensor.region.whole[1]).then(|| {
            let [left, top] =
                [x - tensor.region.origin[0], y - tensor.region.origin[1]].map(|at| at as usize);
            (Bordered::of(tensor), top, left * tensor.channels as usize)
        })
    };
    let odd = written.origin[0] as usize % 2;
    Bordered::below(to, kept).fill_rows(output, |row_y, row| {
        let y = written.origin[1] + row_y as u32;
        let at = windows(from, y).zip(windows(of_routes, y));
        let (gradients, routes) =
            at.map_or((&[][..], &[][..]), |((of, top, left), (of_routes, routes_top, routes_left))| {
                (&of.inner(gradient, top)[left..], &of_routes.inner(routes, routes_top)[routes_left..])
            });
        let tap = tap.as_ref().map(|(difference, slope)| (difference.row(row_y), *slope));
        let mask = mask.as_ref().map(|mask| mask.row(row_y));
        row_gradient(row, [gradients, routes], [odd, y as usize % 2], channels, tap, mask);
    });
}

vectorized! {
    /// The same of a row: `odd` says in which column and which row of a window it begins.
    fn row_gradient<'a>(
        row: &'a mut [f32],
        led: [&'a [f32]; 2],
        odd: [usize; 2],
        channels: usize,
        tap: Option<(&'a [f32], Slope)>,
        mask: Option<&'a [f32]>,
    ) {
        let words = channels.div_ceil(OF_WORD);
        let [gradients, routes] = led;
        for (x, out) in row.chunks_exact_mut(channels).enumerate() {
            let (window, right) = ((odd[0] + x) / 2, (odd[0] + x) % 2 == 1);
            let gradient = gradients.get(window * channels..(window + 1) * channels);
            let routes = routes.get(2 * window * words..2 * (window + 1) * words);
            match gradient.zip(routes) {
                Some((gradient, routes)) => lead(gradient, routes, [right, odd[1] == 1], out),
                // Of no window.
                None => out.fill(0.0),
            }
        }
        if let Some((differences, slope)) = tap {
            add_slopes(row, differences, slope);
        }
        if let Some(mask) = mask {
            zero_unmasked(row, mask, channels);
        }
    }
}

/// The values of a window's gradient whose routes lead to this one of its inputs.
#[inline(always)] // so that it is compiled for the registers that there are
fn lead(gradient: &[f32], routes: &[f32], [right, lower]: [bool; 2], out: &mut [f32]) {
    let (of_columns, of_rows) = routes.split_at(routes.len() / 2);
    let turn = |word: &f32, set: bool| if set { word.to_bits() } else { !word.to_bits() };
    let words = of_columns.iter().zip(of_rows).map(|(column, row)| turn(column, right) & turn(row, lower));
    for ((out, gradient), word) in out.chunks_mut(OF_WORD).zip(gradient.chunks(OF_WORD)).zip(words) {
        match (out.first_chunk_mut::<OF_WORD>(), gradient.first_chunk()) {
            // A length that is known is copied without a call.
            (Some(out), Some(gradient)) => *out = *gradient,
            _ => out.copy_from_slice(gradient),
        }
        zero_unset(out, word);
    }
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
