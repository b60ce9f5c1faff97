//! `shaders/max_pool.wgsl`.

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

pub(in crate::gpu) static KERNEL: Kernel = kernel!("max_pool", [Read, Write]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MaxPool {
    input: Tensor,
    output: Tensor,
    shift: [u32; 2],
    groups: u32,
    first_group: u32,
}

pub(in crate::gpu) fn lower(from: Operand<'_>, to: Operand<'_>, written: &Region, cost: Cost) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(to.tensor.channels));
    let shift = |axis: usize| 2 * written.origin[axis] - from.tensor.region.origin[axis];
    let params = MaxPool {
        input: from.tensor.into(),
        output: Tensor::part(to.tensor, written),
        shift: [shift(0), shift(1)],
        groups: groups as u32,
        first_group: 0,
    };
    let params = Params::divisible(&params, offset_of!(MaxPool, first_group));
    Dispatch { kernel: &KERNEL, bindings: vec![from.binding, to.binding], params, groups, cost }
}
