//! `shaders/max_pool.wgsl`, `max_pool.difference.wgsl`, `max_pool.routes.wgsl` and `max_pool.gradient.wgsl`.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{Operand, activation::input_floor, difference::Slope, groups_of, tensor::Tensor};
use crate::{
    gpu::{
        kernel::{Kernel, kernel},
        program::{Dispatch, Params},
    },
    plan::{Cost, Region, TIED},
};

pub(in crate::gpu) static KERNEL: Kernel = kernel!("max_pool", [Read, Write]);
pub(in crate::gpu) static DIFFERENCE: Kernel = kernel!("max_pool.difference", [Read, Read, Write]);
pub(in crate::gpu) static ROUTES: Kernel = kernel!("max_pool.routes", [Read, Read, Write]);
pub(in crate::gpu) static GRADIENT: Kernel = kernel!("max_pool.gradient", [Read, Read, Read, Write]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MaxPool {
    input: Tensor,
    output: Tensor,
    shift: [u32; 2],
    input_floor: i32,
    groups: u32,
    first_group: u32,
    pad: [u32; 3],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MaxPoolDifference {
    input: Tensor,
    beside: Tensor,
    output: Tensor,
    shift: [u32; 2],
    input_floor: i32,
    tied: f32,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MaxPoolRoutes {
    input: Tensor,
    beside: Tensor,
    output: Tensor,
    shift: [u32; 2],
    input_floor: i32,
    groups: u32,
    first_group: u32,
    pad: [u32; 3],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MaxPoolGradient {
    input: Tensor,
    routes: Tensor,
    difference: Tensor,
    output: Tensor,
    origin: [u32; 2],
    input_origin: [u32; 2],
    routes_origin: [u32; 2],
    windows: [u32; 2],
    slope: Slope,
    adds: u32,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

/// Twice an output position plus this is the upper left of its four input positions.
fn shift(from: &Operand<'_>, written: &Region) -> [u32; 2] {
    [0, 1].map(|axis| 2 * written.origin[axis] - from.tensor.region.origin[axis])
}

/// Of a target's map.
pub(in crate::gpu) fn lower(
    from: Operand<'_>,
    input_relu: bool,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(to.tensor.channels));
    let params = MaxPool {
        input: from.tensor.into(),
        output: Tensor::part(to.tensor, written),
        shift: shift(&from, written),
        input_floor: input_floor(input_relu),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 3],
    };
    let params = Params::divisible(&params, offset_of!(MaxPool, first_group));
    let (bindings, images) = (vec![from.binding, to.binding], to.tensor.images);
    Dispatch { kernel: &KERNEL, bindings, params, groups, images, cost }
}

/// A target's map beside a difference, and how it is read.
pub(in crate::gpu) struct Beside<'a> {
    pub(in crate::gpu) target: Operand<'a>,
    pub(in crate::gpu) input_relu: bool,
    /// Whether its convolution makes unequal results of equal patches.
    pub(in crate::gpu) breaks_ties: bool,
}

/// Of a difference.
pub(in crate::gpu) fn lower_difference(
    from: Operand<'_>,
    beside: Beside<'_>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(to.tensor.channels));
    let params = MaxPoolDifference {
        input: from.tensor.into(),
        beside: beside.target.tensor.into(),
        output: Tensor::part(to.tensor, written),
        shift: shift(&from, written),
        input_floor: input_floor(beside.input_relu),
        tied: if beside.breaks_ties { TIED } else { 0.0 },
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let params = Params::divisible(&params, offset_of!(MaxPoolDifference, first_group));
    let bindings = vec![from.binding, beside.target.binding, to.binding];
    Dispatch { kernel: &DIFFERENCE, bindings, params, groups, images: to.tensor.images, cost }
}

/// The routes of a difference, beside a target that may be read through max(x, 0).
pub(in crate::gpu) fn lower_routes(
    from: Operand<'_>,
    (target, input_relu): (Operand<'_>, bool),
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(to.tensor.channels / 2));
    let params = MaxPoolRoutes {
        input: from.tensor.into(),
        beside: target.tensor.into(),
        output: Tensor::part(to.tensor, written),
        shift: shift(&from, written),
        input_floor: input_floor(input_relu),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 3],
    };
    let params = Params::divisible(&params, offset_of!(MaxPoolRoutes, first_group));
    let bindings = vec![from.binding, target.binding, to.binding];
    Dispatch { kernel: &ROUTES, bindings, params, groups, images: to.tensor.images, cost }
}

/// Of a gradient, by routes, with what a tap adds that compares a difference.
pub(in crate::gpu) fn lower_gradient(
    from: Operand<'_>,
    routes: Operand<'_>,
    tap: Option<(Slope, Operand<'_>)>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(to.tensor.channels));
    let adds = tap.is_some();
    // Something is bound where nothing is read.
    let (slope, difference) = tap.map_or_else(
        || (Slope::default(), (Tensor::default(), from.binding.clone())),
        |(slope, read)| (slope, (Tensor::part(read.tensor, written), read.binding)),
    );
    let params = MaxPoolGradient {
        input: from.tensor.into(),
        routes: routes.tensor.into(),
        difference: difference.0,
        output: Tensor::part(to.tensor, written),
        origin: written.origin,
        input_origin: from.tensor.region.origin,
        routes_origin: routes.tensor.region.origin,
        windows: from.tensor.region.whole,
        slope,
        adds: adds.into(),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let params = Params::divisible(&params, offset_of!(MaxPoolGradient, first_group));
    let bindings = vec![from.binding, routes.binding, difference.1, to.binding];
    Dispatch { kernel: &GRADIENT, bindings, params, groups, images: to.tensor.images, cost }
}
