//! `shaders/relu.wgsl`.

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

/// Of a difference from a target's map before its activation.
pub(in crate::gpu) fn lower(
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
    Dispatch { kernel: &KERNEL, bindings, params, groups, images: to.tensor.images, cost }
}
