//! Winograd's F(4x4, 3x3): a tile of 4x4 results from 6x6 inputs by 36 products where direct convolution takes 144.
//!
//! After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016): Y = A' ((G g G') . (B' d B)) A, where ' is the
//! transpose and . goes element by element. The products of all channels of many tiles at one of the 36 places are a matrix
//! product. The matrices are those of the points 0, +-1/sqrt 2, +-sqrt 2 and infinity, which round half as much as the usual 0,
//! +-1, +-2.

use std::{
    f64::consts::{FRAC_1_SQRT_2, SQRT_2},
    ops::Range,
};

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    Job, Strip, in_strips, panel,
    product::{ROWS, SUMMED, Strides, product},
};
use crate::{
    cpu::{lines::Lines, simd::lanes},
    weights::Convolution,
};

/// Results across and down a tile, and the inputs that they come from.
const TILE: usize = 4;
const PATCH: usize = 6;
const PLACES: usize = PATCH * PATCH;

/// Tiles that go through together at the most: enough that streaming the weights through the cache costs little.
const TOGETHER: usize = 64;

/// A convolution's weights, transformed.
#[derive(Debug)]
pub(super) struct Weights {
    inputs: usize,
    outputs: usize,
    panel: usize,
    /// (36 places, panels, inputs, outputs of a panel), row-major.
    values: Lines,
}

impl Weights {
    /// None where channels do not fill vector registers, as three inputs do not.
    pub(super) fn new(convolution: &Convolution) -> Option<Self> {
        let layer = convolution.layer;
        let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
        let panel = panel();
        if inputs < 16 || !inputs.is_multiple_of(lanes()) || !outputs.is_multiple_of(panel) {
            return None;
        }
        let mut values = Lines::zeros(PLACES * inputs * outputs);
        // A panel at a place is a piece of it.
        let mut pieces: Vec<Vec<&mut [f32]>> = (0..outputs / panel).map(|_| vec![]).collect();
        for (index, piece) in values.chunks_exact_mut(inputs * panel).enumerate() {
            pieces[index % (outputs / panel)].push(piece);
        }
        pieces.into_par_iter().enumerate().for_each(|(index, mut places)| {
            for input in 0..inputs {
                for lane in 0..panel {
                    let output = index * panel + lane;
                    let kernel = &convolution.weight[(output * inputs + input) * 9..][..9];
                    for (place, value) in places.iter_mut().zip(transformed(kernel)) {
                        place[input * panel + lane] = value as f32;
                    }
                }
            }
        });
        Some(Self { inputs, outputs, panel, values })
    }

    /// (inputs, outputs of a panel).
    fn panel(&self, place: usize, index: usize) -> &[f32] {
        let elements = self.inputs * self.panel;
        &self.values[(place * (self.outputs / self.panel) + index) * elements..][..elements]
    }
}

/// G g G', where g is a 3x3 kernel by rows.
fn transformed(kernel: &[f32]) -> [f64; PLACES] {
    let by = |g: [f64; 3]| {
        let (even, odd) = (g[0] + 0.5 * g[2], FRAC_1_SQRT_2 * g[1]);
        let (even_2, odd_2) = (g[0] + 2.0 * g[2], SQRT_2 * g[1]);
        [g[0], (even + odd) / -1.5, (even - odd) / -1.5, (even_2 + odd_2) / 6.0, (even_2 - odd_2) / 6.0, g[2]]
    };
    let g = |y: usize, x: usize| f64::from(kernel[y * 3 + x]);
    let columns = [0, 1, 2].map(|x| by([g(0, x), g(1, x), g(2, x)]));
    let rows: [[f64; PATCH]; PATCH] =
        std::array::from_fn(|y| by([columns[0][y], columns[1][y], columns[2][y]]));
    std::array::from_fn(|place| rows[place / PATCH][place % PATCH])
}

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

pub(super) fn conv3x3(weights: &Weights, job: &Job<'_>, output: &mut [f32]) {
    let target = job.target;
    // Tiles lie in the whole picture's own grid, so that a part's results are the whole's.
    let [lead, top] = job.origin.map(|at| at % TILE);
    let (across, down) = ((lead + target.width).div_ceil(TILE), (top + target.written()).div_ceil(TILE));
    // Even strips. How many there are does not show in the results: a tile's are the same whatever the tiles beside it.
    let strips = (across * down).div_ceil(TOGETHER).max(rayon::current_num_threads().min(across * down / 24));
    let rows = down.div_ceil(strips.clamp(1, down)) * TILE;
    in_strips(weights, job, [rows - top, rows], output);
}

impl WithSimd for Strip<'_, Weights> {
    type Output = ();

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { weights, job, first, strip, scratch } = self;
        let (inputs, outputs) = (weights.inputs, weights.outputs);
        let target = &job.target;
        let rows = strip.len() / target.row();
        let [left, top] = [job.origin[0], job.origin[1] + first].map(|at| at % TILE);
        let across = (left + target.width).div_ceil(TILE);
        let all = across * (top + rows).div_ceil(TILE);
        let together = all.div_ceil(all.div_ceil(TOGETHER)).next_multiple_of(ROWS);
        let [of_patches, of_products] = [inputs, outputs].map(Layout::of);
        let (patches, products) = scratch
            .reach(of_patches.elements(together) + of_products.elements(together))
            .split_at_mut(of_patches.elements(together));
        for row in strip.chunks_exact_mut(target.row()) {
            target.without_frame(row);
        }
        for start in (0..all).step_by(together) {
            let count = together.min(all - start);
            // Of tiles' first results, from the strip's first: less than that where a tile begins before it.
            let place = |at: usize, before: usize| (at * TILE) as isize - before as isize;
            let places =
                (start..start + count).map(|tile| [place(tile / across, top), place(tile % across, left)]);
            for (tile, [y, x]) in places.clone().enumerate() {
                let patch = &mut patches[of_patches.at(tile)..];
                transform_patch(simd, job, [first as isize + y, x], (of_patches, patch));
            }
            for place in 0..PLACES {
                let patches = (&patches[place * of_patches.place()..], of_patches.strides());
                for index in 0..outputs / weights.panel {
                    let from = place * of_products.place() + of_products.channel(index * weights.panel);
                    let products = (&mut products[from..], of_products.strides());
                    product(simd, count, weights.panel(place, index), patches, products);
                }
            }
            for (tile, [y, x]) in places.enumerate() {
                let products = &products[of_products.at(tile)..];
                transform_tile(simd, job, [y, x], (of_products, products), strip);
            }
        }
    }
}

/// How tiles' values at the 36 places lie: (blocks of tiles, 36 places, pieces of channels, [`ROWS`] tiles, [`SUMMED`]
/// channels), row-major.
#[derive(Clone, Copy)]
struct Layout {
    pieces: usize,
}

/// Elements of a piece of channels.
const PIECE: usize = ROWS * SUMMED;

impl Layout {
    fn of(channels: usize) -> Self {
        Self { pieces: channels.div_ceil(SUMMED) }
    }

    /// Elements from a place to the next.
    fn place(self) -> usize {
        self.pieces * PIECE
    }

    /// Elements to a tile's first.
    fn at(self, tile: usize) -> usize {
        tile / ROWS * PLACES * self.place() + tile % ROWS * SUMMED
    }

    /// Elements from a tile's first channel to this one.
    fn channel(self, channel: usize) -> usize {
        channel / SUMMED * PIECE + channel % SUMMED
    }

    /// Elements of so many tiles.
    fn elements(self, tiles: usize) -> usize {
        self.at(tiles.next_multiple_of(ROWS))
    }

    #[inline(always)] // so that its constants are constants to the product
    fn strides(self) -> Strides {
        Strides { row: SUMMED, block: PLACES * self.place(), piece: PIECE }
    }
}

/// A patch's inputs at its 36 places, which lie as one tile's of the layout.
#[inline(always)]
fn transform_patch<S: Simd>(simd: S, job: &Job<'_>, [y, x]: [isize; 2], patch: (Layout, &mut [f32])) {
    let [left, top] = job.offset.map(|at| at as isize);
    let (y, x) = (top + y, left + x);
    // Beyond the frame nothing is read: what comes of it is cut off.
    let (rows, columns) = (within::<PATCH>(y, job.source.height + 2), within::<PATCH>(x, job.source.pitch()));
    // Most patches are whole, and known to be when this is compiled, they stay in registers.
    if rows.len() == PATCH && columns.len() == PATCH {
        transform_inputs(simd, job, [y, x], (0..PATCH, 0..PATCH), patch);
    } else {
        transform_inputs(simd, job, [y, x], (rows, columns), patch);
    }
}

/// The same of the inputs in these rows and columns of the patch, and zeros.
#[inline(always)]
fn transform_inputs<S: Simd>(
    simd: S,
    Job { source, input, .. }: &Job<'_>,
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
                let place = &mut patch[(row * PATCH + column) * layout.place()..][..S::F32_LANES];
                S::as_mut_simd_f32s(place).0[0] = *value;
            }
        }
    }
}

/// A tile's results from its products at the 36 places, which lie as one tile's of the layout.
#[inline(always)]
fn transform_tile<S: Simd>(
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
                let place = &products[(row * PATCH + column) * layout.place()..][..S::F32_LANES];
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
