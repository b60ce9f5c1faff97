//! Winograd's F(4x4, 3x3): a tile of 4x4 results from 6x6 inputs by 36 products where direct convolution takes 144.
//!
//! After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016): Y = A' ((G g G') . (B' d B)) A, where ' is the
//! transpose and . goes element by element. The products of all channels of many tiles at one of the 36 places are a matrix
//! product. The matrices are those of the points 0, +-1/sqrt 2, +-sqrt 2 and infinity, which round half as much as the usual 0,
//! +-1, +-2.

mod layout;
mod phases;
mod slabs;
mod transform;

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use rayon::prelude::*;

pub(super) use self::{
    layout::Layout,
    slabs::{TOGETHER, even_slabs},
    transform::{transform_patch, transform_tile},
};
use super::{Job, Pair, panel};
use crate::{
    cpu::{lines::Lines, simd::lanes},
    error::Result,
    weights::Convolution,
};

/// Results across and down a tile, and the inputs that they come from.
const TILE: usize = 4;
const PATCH: usize = 6;
pub(super) const PLACES: usize = PATCH * PATCH;

/// A convolution's weights, transformed.
#[derive(Debug)]
pub(super) struct Panels {
    inputs: usize,
    outputs: usize,
    panel: usize,
    /// (36 places, panels, inputs, outputs of a panel), row-major.
    pub(super) values: Lines,
}

impl Panels {
    /// None where channels do not fill vector registers, as three inputs do not.
    pub(super) fn new(convolution: &Convolution) -> Result<Option<Self>> {
        let layer = convolution.layer();
        let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
        let panel = panel();
        if inputs < 16 || !inputs.is_multiple_of(lanes()) || !outputs.is_multiple_of(panel) {
            return Ok(None);
        }
        let what = format_args!("the transformed weights of {}", layer.name);
        let mut values = Lines::zeros(PLACES * inputs * outputs, what)?;
        // A panel at a place is a piece of it.
        let mut pieces: Vec<Vec<&mut [f32]>> = (0..outputs / panel).map(|_| vec![]).collect();
        for (index, piece) in values.chunks_exact_mut(inputs * panel).enumerate() {
            pieces[index % (outputs / panel)].push(piece);
        }
        pieces.into_par_iter().enumerate().for_each(|(index, mut places)| {
            for input in 0..inputs {
                for column in 0..panel {
                    let output = index * panel + column;
                    let kernel = &convolution.weight()[(output * inputs + input) * 9..][..9];
                    for (place, value) in places.iter_mut().zip(transformed(kernel)) {
                        place[input * panel + column] = value as f32;
                    }
                }
            }
        });
        Ok(Some(Self { inputs, outputs, panel, values }))
    }

    /// (inputs, outputs of a panel).
    fn panel(&self, place: usize, index: usize) -> &[f32] {
        let elements = self.inputs * self.panel;
        &self.values[(place * (self.outputs / self.panel) + index) * elements..][..elements]
    }
}

/// G g G', where g is a 3x3 kernel by rows.
pub(super) fn transformed(kernel: &[f32]) -> [f64; PLACES] {
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

pub(super) fn conv3x3(panels: &Panels, job: &Job<'_>, pairs: Vec<Pair<'_>>) -> Result<()> {
    let grid = Grid::new(job, 0, job.target.written());
    if phases::pay(panels, grid, &pairs) {
        phases::conv3x3(panels, job, grid, pairs)
    } else {
        slabs::conv3x3(panels, job, grid, pairs)
    }
}

/// The tiles of some rows of results. They lie in the whole picture's own grid, so that a part's results are the whole's.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    /// Results of the first tiles that lie before the first results.
    left: usize,
    top: usize,
    /// Tiles.
    pub(super) across: usize,
    pub(super) down: usize,
}

impl Grid {
    /// The tiles of `rows` rows from `first` on, of those that are written.
    pub(super) fn new(job: &Job<'_>, first: usize, rows: usize) -> Self {
        let [left, top] = [job.origin[0], job.origin[1] + first].map(|at| at % TILE);
        let (across, down) = ((left + job.target.width).div_ceil(TILE), (top + rows).div_ceil(TILE));
        Self { left, top, across, down }
    }

    /// The position of a tile's first result, down and across from the first results: less than that where it begins before them.
    #[inline(always)]
    pub(super) fn position(self, row: usize, column: usize) -> [isize; 2] {
        [(row * TILE) as isize - self.top as isize, (column * TILE) as isize - self.left as isize]
    }
}
