//! `shaders/copy.wgsl`.

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

pub(in crate::gpu) static KERNEL: Kernel = kernel!("copy", [Read, Write]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Copy {
    input: Tensor,
    output: Tensor,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

/// The positions of `part`, which both tensors hold.
pub(in crate::gpu) fn lower(from: Operand<'_>, to: Operand<'_>, part: &Region, cost: Cost) -> Dispatch {
    let groups = groups_of(part.positions() * u64::from(to.tensor.channels));
    let params = Copy {
        input: Tensor::part(from.tensor, part),
        output: Tensor::part(to.tensor, part),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let params = Params::divisible(&params, offset_of!(Copy, first_group));
    let (bindings, images) = (vec![from.binding, to.binding], to.tensor.images);
    Dispatch { kernel: &KERNEL, bindings, params, groups, images, cost }
}
