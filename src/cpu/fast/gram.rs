//! Fast forms of `src/cpu/twin/gram.rs`, which carry the difference: matrix products in vector registers.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    bordered::{Bordered, Lying},
    conv3x3::product::{ROWS, SUMMED, Strides, product, registers},
    difference::begin,
    features::{Features, Rows},
    relu::zero_unmasked,
};
use crate::{
    cpu::simd::{arch, lanes},
    plan::Tensor,
};

/// Positions whose products are summed in float32 before they are added to others in float64.
const TOGETHER: usize = 4 * SUMMED;

/// Rows of a matrix that a task makes.
const OF_TASK: usize = 64;

/// Positions of a task at most: the same tasks, and so the same bits, on any number of threads.
const POSITIONS: usize = 1 << 14;

/// What the generated picture's Gram matrix has more than the target's, shape (C, C), of what the region owns, divided by `divisor`.
pub(super) fn gram(features: Features<'_>, divisor: f64) -> Vec<f64> {
    let (shape, _) = features.difference;
    let owned = shape.region.owned();
    let rows = Rows::under(features, &owned);
    let channels = shape.channels as usize;
    let [width, height] = owned.extent.map(|side| side as usize);
    // Rows of the picture that a task goes through.
    let of_task = (POSITIONS / width).max(1);
    let tasks: Vec<(usize, usize)> = (0..height)
        .step_by(of_task)
        .flat_map(|y| (0..channels).step_by(OF_TASK).map(move |row| (y, row)))
        .collect();
    let mut all = vec![0.0; channels * channels];
    // So many at once, so that memory does not grow with the picture.
    for tasks in tasks.chunks(64) {
        let task = |&(y, first): &(usize, usize)| {
            let positions = (y * width)..((y + of_task).min(height) * width);
            let count = OF_TASK.min(channels - first);
            arch().dispatch(Products { rows: &rows, width, channels, positions, first, count })
        };
        let made: Vec<Vec<f64>> = tasks.par_iter().map(task).collect();
        for ((_, first), made) in tasks.iter().zip(made) {
            all[first * channels..].iter_mut().zip(made).for_each(|(sum, part)| *sum += part);
        }
    }
    // M + Mᵀ.
    let of = |row: usize, column: usize| all[row * channels + column];
    (0..channels * channels)
        .map(|index| (index / channels, index % channels))
        .map(|(row, column)| (of(row, column) + of(column, row)) / divisor)
        .collect()
}

/// `factor` times a matrix, shape (C, C), times the generated picture's features, and what is there of the gradient, of one image; 0 where
/// there is a mask without its bit.
pub(super) fn gram_gradient(
    features: Features<'_>,
    (matrix, factor): (&[f64], f64),
    added: Option<(&Tensor, &[f32])>,
    mask: Option<(&Tensor, &[f32])>,
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let written = to.region.below(kept);
    let rows = Rows::under(features, &written);
    let [added, mask] =
        [added, mask].map(|read| read.map(|(tensor, image)| Lying::under(tensor, image, &written)));
    let channels = to.channels as usize;
    let panels = panels(matrix, channels, factor);
    Bordered::below(to, kept).fill_rows(output, |y, row| {
        begin(row, added.as_ref().map(|added| added.row(y)));
        arch().dispatch(Applied { rows: &rows, y, channels, panels: &panels, row });
        if let Some(mask) = &mask {
            zero_unmasked(row, mask.row(y), channels);
        }
    });
}

/// Outputs of a panel.
fn panel() -> usize {
    registers(lanes()) * lanes()
}

/// Of a matrix whose rows of this many elements lie one after another.
fn side_by_side(row: usize) -> Strides {
    Strides { row, block: ROWS * row, piece: SUMMED }
}

/// A symmetric matrix, times `factor`, as (panels, C, outputs of a panel); the last panel's are filled up with zeros.
fn panels(matrix: &[f64], channels: usize, factor: f64) -> Vec<f32> {
    let panel = panel();
    let mut values = vec![0.0; channels.next_multiple_of(panel) * channels];
    for (row, of_row) in matrix.chunks_exact(channels).enumerate() {
        for (column, value) in of_row.iter().enumerate() {
            let at = column / panel * channels * panel + row * panel + column % panel;
            values[at] = (factor * value) as f32;
        }
    }
    values
}

/// The target's value and the difference of a channel, at a place of row `y`.
#[inline(always)] // so that it is compiled for the registers that there are
fn both_of_row(rows: &Rows<'_>, y: usize) -> impl Fn(usize) -> [f32; 2] {
    let difference = rows.difference.row(y);
    let target = rows.target.as_ref().map(|target| target.row(y));
    let [of_target, of_difference] = rows.least;
    move |place| {
        let a = target.map_or(0.0, |target| target[place].max(of_target));
        [a, difference[place].max(of_difference)]
    }
}

/// M's rows from `first` on, over some positions: sums of (a + d/2) dᵀ.
struct Products<'a> {
    rows: &'a Rows<'a>,
    width: usize,
    channels: usize,
    positions: std::ops::Range<usize>,
    first: usize,
    count: usize,
}

impl WithSimd for Products<'_> {
    type Output = Vec<f64>;

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
        let Self { rows, width, channels, positions, first, count } = self;
        let panel = panel();
        let padded = channels.next_multiple_of(panel);
        let mut sums = vec![0.0; count * channels];
        // Rows of (a + d/2)ᵀ, a piece of positions after another; and d, by panels.
        let mut factors = vec![0.0; TOGETHER * count];
        let mut panels = vec![0.0; TOGETHER * padded];
        let mut made = vec![0.0; count * padded];
        for start in positions.clone().step_by(TOGETHER) {
            let together = TOGETHER.min(positions.end - start);
            // What is not written of a last piece counts nothing.
            if together < TOGETHER {
                factors.fill(0.0);
                panels.fill(0.0);
            }
            for k in 0..together {
                let (y, x) = ((start + k) / width, (start + k) % width);
                let of = both_of_row(rows, y);
                for (row, factor) in factors[k / SUMMED * count * SUMMED + k % SUMMED..]
                    .iter_mut()
                    .step_by(SUMMED)
                    .take(count)
                    .enumerate()
                {
                    let [a, d] = of(x * channels + first + row);
                    *factor = a + 0.5 * d;
                }
                for (index, of_panel) in panels.chunks_exact_mut(TOGETHER * panel).enumerate() {
                    let from = index * panel;
                    let width = panel.min(channels - from);
                    for (column, value) in of_panel[k * panel..][..width].iter_mut().enumerate() {
                        *value = of(x * channels + from + column)[1];
                    }
                }
            }
            let apart = Strides { row: SUMMED, block: ROWS * SUMMED, piece: count * SUMMED };
            for (index, of_panel) in panels.chunks_exact(TOGETHER * panel).enumerate() {
                let output = (&mut made[index * panel..], side_by_side(padded));
                product(simd, count, of_panel, (&factors, apart), output);
            }
            for (sums, made) in sums.chunks_exact_mut(channels).zip(made.chunks_exact(padded)) {
                sums.iter_mut().zip(made).for_each(|(sum, made)| *sum += f64::from(*made));
            }
        }
        sums
    }
}

/// Adds a matrix times the generated picture's features to a row of a gradient.
struct Applied<'a> {
    rows: &'a Rows<'a>,
    y: usize,
    channels: usize,
    panels: &'a [f32],
    row: &'a mut [f32],
}

impl WithSimd for Applied<'_> {
    type Output = ();

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) {
        const POSITIONS: usize = 8 * ROWS;
        let Self { rows, y, channels, panels, row } = self;
        let panel = panel();
        let padded = channels.next_multiple_of(panel);
        let mut generated = vec![0.0; POSITIONS * channels];
        let mut made = vec![0.0; POSITIONS * padded];
        let of = both_of_row(rows, y);
        for (index, row) in row.chunks_mut(POSITIONS * channels).enumerate() {
            let from = index * POSITIONS * channels;
            for (place, value) in generated.iter_mut().take(row.len()).enumerate() {
                let [a, d] = of(from + place);
                *value = a + d;
            }
            for (index, of_panel) in panels.chunks_exact(channels * panel).enumerate() {
                let output = (&mut made[index * panel..], side_by_side(padded));
                let count = row.len() / channels;
                product(simd, count, of_panel, (&generated, side_by_side(channels)), output);
            }
            for (row, made) in row.chunks_exact_mut(channels).zip(made.chunks_exact(padded)) {
                row.iter_mut().zip(made).for_each(|(value, made)| *value += made);
            }
        }
    }
}
