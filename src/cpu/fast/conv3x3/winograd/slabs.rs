//! A thread takes tiles of a slab through all of it, a few at a time: what lies between stays in its second-level cache.

use pulp::Simd;

use super::{
    super::{
        Compute, Finish, Job, Pair, Rows, in_slabs,
        product::{ROWS, product},
    },
    Grid, Layout, PLACES, Panels, TILE,
    transform::{transform_patch, transform_tile},
};
use crate::{cpu::lines::Lines, error::Result};

/// Tiles that go through together at the most: enough that streaming the weights through the cache costs little.
pub(in super::super) const TOGETHER: usize = 64;

/// Tiles of a slab at least, where threads want more slabs.
const SLAB: usize = 24;

pub(super) fn conv3x3(panels: &Panels, job: &Job<'_>, grid: Grid, pairs: Vec<Pair<'_>>) -> Result<()> {
    in_slabs(panels, job, even_slabs(grid), pairs)
}

/// Rows of the first slab, which may begin within tiles, and of the others: even ones. How many there are does not show in the
/// results: a tile's are the same whatever the tiles beside it.
pub(in super::super) fn even_slabs(grid: Grid) -> [usize; 2] {
    let tiles = grid.across * grid.down;
    let slabs = tiles.div_ceil(TOGETHER).max(rayon::current_num_threads().min(tiles / SLAB));
    let rows = grid.down.div_ceil(slabs.clamp(1, grid.down)) * TILE;
    [rows - grid.top, rows]
}

impl Compute for Panels {
    #[inline(always)] // so that it is compiled for the registers that it is handed
    fn compute<S: Simd>(
        &self,
        simd: S,
        job: &Job<'_>,
        first: usize,
        Rows { input, least, results: slab }: Rows<'_>,
        finish: Finish<'_>,
        scratch: &mut Lines,
    ) -> Result<S::f32s> {
        let &Self { inputs, outputs, panel, .. } = self;
        let target = &job.target;
        let grid = Grid::new(job, first, slab.len() / target.row());
        let all = grid.across * grid.down;
        let together = all.div_ceil(all.div_ceil(TOGETHER)).next_multiple_of(ROWS);
        let [of_patches, of_products] = [inputs, outputs].map(Layout::by_blocks);
        let (patches, products) = scratch
            .reach(of_patches.elements(together) + of_products.elements(together))?
            .split_at_mut(of_patches.elements(together));
        for row in slab.chunks_exact_mut(target.row()) {
            target.without_border(row);
        }
        let mut seen = simd.splat_f32s(0.0);
        for start in (0..all).step_by(together) {
            let count = together.min(all - start);
            let places =
                (start..start + count).map(|tile| grid.position(tile / grid.across, tile % grid.across));
            for (tile, [y, x]) in places.clone().enumerate() {
                let patch = &mut patches[of_patches.tile(tile)..];
                transform_patch(simd, job, (input, least), [first as isize + y, x], (of_patches, patch));
            }
            for place in 0..PLACES {
                let patches = (&patches[place * of_patches.place..], of_patches.strides);
                for index in 0..outputs / panel {
                    let from = place * of_products.place + of_products.channel(index * panel);
                    let products = (&mut products[from..], of_products.strides);
                    product(simd, count, self.panel(place, index), patches, products);
                }
            }
            for (tile, at) in places.enumerate() {
                let products = (of_products, &products[of_products.tile(tile)..]);
                transform_tile(simd, target, at, products, (finish, &mut seen), slab);
            }
        }
        Ok(seen)
    }
}
