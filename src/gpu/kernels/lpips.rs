//! `shaders/lpips.wgsl`, whose second stage is `shaders/sum.wgsl`, and `lpips.gradient.wgsl`.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{
    Operand,
    activation::input_floor,
    difference::sum_of,
    features::{self, Features, Slope},
    groups_of,
    tensor::Tensor,
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
    let (by, groups) = (Binding::ChannelWeights { layer }, groups_of(written.positions()));
    features::lower_gradient(
        features,
        Slope { kernel: &GRADIENT, by, factor, groups },
        added,
        to,
        written,
        cost,
    )
}

/// Partial sums over so many columns and rows.
pub(super) fn partials_in(owned: [u32; 2]) -> u64 {
    let [width, height] = owned.map(u64::from);
    groups_of(width * height)
}
