//! All threads take the same tiles, of all images, from one phase to the next: each weight is read once for them all, and there
//! is work for every thread where tiles are few.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    super::{
        Finish, Job, Pair, Rows, Slab,
        product::{ROWS, product},
        zero_rows_unmasked,
    },
    Grid, Layout, Panels, TILE,
    transform::{transform_patch, transform_tile},
};
use crate::{cpu::simd::arch, error::Result};

/// Tiles that go through together at the most, or a row of them.
const TOGETHER: usize = 128;

/// Tiles that a thread should have to itself.
const SHARE: usize = 64;

/// Whether phases cost less than slabs do. Slabs read the weights again for some 64 tiles; phases write and read all that
/// lies between them once more.
pub(super) fn pay(panels: &Panels, grid: Grid, pairs: &[Pair<'_>]) -> bool {
    let &Panels { inputs, outputs, .. } = panels;
    let maps: usize = pairs.iter().map(Pair::count).sum();
    let few = grid.across * grid.down * maps < SHARE * rayon::current_num_threads();
    let row = grid.across * pairs.first().map_or(1, Pair::count);
    row <= TOGETHER && (few || inputs * outputs > TOGETHER * (inputs + outputs))
}

/// Rows of tiles that go through together: of each pair as many as it has maps.
#[derive(Clone, Copy)]
struct Together<'a, 'b> {
    slabs: &'a [Slab<'b>],
    grid: Grid,
    /// Maps of a pair.
    maps: usize,
}

impl<'a, 'b> Together<'a, 'b> {
    fn tiles(self) -> usize {
        self.slabs.len() * self.maps * self.grid.across
    }

    /// A tile's map, and its place in the image: the first result's row, of those written, and column.
    #[inline(always)]
    fn tile(self, index: usize) -> Option<(&'a Rows<'b>, [isize; 2])> {
        let (row, column) = (index / self.grid.across, index % self.grid.across);
        let slab = self.slabs.get(row / self.maps)?;
        let map = match (&slab.target, &slab.difference) {
            (Some(target), _) if row % self.maps == 0 => target,
            (_, difference) => difference.as_ref()?,
        };
        // Only the first slab's tiles begin before its results.
        let above = if slab.first == 0 { self.grid.top } else { 0 };
        let [_, x] = self.grid.position(0, column);
        Some((map, [slab.first as isize - above as isize, x]))
    }
}

pub(super) fn conv3x3(panels: &Panels, job: &Job<'_>, grid: Grid, pairs: Vec<Pair<'_>>) -> Result<()> {
    let maps = pairs.first().map_or(1, Pair::count);
    let slabs = pairs.into_iter().flat_map(|pair| pair.slabs(job, [TILE - grid.top, TILE]));
    let mut slabs: Vec<_> = slabs.collect();
    job.scratch.with_largest(|scratch| {
        for slabs in slabs.chunks_mut((TOGETHER / (grid.across * maps)).max(1)) {
            let rows = Together { slabs, grid, maps };
            let tiles = rows.tiles();
            let of_patches = Layout::by_blocks(panels.inputs);
            let of_products = Layout::by_panels(panels.outputs, panels.panel, tiles);
            let (patches, products) = scratch
                .reach(of_patches.elements(tiles) + of_products.elements(tiles))?
                .split_at_mut(of_patches.elements(tiles));
            patches.par_chunks_mut(of_patches.strides.block).enumerate().for_each(|(block, patches)| {
                arch().dispatch(Patches { job, rows, block, patches });
            });
            let products = &mut products[..of_products.elements(tiles)];
            products.par_chunks_mut(of_products.strides.piece).enumerate().for_each(|(piece, products)| {
                arch().dispatch(Products { panels, piece, tiles, patches, products });
            });
            slabs.par_iter_mut().enumerate().for_each(|(index, slab)| {
                let first = index * maps * grid.across;
                arch().dispatch(Results { job, grid, products: (of_products, products), first, slab });
            });
        }
        Ok(())
    })
}

/// A block's patches at their places.
struct Patches<'a> {
    job: &'a Job<'a>,
    rows: Together<'a, 'a>,
    block: usize,
    patches: &'a mut [f32],
}

impl WithSimd for Patches<'_> {
    type Output = ();

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { job, rows, block, patches } = self;
        let layout = Layout::by_blocks(job.source.channels);
        for tile in 0..ROWS {
            let Some((map, at)) = rows.tile(block * ROWS + tile) else { break };
            let patch = &mut patches[layout.tile(tile)..];
            transform_patch(simd, job, (map.input, map.least), at, (layout, patch));
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

/// The results of a row of tiles of each of a pair's maps.
struct Results<'a, 'b> {
    job: &'a Job<'a>,
    grid: Grid,
    products: (Layout, &'a [f32]),
    /// The first of its tiles, of those that go through together.
    first: usize,
    slab: &'a mut Slab<'b>,
}

impl WithSimd for Results<'_, '_> {
    type Output = ();

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { job, grid, products: (layout, products), mut first, slab } = self;
        let target = &job.target;
        let above = if slab.first == 0 { grid.top } else { 0 };
        let mut made = slab.made;
        for (is_difference, map) in [(false, &mut slab.target), (true, &mut slab.difference)] {
            let Some(map) = map else { continue };
            let finish = Finish::of_map(is_difference, job.bias, made.filter(|_| slab.relu));
            for row in map.results.chunks_exact_mut(target.row()) {
                target.without_border(row);
            }
            let mut seen = simd.splat_f32s(0.0);
            for column in 0..grid.across {
                let products = &products[layout.tile(first + column)..];
                let [_, x] = grid.position(0, column);
                let at = [-(above as isize), x];
                transform_tile(simd, target, at, (layout, products), (finish, &mut seen), map.results);
            }
            job.note(simd, seen);
            zero_rows_unmasked(slab.mask, job, slab.first, map.results);
            made = Some(map.results);
            first += grid.across;
        }
    }
}
