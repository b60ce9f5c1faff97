//! Kernels that make an element of an element: `shaders/relu.wgsl` and `shaders/copy.wgsl`.

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

pub(in crate::gpu) static RELU: Kernel = kernel!("relu", [Read, Write]);
pub(in crate::gpu) static COPY: Kernel = kernel!("copy", [Read, Write]);

/// `shaders/include/elements.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Elements {
    input: Tensor,
    output: Tensor,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

/// The positions of `part`, which both tensors hold.
pub(in crate::gpu) fn lower(
    kernel: &'static Kernel,
    from: Operand<'_>,
    to: Operand<'_>,
    part: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(part.positions() * u64::from(to.tensor.channels));
    let params = Elements {
        input: Tensor::part(from.tensor, part),
        output: Tensor::part(to.tensor, part),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let params = Params::divisible(&params, offset_of!(Elements, first_group));
    Dispatch { kernel, bindings: vec![from.binding, to.binding], params, groups, cost }
}
