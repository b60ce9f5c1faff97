//! `shaders/include/features.wgsl`, and what gradients that read features have in common.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{Operand, activation::input_floor, tensor::Tensor};
use crate::{
    gpu::{
        kernel::Kernel,
        program::{Binding, Dispatch, Params},
    },
    plan::{Cost, Region},
};

/// What is compared at a tap.
pub(in crate::gpu) struct Features<'a> {
    pub(in crate::gpu) difference: Operand<'a>,
    pub(in crate::gpu) target: Option<Operand<'a>>,
    /// Whether the target, or the difference where there is none, is read through max(x, 0).
    pub(in crate::gpu) input_relu: bool,
}

impl Features<'_> {
    /// The target's tensor under `region`, and its binding; something is bound where there is none.
    pub(super) fn beside(&self, region: &Region) -> (Tensor, Binding) {
        let Operand { tensor, binding } = self.target.as_ref().unwrap_or(&self.difference);
        (Tensor::part(tensor, region), binding.clone())
    }
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Gradient {
    input: Tensor,
    beside: Tensor,
    added: Tensor,
    output: Tensor,
    input_floor: i32,
    has_target: u32,
    factor: f32,
    adds: u32,
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

/// What a gradient is made of by `kernel`, in so many workgroups: `by` is what the features meet there.
pub(super) struct Slope {
    pub(super) kernel: &'static Kernel,
    pub(super) by: Binding,
    pub(super) factor: f64,
    pub(super) groups: u64,
}

/// What the features add to a gradient, and that gradient, if there is one.
pub(super) fn lower_gradient(
    features: &Features<'_>,
    slope: Slope,
    added: Option<Operand<'_>>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let Slope { kernel, by, factor, groups } = slope;
    let (beside, of_target) = features.beside(written);
    let adds = added.is_some();
    // Something is bound where nothing is read.
    let added = added.unwrap_or_else(|| features.difference.clone());
    let params = Gradient {
        input: Tensor::part(features.difference.tensor, written),
        beside,
        added: Tensor::part(added.tensor, written),
        output: Tensor::part(to.tensor, written),
        input_floor: input_floor(features.input_relu),
        has_target: features.target.is_some().into(),
        factor: factor as f32,
        adds: adds.into(),
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    let params = Params::divisible(&params, offset_of!(Gradient, first_group));
    let bindings = vec![features.difference.binding.clone(), of_target, by, added.binding, to.binding];
    Dispatch { kernel, bindings, params, groups, images: to.tensor.images, cost }
}
