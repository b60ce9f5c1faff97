//! All threads take the same tiles, of all images, from one phase to the next: each weight is read once for them all, and there
//! is work for every thread where tiles are few.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    super::{
        Job,
        product::{ROWS, product},
    },
    Grid, Layout, Panels, TILE,
    transform::{transform_patch, transform_tile},
};
use crate::cpu::simd::arch;

/// Tiles that go through together at the most, or a row of them.
const TOGETHER: usize = 128;

/// Tiles that a thread should have to itself.
const SHARE: usize = 64;

/// Whether phases cost less than slabs do. Slabs read the weights again for some 64 tiles; phases write and read all that
/// lies between them once more.
pub(super) fn pay(panels: &Panels, grid: Grid, images: usize) -> bool {
    let &Panels { inputs, outputs, .. } = panels;
    let few = grid.across * grid.down * images < SHARE * rayon::current_num_threads();
    grid.across <= TOGETHER && (few || inputs * outputs > TOGETHER * (inputs + outputs))
}

/// A row of tiles of an image.
struct Row<'a> {
    input: &'a [f32],
    /// Which of the image's.
    index: usize,
    results: &'a mut [f32],
}

pub(super) fn conv3x3(panels: &Panels, job: &Job<'_>, grid: Grid, outputs: &mut [f32]) {
    let mut rows = vec![];
    for (input, output) in
        job.images.chunks(job.source.elements()).zip(outputs.chunks_mut(job.target.elements()))
    {
        let slabs: Vec<_> = job.target.slabs(output, [TILE - grid.top, TILE]).collect();
        rows.extend(slabs.into_iter().enumerate().map(|(index, (_, results))| Row { input, index, results }));
    }
    job.scratch.with_largest(|scratch| {
        for rows in rows.chunks_mut(TOGETHER / grid.across) {
            let tiles = rows.len() * grid.across;
            let of_patches = Layout::by_blocks(panels.inputs);
            let of_products = Layout::by_panels(panels.outputs, panels.panel, tiles);
            let (patches, products) = scratch
                .reach(of_patches.elements(tiles) + of_products.elements(tiles))
                .split_at_mut(of_patches.elements(tiles));
            patches.par_chunks_mut(of_patches.strides.block).enumerate().for_each(|(block, patches)| {
                arch().dispatch(Patches { job, grid, rows, block, patches });
            });
            let products = &mut products[..of_products.elements(tiles)];
            products.par_chunks_mut(of_products.strides.piece).enumerate().for_each(|(piece, products)| {
                arch().dispatch(Products { panels, piece, tiles, patches, products });
            });
            rows.par_iter_mut().enumerate().for_each(|(index, row)| {
                arch().dispatch(Results { job, grid, products: (of_products, products), index, row });
            });
        }
    });
}

/// A block's patches at their places.
struct Patches<'a> {
    job: &'a Job<'a>,
    grid: Grid,
    rows: &'a [Row<'a>],
    block: usize,
    patches: &'a mut [f32],
}

impl WithSimd for Patches<'_> {
    type Output = ();

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { job, grid, rows, block, patches } = self;
        let layout = Layout::by_blocks(job.source.channels);
        for tile in 0..ROWS {
            let index = block * ROWS + tile;
            let Some(row) = rows.get(index / grid.across) else { break };
            let at = grid.position(row.index, index % grid.across);
            transform_patch(simd, job, row.input, at, (layout, &mut patches[layout.tile(tile)..]));
        }
    }
}

/// All tiles' products at a place, for a panel of outputs.
struct Products<'a> {
    panels: &'a Panels,
    /// Which of the places' panels.
    piece: usize,
    tiles: usize,
    patches: &'a [f32],
    products: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { panels, piece, tiles, patches, products } = self;
        let at_place = panels.outputs / panels.panel;
        let (place, panel) = (piece / at_place, piece % at_place);
        let from = Layout::by_blocks(panels.inputs);
        let to = Layout::by_panels(panels.outputs, panels.panel, tiles);
        let patches = (&patches[place * from.place..], from.strides);
        product(simd, tiles, panels.panel(place, panel), patches, (products, to.strides));
    }
}

/// The results of a row of tiles.
struct Results<'a, 'b> {
    job: &'a Job<'a>,
    grid: Grid,
    products: (Layout, &'a [f32]),
    /// Which of the rows that go through together.
    index: usize,
    row: &'a mut Row<'b>,
}

impl WithSimd for Results<'_, '_> {
    type Output = ();

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { job, grid, products: (layout, products), index, row } = self;
        for row in row.results.chunks_exact_mut(job.target.row()) {
            job.target.without_border(row);
        }
        for column in 0..grid.across {
            let products = &products[layout.tile(index * grid.across + column)..];
            // From the row's own first results, of which only the first row's tiles begin before theirs.
            let [y, x] = grid.position(row.index, column);
            let at = [y.min(0), x];
            transform_tile(simd, job, at, (layout, products), row.results);
        }
    }
}
