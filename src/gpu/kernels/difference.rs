//! `shaders/difference.wgsl` with its second stage `shaders/sum.wgsl`, `difference.map.wgsl` and `difference.gradient.wgsl`.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{Operand, activation::input_floor, criterion::Numbered, groups_of, tensor::Tensor};
use crate::{
    criterion::Criterion,
    gpu::{
        kernel::{Kernel, WORKGROUP, kernel},
        program::{Binding, Dispatch, Params},
    },
    plan::{Cost, Region},
};

/// Elements of a span that a thread sums by itself first, and such spans that it sums.
const SPAN: u32 = 8;
/// The same of the second stage.
const SUM_SPAN: u32 = 16;
/// A float32 a thread.
const TREE_BYTES: u32 = WORKGROUP * 4;

pub(in crate::gpu) static KERNEL: Kernel =
    kernel!("difference", [Read, Write], constants: &[("SPAN", SPAN)], workgroup_memory: TREE_BYTES);
pub(in crate::gpu) static SUM: Kernel =
    kernel!("sum", [Read, Write], constants: &[("SPAN", SUM_SPAN)], workgroup_memory: TREE_BYTES);
pub(in crate::gpu) static MAP: Kernel = kernel!("difference.map", [Read, Write]);
pub(in crate::gpu) static GRADIENT: Kernel = kernel!("difference.gradient", [Read, Read, Write]);

/// Elements that a workgroup sums.
pub(crate) const DIFFERENCE_ELEMENTS: u64 = (WORKGROUP * SPAN * SPAN) as u64;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Difference {
    offset: u32,
    stride: u32,
    width: u32,
    height: u32,
    channels: u32,
    row_stride: u32,
    channel_stride: u32,
    input_floor: i32,
    criterion: Numbered,
    groups: u32,
    first_group: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Map {
    input: Tensor,
    output: Tensor,
    input_floor: i32,
    criterion: Numbered,
    groups: u32,
    first_group: u32,
    pad: [u32; 3],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Gradient {
    input: Tensor,
    added: Tensor,
    output: Tensor,
    slope: Slope,
    adds: u32,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

/// A criterion's derivative, times a factor.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(in crate::gpu) struct Slope {
    factor: f32,
    criterion: Numbered,
}

impl Slope {
    pub(in crate::gpu) fn new(criterion: Criterion, factor: f64) -> Self {
        Self { factor: factor as f32, criterion: criterion.into() }
    }
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Sum {
    count: u32,
    first: u32,
    pad: [u32; 2],
}

/// What is summed of a map that is read.
#[derive(Clone, Copy)]
pub(in crate::gpu) struct Summed {
    pub(in crate::gpu) criterion: Criterion,
    /// Whether the map is read through max(x, 0).
    pub(in crate::gpu) input_relu: bool,
}

/// The sums over each image of a map, from place `first` of all sums on.
pub(in crate::gpu) fn lower(summed: Summed, from: &Operand<'_>, first: u32, cost: Cost) -> [Dispatch; 2] {
    let tensor = from.tensor;
    let region = &tensor.region;
    let corner = u64::from(region.halo[1]) * tensor.row_stride() + u64::from(region.halo[0]);
    let [mut width, mut height] = region.owned_extent();
    let mut channels = tensor.channels;
    if region.halo == [0; 4] {
        // Densely packed: one long row.
        (width, height, channels) = (tensor.image_stride() as u32, 1, 1);
    }
    let groups = partials_in(region.owned_extent(), tensor.channels);
    let params = Difference {
        offset: corner as u32,
        stride: tensor.image_stride() as u32,
        width,
        height,
        channels,
        row_stride: tensor.row_stride() as u32,
        channel_stride: tensor.channel_stride() as u32,
        input_floor: input_floor(summed.input_relu),
        criterion: summed.criterion.into(),
        groups: groups as u32,
        first_group: 0,
    };
    let difference = Dispatch {
        kernel: &KERNEL,
        bindings: vec![from.binding.clone(), Binding::Partials],
        params: Params::divisible(&params, offset_of!(Difference, first_group)),
        groups,
        images: tensor.images,
        cost,
    };
    [difference, sum_of(groups, first, tensor.images)]
}

/// Values of each image whose squares are summed.
pub(super) struct Squares {
    pub(super) binding: Binding,
    pub(super) elements: u32,
    pub(super) images: u32,
}

/// The sums of squares, from place `first` of all sums on.
pub(super) fn lower_squares(Squares { binding, elements, images }: Squares, first: u32) -> [Dispatch; 2] {
    let groups = u64::from(elements).div_ceil(DIFFERENCE_ELEMENTS);
    let params = Difference {
        offset: 0,
        stride: elements,
        width: elements,
        height: 1,
        channels: 1,
        row_stride: elements,
        channel_stride: elements,
        input_floor: input_floor(false),
        criterion: Criterion::Mse.into(),
        groups: groups as u32,
        first_group: 0,
    };
    let squares = Dispatch {
        kernel: &KERNEL,
        bindings: vec![binding, Binding::Partials],
        params: Params::divisible(&params, offset_of!(Difference, first_group)),
        groups,
        images,
        cost: Cost { flops: 2 * u64::from(elements), bytes: 4 * u64::from(elements) },
    };
    [squares, sum_of(groups, first, images)]
}

/// The sum of so many partial sums of each image, to place `first` of all sums on.
pub(super) fn sum_of(partials: u64, first: u32, images: u32) -> Dispatch {
    Dispatch {
        kernel: &SUM,
        bindings: vec![Binding::Partials, Binding::Sums],
        params: sum_params(partials as u32, first),
        groups: 1,
        images,
        cost: Cost { flops: partials, bytes: 4 * partials },
    }
}

/// Parameters of the second stage.
pub(in crate::gpu) fn sum_params(count: u32, first: u32) -> Params {
    Params::whole(&Sum { count, first, pad: [0; 2] })
}

/// Each position's own part of the sums, into `map`.
pub(in crate::gpu) fn lower_map(
    summed: Summed,
    from: Operand<'_>,
    map: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(map.tensor.channels));
    let params = Map {
        input: Tensor::part(from.tensor, written),
        output: Tensor::part(map.tensor, written),
        input_floor: input_floor(summed.input_relu),
        criterion: summed.criterion.into(),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 3],
    };
    let params = Params::divisible(&params, offset_of!(Map, first_group));
    let (bindings, images) = (vec![from.binding, map.binding], map.tensor.images);
    Dispatch { kernel: &MAP, bindings, params, groups, images, cost }
}

/// A criterion's derivative at each difference, and the gradient that there is, if there is one.
pub(in crate::gpu) fn lower_gradient(
    slope: Slope,
    from: Operand<'_>,
    added: Option<Operand<'_>>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(to.tensor.channels));
    let adds = added.is_some();
    // Something is bound where nothing is read.
    let added = added.unwrap_or_else(|| from.clone());
    let params = Gradient {
        input: Tensor::part(from.tensor, written),
        added: Tensor::part(added.tensor, written),
        output: Tensor::part(to.tensor, written),
        slope,
        adds: adds.into(),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let params = Params::divisible(&params, offset_of!(Gradient, first_group));
    let bindings = vec![from.binding, added.binding, to.binding];
    Dispatch { kernel: &GRADIENT, bindings, params, groups, images: to.tensor.images, cost }
}

/// Partial sums over so many columns and rows of so many channels.
pub(super) fn partials_in(owned: [u32; 2], channels: u32) -> u64 {
    let [width, height] = owned.map(u64::from);
    (width * height).saturating_mul(channels.into()).div_ceil(DIFFERENCE_ELEMENTS)
}
