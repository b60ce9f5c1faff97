//! `shaders/gram.wgsl`, `gram.sum.wgsl` and `gram.gradient.wgsl`.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{
    Operand,
    activation::input_floor,
    difference::{self, Squares},
    features::{self, Features, Slope},
    groups_of,
    tensor::Tensor,
};
use crate::{
    gpu::{
        kernel::{Kernel, kernel},
        program::{Binding, Dispatch, Params},
    },
    plan::{Cost, Region},
};

/// Channels, or positions, along a side of what a workgroup makes: each of its 64 threads makes 4 by 4.
const TILE: u32 = 32;
/// Of 16 channels or positions of both factors, as float32.
const TILES_BYTES: u32 = 2 * 16 * TILE * 4;

pub(in crate::gpu) static KERNEL: Kernel =
    kernel!("gram", [Read, Read, Write], constants: &[("TILE", TILE)], workgroup_memory: TILES_BYTES);
pub(in crate::gpu) static SUM: Kernel = kernel!("gram.sum", [Read, Read, Write]);
pub(in crate::gpu) static GRADIENT: Kernel = kernel!(
    "gram.gradient", [Read, Read, Read, Read, Write], constants: &[("TILE", TILE)], workgroup_memory: TILES_BYTES
);

/// Positions whose products are summed one after another.
const CHUNK: u64 = 4096;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Gram {
    input: Tensor,
    beside: Tensor,
    input_floor: i32,
    has_target: u32,
    positions: u32,
    chunks: u32,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Sum {
    channels: u32,
    chunks: u32,
    adds: u32,
    factor: f32,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

/// Which matrix is made.
#[derive(Clone, Copy)]
pub(in crate::gpu) struct Matrix {
    pub(in crate::gpu) tap: usize,
    /// Whether parts of the picture before this one have made some of it.
    pub(in crate::gpu) adds: bool,
    /// What products are divided by.
    pub(in crate::gpu) divisor: f64,
}

/// What the matrices of each image differ by, with what they begin with, and the sums of squares of that, from place `first` of all sums
/// on.
pub(in crate::gpu) fn lower(
    features: &Features<'_>,
    matrix: Matrix,
    first: u32,
    cost: Cost,
) -> Vec<Dispatch> {
    let Operand { tensor, binding } = &features.difference;
    let owned = tensor.region.owned();
    let (chunks, across) = (chunks_in(owned.extent), u64::from(tensor.channels.div_ceil(TILE)));
    let (beside, of_target) = features.beside(&owned);
    let groups = across * across * chunks;
    let params = Gram {
        input: Tensor::part(tensor, &owned),
        beside,
        input_floor: input_floor(features.input_relu),
        has_target: features.target.is_some().into(),
        positions: CHUNK as u32,
        chunks: chunks as u32,
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let products = Dispatch {
        kernel: &KERNEL,
        bindings: vec![binding.clone(), of_target, Binding::Scratch(0)],
        params: Params::divisible(&params, offset_of!(Gram, first_group)),
        groups,
        images: tensor.images,
        cost,
    };
    let elements = u64::from(tensor.channels).pow(2);
    let groups = groups_of(elements);
    let params = Sum {
        channels: tensor.channels,
        chunks: chunks as u32,
        adds: matrix.adds.into(),
        factor: (1.0 / matrix.divisor) as f32,
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let binding = Binding::Matrix(matrix.tap);
    let sum = Dispatch {
        kernel: &SUM,
        bindings: vec![Binding::Scratch(0), Binding::Style(matrix.tap), binding.clone()],
        params: Params::divisible(&params, offset_of!(Sum, first_group)),
        groups,
        images: tensor.images,
        cost: Cost { flops: 2 * elements * chunks, bytes: 8 * elements * chunks },
    };
    let squares = Squares { binding, elements: elements as u32, images: tensor.images };
    [products, sum].into_iter().chain(difference::lower_squares(squares, first)).collect()
}

/// `factor` times what the matrices differ by, times the generated picture's features, and the gradient that there is, if there is one.
pub(in crate::gpu) fn lower_gradient(
    features: &Features<'_>,
    (tap, factor): (usize, f64),
    added: Option<Operand<'_>>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = written.positions().div_ceil(TILE.into()) * u64::from(to.tensor.channels.div_ceil(TILE));
    let slope = Slope { kernel: &GRADIENT, by: Binding::Matrix(tap), factor, groups };
    features::lower_gradient(features, slope, added, to, written, cost)
}

/// Bytes of products of one image, over so many columns and rows of so many channels.
pub(in crate::gpu) fn scratch(owned: [u32; 2], channels: u32) -> u64 {
    chunks_in(owned).saturating_mul(bytes_of(channels))
}

/// Bytes of a matrix.
pub(in crate::gpu) fn bytes_of(channels: u32) -> u64 {
    4 * u64::from(channels).pow(2)
}

fn chunks_in([width, height]: [u32; 2]) -> u64 {
    (u64::from(width) * u64::from(height)).div_ceil(CHUNK)
}

/// Partial sums of squares.
pub(super) fn partials_in(channels: u32) -> u64 {
    difference::partials_in([channels; 2], 1)
}
