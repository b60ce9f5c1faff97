//! `shaders/lpips.wgsl`, whose second stage is `shaders/sum.wgsl`, and `lpips.gradient.wgsl`.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{
    Operand, activation::input_floor, difference::sum_of, features::Features, groups_of, tensor::Tensor,
};
use crate::{
    gpu::{
        kernel::{Kernel, WORKGROUP, kernel},
        program::{Binding, Dispatch, Params},
    },
    plan::{Cost, Region},
};

pub(in crate::gpu) static KERNEL: Kernel =
    kernel!("lpips", [Read, Read, Read, Write], constants: &[], workgroup_memory: WORKGROUP * 4);
pub(in crate::gpu) static GRADIENT: Kernel = kernel!("lpips.gradient", [Read, Read, Read, Read, Write]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Lpips {
    input: Tensor,
    beside: Tensor,
    input_floor: i32,
    has_target: u32,
    groups: u32,
    first_group: u32,
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

/// The sums over each image, by the weights of the channels of `layer`, from place `first` of all sums on.
pub(in crate::gpu) fn lower(
    features: &Features<'_>,
    layer: &'static str,
    first: u32,
    cost: Cost,
) -> [Dispatch; 2] {
    let Operand { tensor, binding } = &features.difference;
    let owned = tensor.region.owned();
    let groups = partials_in(owned.extent);
    let (beside, of_target) = features.beside(&owned);
    let params = Lpips {
        input: Tensor::part(tensor, &owned),
        beside,
        input_floor: input_floor(features.input_relu),
        has_target: features.target.is_some().into(),
        groups: groups as u32,
        first_group: 0,
    };
    let weights = Binding::ChannelWeights { layer };
    let lpips = Dispatch {
        kernel: &KERNEL,
        bindings: vec![binding.clone(), of_target, weights, Binding::Partials],
        params: Params::divisible(&params, offset_of!(Lpips, first_group)),
        groups,
        images: tensor.images,
        cost,
    };
    [lpips, sum_of(groups, first, tensor.images)]
}

/// The gradient of that sum, times `factor`, and the gradient that there is, if there is one.
pub(in crate::gpu) fn lower_gradient(
    features: &Features<'_>,
    (layer, factor): (&'static str, f64),
    added: Option<Operand<'_>>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions());
    let (beside, of_target) = features.beside(written);
    let adds = added.is_some();
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
    let weights = Binding::ChannelWeights { layer };
    let bindings = vec![features.difference.binding.clone(), of_target, weights, added.binding, to.binding];
    Dispatch { kernel: &GRADIENT, bindings, params, groups, images: to.tensor.images, cost }
}

/// Partial sums over so many columns and rows.
pub(super) fn partials_in(owned: [u32; 2]) -> u64 {
    let [width, height] = owned.map(u64::from);
    groups_of(width * height)
}
