//! A thread takes tiles of a slab through all of it, a few at a time: what lies between stays in its second-level cache.

use pulp::{Simd, WithSimd};

use super::{
    super::{
        Job, Slab, in_slabs,
        product::{ROWS, product},
    },
    Grid, Layout, PLACES, Panels, TILE,
    transform::{transform_patch, transform_tile},
};

/// Tiles that go through together at the most: enough that streaming the weights through the cache costs little.
const TOGETHER: usize = 64;

/// Tiles of a slab at least, where threads want more slabs.
const SLAB: usize = 24;

pub(super) fn conv3x3(panels: &Panels, job: &Job<'_>, grid: Grid, outputs: &mut [f32]) {
    let tiles = grid.across * grid.down;
    // Even slabs. How many there are does not show in the results: a tile's are the same whatever the tiles beside it.
    let slabs = tiles.div_ceil(TOGETHER).max(rayon::current_num_threads().min(tiles / SLAB));
    let rows = grid.down.div_ceil(slabs.clamp(1, grid.down)) * TILE;
    in_slabs(panels, job, [rows - grid.top, rows], outputs);
}

impl WithSimd for Slab<'_, Panels> {
    type Output = ();

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { panels, job, input, first, rows: slab, scratch } = self;
        let &Panels { inputs, outputs, panel, .. } = panels;
        let target = &job.target;
        let grid = Grid::new(job, first, slab.len() / target.row());
        let all = grid.across * grid.down;
        let together = all.div_ceil(all.div_ceil(TOGETHER)).next_multiple_of(ROWS);
        let [of_patches, of_products] = [inputs, outputs].map(Layout::by_blocks);
        let (patches, products) = scratch
            .reach(of_patches.elements(together) + of_products.elements(together))
            .split_at_mut(of_patches.elements(together));
        for row in slab.chunks_exact_mut(target.row()) {
            target.without_border(row);
        }
        for start in (0..all).step_by(together) {
            let count = together.min(all - start);
            let places =
                (start..start + count).map(|tile| grid.position(tile / grid.across, tile % grid.across));
            for (tile, [y, x]) in places.clone().enumerate() {
                let patch = &mut patches[of_patches.tile(tile)..];
                transform_patch(simd, job, input, [first as isize + y, x], (of_patches, patch));
            }
            for place in 0..PLACES {
                let patches = (&patches[place * of_patches.place..], of_patches.strides);
                for index in 0..outputs / panel {
                    let from = place * of_products.place + of_products.channel(index * panel);
                    let products = (&mut products[from..], of_products.strides);
                    product(simd, count, panels.panel(place, index), patches, products);
                }
            }
            for (tile, at) in places.enumerate() {
                transform_tile(simd, job, at, (of_products, &products[of_products.tile(tile)..]), slab);
            }
        }
    }
}
