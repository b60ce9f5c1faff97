//! `shaders/difference.wgsl` with its second stage `shaders/sum.wgsl`, and `shaders/difference.map.wgsl`.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{Operand, groups_of, tensor::Tensor};
use crate::{
    config::Criterion,
    gpu::{
        kernel::{Kernel, WORKGROUP, kernel},
        program::{Binding, Dispatch, Params},
    },
    plan::{self, Cost, Region},
};

/// Elements of a span that a thread sums by itself first, and such spans that it sums.
const SPAN: u32 = 8;
/// The same of the second stage.
const SUM_SPAN: u32 = 16;
/// A float32 a thread.
const TREE_BYTES: u32 = WORKGROUP * 4;

pub(in crate::gpu) static KERNEL: Kernel =
    kernel!("difference", [Read, Read, Write], constants: &[("SPAN", SPAN)], workgroup_memory: TREE_BYTES);
pub(in crate::gpu) static SUM: Kernel =
    kernel!("sum", [Read, Write], constants: &[("SPAN", SUM_SPAN)], workgroup_memory: TREE_BYTES);
pub(in crate::gpu) static MAP: Kernel = kernel!("difference.map", [Read, Read, Write]);

/// Elements that a workgroup sums.
pub(crate) const DIFFERENCE_ELEMENTS: u64 = (WORKGROUP * SPAN * SPAN) as u64;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Difference {
    a_offset: u32,
    a_stride: u32,
    b_offset: u32,
    b_stride: u32,
    width: u32,
    height: u32,
    channels: u32,
    row_stride: u32,
    channel_stride: u32,
    absolute: u32,
    groups: u32,
    first_group: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Map {
    a: Tensor,
    output: Tensor,
    a_offset: u32,
    a_stride: u32,
    b_offset: u32,
    b_stride: u32,
    absolute: u32,
    groups: u32,
    first_group: u32,
    pad: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Sum {
    count: u32,
    first: u32,
    pad: [u32; 2],
}

/// One side of a difference: where its first image begins, and the elements from an image to the next.
pub(in crate::gpu) struct Side {
    pub(in crate::gpu) binding: Binding,
    pub(in crate::gpu) offset: u32,
    pub(in crate::gpu) stride: u32,
}

/// The sums of the differences between two sides' images of a tensor like `tensor`, from place `first` of all sums on.
pub(in crate::gpu) fn lower(
    criterion: Criterion,
    tensor: &plan::Tensor,
    [a, b]: [&Side; 2],
    first: u32,
    cost: Cost,
) -> [Dispatch; 2] {
    let region = &tensor.region;
    let corner = u64::from(region.halo[1]) * tensor.row_stride() + u64::from(region.halo[0]);
    let [mut width, mut height] = region.owned_extent();
    let mut channels = tensor.channels;
    if region.halo == [0; 4] {
        // Densely packed: one long row.
        (width, height, channels) = (tensor.image_stride() as u32, 1, 1);
    }
    let groups = partials_of(tensor);
    let params = Difference {
        a_offset: a.offset + corner as u32,
        a_stride: a.stride,
        b_offset: b.offset + corner as u32,
        b_stride: b.stride,
        width,
        height,
        channels,
        row_stride: tensor.row_stride() as u32,
        channel_stride: tensor.channel_stride() as u32,
        absolute: absolute(criterion),
        groups: groups as u32,
        first_group: 0,
    };
    let difference = Dispatch {
        kernel: &KERNEL,
        bindings: vec![a.binding.clone(), b.binding.clone(), Binding::Partials],
        params: Params::divisible(&params, offset_of!(Difference, first_group)),
        groups,
        cost,
    };
    let sum = Dispatch {
        kernel: &SUM,
        bindings: vec![Binding::Partials, Binding::Sums],
        params: sum_params(groups as u32, first),
        groups: 1,
        cost: Cost { flops: groups, bytes: 4 * groups },
    };
    [difference, sum]
}

/// Whether a difference is taken as it is, or squared.
fn absolute(criterion: Criterion) -> u32 {
    match criterion {
        Criterion::Mse => 0,
        Criterion::Mae => 1,
    }
}

/// Parameters of the second stage.
pub(in crate::gpu) fn sum_params(count: u32, first: u32) -> Params {
    Params::whole(&Sum { count, first, pad: [0; 2] })
}

/// Each position's own part of the sums, into `map`.
pub(in crate::gpu) fn lower_map(
    criterion: Criterion,
    tensor: &plan::Tensor,
    [a, b]: [&Side; 2],
    map: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(tensor.channels));
    let params = Map {
        a: Tensor::part(tensor, written),
        output: Tensor::part(map.tensor, written),
        a_offset: a.offset,
        a_stride: a.stride,
        b_offset: b.offset,
        b_stride: b.stride,
        absolute: absolute(criterion),
        groups: groups as u32,
        first_group: 0,
        pad: 0,
    };
    let params = Params::divisible(&params, offset_of!(Map, first_group));
    let bindings = vec![a.binding.clone(), b.binding.clone(), map.binding];
    Dispatch { kernel: &MAP, bindings, params, groups, cost }
}

/// Partial sums of one image of a tensor.
pub(in crate::gpu) fn partials_of(tensor: &plan::Tensor) -> u64 {
    partials_in(tensor.region.owned_extent(), tensor.channels)
}

/// Partial sums over so many columns and rows of so many channels.
pub(in crate::gpu) fn partials_in(owned: [u32; 2], channels: u32) -> u64 {
    let [width, height] = owned.map(u64::from);
    (width * height).saturating_mul(channels.into()).div_ceil(DIFFERENCE_ELEMENTS)
}
