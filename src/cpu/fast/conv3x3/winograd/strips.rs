//! A thread takes tiles of a strip through all of it, a few at a time: what lies between stays in its second-level cache.

use pulp::{Simd, WithSimd};

use super::{
    super::{
        Job, Strip, in_strips,
        product::{ROWS, product},
    },
    Grid, Layout, PLACES, TILE, Weights,
    transform::{transform_patch, transform_tile},
};

/// Tiles that go through together at the most: enough that streaming the weights through the cache costs little.
const TOGETHER: usize = 64;

/// Tiles of a strip at least, where threads want more strips.
const STRIP: usize = 24;

pub(super) fn conv3x3(weights: &Weights, job: &Job<'_>, grid: Grid, outputs: &mut [f32]) {
    let tiles = grid.across * grid.down;
    // Even strips. How many there are does not show in the results: a tile's are the same whatever the tiles beside it.
    let strips = tiles.div_ceil(TOGETHER).max(rayon::current_num_threads().min(tiles / STRIP));
    let rows = grid.down.div_ceil(strips.clamp(1, grid.down)) * TILE;
    in_strips(weights, job, [rows - grid.top, rows], outputs);
}

impl WithSimd for Strip<'_, Weights> {
    type Output = ();

    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { weights, job, input, first, strip, scratch } = self;
        let &Weights { inputs, outputs, panel, .. } = weights;
        let target = &job.target;
        let grid = Grid::new(job, first, strip.len() / target.row());
        let all = grid.across * grid.down;
        let together = all.div_ceil(all.div_ceil(TOGETHER)).next_multiple_of(ROWS);
        let [of_patches, of_products] = [inputs, outputs].map(Layout::by_blocks);
        let (patches, products) = scratch
            .reach(of_patches.elements(together) + of_products.elements(together))
            .split_at_mut(of_patches.elements(together));
        for row in strip.chunks_exact_mut(target.row()) {
            target.without_frame(row);
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
                    product(simd, count, weights.panel(place, index), patches, products);
                }
            }
            for (tile, at) in places.enumerate() {
                transform_tile(simd, job, at, (of_products, &products[of_products.tile(tile)..]), strip);
            }
        }
    }
}
