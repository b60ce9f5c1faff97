//! `shaders/relu.wgsl`, `relu.mask.wgsl` and `relu.gradient.wgsl`.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{Operand, groups_of, tensor::Tensor};
use crate::{
    gpu::{
        kernel::{Kernel, kernel},
        program::{Dispatch, Params},
    },
    plan::{Cost, Region},
};

pub(in crate::gpu) static KERNEL: Kernel = kernel!("relu", [Read, Read, Write]);
pub(in crate::gpu) static MASK: Kernel = kernel!("relu.mask", [Read, Read, Write]);
pub(in crate::gpu) static GRADIENT: Kernel = kernel!("relu.gradient", [Read, Write]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Relu {
    input: Tensor,
    beside: Tensor,
    output: Tensor,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Gradient {
    mask: Tensor,
    output: Tensor,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

/// Of a difference from a target's map before its activation.
pub(in crate::gpu) fn lower(
    from: Operand<'_>,
    target: Operand<'_>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    of_both(&KERNEL, from, target, to, written, cost)
}

/// The mask of a difference behind its activation and a target before it.
pub(in crate::gpu) fn lower_mask(
    from: Operand<'_>,
    target: Operand<'_>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    of_both(&MASK, from, target, to, written, cost)
}

/// A gradient that is there becomes 0 where there is no bit.
pub(in crate::gpu) fn lower_gradient(
    mask: Operand<'_>,
    gradient: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(gradient.tensor.channels));
    let params = Gradient {
        mask: Tensor::part(mask.tensor, written),
        output: Tensor::part(gradient.tensor, written),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let params = Params::divisible(&params, offset_of!(Gradient, first_group));
    let (bindings, images) = (vec![mask.binding, gradient.binding], gradient.tensor.images);
    Dispatch { kernel: &GRADIENT, bindings, params, groups, images, cost }
}

fn of_both(
    kernel: &'static Kernel,
    from: Operand<'_>,
    target: Operand<'_>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(to.tensor.channels));
    let params = Relu {
        input: Tensor::part(from.tensor, written),
        beside: Tensor::part(target.tensor, written),
        output: Tensor::part(to.tensor, written),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let params = Params::divisible(&params, offset_of!(Relu, first_group));
    let bindings = vec![from.binding, target.binding, to.binding];
    Dispatch { kernel, bindings, params, groups, images: to.tensor.images, cost }
}
