//! `shaders/conv3x3.winograd.input.wgsl`, `.products.wgsl` and `.output.wgsl`: Winograd's F(4x4, 3x3), a tile of 4x4 results
//! from 6x6 inputs by 36 products where direct convolution takes 144.
//!
//! After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016): Y = A' ((G g G') . (B' d B)) A, where '
//! is the transpose and . goes element by element. The points are 0, +-1/sqrt 2, +-sqrt 2 and infinity, as on the CPU, which
//! round half as much as the usual 0, +-1, +-2.
//!
//! Three dispatches: inputs to their 36 places, products of all channels there, products to results. What lies between
//! them is scratch, 2.25 times the maps, and so a step goes through in rows of tiles.

use std::{f64::consts::FRAC_1_SQRT_2, f64::consts::SQRT_2, mem::offset_of};

use bytemuck::{Pod, Zeroable};

use super::{Job, Packed, Row, Shape, anywhere};
use crate::{
    error::Result,
    gpu::{
        kernel::{Kernel, kernel},
        kernels::{groups_of, tensor::Tensor},
        program::{Binding, Dispatch, Params},
    },
    plan::Cost,
    reserve::filled,
    weights::Convolution,
};

/// Results across and down a tile, and the inputs that they come from.
const TILE: u32 = 4;
const PATCH: usize = 6;
const PLACES: u32 = 36;
/// Outputs that a thread makes products for.
const BLOCK: u32 = 4;
/// Products that are summed before their sum is added to those before them, as on the CPU: each addition rounds by a part of
/// the sum so far, and the transforms make that more.
const SUMMED: u32 = 16;
/// Bytes of a scratch buffer that hold several rows of tiles at the most.
const SCRATCH: u64 = 8 << 20;

/// What surrounds a result's own inputs rounds into it through the transforms, and where there are few input channels its own
/// products can be small beside that: of five million results of random inputs the worst was 3.9e-6 of them with one
/// channel, 1.2e-6 with three, 5.3e-7 with 16.
const BOUND: f64 = 4e-6;

const CONSTANTS: &[(&str, u32)] = &[("TILE", TILE), ("PLACES", PLACES), ("BLOCK", BLOCK), ("SUMMED", SUMMED)];

static INPUT: Kernel = kernel!("conv3x3.winograd.input", [Read, Write], constants: CONSTANTS);
static PRODUCTS: Kernel = kernel!("conv3x3.winograd.products", [Read, Read, Write], constants: CONSTANTS);
static OUTPUT: Kernel = kernel!("conv3x3.winograd.output", [Read, Read, Write, Write], constants: CONSTANTS);

pub(super) static ROW: Row = Row {
    name: "winograd",
    kernels: &[&INPUT, &PRODUCTS, &OUTPUT],
    runs_on: anywhere,
    packed,
    scratch,
    dispatches,
    lower,
    grain: [TILE, TILE],
    breaks_ties: true,
    bound: BOUND,
};

/// Inputs at their places, products there.
const OF_INPUTS: usize = 0;
const OF_PRODUCTS: usize = 1;

/// `shaders/include/winograd.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Winograd {
    input: Tensor,
    output: Tensor,
    beside: Tensor,
    shift: [i32; 2],
    // Columns and rows of the first tile that lie before what is written.
    before: [u32; 2],
    // Tiles in a row, and in all rows that go through together.
    across: u32,
    tiles: u32,
    first_row: u32,
    mode: u32,
    input_floor: i32,
    groups: u32,
    first_group: u32,
    bit: u32,
}

/// Blocks of outputs, which scratch is filled up to.
fn blocks(shape: &Shape) -> u32 {
    shape.layer.outputs.div_ceil(BLOCK)
}

/// Bytes of the larger scratch buffer for a tile.
fn tile_bytes(shape: &Shape) -> u64 {
    let channels = u64::from(shape.layer.inputs.max(blocks(shape) * BLOCK));
    (channels * u64::from(shape.images)).saturating_mul(u64::from(PLACES) * 4)
}

/// Rows of so many tiles that go through together.
fn rows_together(shape: &Shape, across: u64) -> u64 {
    (SCRATCH / (tile_bytes(shape).saturating_mul(across)).max(1)).max(1)
}

/// Tiles across and down at the most, wherever in the picture's grid of tiles the region lies.
fn most_tiles(shape: &Shape) -> [u64; 2] {
    shape.extent.map(|side| (u64::from(side) + u64::from(TILE) - 1).div_ceil(TILE.into()))
}

fn scratch(shape: &Shape) -> Vec<u64> {
    let [across, down] = most_tiles(shape);
    let row = tile_bytes(shape).saturating_mul(across);
    // Narrower regions fill what there is with more rows.
    let bytes = row.max(SCRATCH).min(row.saturating_mul(down));
    vec![bytes; 2]
}

fn dispatches(shape: &Shape) -> u64 {
    let [across, down] = most_tiles(shape);
    3 * down.div_ceil(rows_together(shape, across))
}

/// (36 places, blocks of outputs, inputs, outputs of a block), zeros past the last output.
fn packed(convolution: &Convolution) -> Result<Packed> {
    let (inputs, outputs) = (convolution.layer().inputs as usize, convolution.layer().outputs as usize);
    let block = BLOCK as usize;
    let blocks = outputs.div_ceil(block);
    let count = PLACES as usize * blocks * inputs * block;
    let what = format_args!("the transformed weights of {}", convolution.layer().name);
    let mut weights = filled(0.0, count, what)?;
    for (index, kernel) in convolution.weight().as_chunks::<9>().0.iter().enumerate() {
        let (output, input) = (index / inputs, index % inputs);
        for (place, value) in transformed(kernel).into_iter().enumerate() {
            let row = (place * blocks + output / block) * inputs + input;
            weights[row * block + output % block] = value as f32;
        }
    }
    Ok(Packed { weights, bias: convolution.bias().to_vec() })
}

/// G g G', where g is a 3x3 kernel by rows.
fn transformed(kernel: &[f32; 9]) -> [f64; PATCH * PATCH] {
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

fn lower(job: &Job<'_>) -> Vec<Dispatch> {
    let shape = job.shape();
    // Tiles lie in the whole picture's own grid, so that a part's are the whole's.
    let before = job.written.origin.map(|at| at % TILE);
    let [across, down] =
        [0, 1].map(|axis| u64::from(before[axis] + job.written.extent[axis]).div_ceil(TILE.into()));
    let together = rows_together(&shape, across);
    let (inputs, outputs, blocks) =
        (u64::from(job.layer.inputs), u64::from(job.layer.outputs), u64::from(blocks(&shape)));
    let mut dispatches = vec![];
    for first_row in (0..down).step_by(together as usize) {
        let tiles = across * together.min(down - first_row);
        let params = |groups: u64| {
            let params = Winograd {
                input: job.from.tensor.into(),
                output: Tensor::part(job.to.tensor, &job.written),
                beside: job.beside_tensor(),
                shift: job.shift(),
                before,
                across: across as u32,
                tiles: tiles as u32,
                first_row: first_row as u32,
                mode: job.mode(),
                input_floor: job.input_floor(),
                groups: groups as u32,
                first_group: 0,
                bit: job.layer.note(),
            };
            Params::divisible(&params, offset_of!(Winograd, first_group))
        };
        let mut push = |kernel: &'static Kernel, bindings: Vec<Binding>, groups: u64, cost: Cost| {
            let (params, images) = (params(groups), job.to.tensor.images);
            dispatches.push(Dispatch { kernel, bindings, params, groups, images, cost });
        };
        let places = u64::from(PLACES);
        // A transform is 12 of 6 values, of about 14 operations for inputs and 10 for products; a tile's results are 16.
        push(
            &INPUT,
            vec![job.from.binding.clone(), Binding::Scratch(OF_INPUTS)],
            groups_of(tiles) * inputs,
            Cost { flops: 12 * 14 * inputs * tiles, bytes: 4 * (16 + places) * inputs * tiles },
        );
        push(
            &PRODUCTS,
            vec![Binding::Scratch(OF_INPUTS), job.weights(), Binding::Scratch(OF_PRODUCTS)],
            groups_of(tiles) * blocks * places,
            Cost {
                flops: 2 * places * inputs * outputs * tiles,
                bytes: 4 * places * ((inputs + outputs) * tiles + inputs * outputs),
            },
        );
        push(
            &OUTPUT,
            vec![Binding::Scratch(OF_PRODUCTS), job.beside(), job.notes.clone(), job.to.binding.clone()],
            groups_of(tiles) * outputs,
            Cost { flops: 12 * 10 * outputs * tiles, bytes: 4 * (16 + places) * outputs * tiles },
        );
    }
    dispatches
}
