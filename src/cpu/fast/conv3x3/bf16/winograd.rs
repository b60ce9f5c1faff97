//! Winograd's F(4x4, 3x3) of factors that are rounded to bfloat16 after their transforms, with float32 sums: a quarter of the
//! multiplications of the direct one.
//!
//! The transforms spread a factor's rounding over a tile. That is as good as direct convolution's where what is convolved is a
//! difference: errors are relative to it, and average out in the sum.

use half::bf16;
use pulp::Simd;

use super::{
    super::{
        Compute, Finish, Job, Pair, Rows, in_slabs,
        winograd::{
            Grid, Layout, PLACES, TOGETHER, even_slabs, transform_patch, transform_tile, transformed,
        },
    },
    dot::{BLOCK, Dot, PANEL},
    pair_of,
};
use crate::{cpu::lines::Lines, error::Result, reserve::filled, weights::Convolution};

/// A convolution's weights, transformed and rounded.
#[derive(Debug)]
pub(in super::super) struct Panels {
    dot: Dot,
    inputs: usize,
    outputs: usize,
    /// (36 places, panels, pairs of inputs, outputs of a panel), row-major, two inputs' weights a value.
    pub(in super::super) values: Vec<[u32; PANEL]>,
}

impl Panels {
    /// None where channels do not fill the instructions' blocks, as three inputs do not.
    pub(in super::super) fn new(convolution: &Convolution, dot: Dot) -> Result<Option<Self>> {
        let layer = convolution.layer();
        let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
        if !inputs.is_multiple_of(PANEL) || !outputs.is_multiple_of(PANEL) {
            return Ok(None);
        }
        let (pairs, panels) = (inputs / 2, outputs / PANEL);
        let what = format_args!("the transformed weights of {}", layer.name);
        let mut values = filled([0; PANEL], PLACES * panels * pairs, what)?;
        for output in 0..outputs {
            for pair in 0..pairs {
                let of = |input: usize| {
                    let kernel = &convolution.weight()[(output * inputs + input) * 9..][..9];
                    transformed(kernel).map(|value| value as f32)
                };
                let (first, second) = (of(2 * pair), of(2 * pair + 1));
                for place in 0..PLACES {
                    let row = (place * panels + output / PANEL) * pairs + pair;
                    values[row][output % PANEL] = pair_of(first[place], second[place]);
                }
            }
        }
        Ok(Some(Self { dot, inputs, outputs, values }))
    }
}

pub(in super::super) fn conv3x3(panels: &Panels, job: &Job<'_>, pairs: Vec<Pair<'_>>) -> Result<()> {
    in_slabs(panels, job, even_slabs(Grid::new(job, 0, job.target.written())), pairs)
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
        let &Self { dot, inputs, outputs, ref values } = self;
        let (target, pairs, panels) = (&job.target, inputs / 2, outputs / PANEL);
        let grid = Grid::new(job, first, slab.len() / target.row());
        let all = grid.across * grid.down;
        let together = all.div_ceil(all.div_ceil(TOGETHER)).next_multiple_of(BLOCK);
        let of_patch = Layout::by_places(inputs);
        let of_products = Layout::by_panels(outputs, PANEL, together);
        let of_factors = PLACES * together * pairs;
        let reach = PLACES * inputs + of_factors + of_products.elements(together);
        let (patch, rest) = scratch.reach(reach)?.split_at_mut(PLACES * inputs);
        let (factors, products) = rest.split_at_mut(of_factors);
        let factors: &mut [u32] = bytemuck::cast_slice_mut(factors);
        for row in slab.chunks_exact_mut(target.row()) {
            target.without_border(row);
        }
        let mut seen = simd.splat_f32s(0.0);
        for start in (0..all).step_by(together) {
            let count = together.min(all - start);
            let places =
                (start..start + count).map(|tile| grid.position(tile / grid.across, tile % grid.across));
            for (tile, [y, x]) in places.clone().enumerate() {
                transform_patch(simd, job, (input, least), [first as isize + y, x], (of_patch, patch));
                for (place, values) in patch.chunks_exact(inputs).enumerate() {
                    let factors = &mut factors[(place * together + tile) * pairs..][..pairs];
                    round(values, factors);
                }
            }
            for (place, factors) in factors.chunks_exact(together * pairs).enumerate() {
                for panel in 0..panels {
                    let weights = &values[(place * panels + panel) * pairs..][..pairs];
                    let to = place * of_products.place + of_products.channel(panel * PANEL);
                    for block in (0..count).step_by(BLOCK) {
                        let mut sums = [[0.0; PANEL]; BLOCK];
                        dot.block(std::iter::once((&factors[block * pairs..], weights)), &mut sums);
                        products[to + block * PANEL..][..BLOCK * PANEL].copy_from_slice(sums.as_flattened());
                    }
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

/// Rounds values to bfloat16, two a result, the first in the lower half.
#[inline(always)] // so that it is compiled for the registers that it is handed
fn round(values: &[f32], rounded: &mut [u32]) {
    // To the nearest, of two as near to the even one; what is not a number goes by the slower way below.
    let nearest = |value: f32| {
        let bits = value.to_bits();
        bits.wrapping_add(0x7fff + ((bits >> 16) & 1))
    };
    for (rounded, two) in rounded.iter_mut().zip(values.as_chunks::<2>().0) {
        *rounded = nearest(two[0]) >> 16 | nearest(two[1]) & 0xffff_0000;
    }
    if !values.iter().all(|value| value.is_finite()) {
        for (rounded, two) in rounded.iter_mut().zip(values.as_chunks::<2>().0) {
            let [first, second] = two.map(|value| u32::from(bf16::from_f32(value).to_bits()));
            *rounded = first | second << 16;
        }
    }
}
